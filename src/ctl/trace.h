/* SPDX-License-Identifier: MIT
 *
 * Trace: what some peers say, as it comes.
 */
#ifndef PEERLOG_CTL_TRACE_H
#define PEERLOG_CTL_TRACE_H

#include "ctl/ask.h"

/*
 * Print what PEER, an address or a range of them, says.
 * Returns: an exit status after sysexits.h.  Blocks: until the daemon or standard output ends.
 */
int trace_run(struct asker *asker, const char *peer);

#endif
