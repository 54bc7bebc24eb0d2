/* SPDX-License-Identifier: MIT
 *
 * Connections: a slot of the ledger, which survives, and beside it what dies with the
 * process: the descriptor and the worker that serves it. A connection is named by its slot's index.
 *
 * A connection belongs to one worker at a time. Free slots are where the acceptor,
 * which takes, and the workers, which give back, meet.
 */
#ifndef PEERLOG_DAEMON_LEDGER_CONNECTIONS_H
#define PEERLOG_DAEMON_LEDGER_CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/ledger/ledger.h"

#define CONNECTION_NONE UINT32_MAX

struct conn {
    uint64_t allowed_at_ns; /* when its rate allows the next message, monotonic clock */
    int fd;                 /* -1: none */
    union {
        uint32_t next;       /* in the chain of free slots, or of slowed connections */
        uint32_t drain_left; /* while stopping: bytes still to be read */
    };
    uint32_t active_s;      /* when the last byte came, seconds of the monotonic clock */
    _Atomic uint16_t owner; /* index + 1 of the worker that serves it; 0: none does, or it moves */
    uint8_t dirty_tail : 2; /* enum dirty_tail */
    uint8_t state : 2;      /* enum conn_state */
    uint8_t wants : 2;      /* enum conn_wants: what the poller is to tell of */
    uint8_t in_hand : 1;    /* it has a segment in the round: a round reads none twice */
    uint8_t by_reset : 1;   /* what it said is not all logged: its end must not look like it */
    uint8_t sweeps_left : 7; /* until it is ended whatever it still sends; 0: never */
    uint8_t looping : 1;    /* it brings back what we have logged: it is read slowly */
};

/* A connection at its beginning: what is known of it, or was left by another process. */
struct conn_birth {
    int fd;
    uint16_t lot;      /* where a copy is parked, or LOT_NONE */
    uint8_t listener;  /* as in its slot */
    uint8_t framing;   /* enum framing */
    uint8_t transport; /* enum transport_id */
    uint8_t session;   /* enum session_id */
    bool awaits_proxy; /* a PROXY header must come first */
    bool mortal;       /* it is not to outlive this process */
    uint64_t cookie;   /* SO_COOKIE; 0 if it is not needed */
    uint64_t received; /* bytes that were read from it before */
    struct peer peer;
};

enum dirty_tail {
    TAIL_CLEAN = 0,
    TAIL_LISTED, /* its pages are in use, and its worker's list names it */
    TAIL_DIRTY,  /* its pages are in use */
};

enum conn_state {
    CONN_OPEN = 0,
    CONN_SLOWED,  /* not watched until its rate allows more */
    CONN_DRAINED, /* not watched: while stopping, nothing more is wanted of it */
    CONN_TO_END,  /* not watched: while stopping, its stream is to be ended next */
};

struct connections {
    struct ledger *ledger;
    struct conn *conns;     /* one for each slot */
    void **establishing;    /* one for each slot: its transport's, until it is established */
    void *tools[PEERLOG_MAX_WORKERS]; /* of transports; each worker has its own */
    struct transport_state *mortal; /* one for each slot: what is not to be in the ledger */
    uint32_t capacity;      /* slots */
    _Atomic uint32_t limit; /* how many may be in use */
    pthread_mutex_t lock;   /* guards what follows */
    uint32_t first_free;    /* chain of freed slots */
    uint32_t untouched;     /* slots from here on were never used */
    _Atomic uint32_t in_use;
};

/*
 * A table for all slots of LEDGER, none in use, at most LIMIT of them at a time.
 * Returns: 0, or negative errno.  Owns: release it with connections_done().
 */
int connections_init(struct connections *table, struct ledger *ledger, uint32_t limit);
void connections_done(struct connections *table);

/*
 * Take a free slot; its contents are all zero but for its tail.
 * Returns: its index, or CONNECTION_NONE when the limit is reached.
 * Threads: any.
 */
uint32_t connections_take(struct connections *table);

/*
 * Let a connection live in slot INDEX, which was taken or claimed: it gets its number, and the slot
 * is in use from here on.
 * Owns:    the table owns BIRTH's descriptor.
 * Threads: as connections_take().
 */
void connections_open(struct connections *table, uint32_t index, const struct conn_birth *birth);

/* Take this very slot, at start, before any thread. */
void connections_claim(struct connections *table, uint32_t slot);

/*
 * What the transport of SLOT keeps: in the ledger, or, of one that is mortal, in this process
 * alone.
 */
static inline struct transport_state *connections_transport(const struct connections *table,
                                                            uint32_t slot)
{
    return table->ledger->slots[slot].flags & SLOT_MORTAL ? &table->mortal[slot]
                                                          : &table->ledger->transports[slot];
}

/* Why a connection is about to end; a cause that is known already stays. */
static inline void connections_note_ending(struct slot *slot, enum slot_ending how)
{
    if (slot->ending == ENDING_GOODBYE)
        slot->ending = (uint8_t)how;
}

/*
 * Give a slot back, and leave no secret in it; its descriptor was closed.
 * Threads: its worker, or the acceptor.
 */
void connections_give(struct connections *table, uint32_t slot);

/* Change how many may be in use; those that are stay. Threads: any. */
void connections_set_limit(struct connections *table, uint32_t limit);

/* How many are in use. Threads: any. */
uint32_t connections_count(const struct connections *table);

#endif
