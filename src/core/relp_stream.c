/* SPDX-License-Identifier: MIT
 *
 * A RELP session as its server hears it. The header of a frame is passed when it is whole; its
 * data stays in the view until all of it and the LF are there, but for messages that are longer
 * than they may be, which leave in pieces, and for what nobody reads, which is passed over.
 */
#include "config.h"

#include "peerlog/relp_stream.h"

#include <string.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "peerlog/utf8.h"

enum relp_stream_phase {
    PHASE_HEADER = 0, /* between two frames, or in a header that is carried */
    PHASE_OFFERS,     /* of "open" */
    PHASE_MESSAGE,    /* of "syslog" */
    PHASE_PASSED,     /* data that says nothing */
    PHASE_OVER,       /* nothing is read any more */
    PHASE_COUNT,
};

/* The latest version of the protocol that is spoken here. */
#define LATEST_VERSION 1

static const char opening[] = "1 open ";
static const char *const offers[] = {"relp_version=", "relp_software=", "commands="};

void relp_session_begin(struct relp_session *s, struct relp_stream *stream,
                        const struct framer_rules *rules, const unsigned char *bytes, size_t len,
                        bool at_end)
{
    *s = (struct relp_session){
        .stream = stream, .rules = rules, .at = bytes, .end = bytes + len, .at_end = at_end,
    };
}

static size_t avail(const struct relp_session *s)
{
    return (size_t)(s->end - s->at);
}

/* --- ending --- */

/* The session is over: nothing behind is read, nor carried. */
static void end_session(struct relp_session *s, enum relp_end end, enum relp_why why,
                        enum relp_fault fault)
{
    *s->stream = (struct relp_stream){
        .whole = s->stream->whole, .first = s->stream->first, .version = s->stream->version,
        .phase = PHASE_OVER, .end = (uint8_t)end, .why = (uint8_t)why, .fault = (uint8_t)fault,
    };
    s->at = s->end;
}

static void break_off(struct relp_session *s, enum relp_why why)
{
    end_session(s, RELP_END_BROKEN, why, RELP_FAULT_NONE);
}

const char *relp_stream_fault(const struct relp_stream *stream)
{
    static const char *const words[RELP_WHYS] = {
        [RELP_WHY_COMMAND] = "a RELP command that there is not; only syslog and close are offered",
        [RELP_WHY_NOT_OPEN] = "another RELP command before open",
        [RELP_WHY_REOPEN] = "a second RELP open",
        [RELP_WHY_SERVER] = "a RELP command that only a server may send",
        [RELP_WHY_ORDER] = "a RELP transaction number that does not follow the last one",
        [RELP_WHY_OFFERS] = "RELP offers that are longer than buffer_size",
    };

    if (stream->end == RELP_END_NONE || stream->end == RELP_END_CLOSE ||
        stream->why == RELP_WHY_UNFINISHED)
        return NULL;
    if (stream->why != RELP_WHY_FRAME)
        return words[stream->why];
    switch (stream->fault) {
    case RELP_FAULT_TXNR:
        return "a malformed RELP frame, which does not begin with a transaction number of 1 to 9 "
               "digits";
    case RELP_FAULT_COMMAND:
        return "a malformed RELP frame, which has no command of 1 to 32 letters";
    case RELP_FAULT_LENGTH:
        return "a malformed RELP frame, which has no length of 1 to 9 digits";
    default:
        return "a malformed RELP frame, which does not end where its length says";
    }
}

/* --- the frame --- */

static bool follows(const struct relp_stream *stream, uint32_t txnr)
{
    if (stream->whole == 0)
        return txnr > 0; /* any that is none of a server's own */
    return txnr == relp_txnr_after(stream->whole);
}

