/* SPDX-License-Identifier: MIT
 *
 * Moving: when the parking rewrites a lot, the slots of its sockets are told where these
 * are parked now. The acceptor's thread.
 */
#ifndef PEERLOG_DAEMON_PARKING_COMPACT_H
#define PEERLOG_DAEMON_PARKING_COMPACT_H

#include <stdbool.h>

#include "daemon/ledger/ledger.h"
#include "daemon/parking/parking.h"

/* parking_sweep() for the slots of LEDGER. Returns: is there more to be done soon? */
bool compact_sweep(struct parking *parking, struct ledger *ledger);

#endif
