/* SPDX-License-Identifier: MIT
 *
 * Sessions: what the bytes of a stream mean. A session turns them into frames, and when their
 * records are in the log, answers, if its protocol has answers.
 *
 * Opening and framing are pure: the same state before, the same bytes and the same verdict give
 * the same frames, whatever else has changed. A worker's round and the takeover of a dead
 * process's bytes call the same functions.
 */
#ifndef PEERLOG_DAEMON_SESSION_SESSION_H
#define PEERLOG_DAEMON_SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/ledger/connections.h"
#include "daemon/session/preface.h"
#include "peerlog/framer.h"

struct session_kind;

/* One pass over the bytes of a segment. Place it anywhere; nothing needs to be released. */
struct session_view {
    const struct session_kind *kind;
    struct stream *stream; /* moves on with the frames */
    enum protocol protocol; /* what the stream is seen to be just now; else PROTOCOL_NONE */
    struct framer_rules rules;
    struct framer framer;
    bool glimpsed; /* of another protocol: what the log shows of it was given out */
};

struct session_kind {
    const char *name;

    /* Begin with LEN bytes of the stream; AT_END: it ends behind them. */
    void (*open)(struct session_view *view, const unsigned char *bytes, size_t len, bool at_end);

    /* The next frame: as framer_next(). */
    enum framer_result (*next)(struct session_view *view, struct frame *ret_frame);

    /*
     * All records of this connection are in the log: answer what is owed for them. NULL: this
     * kind has no answers.
     */
    void (*committed)(struct connections *table, uint32_t slot);
};

extern const struct session_kind session_syslog;
extern const struct session_kind session_foreign;

/* The bytes of one segment, as they are in an inbox. */
struct session_input {
    const unsigned char *bytes; /* of the stream: what was carried, and the fresh ones */
    size_t len;
    bool at_end;                /* the stream ends behind them */
    bool flush;                 /* or a flush came there: see framer_flush() */
    uint8_t verdict;            /* enum segment_verdict */
    struct framer_rules rules;
};

enum session_opening {
    SESSION_OPEN,    /* session_next() gives the frames */
    SESSION_WAITS,   /* for more: all bytes behind ret_header->len are carried */
    SESSION_JUDGE,   /* it is whole, or faulty, in *ret_header: preface_judge() is to be asked */
    SESSION_REFUSED, /* the connection is to be closed, and its bytes dropped */
};

/*
 * Begin with the bytes of INPUT where STREAM, which moves on, stands.
 * Owns: nothing; STREAM and the bytes must outlive the view.
 */
enum session_opening session_open(struct session_view *view, struct stream *stream,
                                  const struct session_input *input,
                                  struct preface_header *ret_header);

/* The next frame of an open view; as framer_next(). */
static inline enum framer_result session_next(struct session_view *view, struct frame *ret_frame)
{
    return view->kind->next(view, ret_frame);
}

/* After FRAMER_NEED_MORE: the bytes to be carried. Returns: how many, from *ret_from on. */
size_t session_carry(const struct session_view *view, const unsigned char **ret_from);

/* The kind of the session that STREAM belongs to. */
const struct session_kind *session_of(const struct stream *stream);

#endif
