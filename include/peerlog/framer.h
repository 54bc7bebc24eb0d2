/* SPDX-License-Identifier: MIT
 *
 * The framer: where messages begin and end in a stream of bytes (RFC 6587,
 * section 3.4). Pull style and pure: no descriptor, allocation, clock or log.
 *
 * The caller holds the bytes; the framer keeps a small plain state between two
 * views of the stream. What a view's end leaves undecided is carried by the caller
 * to the front of the next one. No byte is searched twice for the same terminator, but for
 * a first message that waited for a NUL in vain, and a joined one that became too long: their
 * bytes, at most a message's, are searched once more.
 *
 * The records do not depend on how the stream was cut into views. They are a function of
 * the state before, the rules, the bytes, and where a flush came between them: see
 * framer_flush(). Who may have to frame a view once more keeps all four.
 *
 * Over-long messages: a message longer than max_message_bytes is given out in pieces
 * (split), as its first piece (truncate), or as a mere notice (discard). Its end
 * is found in every case and the next message is untouched.
 */
#ifndef PEERLOG_FRAMER_H
#define PEERLOG_FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing {
    FRAMING_AUTO,           /* decided frame by frame, see peerlogd.conf(5) */
    FRAMING_LF,             /* each frame ends at LF */
    FRAMING_NUL,            /* each frame ends at NUL */
    FRAMING_OCTET_COUNTING, /* "LENGTH SP MESSAGE" */
    FRAMING_CLOSE,          /* the whole connection is one message */
};

enum oversize {
    OVERSIZE_SPLIT,
    OVERSIZE_TRUNCATE,
    OVERSIZE_DISCARD,
};

/* Which lines belong to the message before them, where messages end at LF. */
enum multiline {
    MULTILINE_NONE,
    MULTILINE_INDENTED,    /* those that begin with a space or a TAB */
    MULTILINE_NO_PRIORITY, /* those without a priority, behind a message with one */
};

/* What the framer obeys; constant while a view is open. */
struct framer_rules {
    uint32_t max_message_bytes; /* PEERLOG_MIN_MESSAGE_BYTES to PEERLOG_MAX_MESSAGE_BYTES */
    uint8_t framing;            /* enum framing */
    uint8_t oversize;           /* enum oversize */
    uint8_t multiline;          /* enum multiline; in auto and lf */
    uint8_t flushes;            /* 1: the caller flushes what waits; 0: it never does, and no
                                   message that may be complete waits for what comes next,
                                   but for lines that are joined */
};

/*
 * What the framer remembers of one stream: plain data, all zero at its start.
 * A state from elsewhere (an inherited ledger) must pass framer_state_valid().
 */
struct framer_state {
    uint64_t dropped;   /* bytes of the current message dropped so far */
    uint32_t count;     /* announced length of a counted frame */
    uint32_t given;     /* bytes of a counted frame given out in pieces */
    uint32_t part;      /* pieces of the current message given out */
    uint32_t held;      /* bytes of the kept first piece at the front of the view */
    uint32_t scanned;   /* bytes at the front of the view known to hold no terminator */
    uint8_t phase;      /* enum framer_phase, private */
    uint8_t after;      /* what the frame directly follows: enum framer_after, private */
    uint8_t last_two[2]; /* the last two bytes dropped, latest second */
    uint32_t joined;    /* the count, with the digit that stood before it; else 0 */
    uint8_t shown;      /* the ends that this stream has shown: enum framer_shown, private */
    uint8_t continued;  /* the frame goes on with what a flush gave out */
    uint8_t reserved[2];
};

/* What ends messages, as bits. */
enum framer_ends {
    FRAMER_ENDS_LF = 1u << 0,
    FRAMER_ENDS_NUL = 1u << 1,
    FRAMER_ENDS_CR = 1u << 2,
    FRAMER_ENDS_COUNT = 1u << 3, /* the count before it */
};

/* Which of these a stream has shown so far. Pure; any thread. */
unsigned framer_shown_ends(const struct framer_state *state);

/* What ended the last message; 0: a pause, or the stream's end. CR counts as LF. Pure. */
unsigned framer_last_end(const struct framer_state *state);

enum frame_flags {
    FRAME_SPLIT = 1u << 0,        /* one piece of a longer message: see part */
    FRAME_LAST = 1u << 1,         /* the last such piece */
    FRAME_TRUNCATED = 1u << 2,    /* only the first piece was kept: see cut_bytes */
    FRAME_INCOMPLETE = 1u << 3,   /* the stream ended inside a counted frame */
    FRAME_UNTERMINATED = 1u << 4, /* the stream ended before a terminator */
    FRAME_UNFINISHED = 1u << 5,   /* a flush came before a terminator */
    FRAME_CONTINUED = 1u << 6,    /* it goes on with the message before, and has its priority */
    FRAME_MISFIT = 1u << 7,       /* a count did not fit: have_bytes and want_bytes, if unequal,
                                     are the length that would have, and that count */
    /* bits 8 to 11 are those of enum record_flags */
    FRAME_FIRST_MISFIT = 1u << 12, /* the first of this stream that says by how much: worth a
                                      word */
    FRAME_ENDLESS = 1u << 13,      /* given out, and no message of this stream has had an end
                                      yet: worth a word; with the first of them only */
};

