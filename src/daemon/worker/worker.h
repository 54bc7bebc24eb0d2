/* SPDX-License-Identifier: MIT
 *
 * A worker: one thread that receives from its connections, frames what came, and delivers
 * it at the end of each round. It blocks nowhere but in epoll_wait(2).
 *
 * A round reads a bounded amount from each connection that has something, into the
 * worker's inbox. When the output does not take what is in hand, the worker
 * stops reading and waits for the output alone; the clients wait with it.
 */
#ifndef PEERLOG_DAEMON_WORKER_WORKER_H
#define PEERLOG_DAEMON_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/session/admission.h"
#include "daemon/ledger/connections.h"
#include "daemon/session/preface.h"
#include "daemon/output/output.h"
#include "daemon/parking/parking.h"
#include "daemon/settings/snapshot.h"

struct announcer;
struct crew;
struct gate;
struct letter;
struct peer_rates;
struct silence;
struct worker;

enum worker_end {
    WORKER_ENDED_EMPTY,  /* nothing is left: all connections are closed */
    WORKER_ENDED_PARKED, /* the rest is in the ledger, for the next process */
    WORKER_ENDED_LOST,   /* time ran out with messages in hand, and no ledger is kept */
};

/* Called by a worker's thread. */
struct worker_events {
    void *context;
    void (*output_ended)(void *context); /* standard output has no reader any more */
    void (*slot_freed)(void *context);   /* a connection ended */
    void (*snapshot_taken)(void *context); /* it works by the settings it was given */
    void (*worker_ended)(void *context); /* a worker has stopped */
};

struct worker_plan {
    unsigned index;
    struct connections *table;
    struct parking *parking;
    struct admission *admission;
    struct preface *preface;
    struct announcer *announcer; /* this and the next may be NULL when no listener wants them */
    struct silence *silence;
    struct peer_rates *rates;
    const struct snapshot *snapshot;
    uint32_t longest_message; /* of the snapshot, or of what is in hand from before, in bytes */
    struct output_health *health;
    const struct worker_events *events;
    struct crew *crew; /* which it is one of */
    struct gate *gate; /* the thread passes it, or ends */
};

/*
 * Make a worker; its thread does not run yet.
 * Returns: 0, or negative errno.  Owns: the caller releases it with worker_free().
 */
int worker_new(const struct worker_plan *plan, struct worker **ret_worker);
struct worker *worker_free(struct worker *worker);

/* Start its thread, behind the gate. Returns: 0, or negative errno. */
int worker_start(struct worker *worker);

/*
 * There are WORKERS of them: the ledger's inboxes index, index + WORKERS, ... belong to this
 * one. Threads: main, before the gate opens.
 */
void worker_set_stride(struct worker *worker, unsigned workers);

/*
 * Hand over a connection whose slot is filled and whose descriptor is conns[slot].fd; at
 * the start also one whose socket was not found, -1, and that ends with its bytes in hand.
 * Returns: 0, or negative errno of epoll_ctl(2).
 * Owns:    on success the worker owns connection and slot; else the caller still does.
 * Threads: the acceptor; or main before the worker's thread runs.
 */
int worker_adopt(struct worker *worker, uint32_t slot);

/*
 * Ask something of it; see mailbox.h.
 * Owns:    the worker owns LETTER until it is answered.
 * Threads: any.
 */
void worker_post(struct worker *worker, struct letter *letter);

/*
 * The settings it works by. A worker that is blocked by the output takes those of a
 * LETTER_SNAPSHOT later. Threads: main.
 */
const struct snapshot *worker_snapshot(const struct worker *worker);

/*
 * Ask for a sign of life; worker_alive() answers whether the last one came.
 * A worker that waits for the output is alive. Threads: main.
 */
void worker_ping(struct worker *worker);
bool worker_alive(const struct worker *worker);

/*
 * Name the connection that a worker works on as the suspect of a crash: the worker whose
 * thread this is (if it is one), or the one given. Async-signal-safe.
 */
void worker_note_crash(void);
void worker_suspect(struct worker *worker);

/* Wait for its thread to end. Returns: how it ended. Blocks: yes. */
enum worker_end worker_join(struct worker *worker);

/*
 * Connections that it has, with those that are in its mailbox. While connections may not move
 * (crew_hold()), a worker that has none is asked for none. Threads: any.
 */
uint32_t worker_load(const struct worker *worker);

/* Records in hand that the output did not take yet. Threads: any. */
uint32_t worker_waiting(const struct worker *worker);

/* Bytes of its inbox in use, at its last delivery. Threads: any. */
uint32_t worker_filled(const struct worker *worker);

#endif
