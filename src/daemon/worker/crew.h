/* SPDX-License-Identifier: MIT
 *
 * The crew: how many of the workers are given work, and who gives some of its own to whom. One
 * thread costs less than two for the same messages: it is more often awake, and its batches are
 * larger. So all work goes to the first worker until it is busy, then to the next one, too; and
 * back, when fewer keep up.
 *
 * A worker is busy whenever it has something to do: also while its output lets it wait, for answers
 * or for room, since each worker has a queue of its own into the log; and while other threads have
 * the CPUs, of which two get a larger share. A log that is away is nothing to do.
 *
 * What is decided is a pure function of what is measured; share.c measures, and does it.
 */
#ifndef PEERLOG_DAEMON_WORKER_CREW_H
#define PEERLOG_DAEMON_WORKER_CREW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "peerlog/limits.h"

struct worker;

/* All of the time, and of what a worker has: shares are thousandths. */
#define CREW_WHOLE 1000u

/* From here on a worker is busy. */
#define CREW_BUSY 850u

/* Fewer keep up when the others would be busy for no more than this. */
#define CREW_CALM 600u

/* Two workers are even when they differ by less. */
#define CREW_EVEN 300u

/* How long one must be busy, or all calm, until something is changed, in milliseconds. */
#define CREW_BUSY_MS 200u
#define CREW_CALM_MS 1000u

struct crew {
    struct worker *const *workers;
    unsigned count;
    _Atomic uint32_t size; /* the workers below this index are given work */
    _Atomic uint64_t use[PEERLOG_MAX_WORKERS]; /* the share that it was busy, and when */

    /* Held while connections change their worker. */
    pthread_mutex_t moving;
    bool closed; /* none does any more */
};

/* What a worker measures to decide whether it has too much to do. */
struct sharing {
    uint64_t looked_at_ms; /* by the turn's clock, and by the exact one */
    uint64_t looked_at_us;
    uint64_t idle_us;      /* since then, with nothing to do */
    uint64_t busy_from_ms; /* since when it is busy, and all are calm; both: it may be now */
    uint64_t calm_from_ms;
    uint32_t size;         /* of the crew, when it last looked */

    /* Since it last looked. A connection that sends most of all is found by a vote. */
    uint64_t heaviest; /* the number of the connection that sent most, if one sent more than half */
    uint64_t ahead;    /* of all others, in bytes, by the vote */
    uint64_t closed;   /* connections that had ended by then */
};

/* What a worker knows when it looks whether to change something. */
struct crew_view {
    unsigned self, size, count;
    uint16_t use[PEERLOG_MAX_WORKERS]; /* of all: busy for so many thousandths; 0: it sleeps */
    uint64_t busy_ms; /* for how long it has been busy */
    uint64_t calm_ms; /* for how long fewer would have kept up */
};

enum crew_step {
    CREW_STAY,
    CREW_GIVE,  /* some of its work to another one */
    CREW_GROW,  /* the same, to one that had none so far */
    CREW_SHRINK, /* the last one is given no work any more */
};

struct crew_decision {
    enum crew_step step;
    unsigned to;    /* who is given something */
    unsigned share; /* and how much of the giver's work */
};

/* Returns: 0, or negative errno.  Owns: release it with crew_done(). */
int crew_init(struct crew *crew, struct worker *const *workers, unsigned count);
void crew_done(struct crew *crew);

/* Would fewer workers keep up? Pure. */
bool crew_is_calm(const struct crew_view *view);

/* What is the worker of this view to do? Pure. */
struct crew_decision crew_decide(const struct crew_view *view);

/*
 * The view of worker SELF at this moment of the monotonic clock, without what only the worker
 * itself knows. Threads: any.
 */
void crew_look(const struct crew *crew, unsigned self, uint64_t now_ms, struct crew_view *ret_view);

/* For which share of the time worker INDEX was busy of late. Threads: that worker. */
void crew_publish(struct crew *crew, unsigned index, unsigned use, uint64_t now_ms);

/* Answers: is worker INDEX given work? Threads: any. */
bool crew_has(const struct crew *crew, unsigned index);

/* Answers: was it SIZE, and is now another one? Threads: any worker. */
bool crew_resize(struct crew *crew, unsigned size, unsigned next);

/*
 * The worker for a new connection: the first, or, when more are needed, the next that is not
 * busy. *TURN is the caller's. Threads: the acceptor.
 */
struct worker *crew_choose(const struct crew *crew, unsigned *turn, uint64_t now_ms);

/*
 * Connections may change their worker until crew_end_move(). Returns: false when they may not.
 * Threads: any worker.  Blocks: no.
 */
bool crew_begin_move(struct crew *crew);
void crew_end_move(struct crew *crew);

/*
 * None changes its worker between these, and each one that did so before is in the mailbox of the
 * new one.
 * Threads: any but a worker's.  Blocks: for the moment that a move takes.
 */
void crew_hold(struct crew *crew);
void crew_release(struct crew *crew);

/* None changes its worker any more. Threads and blocks: as crew_hold(). */
void crew_close(struct crew *crew);

#endif
