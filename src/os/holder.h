/* SPDX-License-Identifier: MIT
 *
 * Who listens on a TCP port of this machine, as far as /proc lets us see.
 */
#ifndef PEERLOG_OS_HOLDER_H
#define PEERLOG_OS_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Write "rsyslogd (process 4711)" to DST.
 * Returns: false when it cannot be told: another user's process, another namespace.
 * Blocks:  for as long as it takes to read /proc. Main's thread.
 */
bool holder_of_port(uint16_t port, char *dst, size_t room);

#endif
