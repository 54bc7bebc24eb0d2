/* SPDX-License-Identifier: MIT
 *
 * What a client says in a RELP session: messages, and what is to be answered. Pull style and
 * pure: no descriptor, allocation, clock or log; any thread.
 *
 * The caller holds the bytes; a small plain state stands between two views of the stream. What a
 * view's end leaves undecided is carried by the caller to the front of the next one. Records and
 * answers do not depend on how the stream was cut into views.
 *
 * Transaction numbers must follow each other, so that what is owed is a range of them. Anything
 * that cannot be answered in this way ends the session: what came before is answered, and
 * nothing behind it is read.
 */
#ifndef PEERLOG_RELP_STREAM_H
#define PEERLOG_RELP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peerlog/framer.h"
#include "peerlog/relp.h"

/* How a session has ended. */
enum relp_end {
    RELP_END_NONE = 0,
    RELP_END_CLOSE,   /* the client has asked for it, in the last transaction */
    RELP_END_REFUSED, /* the last transaction asks for what there is not: it is answered so */
    RELP_END_BROKEN,  /* what follows the last transaction can be neither understood nor answered */
};

/* Why, if the client has not asked for it. */
enum relp_why {
    RELP_WHY_FRAME = 0, /* a malformed frame: enum relp_fault */
    RELP_WHY_COMMAND,   /* a command that there is not */
    RELP_WHY_NOT_OPEN,  /* another command before "open" */
    RELP_WHY_REOPEN,    /* a second "open" */
    RELP_WHY_SERVER,    /* a command of servers */
    RELP_WHY_ORDER,     /* a transaction number that does not follow the last one */
    RELP_WHY_OFFERS,    /* offers longer than a message may be */
    RELP_WHY_UNFINISHED, /* its stream has ended inside of a message */
    RELP_WHYS,
};

/*
 * What is remembered of a stream: plain data, all zero at its start.
 * A state from elsewhere (an inherited ledger) must pass relp_stream_valid().
 */
struct relp_stream {
    uint32_t whole;      /* transactions up to this number are to be answered; 0: none is */
    uint32_t first;      /* the number of "open", once that is whole */
    uint32_t data_bytes; /* of the frame that is open, whose number follows the last */
    uint32_t given;      /* of its data: given out, or passed over */
    uint32_t part;       /* pieces of its message that were given out */
    uint32_t txnr;       /* of the frame that is open */
    uint8_t phase;       /* enum relp_stream_phase, private */
    uint8_t command;     /* enum relp_command, of the frame that is open */
    uint8_t version;     /* that client and server have in common: 0 or 1 */
    uint8_t end;         /* enum relp_end */
    uint8_t why;         /* enum relp_why */
    uint8_t fault;       /* enum relp_fault, of a malformed frame */
    uint8_t reserved[2];
};

/* One pass over one view. Place it anywhere; nothing needs to be released. */
struct relp_session {
    struct relp_stream *stream;
    const struct framer_rules *rules; /* its limit, and what becomes of longer messages */
    const unsigned char *at;          /* the first byte not yet given out */
    const unsigned char *end;         /* behind the last byte of the view */
    bool at_end;                      /* the stream ends with this view */
};

/*
 * Open a view: what was carried, followed by fresh bytes.
 * Owns: nothing; STREAM, RULES and BYTES must outlive the view.
 */
void relp_session_begin(struct relp_session *s, struct relp_stream *stream,
                        const struct framer_rules *rules, const unsigned char *bytes, size_t len,
                        bool at_end);

/*
 * The next message of the view; as framer_next(). After FRAMER_NEED_MORE the bytes from s->at to
 * s->end are to be carried: at most max_message_bytes and RELP_MAX_HEADER_BYTES.
 */
enum framer_result relp_session_next(struct relp_session *s, struct frame *ret_frame);

/* Answers: can relp_session_next() have left this state, with CARRY bytes carried? */
bool relp_stream_valid(const struct relp_stream *stream, size_t carry);

/*
 * What is wrong with a stream that has ended, to stand behind a peer's name.
 * Returns: NULL when the client has ended it, or it has not ended.
 */
const char *relp_stream_fault(const struct relp_stream *stream);

/* How a stream begins. */
enum relp_guess {
    RELP_GUESS_OPEN,      /* it is RELP: "1 open ", a length, and the first offer, if there is one */
    RELP_GUESS_OTHER,     /* it is not */
    RELP_GUESS_UNDECIDED, /* it may become RELP; at most RELP_GUESS_BYTES bytes are undecided */
};
#define RELP_GUESS_BYTES 32u

enum relp_guess relp_guess(const unsigned char *bytes, size_t len);

#endif
