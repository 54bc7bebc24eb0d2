/* SPDX-License-Identifier: MIT
 *
 * What the parts of a worker share: worker.c is its thread and what main asks of it,
 * worker_serve.c reads and delivers, worker_time.c does what is due by the clock, and
 * worker_drain.c stops. The worker's thread; nobody else includes this.
 */
#ifndef PEERLOG_DAEMON_WORKER_PRIVATE_H
#define PEERLOG_DAEMON_WORKER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/worker/round.h"
#include "daemon/worker/worker.h"
#include "os/poller.h"

/* A full log tells when it has room; should it forget to, look again after this. */
#define PAUSE_MAX_MS 1000

/* No wait by the clock is longer, in milliseconds. */
#define WAIT_MAX_MS 60000

/* What is watched for on a connection. */
#define WATCHED_EVENTS ((uint32_t)(EPOLLIN | EPOLLRDHUP | EPOLLPRI))

enum stopping { NOT_STOPPING, STOP_REQUESTED, STOP_DRAINING };

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
    struct worker_stats stats;

    /* Written by others, read by the thread. */
    _Alignas(64) _Atomic uint32_t load;
    _Atomic(const struct snapshot *) snapshot_wanted;
    _Atomic(const struct snapshot *) snapshot_used;
    _Atomic uint32_t pings;
    _Atomic uint32_t pongs;
    _Atomic uint32_t stop; /* enum stopping */
    bool stop_keep;        /* set before stop is */
    uint64_t stop_at_ms;

    /* The thread's own. */
    bool draining;
    bool waits_writable;
    uint32_t now_s;       /* of the monotonic clock, of this turn */
    uint64_t sweep_at_ms; /* when to look for idle and leaving connections; 0: never */
    uint32_t slowed;      /* first of the chain of slowed connections */
    enum worker_end end;
    uint32_t events_next;  /* of events: the first not yet served */
    uint32_t events_count; /* and how many there are */
    struct epoll_event events[WORKER_EVENTS];
};

/* --- worker_serve.c --- */

/* Frame and deliver all that is in hand. Returns: false while the output blocks. */
bool worker_finish_round(struct worker *w);

/* Make room for one more segment. Returns: false while the output blocks. */
bool worker_make_room(struct worker *w, uint32_t slot);

/* Declare a connection's stream ended. Returns: false while the output blocks. */
bool worker_end_stream(struct worker *w, uint32_t slot);

/* Read one connection that has something. Returns: false when the output blocks. */
bool worker_read(struct worker *w, uint32_t slot, uint32_t events);

/* Answers: is this slot a living connection of this worker? */
bool worker_owns(const struct worker *w, uint32_t slot);

/* --- worker_time.c --- */

/* When to look over the connections next; not at all when nothing can be due. */
void worker_plan_sweep(struct worker *w, bool leaving);

/*
 * Do what is due by the clock. Returns: milliseconds until more is, or -1;
 * *ret_blocked: the output blocks.
 */
int worker_keep_time(struct worker *w, bool *ret_blocked);

/* Do not read this connection until its rate of messages allows more. */
void worker_slow_down(struct worker *w, uint32_t slot, uint64_t messages, bool more);

/* Milliseconds until MOMENT_MS, at least 1 and at most WAIT_MAX_MS. */
int worker_until(uint64_t moment_ms);

/* --- worker_drain.c --- */

/* A stop was asked for: what is in each socket now is what will be read. */
void worker_begin_draining(struct worker *w);

/* Read one connection while draining. */
void worker_read_drained(struct worker *w, uint32_t slot);

/* One turn over what is to be drained. Returns: true when nothing is left to read. */
bool worker_drain_turn(struct worker *w);

/*
 * The worker has ended. Connections of which nothing is in hand are told goodbye when nobody
 * takes them over; the others, and all when we die instead, are reset.
 */
void worker_end_all(struct worker *w);

#endif
