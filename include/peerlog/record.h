/* SPDX-License-Identifier: MIT
 *
 * A record: one message, or one piece of one, as the outputs see it. A view: its
 * text lies in a worker's inbox and is valid until the record was delivered.
 */
#ifndef PEERLOG_RECORD_H
#define PEERLOG_RECORD_H

#include "peerlog/framer.h"
#include "peerlog/priority.h"

/* What a leading <PRI> decides. */
enum priority_mode {
    PRIORITY_MODE_SEVERITY, /* the severity; the facility is the listener's */
    PRIORITY_MODE_FULL,     /* both */
    PRIORITY_MODE_IGNORE,   /* nothing: it stays in the text */
};

struct record_rules {
    uint8_t mode;             /* enum priority_mode */
    uint8_t highest_severity; /* anything more severe is lowered to this */
    uint8_t priority;         /* of a message that carries none */
    bool allow_kern;          /* a peer may say the facility kern, not only the kernel */
};

/* Bits of record.flags beyond enum frame_flags, which keep their places. */
enum record_flags {
    RECORD_REPEAT = 1u << 8,   /* it may have been delivered before a crash */
    RECORD_INDENTED = 1u << 9, /* an indented line: it has the priority of the one before */
    RECORD_CUT = 1u << 10,     /* its stream was cut inside of it, or changed on its way */
};

struct record {
    const unsigned char *text; /* without PRI */
    uint32_t len;
    uint32_t flags;      /* enum frame_flags and enum record_flags */
    uint64_t sequence;   /* of this record within its connection, from 1 */
    uint64_t cut_bytes;  /* as in struct frame */
    uint32_t have_bytes; /* as in struct frame */
    uint32_t want_bytes; /* as in struct frame */
    uint32_t part;       /* as in struct frame */
    uint32_t source;     /* which connection of the batch said it: see batch.h */
    uint8_t priority;    /* facility and severity */
};

/*
 * Make a record of a frame: drop the spaces before a PRI, read and remove it. Later pieces of
 * a split message, whose text is not searched, have its priority. A message without one has
 * that of the message before if it is FRAME_CONTINUED, or if it begins with a space or a TAB,
 * and is RECORD_INDENTED then. A message with one is never either.
 * The hints of the frame are for the caller.
 *
 * *BEFORE belongs to the connection: 1 + the priority of its last message, 0 if there was
 * none. sequence, source and REPEAT stay for the caller to set. Any thread.
 */
void record_from_frame(const struct frame *frame, const struct record_rules *rules,
                       uint8_t *before, struct record *ret_record);

#endif
