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
#include "peerlog/relp_stream.h"

struct session_kind;

/* One pass over the bytes of a segment. Place it anywhere; nothing needs to be released. */
struct session_view {
    const struct session_kind *kind;
    struct stream *stream; /* moves on with the frames */
    enum protocol protocol; /* what the stream is seen to be just now; else PROTOCOL_NONE */
    struct framer_rules rules;
    union {
        struct framer framer;
        struct relp_session relp; /* of SESSION_RELP */
    };
    bool glimpsed; /* of another protocol: what the log shows of it was given out */
};

/* What became of the answers of a connection. */
enum session_answers {
    ANSWERS_OUT,  /* none is owed; or it is broken, and nobody is there to hear them */
    ANSWERS_WAIT, /* some are, and go out when it is writable */
    ANSWERS_LAST, /* none is owed, and none will be: the session is over */
};

struct session_kind {
    const char *name;

    /* Begin with LEN bytes of the stream; AT_END: it ends behind them. */
    void (*open)(struct session_view *view, const unsigned char *bytes, size_t len, bool at_end);

    /* The next frame: as framer_next(). */
    enum framer_result (*next)(struct session_view *view, struct frame *ret_frame);

    /* After FRAMER_NEED_MORE: the bytes to be carried. Returns: how many, from *ret_from on. */
    size_t (*carry)(const struct session_view *view, const unsigned char **ret_from);

    /*
     * What is wrong with a session that has ended itself, in words. NULL: nothing ever is.
     * Returns: the number of the fault, from 1 on; or 0, and *ret_words is untouched.
     */
    unsigned (*fault)(const struct stream *stream, const char **ret_words);

    /*
     * All records of this connection are in the log: answer what is owed for them, and say the
     * last word if it is leaving. Nothing of it may be in hand. NULL: this kind has no answers,
     * nor anything of what follows.
     */
    enum session_answers (*committed)(struct connections *table, uint32_t slot);

    /* Answers: is something owed for what is in the log? */
    bool (*owes)(const struct connections *table, uint32_t slot);

    /* Take on an inherited one: did the answers go out that were on their way? Threads: main. */
    void (*inherit)(struct connections *table, uint32_t slot);
};

extern const struct session_kind session_syslog, session_relp, session_foreign;

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
static inline size_t session_carry(const struct session_view *view,
                                   const unsigned char **ret_from)
{
    return view->kind->carry(view, ret_from);
}

/* What the kind's functions of these names do, where it has them. */
enum session_answers session_committed(struct connections *table, uint32_t slot);
bool session_owes(const struct connections *table, uint32_t slot);
void session_inherit(struct connections *table, uint32_t slot);

/* How streams of a listener begin; NULL: one that is not known. Returns: enum session_id. */
uint8_t session_wanted(const struct listener_settings *listener);

/* The kind of the session that STREAM belongs to. */
const struct session_kind *session_of(const struct stream *stream);

/* What people call it, by its number; a constant. Threads: any. */
const char *session_name(unsigned id);

#endif
