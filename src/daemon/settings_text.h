/* SPDX-License-Identifier: MIT
 *
 * Before any syntax: is the settings file text at all?
 */
#ifndef PEERLOG_DAEMON_SETTINGS_TEXT_H
#define PEERLOG_DAEMON_SETTINGS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/settings_faults.h"

/*
 * Look for bytes that no settings file has: too many of them, NUL, and what is not
 * UTF-8. Each line at fault is noted.
 * Answers: is there a sense in reading on?
 */
bool settings_check_text(const char *text, size_t len, struct faults *faults);

#endif
