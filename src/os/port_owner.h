/* SPDX-License-Identifier: MIT
 *
 * Who listens on a TCP address of this machine, as far as /proc lets us see.
 */
#ifndef PEERLOG_OS_PORT_OWNER_H
#define PEERLOG_OS_PORT_OWNER_H

#include <stdbool.h>
#include <stddef.h>

#include "peerlog/peer.h"

/*
 * Write "rsyslogd (process 4711)" to DST: who keeps others from listening on ADDRESS.
 * Returns: false when it cannot be told: another user's process, another namespace.
 * Blocks:  for as long as it takes to read /proc. Main's thread.
 */
bool port_owner_of(const struct peer *address, char *dst, size_t room);

#endif
