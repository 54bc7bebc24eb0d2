/* SPDX-License-Identifier: MIT
 *
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 * Pure functions; any thread.
 */
#ifndef PEERLOG_UTF8_H
#define PEERLOG_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decode the character at the start of TEXT, LEN bytes long (at least 1).
 * Returns: its length in bytes, 1 to 4, with *ret_point set; 0 when the first
 *          byte begins no valid character (*ret_point is untouched).
 */
size_t utf8_decode(const unsigned char *text, size_t len, uint32_t *ret_point);

/*
 * The longest cut of TEXT at or below AT bytes that does not split a
 * character. TEXT must be readable for AT + 1 bytes; AT is at least 4.
 * Bytes that are not UTF-8 are cut anywhere.
 * Returns: AT - 3 to AT.
 */
size_t utf8_cut(const unsigned char *text, size_t at);

#endif
