/* SPDX-License-Identifier: MIT
 *
 * Sender: the whole job, from the options to an exit status. It connects, lets the pump work,
 * and after a broken connection sends again what was not acknowledged, if it may.
 */
#ifndef PEERLOG_CLIENT_SENDER_H
#define PEERLOG_CLIENT_SENDER_H

#include "client/options.h"

/*
 * Send what OPTIONS ask for. What goes wrong is said on standard error.
 * Returns: an exit status of sysexits.h; 0: the other side has read everything.
 * Blocks:  until then. A signal that ends it ends the program.
 */
int sender_run(const struct options *options);

#endif
