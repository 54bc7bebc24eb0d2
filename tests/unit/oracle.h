/* SPDX-License-Identifier: MIT
 *
 * Oracle: the rules of the manual once more, as slow and as plain as possible. It sees a
 * whole stream at once and shares no code with src/core, so that tests and
 * fuzzers can compare the two.
 */
#ifndef PEERLOG_TESTS_ORACLE_H
#define PEERLOG_TESTS_ORACLE_H

#include <stddef.h>
#include <stdint.h>

#include "peerlog/escape.h"
#include "unit/support.h"

/* Where the bytes of a stream went: each belongs to exactly one of these. */
struct account {
    size_t text;       /* given out in a frame */
    size_t cut;        /* dropped by the oversize policy */
    size_t terminator; /* LF, CR LF, NUL */
    size_t count;      /* octet counts with their space */
};

/* The records of a whole stream under RULES, and the account of its bytes. */
void oracle_records(struct span stream, const struct intake_rules *rules,
                    struct records *ret_records, struct account *ret_account);

/* The length of the PRI at the start of TEXT, 0 if none; -1 in *RET_VALUE means too large. */
size_t oracle_pri(const unsigned char *text, size_t len, int *ret_value);

/* The length of the valid UTF-8 character at the start of TEXT; 0 if there is none. */
size_t oracle_utf8(const unsigned char *text, size_t len, uint32_t *ret_point);

/*
 * Append the safe form of the first character (or invalid byte) of TEXT to *OUT.
 * Returns: the bytes of TEXT it took.
 */
size_t oracle_escape(const unsigned char *text, size_t len, enum escape_lf lf,
                     struct bytes *out);

#endif
