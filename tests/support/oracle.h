/* SPDX-License-Identifier: MIT
 *
 * Oracle: the rules of the manual once more, as slow and as plain as possible. It sees a
 * whole stream at once and shares no code with src/core, so that tests and
 * fuzzers can compare the two. oracle.c knows PRI, UTF-8 and escapes, oracle_forms.c what the
 * beginning of a message looks like, and oracle_frames.c, with oracle_texts.c and
 * oracle_records.c, where messages end.
 */
#ifndef PEERLOG_TESTS_ORACLE_H
#define PEERLOG_TESTS_ORACLE_H

#include <stddef.h>
#include <stdint.h>

#include "peerlog/escape.h"
#include "support/intake.h"

/* Where the bytes of a stream went: each belongs to exactly one of these. */
struct account {
    size_t text;       /* given out in a frame */
    size_t cut;        /* dropped by the oversize policy */
    size_t terminator; /* LF, CR LF, NUL */
    size_t count;      /* octet counts with their space */
    size_t mark;       /* byte order marks, and what log4js has between messages */
};

/* The records of a whole stream under RULES, with its flushes, and the account of its bytes. */
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

/* What the bytes from FROM to TO say about a form that may begin with them. */
enum form { FORM_NO, FORM_YES, FORM_OPEN };

/* A PRI; "DIGITS SP" with its value; both; the seams of a stream without ends. */
enum form oracle_form_pri(const unsigned char *from, const unsigned char *to);
enum form oracle_form_count(const unsigned char *from, const unsigned char *to,
                            size_t *ret_count, size_t *ret_len);
enum form oracle_form_header(const unsigned char *from, const unsigned char *to);
enum form oracle_form_dated(const unsigned char *from, const unsigned char *to);
enum form oracle_form_text(const unsigned char *from, const unsigned char *to, const char *text);

#endif
