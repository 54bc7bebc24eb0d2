/* SPDX-License-Identifier: MIT
 *
 * Sessions as text. The oracle reads a frame as the protocol has it, with the whole stream at
 * hand: header by relp_parse_header(), data, LF.
 */
#include "config.h"

#include "support/relp_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peerlog/limits.h"
#include "peerlog/utf8.h"

static void note(struct bytes *out, const char *mark, unsigned number)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%s%u", mark, number); /* it fits */
    bytes_add_text(out, text);
}

static void note_frame(struct bytes *out, const struct frame *frame)
{
    bytes_add_text(out, "[");
    bytes_add(out, frame->text, frame->len);
    bytes_add_text(out, "]");
    if (frame->part > 0)
        note(out, "", frame->part);
    if (frame->flags & FRAME_LAST)
        bytes_add_text(out, "+");
    if (frame->flags & FRAME_TRUNCATED)
        note(out, "-", (unsigned)frame->cut_bytes);
    if (frame->flags & FRAME_INCOMPLETE) {
        note(out, "?", frame->have_bytes);
        note(out, "/", frame->want_bytes);
    }
}

static void note_end(struct bytes *out, uint32_t whole, unsigned end, unsigned why)
{
    note(out, "=", whole);
    if (end == RELP_END_NONE) {
        bytes_add_text(out, ".");
        return;
    }
    note(out, "!", end);
    note(out, "/", why);
}

/* --- the listener --- */

void relp_talk_feed(struct relp_talk *t, const void *data, size_t len, bool at_end)
{
    struct relp_session session;
    struct frame frame;
    enum framer_result result;

    bytes_add(&t->carry, data, len);
    unsigned char *view = exact_copy(t->carry.data, t->carry.len);
    uint32_t before = t->stream.whole;
    relp_session_begin(&session, &t->stream, &t->rules, view, t->carry.len, at_end);
    while ((result = relp_session_next(&session, &frame)) != FRAMER_NEED_MORE) {
        require(frame.text >= view && frame.text + frame.len <= view + t->carry.len,
                "a text lies in its view");
        note_frame(&t->heard, &frame);
    }
    size_t carry = (size_t)(session.end - session.at);
    require(relp_stream_valid(&t->stream, carry), "it leaves a valid state");
    require(carry <= t->rules.max_message_bytes || carry < RELP_MAX_HEADER_BYTES,
            "no more is carried than a message or a header");
    require(!at_end || carry == 0, "nothing is carried over the end");
    require(before == 0 || t->stream.whole != 0, "what is owed stays so");
    unsigned char *rest = exact_copy(session.at, carry);
    t->carry.len = 0;
    bytes_add(&t->carry, rest, carry);
    free(rest);
    free(view);
}

void relp_talk_run(struct relp_talk *t, struct span data, size_t step)
{
    for (size_t at = 0; at < data.len; at += step) {
        size_t len = data.len - at < step ? data.len - at : step;
        relp_talk_feed(t, data.data + at, len, false);
    }
    relp_talk_feed(t, NULL, 0, true);
    note_end(&t->heard, t->stream.whole, t->stream.end, t->stream.why);
}

void relp_talk_done(struct relp_talk *t)
{
    bytes_done(&t->carry);
    bytes_done(&t->heard);
}

/* --- the oracle --- */

struct oracle {
    struct bytes *out;
    const struct framer_rules *rules;
    uint32_t whole;
    unsigned end, why;
};

static void stop(struct oracle *o, enum relp_end end, enum relp_why why)
{
    o->end = end;
    o->why = why;
}

/* How many pieces of the first AVAIL bytes of a message leave before its end is looked for. */
static size_t oracle_pieces(struct oracle *o, const unsigned char *data, size_t len, size_t avail,
                            uint32_t *ret_part)
{
    size_t max = o->rules->max_message_bytes, given = 0;

    while (len - given > max && avail - given > max) {
        size_t piece = utf8_cut(data + given, max);
        note_frame(o->out, &(struct frame){
            .text = data + given, .len = (uint32_t)piece, .part = ++*ret_part,
        });
        given += piece;
    }
    return given;
}

