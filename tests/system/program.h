/* SPDX-License-Identifier: MIT
 *
 * What stream and sink have in common as programs: they end with a word when something fails,
 * read signals as events, and leave a report.
 */
#ifndef PEERLOG_TESTS_SYSTEM_PROGRAM_H
#define PEERLOG_TESTS_SYSTEM_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* End with a failure: say what it was about, and errno. */
_Noreturn void die(const char *what);

/* Milliseconds of a clock that only goes on. */
uint64_t now_ms(void);

/* Returns: a descriptor from which COUNT SIGNALS are read from now on. */
int open_signals(const int *signals, size_t count);

/* A report takes the place of the one before it only when it is whole. */
FILE *report_begin(const char *path);
void report_end(FILE *report, const char *path);

#endif
