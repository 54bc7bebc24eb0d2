/* SPDX-License-Identifier: MIT
 *
 * Announcing: a line of our own words when a connection begins or ends, where its listener wants
 * it. Connections may come in storms, so in each interval there are a number of lines, and what
 * goes beyond is counted and told when the interval is over.
 */
#ifndef PEERLOG_DAEMON_SESSION_ANNOUNCE_H
#define PEERLOG_DAEMON_SESSION_ANNOUNCE_H

#include <stdint.h>

#include "daemon/ledger/layout.h"
#include "daemon/settings/settings.h"

struct announcer;

/*
 * Make one. COUNTED is called by whichever thread first finds no line free in an interval: then
 * announce_tick() has something to do.
 * Returns: 0, or negative errno.  Owns: release it with announcer_free().
 */
int announcer_new(void (*counted)(void *context), void *context, struct announcer **ret_announcer);
struct announcer *announcer_free(struct announcer *announcer);

/* PEER has connected to a listener that is bound to LISTENER, in text. Threads: any. */
void announce_begin(struct announcer *announcer, const struct peer *peer, const char *listener);

/* The connection of SLOT ends. Threads: its worker. */
void announce_end(struct announcer *announcer, const struct slot *slot);

/* The words for a way to end (enum slot_ending): "it said goodbye". Pure; any thread. */
const char *announce_describe(unsigned ending);

/*
 * Tell what was counted, at NOW_MS of the monotonic clock, if its interval is over.
 * Returns: when there will be something to tell, by the same clock; 0: nothing was counted.
 * Threads: main.
 */
uint64_t announce_tick(struct announcer *announcer, uint64_t now_ms);

#endif
