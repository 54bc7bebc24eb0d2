/* SPDX-License-Identifier: MIT
 *
 * Progress: one line on standard error that shows how far a file is sent, how fast,
 * and how long it will take. It is redrawn in place a few times a second.
 */
#ifndef PEERLOG_CLIENT_PROGRESS_H
#define PEERLOG_CLIENT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/options.h"

struct progress {
    bool is_shown;
    bool is_forced;      /* shown even if it is over before the first time */
    bool is_drawn;       /* the line stands on the terminal */
    uint64_t total;      /* bytes; 0: unknown */
    uint64_t started_ms; /* on the caller's monotonic clock */
    uint64_t drawn_ms;
};

#define PROGRESS_LINE_BYTES 512u

/* How often the line is redrawn, in milliseconds. */
#define PROGRESS_INTERVAL_MS 200u

/* Decide whether to show a line, for TOTAL bytes (0: unknown), from NOW_MS on. */
void progress_init(struct progress *p, const struct options *options, uint64_t total,
                   uint64_t now_ms);

/* Show that DONE bytes are sent, unless the line is fresh. Blocks: as the terminal does. */
void progress_show(struct progress *p, uint64_t done, uint64_t now_ms);

/* Take the line away, so that words can stand in its place. */
void progress_clear(const struct progress *p);

/* The last word: show DONE at once and leave the line where it is. */
void progress_finish(struct progress *p, uint64_t done, uint64_t now_ms);

/*
 * Write the line for DONE of TOTAL bytes (0: unknown) after ELAPSED_MS, to fit into
 * COLUMNS (at least 1), with a bar when there is room for one and only with the fields
 * for which there is room.
 * Returns: its length; no line end and no control character is in it.
 */
size_t progress_format(char line[PROGRESS_LINE_BYTES], size_t columns, uint64_t done,
                       uint64_t total, uint64_t elapsed_ms);

#endif