/* What a header leads to, or breaks off. */
static void enter(struct relp_session *s, const struct relp_header *header)
{
    static const uint8_t phases[] = {
        [RELP_COMMAND_OTHER] = PHASE_PASSED, [RELP_COMMAND_OPEN] = PHASE_OFFERS,
        [RELP_COMMAND_CLOSE] = PHASE_PASSED, [RELP_COMMAND_SYSLOG] = PHASE_MESSAGE,
    };
    struct relp_stream *stream = s->stream;

    if (header->command == RELP_COMMAND_RSP || header->command == RELP_COMMAND_SERVERCLOSE) {
        break_off(s, RELP_WHY_SERVER);
    } else if (!follows(stream, header->txnr)) {
        break_off(s, RELP_WHY_ORDER);
    } else {
        bool refused = (header->command == RELP_COMMAND_OPEN) != (stream->whole == 0);
        s->at += header->header_bytes;
        stream->txnr = header->txnr;
        stream->data_bytes = header->data_bytes;
        stream->command = (uint8_t)header->command;
        stream->phase = phases[refused ? RELP_COMMAND_OTHER : header->command];
    }
}

/* Answers: is the header whole, and good? */
static bool open_frame(struct relp_session *s)
{
    struct relp_header header = {0};
    enum relp_fault fault = RELP_FAULT_NONE;

    switch (relp_parse_header(s->at, avail(s), &header, &fault)) {
    case RELP_NEED_MORE:
        return false;
    case RELP_MALFORMED:
        end_session(s, RELP_END_BROKEN, RELP_WHY_FRAME, fault);
        return false;
    default:
        enter(s, &header);
        return s->stream->phase != PHASE_OVER;
    }
}

/* All data of the frame is there, LEFT bytes of it in the view. Answers: and the LF behind it? */
static bool has_end(struct relp_session *s, size_t left)
{
    if (avail(s) <= left)
        return false;
    if (s->at[left] == '\n')
        return true;
    end_session(s, RELP_END_BROKEN, RELP_WHY_FRAME, RELP_FAULT_END);
    return false;
}

/* The frame is whole: its transaction is to be answered. */
static void close_frame(struct relp_session *s)
{
    struct relp_stream *stream = s->stream;

    s->at += (stream->data_bytes - stream->given) + 1;
    *stream = (struct relp_stream){
        .whole = stream->txnr, .version = stream->version, .phase = PHASE_HEADER,
        .first = stream->whole == 0 ? stream->txnr : stream->first,
    };
}

/* --- open, close, and others --- */

/* "relp_version=N", at the beginning of a line of the offers. */
static uint8_t read_version(const unsigned char *data, size_t len)
{
    const size_t name_len = strlen(offers[0]);

    for (size_t at = 0; at + name_len < len;) {
        if (memcmp(data + at, offers[0], name_len) == 0)
            return data[at + name_len] == '0' ? 0 : LATEST_VERSION;
        const unsigned char *lf = memchr(data + at, '\n', len - at);
        at = lf != NULL ? (size_t)(lf - data) + 1 : len;
    }
    return 0;
}

/* Answers: does it get on? */
static bool take_offers(struct relp_session *s)
{
    size_t len = s->stream->data_bytes;

    if (len > s->rules->max_message_bytes) {
        break_off(s, RELP_WHY_OFFERS);
        return false;
    }
    if (!has_end(s, len))
        return false;
    s->stream->version = read_version(s->at, len);
    close_frame(s);
    return true;
}

static void pass_over(struct relp_session *s)
{
    size_t left = s->stream->data_bytes - s->stream->given;
    size_t len = left < avail(s) ? left : avail(s);

    s->at += len;
    s->stream->given += (uint32_t)len;
}

/* The data of a frame that ends the session. */
static void take_last(struct relp_session *s)
{
    const struct relp_stream *stream = s->stream;
    enum relp_end end = RELP_END_REFUSED;
    enum relp_why why = RELP_WHY_COMMAND;

    pass_over(s);
    if (stream->given < stream->data_bytes || !has_end(s, 0))
        return;
    if (stream->whole == 0)
        why = RELP_WHY_NOT_OPEN;
    else if (stream->command == RELP_COMMAND_OPEN)
        why = RELP_WHY_REOPEN;
    else if (stream->command == RELP_COMMAND_CLOSE)
        end = RELP_END_CLOSE;
    close_frame(s);
    end_session(s, end, why, RELP_FAULT_NONE);
}

