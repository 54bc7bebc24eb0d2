/* SPDX-License-Identifier: MIT
 *
 * A round is a transaction: what a worker has in hand between reading and delivery. Bytes come
 * into the ledger's inbox as segments, are framed into batches of records, and when all of them
 * are in the log, the round is committed with a single store: what is left of each stream is in
 * its tail then.
 *
 * A round that a dead process left open is gone through again in exactly the same way.
 * Everything here belongs to one worker's thread. round.c reads and commits; framing.c makes
 * records of what was read; loops.c notices what comes back to us.
 */
#ifndef PEERLOG_DAEMON_WORKER_ROUND_H
#define PEERLOG_DAEMON_WORKER_ROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/output/batch.h"
#include "daemon/ledger/connections.h"
#include "daemon/settings/snapshot.h"
#include "daemon/metrics/counters.h"
#include "daemon/session/session.h"

/* However many connections are ready, this much is read of one of them at least. */
#define ROUND_READ_BYTES (128u * 1024u)

/* A round ends when no more than this is free in its inbox. */
#define ROUND_MIN_ROOM_BYTES (16u * 1024u)

/* Tails whose pages may be in use although they are empty. */
#define ROUND_DIRTY_TAILS 64u

/* How a record ended: bits of enum framer_ends, or */
enum round_ends {
    ROUND_ENDS_FRAME = 1u << 4, /* the frame of RELP around it */
};

/* What is left of a segment when its records are out. */
struct round_carry {
    const unsigned char *from; /* of the stream */
    const unsigned char *wire; /* and of the wire, where that is another thing */
    uint32_t len;
    uint32_t wire_len;
};

/* Connections that are named as loops at the same time. */
#define ROUND_LOOPS 8u

/* One that brings back what we have logged. */
struct round_loop {
    uint64_t sequence;   /* of its last record before that was seen */
    uint32_t slot;
    uint32_t reads_left; /* without our prefix, until it is over; 0: there is no such loop */
    bool told;
};

struct round {
    struct ledger *ledger;
    struct connections *table;
    const struct snapshot *snapshot;
    _Atomic uint64_t *counters; /* the worker's block */
    struct listener_counts *counts; /* and that of its listeners */
    uint64_t began_us;     /* when the first of what is in hand was received */
    struct preface *preface;
    struct inbox *_Atomic inbox; /* read by main, too, when this worker hangs */
    struct batch *batch;
    unsigned char *text;   /* what transports have opened; as large as the inbox, and slack */
    void **tools;          /* of transports, the worker's */
    int set;               /* the poller that its connections are watched by, or -1 */
    uint32_t fill;         /* bytes of the inbox in use */
    uint32_t framed;       /* segments that are framed to their end */
    uint32_t committed;    /* segments of the round that was committed last */
    uint32_t ordinal;      /* records framed in this round */
    uint32_t skip;         /* of these, the first ones were delivered before a crash */
    uint32_t repeat_until; /* and those up to here may have been */
    uint32_t batch_limit;  /* records in a batch: BATCH_RECORDS, or one more than there are */
    bool notes_ends;       /* somebody wants to know how each record ended */
    bool view_open;
    bool left_waiting; /* set by a commit: something was carried, and may have to be flushed */
    bool starves;          /* there is no memory to go on with; nobody tells when there is */
    bool cut;              /* the stream of the segment being framed is cut behind it */
    struct round_carry wire_carry; /* of the segment being framed: its part of the wire */
    struct session_view view; /* of the segment being framed */
    struct record_rules record_rules;
    char pid[12];          /* ours */
    uint32_t looks;        /* at reads, for loops */
    struct round_loop loops[ROUND_LOOPS];
    uint32_t dirty_count, dirty_next;
    uint32_t dirty[ROUND_DIRTY_TAILS];
    struct round_carry carries[LEDGER_SEGMENTS];
    uint8_t ends[BATCH_RECORDS]; /* of the batch, while they are noted: enum round_ends */
    uint8_t answers[LEDGER_SEGMENTS]; /* enum session_answers, of each segment committed last */
};

enum round_read {
    ROUND_NOTHING, /* there was nothing to read */
    ROUND_GOT,     /* bytes came */
    ROUND_ENDED,   /* the stream has ended, possibly with bytes before */
};

/*
 * Begin with an empty round in INBOX, which must have no open segments.
 * Returns: 0, or -ENOMEM.  Owns: release it with round_done().
 */
int round_init(struct round *r, struct connections *table, const struct snapshot *snapshot,
               struct preface *preface, struct inbox *inbox);
void round_done(struct round *r);

/* Take up what a dead process left open in INBOX; the slots of its segments are live. */
void round_replay(struct round *r, struct inbox *inbox);

/* Answers: does the round take one more segment, of this connection? */
bool round_has_room(const struct round *r, uint32_t slot);

/*
 * Read from a connection, at most LIMIT bytes. MAY_END: the peer has said goodbye,
 * so that a short read is the last one.
 * The round must have room, and everything read before must be framed.
 */
enum round_read round_read(struct round *r, uint32_t slot, uint32_t limit, bool may_end);

/* What was carried of a connection has waited for long enough; nothing is read. */
void round_flush(struct round *r, uint32_t slot);

/* Declare the stream of a connection ended by us, without reading. */
void round_end_stream(struct round *r, uint32_t slot);

/*
 * Look now and then whether TEXT, the beginning of what a connection has to say, is ours and has
 * come back; its conn tells of it. And it is over, or the connection ends.
 */
void round_watch_loop(struct round *r, uint32_t slot, const unsigned char *text, size_t len);
void round_end_loop(struct round *r, uint32_t slot);

/* Note from now on how each record ends, in r->ends; or do not. */
void round_note_ends(struct round *r, bool notes);

/*
 * Frame what was read, as far as the batch holds it.
 * Returns: true when all is framed; false when the batch is full and must be delivered, or when
 *          r->starves.
 */
bool round_frame(struct round *r);

/*
 * Before the batch is offered to the output; when it came back: what was not submitted was not
 * offered; and after all of it was delivered.
 */
void round_offer(struct round *r);
void round_withdraw(struct round *r);
void round_delivered(struct round *r);

/* Answers: is nothing in hand? */
bool round_is_empty(const struct round *r);

/*
 * Commit the round: everything is framed and delivered. Sessions answer for it; r->answers says
 * what became of that, segment by segment, until the next round begins. Streams that have ended,
 * and wait for no answers, are named in ENDED, which has room for LEDGER_SEGMENTS.
 * Returns: how many.
 */
uint32_t round_commit(struct round *r, uint32_t *ended);

/* A connection is about to be given back: its tail is not needed any more. */
void round_forget(struct round *r, uint32_t slot);

/* A connection of which nothing is in hand is another round's from here on, with its tail. */
void round_let_go(struct round *r, uint32_t slot);

#endif
