/* SPDX-License-Identifier: MIT
 *
 * A rig: one worker with all that it stands on, but without its thread. Connections come through
 * real sockets of 127.0.0.1, records go to the broker. Whatever fails that is not being tested
 * ends the program.
 */
#ifndef PEERLOG_TESTS_RIG_H
#define PEERLOG_TESTS_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/settings/snapshot.h"
#include "daemon/takeover/takeover.h"
#include "daemon/worker/private.h"
#include "support/broker.h"

#define RIG_SLOTS 128u

/* Events of a connection that has something, and of one that has said goodbye as well. */
#define RIG_READABLE EPOLLIN
#define RIG_GOODBYE (EPOLLIN | EPOLLRDHUP)

struct rig_plan {
    const struct output_kind *kind;
    bool proxy;       /* connections begin with a PROXY header */
    const char *deny; /* an address or a range; NULL: none */
    bool crew;        /* there are two workers; connections begin with the first */
};

struct rig {
    struct ledger *ledger;
    struct connections table;
    struct cidr denied;
    struct snapshot snapshot;
    struct admission *admission;
    struct parking *parking;
    struct preface *preface;
    struct peer_rates *rates;
    struct output_health health;
    struct worker *worker;
    struct worker *second; /* NULL: there is none */
    struct worker *workers[2]; /* the same */
    struct crew crew;
};

void rig_begin(struct rig *rig, const struct rig_plan *plan);
void rig_end(struct rig *rig);

/* The same, with what another process left: its ledger FD, which is taken, and a lot. */
void rig_inherit(struct rig *rig, const struct rig_plan *plan, int fd, int lot_fd,
                 struct takeover_report *ret_report);

/*
 * Open a connection that the worker owns.
 * Returns: its slot, and the client's descriptor in *ret_client, which is the caller's.
 */
uint32_t rig_connect(struct rig *rig, int *ret_client);

/* Say LEN bytes, and wait until they are in the daemon's socket. */
void rig_say(const struct rig *rig, uint32_t slot, int client, const void *bytes, size_t len);

/* Say goodbye, and wait until the daemon's socket knows. */
void rig_say_goodbye(const struct rig *rig, uint32_t slot, int client);

/* A copy of the ledger as it is now. Owns: the caller. */
int rig_leave(const struct rig *rig);

/* A pair of stream sockets, as lots are. */
void rig_make_pair(int pair[2]);

/*
 * Put another socket in the place of a connection's: with what is unread in that one, LEN bytes
 * more, and the end. Nothing is taken out of the one before.
 */
void rig_feed(struct rig *rig, uint32_t slot, const void *bytes, size_t len);

/* Read one connection as the worker does that owns it; there must be room. */
void rig_read(struct rig *rig, uint32_t slot, uint32_t events);

#endif
