/* SPDX-License-Identifier: MIT
 *
 * RELP sessions as text, for the unit test and the fuzzer: a listener that is fed a stream in
 * cuts and writes down what comes out, and an oracle that knows the whole stream. A record is
 * "[TEXT]", with its part, "+" for the last one, "-CUT" or "?HAVE/WANT" behind it; a transaction
 * that is to be answered is "=TXNR"; the end is "!" with its kind and reason, or "." if
 * the session goes on.
 */
#ifndef PEERLOG_TESTS_RELP_TALK_H
#define PEERLOG_TESTS_RELP_TALK_H

#include <stdbool.h>
#include <stddef.h>

#include "peerlog/relp_stream.h"
#include "support/intake.h"

struct relp_talk {
    struct framer_rules rules;
    struct relp_stream stream;
    struct bytes carry;
    struct bytes heard;
};

/* Feed LEN bytes; what they leave undecided is carried to the next ones. */
void relp_talk_feed(struct relp_talk *t, const void *data, size_t len, bool at_end);

/* Feed DATA in views of STEP bytes, of which the last one is the end. */
void relp_talk_run(struct relp_talk *t, struct span data, size_t step);
void relp_talk_done(struct relp_talk *t);

/* What the whole of DATA comes to. Owns: the caller gives back ret_wanted's bytes. */
void relp_oracle(struct span data, const struct framer_rules *rules, struct bytes *ret_wanted);

#endif
