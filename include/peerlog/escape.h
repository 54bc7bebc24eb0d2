/* SPDX-License-Identifier: MIT
 *
 * Escape: make text safe for one line of a log or a terminal.
 *
 * Valid UTF-8 and TAB pass untouched. Control characters (C0, DEL, C1), bytes that are not
 * UTF-8, noncharacters (U+FDD0 to U+FDEF, the last two of each plane) and bidirectional
 * overrides (U+202A to U+202E, U+2066 to U+2069) become \xHH, byte by byte in lower-case
 * hexadecimal. What ends a line becomes that too, or stays, as the caller asks: LF, as \n,
 * and U+2028 and U+2029, at which many viewers begin a new line. Nothing else changes; a
 * backslash is not doubled. So nothing is left that journalctl would hide as "blob data".
 * Pure functions; any thread.
 */
#ifndef PEERLOG_ESCAPE_H
#define PEERLOG_ESCAPE_H

#include <stddef.h>

enum escape_lf {
    ESCAPE_LF, /* LF becomes \n, and no other line may seem to begin: for output in lines */
    KEEP_LF,   /* all three stay: for the journal */
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
