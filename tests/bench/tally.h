/* SPDX-License-Identifier: MIT
 *
 * The tally: which messages of which connection have come. A connection that is in
 * perfect order costs a comparison a message; holes are kept as ranges, so a late message
 * and a repeated one are told apart exactly. One thread.
 */
#ifndef PEERLOG_BENCH_TALLY_H
#define PEERLOG_BENCH_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally;

struct tally_sums {
    uint64_t unique;      /* messages, each counted once */
    uint64_t repeats;     /* came again */
    uint64_t late;        /* came after a later one of their connection */
    uint64_t missing;     /* never came, though a later one did */
    uint64_t connections; /* heard of */
    uint64_t least;       /* unique messages of the connection with the fewest */
    uint64_t most;        /* and with the most */
};

/* Returns: an empty tally; exits when memory is short. */
struct tally *tally_new(void);
struct tally *tally_free(struct tally *t);

/* Message SEQUENCE of connection ID (at most MARK_MAX_ID) came. */
void tally_note(struct tally *t, uint32_t id, uint32_t sequence);

/* Add up what was noted. */
void tally_sum(const struct tally *t, struct tally_sums *ret_sums);

#endif
