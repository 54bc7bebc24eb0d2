/* SPDX-License-Identifier: MIT
 *
 * The forms in which records stand in files: a line of text, a line of JSON, or an entry of the
 * journal's export format. Each ends in a way that nothing within it does, so that what a crash
 * tore off can be told from what is whole.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_FILE_FORMAT_H
#define PEERLOG_DAEMON_OUTPUT_FILE_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "daemon/output/entry.h"
#include "daemon/output/format.h"

/* A moment, in the forms that are written. */
struct file_stamp {
    uint64_t us;   /* since 1970 */
    time_t second; /* of local and text */
    struct tm local;
    char text[40]; /* RFC 3339: "2026-11-22T08:12:14.123456+01:00 " */
    size_t len;
};

/* Bring STAMP up to NOW_US, microseconds since 1970, in local time. */
void file_stamp_set(struct file_stamp *stamp, uint64_t now_us);

/* What records of one call share. */
struct file_writer {
    const struct file_stamp *stamp;
    uint64_t instance; /* of the ledger */
    /* The beginning of the last line of text, which neighbours may share; NULL: none. */
    const char *prefix;
    size_t prefix_len;
    const struct source *source;
    uint8_t priority;
};

struct file_format {
    /* The most that a record may become. */
    size_t (*bound)(const struct record *record);
    /* Write one to DST. Returns: its length. */
    size_t (*write)(char *dst, struct file_writer *writer, const struct record *record,
                    const struct source *source);
    /*
     * Where the last whole record in the LEN bytes at the end of a file ends.
     * Returns: the offset; 0 when there is none.
     */
    size_t (*whole)(const char *bytes, size_t len);
    bool is_lines; /* a torn record may stay, as a line of its own */
};

/* By enum output_format of the settings. */
const struct file_format *file_format_of(unsigned format);

#endif
