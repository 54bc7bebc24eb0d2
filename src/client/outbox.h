/* SPDX-License-Identifier: MIT
 *
 * Outbox: framed messages on their way. Bytes come in behind, leave to the kernel, and
 * are kept until the other side's kernel has acknowledged them, so that after a
 * broken connection it is known which messages may be missing, and they can be
 * sent again.
 *
 * Positions are offsets in the stream of all messages, whichever connection carries
 * them: acked <= sent <= composed.
 */
#ifndef PEERLOG_CLIENT_OUTBOX_H
#define PEERLOG_CLIENT_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "peerlog/framer.h"

struct chunk; /* a piece of the stream that holds whole messages only */

struct outbox {
    enum framing framing;
    struct chunk *first; /* holds the first byte not acknowledged */
    struct chunk *last;  /* takes what is composed */
    struct chunk *spare; /* one, to save the allocator work */
    uint64_t composed;
    uint64_t sent;
    uint64_t acked;
    uint64_t messages;        /* composed */
    uint64_t messages_passed; /* in chunks that were acknowledged and let go */
};

/* Where the messages are. */
struct outbox_tally {
    uint64_t composed;
    uint64_t sent;  /* begun, at least */
    uint64_t acked; /* to their last byte */
    /* What follows is not the outbox's to know. */
    uint64_t unfinished_bytes; /* read, of a message that is not whole */
    uint64_t refused;          /* with RELP: never to be taken by the other side */
    bool is_confirmed;         /* with RELP: "acked" is the word of the other side's program */
};

void outbox_init(struct outbox *o, enum framing framing);

/* Release what is still held. */
void outbox_done(struct outbox *o);

/*
 * Find room for whole framed messages of BYTES together.
 * Returns: 0, or -ENOMEM. The place is valid until the next call for this outbox.
 */
int outbox_reserve(struct outbox *o, size_t bytes, unsigned char **ret_place);

/* Take in BYTES that were written to the reserved place, COUNT whole messages. */
void outbox_commit(struct outbox *o, size_t bytes, uint64_t count);

/* The next bytes to send. Returns: how many stand at *ret_bytes, 0 when all are sent. */
size_t outbox_next(const struct outbox *o, const unsigned char **ret_bytes);

/*
 * The message that starts at offset START, of a stream with octet counts; it has been composed,
 * and is not acknowledged. TEXT and LEN may be NULL.
 * Returns: its length with its count; *ret_text and *ret_len are without.
 */
size_t outbox_message(const struct outbox *o, uint64_t start, const unsigned char **ret_text,
                      size_t *ret_len);

/* The kernel has taken BYTES of them. */
void outbox_advance(struct outbox *o, size_t bytes);

/* Of what was sent, IN_FLIGHT bytes are not acknowledged; the rest can go. */
void outbox_acknowledge(struct outbox *o, uint64_t in_flight);

/*
 * The offset up to which whole messages are acknowledged; a sent part of the next one does
 * not count. It looks through the bytes not yet acknowledged.
 */
uint64_t outbox_settled(const struct outbox *o);

/* A new connection: go back to the start of the first message not wholly acknowledged. */
void outbox_rewind(struct outbox *o);

/* Count messages. It looks through the bytes not yet acknowledged. */
struct outbox_tally outbox_count(const struct outbox *o);

#endif