/* What is for the caller, and not for the record. */
#define FRAME_HINTS (FRAME_FIRST_MISFIT | FRAME_ENDLESS)

struct frame {
    const unsigned char *text; /* into the view; without terminator or count */
    uint32_t len;
    uint32_t part;       /* 1, 2, ... of a split message; else 0 */
    uint32_t flags;      /* enum frame_flags */
    uint32_t have_bytes; /* of an incomplete message: what came, and what */
    uint32_t want_bytes; /* its count announced; of a misfit see there */
    uint64_t cut_bytes;  /* of a truncated or discarded message */
};

enum framer_result {
    FRAMER_NEED_MORE, /* nothing more in this view: carry f->keep bytes from f->at */
    FRAMER_MESSAGE,   /* *ret_frame is a message, or a piece of one */
    FRAMER_DISCARDED, /* a whole message was dropped: ret_frame->cut_bytes */
};

/* One pass over one view. Place it anywhere; nothing needs to be released. */
struct framer {
    struct framer_state *state;
    const struct framer_rules *rules;
    const unsigned char *at;  /* the first byte not yet given out */
    const unsigned char *end; /* behind the last byte of the view */
    const unsigned char *nul; /* private: the next NUL, END if none, NULL if unknown */
    const unsigned char *lf;  /* private: the next LF, likewise */
    uint32_t keep;            /* after FRAMER_NEED_MORE: bytes from AT to carry */
    bool at_end;              /* the stream ends with this view */
    bool flush;               /* private: a flush came behind this view, */
    bool flushed;             /* private: and gave out lines that waited for a NUL */
};

/*
 * Open a view: what was carried, followed by fresh bytes.
 * With AT_END the stream ends behind it, and everything is given out.
 * Owns: nothing; STATE, RULES and BYTES must outlive the view.
 */
void framer_begin(struct framer *f, struct framer_state *state, const struct framer_rules *rules,
                  const unsigned char *bytes, size_t len, bool at_end);

/*
 * A flush came behind the bytes of this view: what waits has waited for long enough. To be
 * called between framer_begin() and framer_next(); it costs the caller one bit, which a
 * replay of the same view must pass in again. A view may be the carry alone.
 *
 * What waits for its end is given out as far as it came, FRAME_UNFINISHED; what follows
 * it is FRAME_CONTINUED, unless it begins with a priority. What may be complete, and
 * waits only for what comes next, is complete. Where lines waited for a NUL they are given
 * out as lines; the last of them, if it has no LF yet, begins to wait anew.
 * NUL and close framing have no flush: nothing happens.
 */
void framer_flush(struct framer *f);

/*
 * The next message of the view. After FRAMER_NEED_MORE the view is spent; the carry
 * is at most max_message_bytes + PEERLOG_CARRY_BYTES long, and empty at
 * the end of the stream.
 */
enum framer_result framer_next(struct framer *f, struct frame *ret_frame);

/*
 * Answers: is this a state that framer_next() can have left, with CARRY bytes carried?
 * If so, any bytes may follow under any rules; if not, it must not be used.
 */
bool framer_state_valid(const struct framer_state *state, size_t carry);

/* Answers: is the stream in the middle of a message, with CARRY bytes carried? */
bool framer_state_open(const struct framer_state *state, size_t carry);

/*
 * Complete a state that was kept by 0.1.0 or 0.1.1, whose numbers are in place: its PHASE as it was
 * numbered there, whether the frame followed a NUL, and whether any message was given out before.
 */
void framer_state_upgrade(struct framer_state *state, unsigned phase, bool after_nul,
                          bool had_messages);

/* For what a stream waits between two views, and so how soon a flush should come. */
enum framer_wait {
    FRAMER_WAIT_NONE,  /* nothing is there that a flush would give out */
    FRAMER_WAIT_PAUSE, /* no end was shown yet, or a message is complete unless more of it
                          comes: flush when the peer pauses */
    FRAMER_WAIT_END,   /* a message waits for its end: flush when it is late */
};

/* Answers that, with CARRY bytes carried under RULES. */
enum framer_wait framer_waits(const struct framer_state *state, const struct framer_rules *rules,
                              const unsigned char *carry, size_t carry_len);

#endif
