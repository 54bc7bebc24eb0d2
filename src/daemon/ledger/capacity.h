/* SPDX-License-Identifier: MIT
 *
 * Capacity: how many connections a process may have, by the limit of its open files.
 */
#ifndef PEERLOG_DAEMON_LEDGER_CAPACITY_H
#define PEERLOG_DAEMON_LEDGER_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How many of WANTED connections so many open files allow; the service manager keeps a
 * copy of each when they are PARKED. Pure; any thread.
 * Returns: 1 to WANTED.
 */
uint32_t capacity_usable(uint64_t descriptors, uint32_t wanted, bool parked);

/*
 * The same of this process, whose limit is raised as far as it goes; says so when it is
 * fewer than WANTED. Threads: main.
 */
uint32_t capacity_of_process(uint32_t wanted, bool parked);

#endif
