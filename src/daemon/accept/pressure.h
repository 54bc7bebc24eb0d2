/* SPDX-License-Identifier: MIT
 *
 * Pressure: why nothing is accepted at the moment, and when that is over. Connections wait in the
 * backlog meanwhile. Said when it begins and when it ends; the acceptor's thread.
 */
#ifndef PEERLOG_DAEMON_ACCEPT_PRESSURE_H
#define PEERLOG_DAEMON_ACCEPT_PRESSURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Out of descriptors or memory: another attempt after so many milliseconds. */
#define PRESSURE_RETRY_MS 100

enum accept_pause {
    ACCEPTING,
    PAUSED_FULL,    /* until a slot is free */
    PAUSED_STARVED, /* until PRESSURE_RETRY_MS are over */
};

/* All zero at first. */
struct pressure {
    enum accept_pause pause;
    int starved_by;       /* negative errno, until the backlog is empty again */
    unsigned failures;    /* in a row, each by an error of one connection alone */
    uint64_t retry_at_ms; /* when starved, by the monotonic clock */
    bool full_said;       /* until a tenth of the places is free again */
};

/* All LIMIT places are taken: pause. */
void pressure_full(struct pressure *p, uint32_t limit, _Atomic uint64_t *counters);

/*
 * accept4(2) ended with ERROR, a negative errno; it may be a reason to pause.
 * Answers: is it worth trying for another connection?
 */
bool pressure_failed(struct pressure *p, int error, _Atomic uint64_t *counters);

/* A connection was accepted. */
void pressure_accepted(struct pressure *p);

/* The reason may be gone: go on. So many of LIMIT places are in USE. */
void pressure_end(struct pressure *p, uint32_t in_use, uint32_t limit);

#endif