/* --- messages --- */

/* A piece of a message that is longer than it may be: there is more of it than the limit. */
static void give_piece(struct relp_session *s, struct frame *ret_frame)
{
    struct relp_stream *stream = s->stream;
    size_t len = utf8_cut(s->at, s->rules->max_message_bytes);

    *ret_frame = (struct frame){
        .text = s->at, .len = (uint32_t)len, .part = ++stream->part, .flags = FRAME_SPLIT,
    };
    s->at += len;
    stream->given += (uint32_t)len;
}

/* The first piece of a message of which the rest is passed over, or nothing of it. */
static enum framer_result give_cut(struct relp_session *s, struct frame *ret_frame)
{
    bool kept = s->rules->oversize == OVERSIZE_TRUNCATE;
    size_t len = kept ? utf8_cut(s->at, s->rules->max_message_bytes) : 0;

    *ret_frame = (struct frame){
        .text = s->at, .len = (uint32_t)len, .flags = FRAME_TRUNCATED,
        .cut_bytes = s->stream->data_bytes - len,
    };
    s->at += len;
    s->stream->given += (uint32_t)len;
    s->stream->phase = PHASE_PASSED;
    return kept ? FRAMER_MESSAGE : FRAMER_DISCARDED;
}

/* A line end at the end of a message is none of its text. */
static size_t text_len(const unsigned char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n')
        len -= len > 1 && text[len - 2] == '\r' ? 2 : 1;
    return len;
}

/* LEFT bytes of the message are in the view, and its end. */
static void give_last(struct relp_session *s, size_t left, struct frame *ret_frame)
{
    const struct relp_stream *stream = s->stream;

    *ret_frame = (struct frame){.text = s->at, .len = (uint32_t)text_len(s->at, left)};
    if (stream->part > 0) {
        ret_frame->part = stream->part + 1;
        ret_frame->flags = FRAME_SPLIT | FRAME_LAST;
    }
    close_frame(s);
}

/* The stream ends inside of a message: what came of it is not answered, and not kept back. */
static enum framer_result give_rest(struct relp_session *s, struct frame *ret_frame)
{
    const struct relp_stream *stream = s->stream;
    size_t left = stream->data_bytes - stream->given;
    size_t len = left < avail(s) ? left : avail(s);

    if (len == 0 && stream->part == 0)
        return FRAMER_NEED_MORE;
    *ret_frame = (struct frame){
        .text = s->at, .len = (uint32_t)len, .flags = FRAME_INCOMPLETE,
        .have_bytes = stream->given + (uint32_t)len, .want_bytes = stream->data_bytes,
    };
    if (stream->part > 0) {
        ret_frame->part = stream->part + 1;
        ret_frame->flags |= FRAME_SPLIT | FRAME_LAST;
    }
    break_off(s, RELP_WHY_UNFINISHED);
    return FRAMER_MESSAGE;
}

static enum framer_result next_of_message(struct relp_session *s, struct frame *ret_frame)
{
    size_t left = s->stream->data_bytes - s->stream->given, max = s->rules->max_message_bytes;

    if (left > max && avail(s) > max) {
        if (s->rules->oversize != OVERSIZE_SPLIT && s->stream->part == 0)
            return give_cut(s, ret_frame);
        give_piece(s, ret_frame);
        return FRAMER_MESSAGE;
    }
    if (has_end(s, left)) {
        give_last(s, left, ret_frame);
        return FRAMER_MESSAGE;
    }
    return s->at_end && s->stream->phase == PHASE_MESSAGE ? give_rest(s, ret_frame)
                                                          : FRAMER_NEED_MORE;
}

/* What is left of a message that was cut. Answers: does it get on? */
static bool pass_message(struct relp_session *s)
{
    pass_over(s);
    if (s->stream->given < s->stream->data_bytes || !has_end(s, 0))
        return false;
    close_frame(s);
    return true;
}

