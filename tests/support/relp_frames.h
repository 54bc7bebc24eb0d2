/* SPDX-License-Identifier: MIT
 *
 * RELP frames as text, for the unit test and the fuzzer: a reader that is fed a stream in
 * cuts and writes down what it hears. A whole frame is "TXNR COMMAND LENGTH[DATA]|", a
 * malformed stream ends with "!" and its fault, an open one with "...".
 */
#ifndef PEERLOG_TESTS_RELP_FRAMES_H
#define PEERLOG_TESTS_RELP_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "peerlog/relp.h"
#include "support/intake.h"

struct relp_frames {
    struct relp_state state;
    struct bytes carry;
    struct bytes heard; /* the frames as text */
    struct bytes open;  /* data of the frame that is open */
    bool malformed;
};

/* Feed LEN bytes; what they leave undecided is carried to the next ones. */
void relp_frames_feed(struct relp_frames *f, const void *data, size_t len);

/* The stream ends: what is open is noted, and the text gets its NUL. */
void relp_frames_end(struct relp_frames *f);
void relp_frames_done(struct relp_frames *f);

/* Write one frame, and the end of a stream that is malformed, to OUT. */
void relp_note_frame(struct bytes *out, uint32_t txnr, enum relp_command command,
                     struct span data);
void relp_note_fault(struct bytes *out, enum relp_fault fault);

#endif
