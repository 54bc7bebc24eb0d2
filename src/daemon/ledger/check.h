/* SPDX-License-Identifier: MIT
 *
 * Checks: what must be true of an inbox whenever its round is committed. A build that was
 * configured with --enable-checks looks each time, and ends when it is not so.
 */
#ifndef PEERLOG_DAEMON_LEDGER_CHECK_H
#define PEERLOG_DAEMON_LEDGER_CHECK_H

#include "daemon/ledger/connections.h"

/*
 * Everything in INBOX is framed and delivered: its segments lie inside of it, one behind the other;
 * each is of another connection that is in hand and stands behind its bytes; and no more is
 * delivered than was offered. Ends the process otherwise.
 * Threads: the inbox's worker.
 */
void ledger_check_now(const struct connections *table, const struct inbox *inbox);

/* The same, if this build is to look. */
static inline void ledger_check(const struct connections *table, const struct inbox *inbox)
{
    if (PEERLOG_CHECKS)
        ledger_check_now(table, inbox);
}

#endif
