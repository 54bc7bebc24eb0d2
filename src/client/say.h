/* SPDX-License-Identifier: MIT
 *
 * Say: peerlog's own words, one line each on standard error, beginning "peerlog: ".
 *
 * The whole line is escaped, so whatever came from a file, an argument or the
 * network cannot reach the terminal as it is.
 */
#ifndef PEERLOG_CLIENT_SAY_H
#define PEERLOG_CLIENT_SAY_H

/* The longest line; what is longer is cut. */
#define SAY_LINE_BYTES 1024u

/*
 * Write one line, formatted as by printf(3), to standard error.
 * Blocks: as long as standard error does.
 */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
