/* SPDX-License-Identifier: MIT
 *
 * What the parts of a worker share: worker.c is its thread, letters.c what others ask of it,
 * serve.c reads and delivers, rate.c slows down, timers.c does what is due by the clock, share.c
 * gives connections to other workers, and drain.c stops. The worker's thread; for this folder
 * alone.
 */
#ifndef PEERLOG_DAEMON_WORKER_PRIVATE_H
#define PEERLOG_DAEMON_WORKER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/worker/crew.h"
#include "daemon/worker/mailbox.h"
#include "daemon/worker/peer_rates.h"
#include "daemon/worker/round.h"
#include "daemon/worker/trace.h"
#include "daemon/worker/worker.h"
#include "os/poller.h"

/* A full log tells when it has room; should it forget to, look again after this. */
#define PAUSE_MAX_MS 1000

/* Without memory to open what has come, look again after this. */
#define STARVING_MS 100

/* Signatures of TLS handshakes in one turn, so that messages do not wait for many of them. */
#define SIGNATURES_A_TURN 4u

/* No wait by the clock is longer, in milliseconds. */
#define WAIT_MAX_MS 60000

/* Connections that one wait tells of. */
#define WORKER_EVENTS 256

struct worker {
    struct worker_plan plan;
    pthread_t thread;
    bool started;
    unsigned stride; /* how many workers there are */
    int set;       /* connections and the bell */
    int pause_set; /* the output and the bell, for when the output takes nothing */
    int bell;
    struct output *output;
    struct round round;
    uint32_t ended[LEDGER_SEGMENTS];
    _Atomic uint64_t *counters; /* its block, in the ledger */

    /* Written by others, read by the thread. */
    _Alignas(64) _Atomic uint32_t load;
    struct mailbox mailbox;
    _Atomic(const struct snapshot *) snapshot_used; /* written by the thread, read by main */
    _Atomic uint32_t filled;  /* bytes of its inbox, likewise */
    _Atomic uint32_t waiting; /* written by the thread, read by main */
    _Atomic uint32_t pings;
    _Atomic uint32_t pongs;

    /* The thread's own. */
    const struct snapshot *snapshot_wanted; /* taken up between two rounds */
    bool draining;
    bool stop_keep;      /* while draining: connections stay open for the next process */
    uint64_t stop_at_ms; /* while draining: it ends at the latest then */
    unsigned signatures;  /* that handshakes may make in this turn */
    uint64_t turn_ms;     /* of the monotonic clock, of this turn, and in seconds */
    uint32_t now_s;
    uint32_t heard_s;     /* who was heard since then was not told yet */
    struct sharing sharing;
    uint64_t sweep_at_ms; /* when to look for idle and leaving connections; 0: never */
    struct trace *trace;  /* to be filled; NULL: nobody asks */
    uint32_t traced_at_s; /* when somebody last asked */
    uint32_t traced;      /* records of the batch that were looked at for it */
    uint32_t slowed;        /* first of the chain of slowed connections, */
    uint32_t slowed_last;   /* its last, if there is a first, */
    uint32_t slowed_unread; /* and the last of those that have had no turn since the last look */
    enum worker_end end;
    uint32_t events_next;  /* of events: the first not yet served */
    uint32_t events_count; /* and how many there are */
    struct epoll_event events[WORKER_EVENTS];
};

/* --- worker.c --- */

/* The output blocks, or memory is short: wait for what it waits for, and for the bell, alone. */
void worker_pause(struct worker *w);

/* --- letters.c --- */

/* The bell rang: give a sign of life, and do what was asked for. */
void worker_answer_bell(struct worker *w);

/* Take up the settings that are wanted, if it can be now. */
void worker_take_snapshot(struct worker *w);

/* Of these connections, those whose peers are denied are told goodbye. */
void worker_leave_denied(struct worker *w, const uint32_t *slots, uint32_t count);

/* --- serve.c --- */

/* Frame and deliver all that is in hand. Returns: false while the output blocks. */
bool worker_finish_round(struct worker *w);

/* Make room for one more segment. Returns: false while the output blocks. */
bool worker_make_room(struct worker *w, uint32_t slot);

/* Declare a connection's stream ended; there is room. Returns: false while the output blocks. */
bool worker_end_stream(struct worker *w, uint32_t slot);

/*
 * Read one connection that has something, as the poller's EVENTS say; there is room.
 * Returns: false when the output blocks.
 */
bool worker_read(struct worker *w, uint32_t slot, uint32_t events);

/* Frame what was read; deliver only full batches. Returns: false while the output blocks. */
bool worker_frame(struct worker *w);

/* Answers: is this slot a living connection of this worker? */
bool worker_owns(const struct worker *w, uint32_t slot);

/* Its listener may want to know whether its peer was heard: at SINCE_S or later it was. */
void worker_tell_heard(struct worker *w, uint32_t slot, uint32_t since_s);

/*
 * Nothing of this connection is in hand, and its session answers, or has done so: read on when
 * all is said, and end it when the session is over.
 */
void worker_answer(struct worker *w, uint32_t slot);

/* --- rate.c --- */

/* Answers: is this connection, or its peer, held to a rate? */
bool worker_holds_rate(const struct worker *w, uint32_t slot);

/* Answers: may it be read now? Else it is slowed: other connections of its peer came before. */
bool worker_rate_allows(struct worker *w, uint32_t slot);

/* MESSAGES came; do not read this connection until its rate allows more, if there is MORE. */
void worker_slow_down(struct worker *w, uint32_t slot, uint64_t messages, bool more);

/* Watch those again whose rate allows it. Returns: milliseconds to the next, or -1. */
int worker_wake_slowed(struct worker *w);

/* One that cannot be watched now is watched a little later. */
void worker_watch_later(struct worker *w, uint32_t slot);

/* One that ends does not wait for its rate any more. */
void worker_wait_no_more(struct worker *w, uint32_t slot);

/* --- share.c --- */

/* BYTES of a connection were received. */
void worker_weigh(struct worker *w, uint32_t slot, uint64_t bytes);

/* Between two rounds: give connections to another worker, if there is too much to do here. */
void worker_share(struct worker *w);

/*
 * Give WORK's share of what there is to do here to another worker; between two rounds.
 * Answers: was there something to give, and could it be given?
 */
bool worker_give(struct worker *w, const struct crew_decision *work);

/* Those that another worker gives are this one's from here on. */
void worker_take(struct worker *w, const struct letter *letter);

/* --- timers.c --- */

/* When to look over the connections next; not at all when nothing can be due. */
void worker_plan_sweep(struct worker *w, bool leaving);

/* Something waits for its end, or for a pause: look soon whether it has waited for too long. */
void worker_expect_flush(struct worker *w);

/*
 * Do what is due by the clock. Returns: milliseconds until more is, or -1;
 * *ret_blocked: the output blocks.
 */
int worker_keep_time(struct worker *w, bool *ret_blocked);

/* Milliseconds until MOMENT_MS, at least 1 and at most WAIT_MAX_MS. */
int worker_until(uint64_t moment_ms);

/* --- drain.c --- */

/* A stop was asked for: what is in each socket now is what will be read. */
void worker_begin_draining(struct worker *w);

/* One turn over what is to be drained. Returns: true when nothing is left to read. */
bool worker_drain_turn(struct worker *w);

/*
 * The worker has ended. Connections of which nothing is in hand are told goodbye when no
 * process takes them over; the others, and all when we die instead, are reset.
 */
void worker_end_all(struct worker *w);

#endif
