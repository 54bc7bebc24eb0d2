/* SPDX-License-Identifier: MIT
 *
 * What a request wants: the names and values behind the question mark of its address. Pure; any
 * thread.
 */
#ifndef PEERLOG_DAEMON_ADMIN_WANTED_H
#define PEERLOG_DAEMON_ADMIN_WANTED_H

#include <stdbool.h>
#include <stdint.h>

#include "peerlog/cidr.h"
#include "peerlog/limits.h"

/* Peers that a status names when nothing else is said, and at most. */
#define WANTED_BUSIEST 10u

enum wanted_order {
    ORDER_BY_SLOT, /* none was asked for */
    ORDER_BY_RATE,
    ORDER_BY_BYTES,
    ORDER_BY_IDLE,
    ORDER_BY_WAITING, /* bytes that wait in the kernel, and for the end of their message */
};

struct wanted {
    bool has_peer;
    struct cidr peer; /* of these addresses alone */
    bool has_id;
    uint64_t id; /* this connection alone */
    char listener[PEERLOG_MAX_TAG_BYTES + 1]; /* with this tag alone; "": of all */
    enum wanted_order order;
    uint32_t limit; /* not more than so many; 0: all */
    bool now;       /* end it by a reset */
    bool has_busiest;
    uint32_t busiest; /* peers that a status names, up to WANTED_BUSIEST */
};

/*
 * Take NAME=VALUE into WANTED, which was zero at first. VALUE is NULL when there is none.
 * Returns: NULL, or what is wrong, in words.
 */
const char *wanted_take(struct wanted *wanted, const char *name, const char *value);

/* Read the number of a connection. Answers: is it one? */
bool wanted_take_id(struct wanted *wanted, const char *text);

#endif
