/* SPDX-License-Identifier: MIT
 *
 * The count of what arrived: for each numbered stream which messages came, which came again
 * and whether that was admitted, and whether they came in order, from one peer,
 * with PEER_SEQUENCE going on without a gap.
 */
#ifndef PEERLOG_TESTS_SYSTEM_TALLY_H
#define PEERLOG_TESTS_SYSTEM_TALLY_H

#include <stdio.h>

#include "heard.h"

struct tally;

/* Returns: an empty tally, or NULL without memory. The caller owns it. */
struct tally *tally_new(void);

/* Release a tally; NULL is welcome. Returns: NULL. */
struct tally *tally_free(struct tally *tally);

/* Count one record; a text that is no numbered message counts as foreign. */
void tally_add(struct tally *tally, const struct heard *heard);

/* Count LEN bytes that were no record at all, as foreign. */
void tally_add_foreign(struct tally *tally, const char *bytes, size_t len);

/* Write the count as one JSON object, with a list of arrived messages by stream. */
void tally_write(const struct tally *tally, bool finished, FILE *out);

#endif
