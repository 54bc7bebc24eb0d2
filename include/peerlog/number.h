/* SPDX-License-Identifier: MIT
 *
 * Numbers as text, written by hand because they stand on the way of every message.
 */
#ifndef PEERLOG_NUMBER_H
#define PEERLOG_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* The most digits that number_format() writes. */
#define NUMBER_MAX_DIGITS 20u

/*
 * Write NUMBER in decimal to DST, without a NUL.
 * Returns: its length, 1 to NUMBER_MAX_DIGITS.
 */
size_t number_format(char *dst, uint64_t number);

#endif
