/* SPDX-License-Identifier: MIT
 *
 * Format: the parts of a record that are not its text. No allocation, no lock, no
 * printf; each worker has its own stamp.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_FORMAT_H
#define PEERLOG_DAEMON_OUTPUT_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "daemon/output/batch.h"
#include "peerlog/escape.h"
#include "peerlog/marks.h"
#include "peerlog/record.h"

/* The time of a syslog line, made once a second: "Nov 22 08:12:14". */
struct stamp {
    time_t second; /* of the text; 0: none yet */
    char text[16];
};

/* Bring STAMP up to NOW_S, seconds since 1970, in local time. */
void format_stamp(struct stamp *stamp, time_t now_s);

/* Room for any prefix: PRI, time, tag, process, peer, marks. */
#define FORMAT_PREFIX_BYTES 320u

/*
 * "<30>Nov 22 08:12:14 peerlogd[4711]: 192.0.2.7:514 " and the record's marks, as
 * syslog(3) would send it; PID is "[4711]: ".
 * Returns: the length; DST has FORMAT_PREFIX_BYTES.
 */
size_t format_syslog_prefix(char *dst, const struct record *record, const struct source *source,
                            const struct stamp *stamp, const char *pid);

/* "192.0.2.7:514 ", unless its label has show_peer = false, and the record's marks. */
size_t format_line_prefix(char *dst, const struct record *record, const struct source *source);

/* Answers: does this record carry marks, so that its prefix is its own? */
static inline int format_has_marks(const struct record *record)
{
    return (record->flags & ~((uint32_t)FRAME_UNTERMINATED | RECORD_INDENTED)) != 0;
}

/* "[part 3, last] " and the like, as the flags say; nothing when there are none. */
size_t format_marks(char *dst, const struct record *record);

/* "[piece 2, last] ", for a record cut up because the output takes no datagram that large. */
size_t format_piece(char *dst, uint32_t piece, int last);

/*
 * How much of a text needs no change where marks may stand before it.
 * Returns: as escape_clean_bytes(); 0 when the text begins like a mark of ours.
 */
static inline size_t format_clean_bytes(const unsigned char *text, size_t len, enum escape_lf lf)
{
    return marks_imitated(text, len) ? 0 : escape_clean_bytes(text, len, lf);
}

/*
 * The record's text in its safe form, of which the first CLEAN bytes are known to stay. DST has
 * ESCAPE_MAX_GROWTH bytes for each of its text.
 * Returns: the length.
 */
size_t format_escaped(char *dst, const struct record *record, size_t clean, enum escape_lf lf);

/* What a mark that a peer imitates begins with instead of its bracket. */
#define FORMAT_BRACKET "\\x5b"

/* NUMBER in 16 lower-case hexadecimal digits. Returns: 16. */
size_t format_hex(char *dst, uint64_t number);

/* TEXT without its NUL. Returns: its length. */
size_t format_text(char *dst, const char *text);

#endif
