/* SPDX-License-Identifier: MIT
 *
 * The text of the settings file, before any syntax: it is read here, and judged as a text.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_TEXT_H
#define PEERLOG_DAEMON_SETTINGS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/settings/faults.h"

/*
 * Read a whole file into memory, at most 1 MiB. AGAIN: it was read before, so it must not be a
 * pipe, which is empty by now, or waits for somebody to write.
 * Returns: 0; or negative errno as from open(2) and read(2); -EFBIG; -EISDIR; -ESPIPE when it
 *          is a pipe that cannot be read again.
 * Owns:    the caller owns *ret_text (NUL-terminated), see free(3).
 */
int settings_read_file(const char *path, bool again, char **ret_text, size_t *ret_len);

/* Why settings_read_file() failed with ERROR, for people. */
const char *settings_describe_failure(int error);

/*
 * Look for bytes that no settings file has: too many of them, NUL, and what is not
 * UTF-8. Each line at fault is noted.
 * Answers: is there a sense in reading on?
 */
bool settings_check_text(const char *text, size_t len, struct faults *faults);

#endif
