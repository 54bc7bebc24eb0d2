/* SPDX-License-Identifier: MIT
 *
 * Moving: when the parking rewrites a lot, the slots of its sockets are told where these
 * are parked now. The listener's thread.
 */
#ifndef PEERLOG_DAEMON_MOVING_H
#define PEERLOG_DAEMON_MOVING_H

#include <stdbool.h>

#include "daemon/ledger.h"
#include "daemon/parking.h"

/* parking_sweep() for the slots of LEDGER. Returns: is there more to be done soon? */
bool moving_sweep(struct parking *parking, struct ledger *ledger);

#endif
