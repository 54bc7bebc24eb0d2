/* SPDX-License-Identifier: MIT
 *
 * A connection in its worker's hands: watched, read, answered, told goodbye, ended. Its data
 * lies in a slot of the ledger and a conn beside it (ledger/connections.h); what it can do is
 * here, over the transport it has.
 *
 * Threads, but where another is named: the worker that owns it.  Blocks: never.
 */
#ifndef PEERLOG_DAEMON_SESSION_CONN_H
#define PEERLOG_DAEMON_SESSION_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/ledger/connections.h"
#include "daemon/session/transport.h"

/* conn.wants: what the poller is to tell of. */
enum conn_wants {
    CONN_WANTS_READ = 1u << 0,  /* bytes, and the end of the stream */
    CONN_WANTS_WRITE = 1u << 1, /* room to write: there is an answer that did not go out */
};

/*
 * Watch it in the poller SET, by what it wants; its slot's index comes back as the tag.
 * Returns: 0, or negative errno of epoll_ctl(2).
 * Threads: also the acceptor, for one that it hands over.
 */
int conn_watch(struct connections *table, uint32_t slot, int set);
int conn_unwatch(struct connections *table, uint32_t slot, int set);

/* Change what it wants; it is watched. Returns: 0, or negative errno. */
int conn_want(struct connections *table, uint32_t slot, int set, uint8_t wants);

/* What the poller's EVENTS say of it. */
struct conn_readiness {
    bool writable;
    bool said_goodbye; /* and nothing else is wrong: a short read is the last one */
    bool ended;        /* by a goodbye, or because it is broken: no more will come */
    bool broken;       /* nothing can be written any more */
};
struct conn_readiness conn_readiness(uint32_t events);

/* Answers: is there nothing left to do before its stream? */
bool conn_is_established(const struct connections *table, uint32_t slot);

/* Go on with what comes before its stream; see enum established. */
enum established conn_establish(struct connections *table, uint32_t slot,
                                struct establishing *with);

/*
 * Take on the inherited connection of SLOT, whose descriptor is there. Answers: can it go on?
 * Threads: main, at start; TOOLS are its own.
 */
bool conn_inherit(struct connections *table, uint32_t slot, void **tools);

/* Read what has come into DST, at most ROOM bytes; see enum received. */
enum received conn_receive(struct connections *table, uint32_t slot, void *dst, size_t room,
                           size_t *ret_len);

/* Answers: was something received already, that waits to be opened? */
bool conn_pending(const struct connections *table, uint32_t slot);

/* Let the transport answer what it owes; what finds no room is waited for in the poller SET. */
void conn_answer(struct connections *table, uint32_t slot, int set);

/* Bytes that wait to be read. Answers 0 for one without a socket. */
uint32_t conn_unread(const struct connections *table, uint32_t slot);

/* Answers: has the peer ended its stream in good order, and was all of it read? */
bool conn_at_end(const struct connections *table, uint32_t slot);

/* Say goodbye: nothing more is written, but the peer is heard until it ends, too. */
void conn_say_goodbye(struct connections *table, uint32_t slot);

/* From now on the end of the process is its end by FIN: nothing of it is in hand. */
void conn_expect_end(struct connections *table, uint32_t slot);

/*
 * End it: by FIN when all it said is logged, by a reset when not (conn.by_reset). SET is where
 * it is watched.
 */
void conn_end(struct connections *table, uint32_t slot, int set, bool parked);

#endif
