/* SPDX-License-Identifier: MIT
 *
 * The intake, which unit tests and fuzzers share, and a growing row of bytes. It is a small
 * stand-in for the worker that cuts input as it likes, carries what the framer asks
 * to be carried, and keeps the records that come out. Every view lies in an allocation
 * of exactly its size, so that a sanitizer sees each byte read too far. A broken
 * contract ends the program with one line on stderr. It knows no test library.
 */
#ifndef PEERLOG_TESTS_INTAKE_H
#define PEERLOG_TESTS_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peerlog/framer.h"
#include "peerlog/record.h"

/* End the program unless TRUTH holds; WHAT says which contract broke. */
void require(bool truth, const char *what);

/* Where tests may leave files for a while: $TMPDIR, or the usual place. */
const char *scratch_directory(void);

/* Bytes that grow at their end. All zero is empty; give them back with bytes_done(). */
struct bytes {
    unsigned char *data;
    size_t len;
    size_t room;
};

/* Bytes that somebody else owns; of a stream, also where flushes came: rising positions. */
struct span {
    const unsigned char *data;
    size_t len;
    const size_t *flushes;
    size_t flush_count;
};

static inline struct span bytes_span(const struct bytes *b)
{
    return (struct span){.data = b->data, .len = b->len};
}

void bytes_add(struct bytes *b, const void *data, size_t len);
void bytes_add_text(struct bytes *b, const char *text);
void bytes_repeat(struct bytes *b, int byte, size_t times);
void bytes_done(struct bytes *b);

/* A copy of LEN bytes in an allocation of exactly their size. Owns: the caller. */
unsigned char *exact_copy(const void *data, size_t len);

/* A number below BELOW from a generator that gives the same on every machine. */
unsigned draw(uint64_t *seed, unsigned below);

/* A record that outlives its view. */
struct heard {
    struct record record; /* without text: it is here */
    unsigned char *text;
    size_t frame_offset; /* where its frame stands in the stream, PRI included */
    size_t frame_bytes;
    bool discarded; /* a notice: no text, no frame */
};

struct records {
    struct heard *items;
    size_t count;
    size_t room;
};

/* Append H with RECORD and a copy of its text. */
void records_add(struct records *r, const struct record *record, const struct heard *h);
void records_done(struct records *r);

/* Answers: are text, flags, numbers, priorities and places all the same? */
bool records_equal(const struct records *a, const struct records *b);

/*
 * The records in one line, separated by "|": each is its text, then what it says of
 * itself in brackets. NUL is written \0, and 32 or more equal bytes as "L*8192".
 * Owns: the caller.
 */
char *records_describe(const struct records *r);

/* What an intake obeys. */
struct intake_rules {
    struct framer_rules framer;
    struct record_rules record;
};

/* One connection's bytes on their way to records. */
struct intake {
    const struct intake_rules *rules;
    struct framer_state state;
    uint8_t before; /* as record_from_frame() keeps it */
    struct bytes carry;
    size_t carry_offset; /* of the carry in the stream */
    size_t fed;          /* bytes of the stream so far */
    struct records heard;
    uint32_t hints; /* FRAME_HINTS of all frames so far */
};

void intake_init(struct intake *s, const struct intake_rules *rules);
void intake_feed(struct intake *s, const void *data, size_t len, bool at_end);

/* The same, and then a flush. */
void intake_flush(struct intake *s, const void *data, size_t len);
void intake_done(struct intake *s);

#endif
