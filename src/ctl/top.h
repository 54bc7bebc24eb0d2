/* SPDX-License-Identifier: MIT
 *
 * Top: who is connected, live on a terminal, by ncurses.
 */
#ifndef PEERLOG_CTL_TOP_H
#define PEERLOG_CTL_TOP_H

#include "ctl/ask.h"
#include "ctl/options.h"

/* Returns: an exit status after sysexits.h.  Blocks: until it is left. */
int top_run(struct asker *asker, const struct options *options);

#endif
