/* SPDX-License-Identifier: MIT
 *
 * A mailbox: what other threads ask of a worker, or of main, and it does between two turns. Letters
 * are answered in the order in which they were posted, and no lock stands on the way of a message.
 *
 * A sender posts a letter and rings the worker's bell; worker_post() does both.
 */
#ifndef PEERLOG_DAEMON_WORKER_MAILBOX_H
#define PEERLOG_DAEMON_WORKER_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "peerlog/peer.h"

struct errand;
struct snapshot;
struct trace;

enum letter_kind {
    LETTER_STOP,     /* read what is in the sockets now, deliver it, and end */
    LETTER_SNAPSHOT, /* work by other settings, from the next round on */
    LETTER_KILL,     /* end a connection */
    LETTER_DESCRIBE, /* tell of connections */
    LETTER_REFRESH,  /* look at once at the names of what is written to */
    LETTER_TRACE,    /* copy what some peers say */
    LETTER_ADOPT,    /* serve connections that were another worker's */
    LETTER_ERRAND,   /* of main alone: see admin/admin.h */
};

/* A connection as it was when its worker answered. */
struct conn_description {
    struct peer peer;
    uint64_t connection; /* its number */
    uint64_t received;   /* bytes read from it */
    uint64_t records;    /* logged for it, over all processes */
    uint32_t slot;
    uint32_t silent_s;   /* since the last byte came */
    uint32_t tail_bytes; /* that wait for the end of their message */
    uint32_t unread;     /* in the kernel */
    uint8_t listener;    /* as in its slot */
    uint8_t framing;     /* enum framing */
    uint8_t transport;   /* enum transport_id */
    uint8_t session;     /* enum session_id */
    uint32_t since_s;    /* when it began, seconds since 1970; 0: not known */
    uint8_t ends;        /* that it has shown: enum framer_ends */
    uint8_t problem;     /* enum slot_problem */
    bool owes;           /* it is not read before it has read its answers */
    bool blocked;        /* its worker waits for the log */
    bool slowed;         /* not read until its rate allows more */
    bool leaving;        /* it was told goodbye */
};

/* Descriptions that one letter asks for at most: the work of one turn. */
#define LETTER_DESCRIPTIONS 256u

struct letter {
    struct letter *next; /* the mailbox's */
    enum letter_kind kind;

    /* It was done, and is the sender's again, which may free it here. Called by the worker. */
    void (*answered)(struct letter *letter);
    void *context; /* the sender's */

    union {
        struct {
            bool keep; /* connections stay open for the next process */
            uint64_t at_ms; /* it ends at the latest then, by the monotonic clock */
        } stop;
        const struct snapshot *snapshot;
        struct errand *errand;
        struct trace *trace; /* an empty one, or NULL: end it; answer: the one before */
        struct {
            const uint32_t *slots; /* nobody owns them until then */
            uint32_t count;
        } adopt;
        struct {
            uint32_t slot;
            uint64_t connection; /* and nothing is done if the slot is another one's by now */
            bool now;  /* reset it; otherwise all that it sent is logged first */
            bool done; /* answer: it was there */
        } kill;
        struct {
            uint32_t from;  /* slots from here on; answer: where to go on */
            uint32_t count; /* answer: descriptions */
            bool more;      /* answer: there may be others */
            struct conn_description *descriptions; /* LETTER_DESCRIPTIONS of them */
        } describe;
    };
};

struct mailbox {
    _Atomic(struct letter *) latest; /* the chain leads to the earlier ones */
};

/* Threads: any. */
void mailbox_post(struct mailbox *box, struct letter *letter);

/* All that was posted, the earliest first. Threads: the owner. */
struct letter *mailbox_take(struct mailbox *box);

#endif
