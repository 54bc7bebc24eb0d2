/* SPDX-License-Identifier: MIT
 *
 * Takeover: from the descriptors that the service manager hands to a new process back to the
 * connections, listening sockets and bytes in hand of the one before.
 *
 * The old ledger is only read, but for a length that it lacked. A new one is built beside it, and
 * only when it is whole and stored is the old one forgotten: a death in the middle leaves
 * everything as it was.
 * Main's thread, before any other exists.
 */
#ifndef PEERLOG_DAEMON_TAKEOVER_TAKEOVER_H
#define PEERLOG_DAEMON_TAKEOVER_TAKEOVER_H

#include <stdint.h>

#include "daemon/ledger/connections.h"
#include "daemon/takeover/inheritance.h"
#include "daemon/ledger/ledger.h"
#include "daemon/parking/parking.h"

/* What was found and taken over, for the line that says so. */
struct takeover_report {
    uint32_t connections;
    uint32_t messages;  /* in hand */
    uint32_t repeats;   /* of these, possibly delivered already */
    uint32_t damaged;   /* slots and segments that could not be believed */
    uint32_t dismissed; /* connections for which there were no descriptors: closed */
    int signal;         /* what the old process died of; 0: it ended in good order */
    uint32_t early_deaths;
};

/* The geometry that a new ledger needs to hold the old one too: GEOMETRY is made larger. */
void takeover_grow(const struct inheritance *inheritance, struct ledger_geometry *geometry);

/*
 * Fill the new, empty TABLE and its ledger with what the old process had; park lots
 * are taken on by PARKING. Each connection's descriptor is in its conn afterwards;
 * those without one have only bytes in hand, or a tail.
 * Returns: 0, or negative errno.
 */
int takeover_run(struct inheritance *inheritance, struct connections *table,
                 struct parking *parking, struct takeover_report *ret_report);

/*
 * Which of the ledger's listeners did the connection FD come through, by its port?
 * Returns: its index, or LISTENER_NONE.
 */
uint8_t takeover_listener_of(const struct ledger *ledger, int fd);

/* The new ledger is complete: store it, and forget the old one. */
int takeover_commit(const struct inheritance *inheritance, struct ledger *ledger);

#endif
