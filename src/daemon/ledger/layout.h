/* SPDX-License-Identifier: MIT
 *
 * The layout of the ledger: what lies in the memory that one process leaves to the next.
 * Indices and offsets only, no pointers. A change of any byte of this raises LEDGER_LAYOUT
 * and thinks of the process that inherits the old one.
 *
 * The order of writes is the whole trick. A worker names the place before the bytes
 * come: it opens a segment (connection, position, the stream's state so far) and only then
 * reads into it. It delivers before the cursor moves. So the process that maps the ledger next finds
 * each byte in a socket, in a tail, or in an open segment:
 *
 *   segments == 0    every connection's slot and tail are whole and true;
 *   segments == n    for the connections of these n segments the segments are true: their
 *                    stream goes on from segment.start with the bytes of the inbox.
 *                    The first `delivered` records of them, in order, are in the log; those
 *                    below `offered` may be.
 *
 * One store to `segments` commits a whole round. Only the last segment may lack its
 * length (SEGMENT_UNKNOWN); the kernel knows it, see net_stream_state().
 */
#ifndef PEERLOG_DAEMON_LEDGER_LAYOUT_H
#define PEERLOG_DAEMON_LEDGER_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "peerlog/framer.h"
#include "peerlog/limits.h"
#include "peerlog/peer.h"
#include "peerlog/proxy.h"
#include "peerlog/relp_stream.h"

#define LEDGER_LAYOUT 2u
#define LEDGER_INBOX_BYTES (1024u * 1024u)
#define LEDGER_SEGMENTS 512u
#define LEDGER_CONFIG_BYTES PEERLOG_MAX_SETTINGS_BYTES
#define LEDGER_LISTENERS PEERLOG_LISTENER_PLACES

/* What a transport and a session may keep of a connection, apart from its slot. */
#define LEDGER_TRANSPORT_BYTES 256u
#define LEDGER_WIRE_BYTES 16645u /* a record of TLS: RFC 8446, section 5.2, and its header */
#define LEDGER_SESSION_BYTES 16u

/* Counters of each inbox, and of the acceptor: see metrics/counters.h. */
#define LEDGER_COUNTERS 64u

#define SEGMENT_UNKNOWN UINT32_MAX
#define LOT_NONE UINT16_MAX
#define LISTENER_NONE PEERLOG_NO_LISTENER

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

/* What was made of the PROXY header in a segment; kept, so that a replay asks no list anew. */
enum segment_verdict {
    VERDICT_NONE = 0, /* there was no header, or it was not judged yet */
    VERDICT_PASSED,   /* the slot's peer is the header's */
    VERDICT_REFUSED,  /* the connection is to be closed, and its bytes dropped */
};

/* How a stream ended. */
enum segment_end {
    SEGMENT_GOES_ON = 0,
    SEGMENT_ENDS, /* in good order */
    SEGMENT_CUT,  /* by a reset, or by us: what is not whole is marked */
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

/* Bytes in hand of one connection. */
struct segment {
    struct stream start;    /* the stream before these bytes; tail_bytes are its carry */
    uint32_t slot;
    uint32_t from;          /* in inbox.bytes: what was carried, and the fresh bytes behind it */
    uint32_t room;          /* how many fresh bytes were asked for */
    _Atomic uint32_t fresh; /* how many came, or SEGMENT_UNKNOWN */
    _Atomic uint32_t at_end; /* enum segment_end: whether the stream ended behind them */
    _Atomic uint8_t verdict; /* enum segment_verdict */
    _Atomic uint8_t flush;   /* a flush came behind them: framer_flush() */
    uint8_t multiline;       /* enum multiline, and whether flushes come at all: with what the */
    uint8_t flushes;         /* inbox has, the framer's rules for these bytes */
};

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

/* What one worker has in hand. Its worker writes. */
struct inbox {
    _Atomic uint32_t segments;  /* open ones; 0: nothing in hand */
    _Atomic uint32_t delivered; /* records of these segments that are in the log */
    _Atomic uint32_t offered;   /* records of these segments that may be in the log */
    _Atomic uint32_t working;   /* slot + 1 of the connection being worked on, or 0 */
    _Atomic uint32_t suspect;   /* the same, of a worker that crashed or hung, or 0 */
    uint32_t max_message_bytes; /* the framer's rules while segments are open */
    uint32_t oversize;
    uint32_t reserved[9];
    _Atomic uint64_t counters[LEDGER_COUNTERS]; /* of its worker */
    struct segment segment[LEDGER_SEGMENTS];
    struct transport_state before[LEDGER_SEGMENTS]; /* of each segment that is not plain */
    unsigned char bytes[LEDGER_INBOX_BYTES];
};

/* A listening socket that connections came through. */
struct ledger_listener {
    struct peer configured; /* as in the settings, port 0 included; family 0: unused */
    struct peer bound;      /* as the kernel gave it */
    char name[PEERLOG_MAX_TAG_BYTES + 1]; /* FileDescriptorName= of a socket unit's; else "" */
    uint8_t guarded; /* by an access list, or a PROXY header */
};

enum ledger_life {
    LEDGER_BUILDING = 0, /* not yet true: ignore it */
    LEDGER_LIVE,         /* its process runs, or died without a word */
    LEDGER_CLEAN,        /* its process ended in good order */
};

/*
 * The first part is the same in every layout, so that a process that does not know
 * a ledger's layout can still say how much it cannot read. Each inbox begins with
 * the number of its open segments in every layout.
 */
struct ledger_header {
    uint64_t magic;
    uint32_t layout;       /* LEDGER_LAYOUT */
    uint32_t header_bytes; /* of this structure */
    uint64_t size;         /* of the whole mapping */
    uint64_t inboxes_at;
    uint64_t inbox_bytes; /* of each */
    uint32_t inboxes;

    uint32_t slots;
    uint64_t tail_stride; /* bytes reserved for each tail, whole pages */
    uint64_t slots_at, transports_at, sessions_at, details_at, tails_at;
    uint64_t instance;    /* random: makes connection numbers unique over ledgers */
    uint64_t generation;  /* of takeovers: the higher one is the newer ledger */
    _Atomic uint64_t last_connection;
    _Atomic uint32_t slots_high;   /* slots from here on were never used */
    _Atomic uint32_t life;         /* enum ledger_life */
    _Atomic uint32_t crash_signal; /* the signal its process noted when it crashed, or 0 */
    uint32_t early_deaths;         /* processes in a row that died soon after their start */
    _Atomic uint32_t settled;      /* its process has lived for a while */
    uint32_t config_bytes;         /* the last good configuration's text */
    uint32_t has_config;
    _Atomic uint64_t counters[LEDGER_COUNTERS]; /* of the acceptor */
    uint64_t counted[LEDGER_COUNTERS];          /* by all processes before this one */
    struct ledger_listener listeners[LEDGER_LISTENERS];
    char config[LEDGER_CONFIG_BYTES];
};

#endif
