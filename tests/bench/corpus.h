/* SPDX-License-Identifier: MIT
 *
 * The fixed input of micro-benchmarks and instruction counts: a stream of messages
 * as one framing has it, of one size, with text of one kind.
 */
#ifndef PEERLOG_BENCH_CORPUS_H
#define PEERLOG_BENCH_CORPUS_H

#include <stddef.h>

#include "peerlog/framer.h"

enum corpus_text {
    TEXT_ASCII, /* words, as most messages are */
    TEXT_UTF8,  /* characters of three bytes: valid, so nothing is changed */
    TEXT_DIRTY, /* one byte in eight must be escaped */
    TEXT_TORN,  /* nothing but bytes that must be escaped */
};

struct corpus {
    unsigned char *bytes;
    size_t len;
    size_t messages;
};

/* Make MESSAGES messages of SIZE bytes, terminator or count included. Exits without memory. */
void corpus_init(struct corpus *c, enum framing framing, enum corpus_text text, size_t size,
                 size_t messages);
void corpus_done(struct corpus *c);

#endif
