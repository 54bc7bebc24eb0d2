/* SPDX-License-Identifier: MIT
 *
 * The listener: one thread that accepts on all listening sockets, asks admission, parks a copy
 * of the socket, and hands the connection to the worker with the fewest. Adding the
 * socket to that worker's epoll set is the hand-over.
 *
 * Without a free slot or descriptor it does not accept: who connects waits in the backlog.
 */
#ifndef PEERLOG_DAEMON_ACCEPT_ACCEPTOR_H
#define PEERLOG_DAEMON_ACCEPT_ACCEPTOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/session/admission.h"
#include "daemon/ledger/connections.h"
#include "daemon/parking/parking.h"
#include "daemon/settings/snapshot.h"
#include "daemon/metrics/stats.h"
#include "daemon/worker/worker.h"

/* One listening socket. */
struct listening_socket {
    int fd;
    uint8_t id;     /* in the ledger's listeners */
    bool activated; /* a socket unit passed it */
    bool guarded;   /* by rules that are not known any more: who waits is not let in */
};

/* All of them, and the rules they belong to. */
struct listening {
    const struct rulebook *rules;
    size_t count;
    struct listening_socket sockets[LEDGER_LISTENERS];
};

/* Answers: is this descriptor in the set? NULL is an empty set. */
static inline bool listening_has(const struct listening *listening, int fd)
{
    for (size_t i = 0; listening != NULL && i < listening->count; i++)
        if (listening->sockets[i].fd == fd)
            return true;
    return false;
}

struct listener_plan {
    struct connections *table;
    struct parking *parking;
    struct admission_office *office;
    struct worker **workers;
    unsigned workers_count;
    pthread_mutex_t *gate; /* the thread waits until it is free */
};

struct listener;

/*
 * Make a listener; its thread does not run yet.
 * Returns: 0, or negative errno.  Owns: the caller releases it with listener_free().
 */
int listener_new(const struct listener_plan *plan, struct listener **ret_listener);
struct listener *listener_free(struct listener *listener);

int listener_start(struct listener *listener);

/*
 * Listen on these sockets from now on. Those of before that are not among them are accepted
 * empty and closed.
 * Owns:    the listener owns NEXT (from malloc) and its descriptors.
 * Threads: main.
 */
void listener_listen(struct listener *listener, struct listening *next);

/* The set in use. Threads: main. */
const struct listening *listener_current(const struct listener *listener);

/* A slot was freed, or sockets died: look whether that changes anything. Threads: any. */
void listener_nudge(struct listener *listener);

/*
 * We crash: accept nothing more, and let what was accepted be parked, because between the two
 * a connection would go with us.
 * Blocks:  for milliseconds at most; for 200 when it is the listener that crashes.
 * Threads: any; async-signal-safe.
 */
void listener_hold(struct listener *listener);

/* As worker_ping() and worker_alive(). */
void listener_ping(struct listener *listener);
bool listener_alive(const struct listener *listener);

/*
 * End the thread; who waits to be accepted is let in. With KEEP the sockets stay open until
 * listener_free(), for the process that comes next; without, they are closed.
 */
void listener_stop(struct listener *listener, bool keep);

const struct listener_stats *listener_stats(const struct listener *listener);

#endif
