/* SPDX-License-Identifier: MIT
 *
 * The layout of the ledger: what lies in the memory that one process leaves to the next.
 * Indices and offsets only, no pointers. What is of one connection is in slot.h. A change of any
 * byte of both raises LEDGER_LAYOUT and thinks of the process that inherits the old one.
 *
 * The order of writes is the whole trick. A worker names the place before the bytes
 * come: it opens a segment (connection, position, the stream's state so far) and only then
 * reads into it. It delivers before the cursor moves. So the process that maps the ledger next
 * finds each byte in a socket, in a tail, or in an open segment:
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

#include "daemon/ledger/slot.h"
#include "peerlog/limits.h"
#include "peerlog/peer.h"

#define LEDGER_LAYOUT 2u
#define LEDGER_INBOX_BYTES (1024u * 1024u)
#define LEDGER_SEGMENTS 512u
#define LEDGER_CONFIG_BYTES PEERLOG_MAX_SETTINGS_BYTES
#define LEDGER_LISTENERS PEERLOG_LISTENER_PLACES

/* Counters of each inbox, and of the acceptor: see metrics/counters.h. */
#define LEDGER_COUNTERS 128u

#define SEGMENT_UNKNOWN UINT32_MAX

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

/* What came through one listener, counted when its round is committed. */
struct listener_counts {
    _Atomic uint64_t messages[SESSIONS]; /* in the log, by enum session_id */
    _Atomic uint64_t bytes;
};

/* The same in sums. */
struct listener_sums {
    uint64_t messages[SESSIONS];
    uint64_t bytes;
};

/* A place for each listener, and one for those that are not known any more. */
#define LEDGER_COUNTED (LEDGER_LISTENERS + 1u)

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
    struct listener_counts counts[LEDGER_COUNTED];
    struct segment segment[LEDGER_SEGMENTS];
    struct transport_state before[LEDGER_SEGMENTS]; /* of each segment that is not plain */
    _Alignas(64) unsigned char bytes[LEDGER_INBOX_BYTES]; /* searching is quicker so */
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
    struct listener_sums counts_before[LEDGER_COUNTED]; /* by all processes before this one, */
    struct listener_counts counts_base[LEDGER_COUNTED]; /* and those of other listeners there */
    char config[LEDGER_CONFIG_BYTES];
};

#endif
