/* SPDX-License-Identifier: MIT
 *
 * The versions of libconfig do not agree on what a number is, nor on commas. What one of
 * them takes, another refuses or reads as something else:
 *
 *     010514        10514 (1.5, 1.8), or octal (1.7)
 *     20 digits     too large (1.5), or an error of syntax
 *     0b11, 0o17    an error of syntax, or a number (1.8)
 *     [ 1, ]        an error of syntax (1.5), or a list of one
 *     [ 1,, 2 ]     an error of syntax (1.5), or a list of two
 *
 * The text is put into a dialect that all of them read alike.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_DIALECT_H
#define PEERLOG_DAEMON_SETTINGS_DIALECT_H

#include <stddef.h>

#include "daemon/settings/faults.h"

/* The last setting of each copy: it is missing where something unclosed has swallowed it. */
#define SETTINGS_END_NAME "*"

/* A number of more digits than this is no number to us. */
#define SETTINGS_MAX_DIGITS 15u

/*
 * Copy TEXT, LEN bytes without NUL, for libconfig. Each integer is one of 64 bits, and one of
 * more than SETTINGS_MAX_DIGITS digits is nines. A leading zero is noted in FAULTS and left
 * out. A comma behind the last value of a list is left out, and one without a value
 * before it is an error of syntax. Texts, comments and lines stay as they are; the byte
 * order mark goes, and the setting SETTINGS_END_NAME is put behind it all, on a line of its own.
 * Owns:    the caller owns the copy, see free(3). NULL when there is no memory.
 */
char *settings_translate(const char *text, size_t len, struct faults *faults);

#endif
