/* SPDX-License-Identifier: MIT
 *
 * The messages of the system tests: each names its stream and its number in it, and ends in
 * a checksum, so that whoever finds it in a log can say what is lost, repeated, out of order
 * or damaged. Shared by stream, which sends them, and sink, which counts them.
 */
#ifndef PEERLOG_TESTS_SYSTEM_NUMBERED_H
#define PEERLOG_TESTS_SYSTEM_NUMBERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Streams in one test, and the longest padding of a message, in bytes. */
#define NUMBERED_MAX_STREAMS 65536u
#define NUMBERED_MAX_PADDING 4000u

/* Room for the longest message with the newline and a NUL. */
#define NUMBERED_MAX_BYTES (NUMBERED_MAX_PADDING + 96u)

struct numbered {
    uint32_t stream;
    uint64_t number; /* in its stream, from 0 */
};

/*
 * Write MESSAGE as text without a newline, padded by 0 to MAX_PADDING letters; which ones
 * and how many depends on the message alone.
 * Returns: the length in bytes; TEXT has room for NUMBERED_MAX_BYTES.
 */
size_t numbered_write(const struct numbered *message, uint32_t max_padding, char *text);

/* Read such a text again. Returns: false if it is none, or was damaged. */
bool numbered_read(const char *text, size_t len, struct numbered *ret_message);

#endif
