/* SPDX-License-Identifier: MIT
 *
 * Cuts: one stream, cut in many ways, must always give the same records. Flushes stay where
 * they are, with the bytes before them or, when the end comes late, by themselves. The end of the
 * stream comes with the last bytes, and once more by itself.
 */
#ifndef PEERLOG_TESTS_CUTS_H
#define PEERLOG_TESTS_CUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "support/intake.h"

/* One way to cut a stream. */
struct cuts {
    const size_t *at; /* rising positions, at most the stream's length */
    size_t count;
    bool late_end; /* the end of the stream comes by itself */
};

/*
 * Cut STREAM in one way and compare what comes out with WANTED.
 * Returns: NULL, or a text that tells the cuts and both results.
 * Owns:    the caller frees the text.
 */
char *cuts_complaint(const struct intake_rules *rules, struct span stream,
                     const struct records *wanted, const struct cuts *cuts);

/* How thoroughly a stream is cut; each includes the ones before it. */
enum cut_depth {
    CUT_CHUNKS, /* whole, and in equal chunks of many sizes, down to one byte */
    CUT_ONCE,   /* in two, at every position */
    CUT_TWICE,  /* in three, at every pair of positions */
};

/* The same for all ways of DEPTH, each with both ends, up to the first that differs. */
char *all_cuts_complaint(const struct intake_rules *rules, struct span stream,
                         const struct records *wanted, enum cut_depth depth);

#endif
