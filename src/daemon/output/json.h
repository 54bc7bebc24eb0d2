/* SPDX-License-Identifier: MIT
 *
 * Strings of JSON (RFC 8259, section 7). Pure; any thread.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_JSON_H
#define PEERLOG_DAEMON_OUTPUT_JSON_H

#include <stddef.h>

/* No byte becomes longer than this. */
#define JSON_MAX_GROWTH 6u

/*
 * Write TEXT, which is UTF-8, as the inside of a string: quotation mark, backslash and control
 * characters escaped, all else as it is. DST has JSON_MAX_GROWTH bytes for each of TEXT.
 * Returns: the bytes written.
 */
size_t json_escape(char *dst, const char *text, size_t len);

#endif
