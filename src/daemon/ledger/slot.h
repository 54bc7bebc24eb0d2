/* SPDX-License-Identifier: MIT
 *
 * What the ledger has of one connection: a part of its layout, and as fixed as layout.h says. Most
 * of it is in its slot; what only some connections have lies apart, and costs the others nothing.
 */
#ifndef PEERLOG_DAEMON_LEDGER_SLOT_H
#define PEERLOG_DAEMON_LEDGER_SLOT_H

#include <stdatomic.h>
#include <stdint.h>

#include "peerlog/framer.h"
#include "peerlog/limits.h"
#include "peerlog/peer.h"
#include "peerlog/proxy.h"
#include "peerlog/relp_stream.h"

#define LOT_NONE UINT16_MAX
#define LISTENER_NONE PEERLOG_NO_LISTENER

/* What a transport and a session may keep of a connection, apart from its slot. */
#define LEDGER_TRANSPORT_BYTES 256u
#define LEDGER_WIRE_BYTES 16645u /* a record of TLS: RFC 8446, section 5.2, and its header */
#define LEDGER_SESSION_BYTES 16u

/* How a connection's bytes travel: session/transport.h. */
enum transport_id {
    TRANSPORT_PLAIN = 0,
    TRANSPORT_TLS,
    TRANSPORT_AUTO, /* plain or TLS: its first bytes will tell, and none is read yet */
    TRANSPORTS,
};

/* What they mean: session/session.h. */
enum session_id {
    SESSION_SYSLOG = 0,
    SESSION_FOREIGN, /* another protocol: a first glimpse of it is kept, and no more */
    SESSION_RELP,
    SESSION_AUTO, /* either: its first bytes will tell */
    SESSIONS,
};

/* Where the reading of a PROXY header stands. */
struct proxy_reading {
    struct proxy_state state;
    struct peer peer; /* whom it names, if it has got so far */
};

/* Where a connection's stream of bytes stands. */
struct stream {
    union {
        struct framer_state framer;
        struct proxy_reading proxy; /* while awaits_proxy: nothing is framed before */
        struct relp_stream relp; /* of SESSION_RELP */
    };
    uint64_t received;    /* bytes read from the socket since it began */
    uint64_t sequence;    /* number of the last record */
    uint32_t tail_bytes;  /* carried bytes of an incomplete message */
    uint8_t before;       /* 1 + the priority of the last message, or 0 */
    uint8_t awaits_proxy; /* a PROXY header must come first */
    _Atomic uint8_t session; /* enum session_id; main may look */
    uint8_t detected;        /* its protocol was looked for */
};

enum slot_use {
    SLOT_FREE = 0,
    SLOT_LIVE,
};

enum slot_flags {
    SLOT_ANNOUNCED = 1u << 0, /* its over-long messages were announced */
    SLOT_LEAVING = 1u << 1,   /* no listener wants it: it is being closed in good order */
    SLOT_DETAILED = 1u << 2,  /* there are details of it */
    SLOT_MORTAL = 1u << 3,    /* it is not to outlive its process, nor any secret of it */
    SLOT_LOCAL = 1u << 4,     /* its balancer speaks for itself, as in a health check */
};

/* How a connection comes to its end; the first cause stays. */
enum slot_ending {
    ENDING_GOODBYE = 0, /* its peer said goodbye */
    ENDING_RESET,       /* by its peer, or on the way */
    ENDING_IDLE,        /* it was silent for too long */
    ENDING_TOLD,        /* an administrator told us to */
    ENDING_DENIED,      /* its peer is denied by now */
    ENDING_UNWANTED,    /* no listener wants it any more */
    ENDING_REFUSED,     /* by what its PROXY header says, or lacks */
    ENDING_HANDSHAKE,   /* its TLS handshake failed */
    ENDING_FOREIGN,     /* it speaks another protocol */
    ENDING_FAULT,       /* what it sent has ended its session */
    ENDING_CUT,         /* its stream of TLS was cut, or changed */
    ENDING_DEAF,        /* it did not read its answers */
    ENDING_STOP,        /* we stop */
    SLOT_ENDINGS,
};

/* What was last seen to be wrong with what it sends. */
enum slot_problem {
    PROBLEM_NONE = 0,
    PROBLEM_MISFIT,     /* a count before a message does not fit it */
    PROBLEM_ENDLESS,    /* its messages have no end */
    PROBLEM_TOO_LONG,   /* a message was longer than buffer_size */
    PROBLEM_UNFINISHED, /* a message waited for its end in vain */
    PROBLEM_FOREIGN,    /* it speaks another protocol */
    PROBLEM_FAULT,      /* its session was faulty */
    PROBLEM_CUT,        /* its stream was cut */
    PROBLEM_LOOP,       /* it brings back what we have logged */
    SLOT_PROBLEMS,
};

/* One connection. Its worker writes; a free slot belongs to the acceptor. */
struct slot {
    uint64_t cookie;     /* SO_COOKIE of its socket; 0 if unknown */
    uint64_t connection; /* its number, unique with ledger_header.instance */
    struct stream stream;
    struct peer peer;
    _Atomic uint16_t lot; /* where its socket is parked, or LOT_NONE */
    _Atomic uint8_t listener; /* index into ledger_header.listeners, or LISTENER_NONE */
    uint8_t framing;          /* enum framing */
    _Atomic uint8_t use;      /* enum slot_use; written last */
    uint8_t crashes;          /* crashes in a row while its bytes were worked on */
    uint8_t flags;            /* enum slot_flags */
    uint8_t transport;        /* enum transport_id */
    uint32_t since_s;         /* when it was accepted, seconds since 1970; 0: not known */
    uint8_t ending;           /* enum slot_ending */
    uint8_t problem;          /* enum slot_problem */
    uint8_t reserved[2];
};

/* --- apart from the slot --- */

/*
 * What a transport other than the plain one keeps; its kind knows what the rest of it is. The
 * wire's bytes that it could not open yet are carried behind those of the stream.
 */
struct transport_state {
    uint32_t wire_bytes; /* carried, up to LEDGER_WIRE_BYTES */
    uint32_t reserved;
    _Alignas(8) unsigned char bytes[LEDGER_TRANSPORT_BYTES - 8];
};

/* What is known of some peers beyond their address; printable, NUL-terminated, "" if unknown. */
struct peer_details {
    char tls_subject[128];    /* of the certificate that it has shown */
    char tls_name[96];        /* the name in it that was allowed */
    char proxy_authority[256]; /* of its PROXY header: the host that it asked for, */
    char proxy_unique_id[132]; /* the balancer's name for the connection, */
    char proxy_tls_name[132]; /* and the common name of its certificate there */
    char reserved[24];
};

/* What a session that answers keeps apart from its stream. */
struct session_state {
    _Alignas(8) unsigned char bytes[LEDGER_SESSION_BYTES];
};

#endif
