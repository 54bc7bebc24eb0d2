/* SPDX-License-Identifier: MIT
 *
 * Numbers for people: short enough for a column, and rounded so that they can be read. Pure.
 */
#ifndef PEERLOG_CTL_NUMBERS_H
#define PEERLOG_CTL_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* Room for any of them and a NUL. */
#define NUMBERS_BYTES 24u

/* 950, 1.2k, 38k, 1.5M */
void numbers_count(char dst[NUMBERS_BYTES], double count);

/* 5s, 3m, 2h, 9d */
void numbers_age(char dst[NUMBERS_BYTES], uint64_t seconds);

/* Levels of a sparkline; 0 is nothing at all. */
#define NUMBERS_LEVELS 9u

/* The level of VALUE where MOST is the highest; what is more than 0 is never level 0. */
unsigned numbers_level(double value, double most);

#endif
