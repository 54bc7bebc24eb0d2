/* SPDX-License-Identifier: MIT
 *
 * What the tests of the settings and their fuzzer share: reading a text, hearing its
 * faults, and the promises that hold for any bytes at all. No test library is needed.
 */
#ifndef PEERLOG_TESTS_SETTINGS_H
#define PEERLOG_TESTS_SETTINGS_H

#include <stddef.h>

#include "daemon/settings/file.h"

/* The faults of one reading: lines that each end with a newline. All zero at first. */
struct heard_faults {
    char *text; /* owned; NULL when there are none */
    size_t len;
    size_t count;
};

/* A settings_fault_fn whose context is a struct heard_faults. */
void heard_add(void *context, const char *fault);

void heard_done(struct heard_faults *heard);

/* Settings that must be good; otherwise their faults are told, and the program ends. */
struct settings *read_good(const char *text);

/* Read a whole file, or end the program. Owns: the caller; it ends with a NUL. */
char *load_file(const char *directory, const char *name, size_t *ret_len);

/* PEERLOG_SOURCE, the root of the source tree, or ".". */
const char *source_directory(void);

/*
 * Read these bytes as settings, and end the program unless: there are settings or faults
 * but not both; each fault is one safe line with a line number, in order; and all
 * settings are in their ranges.
 */
void settings_keep_promises(const char *bytes, size_t len);

#endif