/* Go on with a frame that holds no text to be given out. Answers: does it get on? */
static bool advance(struct relp_session *s)
{
    switch (s->stream->phase) {
    case PHASE_HEADER:
        return open_frame(s);
    case PHASE_OFFERS:
        return take_offers(s);
    case PHASE_PASSED:
        if (s->stream->command == RELP_COMMAND_SYSLOG && s->stream->whole > 0)
            return pass_message(s);
        take_last(s);
        return false;
    default:
        s->at = s->end;
        return false;
    }
}

enum framer_result relp_session_next(struct relp_session *s, struct frame *ret_frame)
{
    for (;;) {
        while (s->stream->phase != PHASE_MESSAGE)
            if (!advance(s)) {
                if (s->at_end)
                    s->at = s->end; /* nothing can follow that would complete it */
                return FRAMER_NEED_MORE;
            }
        enum framer_result result = next_of_message(s, ret_frame);
        if (result == FRAMER_NEED_MORE && s->at_end)
            s->at = s->end;
        /* An empty message is none, but it is answered. */
        if (result != FRAMER_MESSAGE || ret_frame->len > 0 || ret_frame->part > 0)
            return result;
    }
}

/* --- states from elsewhere --- */

/* What belongs to a frame that is open. */
static bool frame_valid(const struct relp_stream *s, size_t carry)
{
    if (s->txnr == 0 || s->txnr > RELP_MAX_TXNR || s->data_bytes > RELP_MAX_DATA_BYTES ||
        s->given > s->data_bytes || (s->part > 0) > (s->given > 0) ||
        s->command > RELP_COMMAND_SYSLOG || s->end != RELP_END_NONE)
        return false;
    return carry <= PEERLOG_MAX_MESSAGE_BYTES + 1u && (s->phase != PHASE_PASSED || carry == 0);
}

static bool over_valid(const struct relp_stream *s, size_t carry)
{
    return carry == 0 && s->end > RELP_END_NONE && s->end <= RELP_END_BROKEN;
}

bool relp_stream_valid(const struct relp_stream *stream, size_t carry)
{
    if (stream->phase >= PHASE_COUNT || stream->version > LATEST_VERSION ||
        stream->why >= RELP_WHYS || stream->fault > RELP_FAULT_END ||
        stream->whole > RELP_MAX_TXNR || stream->first > RELP_MAX_TXNR ||
        (stream->whole > 0) != (stream->first > 0) || stream->reserved[0] != 0 ||
        stream->reserved[1] != 0)
        return false;
    if (stream->phase == PHASE_OVER)
        return over_valid(stream, carry);
    if (stream->phase == PHASE_HEADER)
        return carry < RELP_MAX_HEADER_BYTES && stream->end == RELP_END_NONE && stream->given == 0;
    return frame_valid(stream, carry);
}

/* --- how a stream begins --- */

/* Do LEN bytes begin like TEXT, as far as they go? */
static bool begins(const unsigned char *bytes, size_t len, const char *text)
{
    size_t all = strlen(text);

    return memcmp(bytes, text, len < all ? len : all) == 0;
}

enum relp_guess relp_guess(const unsigned char *bytes, size_t len)
{
    struct relp_header header = {0};
    enum relp_fault fault;

    if (len > 0 && !begins(bytes, len, opening))
        return RELP_GUESS_OTHER;
    if (len < strlen(opening))
        return RELP_GUESS_UNDECIDED;
    switch (relp_parse_header(bytes, len, &header, &fault)) {
    case RELP_NEED_MORE:
        return RELP_GUESS_UNDECIDED;
    case RELP_MALFORMED:
        return RELP_GUESS_OTHER;
    default:
        break;
    }
    if (header.data_bytes == 0)
        return RELP_GUESS_OPEN;
    bytes += header.header_bytes;
    len -= header.header_bytes;
    for (size_t i = 0; i < COUNT_OF(offers); i++)
        if (begins(bytes, len, offers[i]))
            return len >= strlen(offers[i]) ? RELP_GUESS_OPEN : RELP_GUESS_UNDECIDED;
    return RELP_GUESS_OTHER;
}
