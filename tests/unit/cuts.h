/* SPDX-License-Identifier: MIT
 *
 * Cuts: one stream, cut in many ways, must always give the same records. The end of the
 * stream comes with the last bytes, and once more by itself.
 */
#ifndef PEERLOG_TESTS_CUTS_H
#define PEERLOG_TESTS_CUTS_H

#include <stddef.h>

#include "unit/support.h"

/* How thoroughly a stream is cut; each includes the ones before it. */
enum cut_depth {
    CUT_CHUNKS, /* whole, and in equal chunks of many sizes, down to one byte */
    CUT_ONCE,   /* in two, at every position */
    CUT_TWICE,  /* in three, at every pair of positions */
};

/*
 * Cut BYTES in all ways of DEPTH and compare what comes out with WANTED.
 * Returns: NULL, or a text that names the first cut that differs and both results.
 * Owns:    the caller frees the text.
 */
char *cuts_complaint(const struct stream_rules *rules, const unsigned char *bytes, size_t len,
                     const struct records *wanted, enum cut_depth depth);

/* The same for one way: N cuts at rising positions below or at LEN. */
char *cut_complaint(const struct stream_rules *rules, const unsigned char *bytes, size_t len,
                    const struct records *wanted, const size_t *cuts, size_t n);

#endif
