/* SPDX-License-Identifier: MIT
 *
 * Session: messages of the outbox as RELP frames, at most a window of them unanswered. It
 * outlives its connections: what has no answer when one breaks goes out again on the next, in
 * its order, and nothing else does. Bytes in, bytes out; no descriptor is touched here.
 *
 * The outbox holds the messages with octet counts; the window lies in front of outbox->sent,
 * and outbox->acked follows the first message without an answer.
 */
#ifndef PEERLOG_CLIENT_SESSION_H
#define PEERLOG_CLIENT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/outbox.h"
#include "peerlog/limits.h"
#include "peerlog/relp.h"

/* What is kept of an answer: its code, words, and the offers of an "open". */
#define SESSION_ANSWER_BYTES 1024u
#define SESSION_PROBLEM_BYTES 320u

enum session_phase {
    SESSION_OPENING, /* "open" was not answered yet */
    SESSION_OPEN,
    SESSION_CLOSING, /* "close" was not answered yet */
    SESSION_CLOSED,  /* by either side; nothing more is to come */
};

/* A message in the window. */
struct session_entry {
    uint64_t start; /* in the outbox */
    bool settled;   /* it has an answer */
};

struct session {
    struct outbox *outbox;
    struct session_entry *entries; /* a ring of WINDOW */
    uint32_t window;
    uint32_t head;
    uint32_t count;     /* messages in the window, and */
    uint32_t begun;     /* those of them that this connection has got */
    uint64_t confirmed; /* messages of all connections that are taken care of */
    uint64_t refused;   /* those that the other side will never take */

    /* Of one connection. */
    enum session_phase phase;
    uint32_t head_txnr; /* of the entry at the head */
    uint32_t next_txnr;
    unsigned char *out; /* frames on their way to the wire: */
    size_t out_room;
    size_t out_len;
    size_t out_at;      /* the first byte that it has not taken */
    struct relp_state state;
    size_t carry; /* bytes in IN that are the beginning of a header */
    unsigned char in[RELP_MAX_HEADER_BYTES + PEERLOG_CLIENT_ANSWERS_BYTES];
    char answer[SESSION_ANSWER_BYTES];
    size_t answer_len;
    char problem[SESSION_PROBLEM_BYTES]; /* what is wrong, in words; "": nothing is */
    char refusal[SESSION_PROBLEM_BYTES]; /* the words of the last refusal */
};

/*
 * Returns: 0, or -ENOMEM. Call session_done() in any case.
 * Owns:    nothing of OUTBOX, which must outlive the session.
 */
int session_init(struct session *s, struct outbox *outbox, uint32_t window);
void session_done(struct session *s);

/* A new connection: open it, and send again what has no answer. Returns: 0, or -ENOMEM. */
int session_begin(struct session *s);

/*
 * Frame what the window and the buffer have room for; with AT_END nothing more will be
 * composed, so that the session is closed when all is answered.
 * Returns: 0, or -ENOMEM.
 */
int session_fill(struct session *s, bool at_end);

/* The next bytes for the wire. Returns: how many stand at *ret_bytes. */
size_t session_next(const struct session *s, const unsigned char **ret_bytes);

/* The wire has taken BYTES of them. */
void session_advance(struct session *s, size_t bytes);

/* Where to put what comes from the wire. Returns: the room there. */
size_t session_room(struct session *s, unsigned char **ret_place);

/*
 * BYTES have come and are in their place.
 * Returns: 0; -EPIPE when the other side has closed the session too early; -EPROTO when what
 *          it says is not RELP, or it does not want us. s->problem says more.
 */
int session_hear(struct session *s, size_t bytes);

/* Answers: has every message that was framed an answer? */
bool session_is_settled(const struct session *s);

#endif
