/* SPDX-License-Identifier: MIT
 *
 * Which log this machine has: what an output of type "auto" writes to, and what to call it.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_TARGET_H
#define PEERLOG_DAEMON_SETTINGS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/settings/settings.h"

/* Where an output writes to now. */
struct output_target {
    uint8_t type; /* enum output_type, but not OUTPUT_AUTO */
    char path[SETTINGS_FILE_BYTES];
};

/*
 * The journal when the log socket of SETTINGS is one of journald's, such as /dev/log that leads to
 * /run/systemd/journal/dev-log; or when the usual one is absent, and journald's own is there. Else
 * the log socket, whether it is there or not. For other types than auto it is what they say.
 * Threads: any.  Blocks: for the names of a few files.
 */
void output_target_choose(const struct output_settings *settings, struct output_target *ret_target);

/* Room for any description. */
#define TARGET_TEXT_BYTES (SETTINGS_FILE_BYTES + 16u)

/*
 * "journal (native)", "syslog (/dev/log)", "file (/var/log/peerlog/%Y.log)".
 * Returns: its length.
 */
size_t output_target_describe(const struct output_target *target, char dst[TARGET_TEXT_BYTES]);

#endif
