/* SPDX-License-Identifier: MIT
 *
 * Questions to the service manager over D-Bus. Where there is none, or it keeps silent,
 * there is no answer, and nothing is said.
 */
#ifndef PEERLOG_DAEMON_ADVICE_UNIT_PROPERTIES_H
#define PEERLOG_DAEMON_ADVICE_UNIT_PROPERTIES_H

#include <stdbool.h>
#include <stdint.h>

/* How many messages of a unit the journal takes in a time; 0 and 0: as journald.conf says. */
struct unit_rate {
    uint64_t interval_us;
    uint32_t burst;
};

/*
 * The limit that a unit sets for its messages.
 * Returns: 0; -ENOENT when the unit is not loaded; another negative errno.
 * Blocks:  2 seconds at most.
 */
int unit_properties_rate(const char *unit, struct unit_rate *ret_rate);

/*
 * Answers: does ReadWritePaths= let this unit write to the file PATH? No, when it is not known.
 * Blocks:  2 seconds at most.
 */
bool unit_properties_writes(const char *unit, const char *path);

#endif
