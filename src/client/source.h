/* SPDX-License-Identifier: MIT
 *
 * Source: where lines come from: a file or standard input. Reads what is there, keeps the
 * start of an unfinished line, and knows how much is still to come when that can be known.
 */
#ifndef PEERLOG_CLIENT_SOURCE_H
#define PEERLOG_CLIENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source {
    const char *name;     /* for people */
    int fd;               /* blocking: it may be shared with other programs */
    bool ended;           /* there will be no more bytes */
    unsigned char *bytes; /* not yet composed */
    size_t len;
    size_t room;
    size_t scanned;       /* bytes at the front known to hold no LF */
    uint64_t taken;       /* bytes read so far */
    uint64_t total;       /* bytes of a regular file; 0: unknown */
};

/*
 * Open FILE; NULL and "-" are standard input.
 * Returns: 0, or a negative errno (-EISDIR for a directory). Call source_close() in any case.
 * Blocks:  on a FIFO until somebody writes to it.
 */
int source_open(struct source *s, const char *file);

/* Close the file, but not standard input, and release the bytes. */
void source_close(struct source *s);

/*
 * Read what is there behind the bytes at hand, as much as one large read takes.
 * Returns: 0, with s->ended set at the end of the input; or a negative errno.
 * Blocks:  when poll(2) has not said that there is something to read.
 */
int source_read(struct source *s);

/* Let go the first BYTES; no LF is in what remains. */
void source_consume(struct source *s, size_t bytes);

#endif
