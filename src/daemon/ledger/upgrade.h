/* SPDX-License-Identifier: MIT
 *
 * Upgrade: a ledger of the layout before this one, made into one of this layout. The old memory is
 * only read, but for a length that it lacked: a death in the middle leaves it as it was.
 */
#ifndef PEERLOG_DAEMON_LEDGER_UPGRADE_H
#define PEERLOG_DAEMON_LEDGER_UPGRADE_H

#include <stdint.h>

#include "daemon/ledger/ledger.h"

/*
 * Read a ledger of layout 1.
 * Returns: as ledger_open(); -EPROTONOSUPPORT when it is of yet another layout.
 * Owns:    on success the ledger owns FD; otherwise the caller still does.
 * Threads: main, at start.
 */
int ledger_upgrade(int fd, struct ledger **ret_ledger);

#endif
