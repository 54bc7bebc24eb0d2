/* SPDX-License-Identifier: MIT
 *
 * Capacity: how many connections a process may have, by the limit of its open files.
 */
#ifndef PEERLOG_DAEMON_LEDGER_CAPACITY_H
#define PEERLOG_DAEMON_LEDGER_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

/* What shares a process's descriptors. */
struct capacity_wish {
    uint32_t connections;
    uint32_t files; /* of the log */
    bool parked;    /* the service manager keeps a copy of each connection */
};

/*
 * How many of the wanted connections so many open files allow. Pure; any thread.
 * Returns: 1 to wish->connections.
 */
uint32_t capacity_usable(uint64_t descriptors, const struct capacity_wish *wish);

/*
 * The same of this process, whose limit is raised as far as it goes; says so when it is
 * fewer than wanted. Threads: main.
 */
uint32_t capacity_of_process(const struct capacity_wish *wish);

#endif
