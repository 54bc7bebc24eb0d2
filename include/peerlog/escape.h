/* SPDX-License-Identifier: MIT
 *
 * Escape: make text safe for one line of a log or a terminal.
 *
 * Valid UTF-8 and TAB pass untouched. Control characters (C0, DEL, C1), bytes that are not
 * UTF-8 and bidirectional overrides (U+202A to U+202E, U+2066 to U+2069) become \xHH, byte
 * by byte in lower-case hexadecimal; LF becomes \n or stays, as the caller asks.
 * Nothing else changes; a backslash is not doubled. Pure functions; any thread.
 */
#ifndef PEERLOG_ESCAPE_H
#define PEERLOG_ESCAPE_H

#include <stddef.h>

enum escape_lf {
    ESCAPE_LF, /* LF becomes \n: for output in lines */
    KEEP_LF,   /* LF stays: for the journal */
};

/* No byte becomes longer than this. */
#define ESCAPE_MAX_GROWTH 4u

/*
 * How much of TEXT needs no change.
 * Returns: the number of leading bytes that stay as they are; LEN when all do.
 */
size_t escape_clean_bytes(const unsigned char *text, size_t len, enum escape_lf lf);

/*
 * Write TEXT to DST in its safe form, as far as ROOM bytes allow; no
 * character and no escape is cut in two. No NUL is added.
 * Returns: the bytes written, with *ret_taken bytes of TEXT used up.
 */
size_t escape_write(char *dst, size_t room, const unsigned char *text, size_t len,
                    enum escape_lf lf, size_t *ret_taken);

#endif