/* A message of LEN bytes, of which AVAIL are there, and behind them its LF if HAS_END. */
static void oracle_message(struct oracle *o, const unsigned char *data, size_t len, size_t avail,
                           bool has_end, bool at_end)
{
    size_t max = o->rules->max_message_bytes, given = 0;
    uint32_t part = 0;

    if (len > max && avail > max && o->rules->oversize != OVERSIZE_SPLIT) {
        size_t kept = o->rules->oversize == OVERSIZE_TRUNCATE ? utf8_cut(data, max) : 0;
        note_frame(o->out, &(struct frame){
            .text = data, .len = (uint32_t)kept, .flags = FRAME_TRUNCATED,
            .cut_bytes = len - kept,
        });
        return;
    }
    given = oracle_pieces(o, data, len, avail, &part);
    struct frame frame = {.text = data + given, .len = (uint32_t)(avail - given)};
    if (part > 0) {
        frame.part = part + 1;
        frame.flags = FRAME_LAST;
    }
    if (has_end) {
        size_t n = frame.len;
        if (n > 0 && frame.text[n - 1] == '\n')
            frame.len -= n > 1 && frame.text[n - 2] == '\r' ? 2u : 1u;
    } else if (at_end) {
        frame.flags |= FRAME_INCOMPLETE;
        frame.have_bytes = (uint32_t)avail;
        frame.want_bytes = (uint32_t)len;
        if (avail > 0 || part > 0)
            stop(o, RELP_END_BROKEN, RELP_WHY_UNFINISHED);
    } else {
        return; /* malformed */
    }
    if (frame.len > 0 || part > 0)
        note_frame(o->out, &frame);
}

/* Is the frame's command one that may come here? If not, the session ends so. */
static bool oracle_command(struct oracle *o, const struct relp_header *h)
{
    if (h->command == RELP_COMMAND_RSP || h->command == RELP_COMMAND_SERVERCLOSE) {
        stop(o, RELP_END_BROKEN, RELP_WHY_SERVER);
    } else if (h->txnr == 0 || (o->whole > 0 && h->txnr != relp_txnr_after(o->whole))) {
        stop(o, RELP_END_BROKEN, RELP_WHY_ORDER);
    } else if (h->command == RELP_COMMAND_OPEN && o->whole == 0 &&
               h->data_bytes > o->rules->max_message_bytes) {
        stop(o, RELP_END_BROKEN, RELP_WHY_OFFERS);
    } else {
        return true;
    }
    return false;
}

/* A whole frame ends the session, unless it is the first "open", or "syslog". */
static void oracle_close(struct oracle *o, const struct relp_header *h)
{
    if (o->whole == 0 && h->command != RELP_COMMAND_OPEN)
        stop(o, RELP_END_REFUSED, RELP_WHY_NOT_OPEN);
    else if (o->whole > 0 && h->command == RELP_COMMAND_OPEN)
        stop(o, RELP_END_REFUSED, RELP_WHY_REOPEN);
    else if (h->command == RELP_COMMAND_CLOSE)
        stop(o, RELP_END_CLOSE, RELP_WHY_FRAME);
    else if (h->command == RELP_COMMAND_OTHER)
        stop(o, RELP_END_REFUSED, RELP_WHY_COMMAND);
    if (o->end == RELP_END_CLOSE)
        o->why = RELP_WHY_COMMAND; /* of no meaning */
    o->whole = h->txnr;
}

/* One frame at DATA. Returns: the bytes it takes, or 0 when nothing follows. */
static size_t oracle_frame(struct oracle *o, const unsigned char *data, size_t len)
{
    struct relp_header h = {0};
    enum relp_fault fault;
    enum relp_result result = relp_parse_header(data, len, &h, &fault);

    if (result == RELP_MALFORMED)
        stop(o, RELP_END_BROKEN, RELP_WHY_FRAME);
    if (result != RELP_READ || !oracle_command(o, &h))
        return 0;
    size_t rest = len - h.header_bytes, avail = rest < h.data_bytes ? rest : h.data_bytes;
    bool is_there = rest > h.data_bytes;
    bool has_end = is_there && data[h.header_bytes + h.data_bytes] == '\n';
    if (h.command == RELP_COMMAND_SYSLOG && o->whole > 0)
        oracle_message(o, data + h.header_bytes, h.data_bytes, avail, has_end, !is_there);
    if (is_there && !has_end)
        stop(o, RELP_END_BROKEN, RELP_WHY_FRAME);
    if (!has_end)
        return 0;
    oracle_close(o, &h);
    return o->end == RELP_END_NONE ? h.header_bytes + h.data_bytes + 1 : 0;
}

void relp_oracle(struct span data, const struct framer_rules *rules, struct bytes *ret_wanted)
{
    struct oracle o = {.out = ret_wanted, .rules = rules};
    size_t at = 0, taken;

    while (at < data.len && (taken = oracle_frame(&o, data.data + at, data.len - at)) > 0)
        at += taken;
    note_end(o.out, o.whole, o.end, o.why);
}
