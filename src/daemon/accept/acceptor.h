/* SPDX-License-Identifier: MIT
 *
 * The acceptor: one thread that accepts on all listening sockets, asks admission, parks a copy
 * of the socket, and hands the connection to the worker with the fewest. Adding the
 * socket to that worker's epoll set is the hand-over.
 *
 * Without a free slot or descriptor it does not accept: connections wait in the backlog.
 */
#ifndef PEERLOG_DAEMON_ACCEPT_ACCEPTOR_H
#define PEERLOG_DAEMON_ACCEPT_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/session/admission.h"
#include "daemon/ledger/connections.h"
#include "daemon/parking/parking.h"
#include "daemon/settings/snapshot.h"
#include "daemon/worker/worker.h"

/* One listening socket. */
struct listen_socket {
    int fd;
    uint8_t id;     /* in the ledger's listeners */
    bool activated; /* a socket unit passed it */
    bool guarded;   /* by lists that are not known any more: what waits is not let in */
};

/* All of them, and the snapshot they belong to. */
struct listen_set {
    const struct snapshot *snapshot;
    size_t count;
    struct listen_socket sockets[LEDGER_LISTENERS];
};

/* Answers: is this descriptor in the set? NULL is an empty set. */
static inline bool listen_set_has(const struct listen_set *listening, int fd)
{
    for (size_t i = 0; listening != NULL && i < listening->count; i++)
        if (listening->sockets[i].fd == fd)
            return true;
    return false;
}

struct announcer;
struct crew;
struct gate;

struct acceptor_plan {
    struct announcer *announcer; /* or NULL, when no listener wants it */
    struct connections *table;
    struct parking *parking;
    struct admission *admission;
    const struct crew *crew; /* who gets the connections */
    struct gate *gate; /* the thread passes it, or ends */
};

struct acceptor;

/*
 * Make a listener; its thread does not run yet.
 * Returns: 0, or negative errno.  Owns: the caller releases it with acceptor_free().
 */
int acceptor_new(const struct acceptor_plan *plan, struct acceptor **ret_listener);
struct acceptor *acceptor_free(struct acceptor *listener);

int acceptor_start(struct acceptor *listener);

/*
 * Listen on these sockets from now on. Those of before that are not among them are accepted
 * empty and closed.
 * Owns:    the acceptor owns NEXT (from malloc) and its descriptors.
 * Threads: main.
 */
void acceptor_listen(struct acceptor *listener, struct listen_set *next);

/* The set in use. Threads: main. */
const struct listen_set *acceptor_current(const struct acceptor *listener);

/* A slot was freed, or sockets died: look whether that changes anything. Threads: any. */
void acceptor_nudge(struct acceptor *listener);

/*
 * We crash: accept nothing more, and let what was accepted be parked, because between the two
 * a connection would go with us.
 * Blocks:  for milliseconds at most; for 200 when it is the acceptor that crashes.
 * Threads: any; async-signal-safe.
 */
void acceptor_freeze(struct acceptor *listener);

/* As worker_ping() and worker_alive(). */
void acceptor_ping(struct acceptor *listener);
bool acceptor_alive(const struct acceptor *listener);

/*
 * End the thread; connections that wait are let in. With KEEP the sockets stay open until
 * acceptor_free(), for the process that comes next; without, they are closed.
 */
void acceptor_stop(struct acceptor *listener, bool keep);

#endif
