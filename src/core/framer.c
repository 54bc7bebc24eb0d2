/* SPDX-License-Identifier: MIT
 *
 * The framer (RFC 6587, section 3.4). A stream is a row of frames; each frame is
 * opened (is it counted, or text, and which byte ends it?), its end is found, and
 * what lies between is given out whole, in pieces, cut, or not at all.
 *
 * Two kinds of bytes never leave the view too early: those that could still be an
 * octet count, and those at the very limit that could still be the terminator.
 * That is what makes the records independent of how TCP cut the stream.
 */
#include "config.h"

#include "peerlog/framer.h"

#include <string.h>

#include "core/framer_parts.h"
#include "peerlog/utf8.h"

void framer_begin(struct framer *f, struct framer_state *state, const struct framer_rules *rules,
                  const unsigned char *bytes, size_t len, bool at_end)
{
    *f = (struct framer){
        .state = state, .rules = rules, .at = bytes, .end = bytes + len, .at_end = at_end,
    };
}

void framer_flush(struct framer *f)
{
    f->flush = f->rules->framing != FRAMING_NUL && f->rules->framing != FRAMING_CLOSE;
}

/* --- opening a frame --- */

static bool is_counted(const struct framer_state *state)
{
    return state->phase == PHASE_COUNTED || state->phase == PHASE_DROP_COUNTED;
}

/* Leave the frame: the next byte starts a new one. */
static void close_frame(struct framer *f, const struct ending *ending)
{
    struct framer_state *s = f->state;
    struct framer_state next = {
        .phase = PHASE_START, .after = ending->after, .shown = s->shown | ending->shown,
    };

    /* By these the next frame may tell that the count did not fit. */
    if (ending->after == AFTER_COUNT) {
        next.count = s->count;
        if (is_counted(s) && ending->len > 0) {
            next.joined = s->joined;
            next.last_two[1] = f->at[-1];
        }
    }
    *s = next;
}

/* --- finding its end --- */

/* Does the first LF or NUL end this frame, as the framing says, and nothing else? */
static bool is_plain(const struct framer *f)
{
    const struct framer_state *s = f->state;

    if (s->phase == PHASE_TEXT)
        return !framer_has_lines(f) ||
               (s->shown & SHOWN_LF && f->rules->multiline == MULTILINE_NONE);
    return s->phase == PHASE_DROP_TEXT && (s->shown & (SHOWN_LF | SHOWN_CR)) != SHOWN_CR;
}

/* The end of a frame that LF or NUL ends. */
static struct ending plain_end(struct framer *f)
{
    const unsigned char *stop = framer_plain_stop(f, f->at + f->state->scanned);
    struct ending ending = {.len = (size_t)(stop - f->at)};

    if (stop < f->end) {
        ending.found = ending.strip = true;
        ending.skip = 1;
        ending.last = *stop;
        ending.after = *stop == '\n' ? AFTER_LF : AFTER_NUL;
        ending.shown = *stop == '\n' ? 0 : SHOWN_NUL;
    } else {
        framer_end_late(f, &ending);
    }
    return ending;
}

/* Find the end of the text frame at f->at; remember what was searched. */
static struct ending end_of_text(struct framer *f)
{
    struct ending ending;

    do
        ending = is_plain(f) ? plain_end(f) : framer_search(f);
    while (ending.again);
    size_t scanned = ending.len - ending.before;
    f->state->scanned = (uint32_t)(scanned < UINT32_MAX ? scanned : UINT32_MAX);
    return ending;
}

/* Will the counted frame of which LEFT bytes are to come be dropped, but for a first piece? */
static bool will_drop(const struct framer *f, size_t left)
{
    size_t max = f->rules->max_message_bytes;

    return f->rules->oversize != OVERSIZE_SPLIT && f->state->part == 0 &&
           left > max + PEERLOG_TERMINATOR_BYTES && framer_avail(f) > max;
}

/* Is there a reason to doubt that the count fits? */
static bool may_misfit(const struct framer *f, size_t left)
{
    if (f->state->phase != PHASE_COUNTED || will_drop(f, left))
        return false;
    return f->state->shown & SHOWN_LONG ||
           (left > 0 && left <= framer_avail(f) && f->at[left - 1] >= 0x80);
}

/* Find the end of the counted frame of which LEFT bytes are to come. */
static struct ending end_of_counted(struct framer *f, size_t left)
{
    size_t avail = framer_avail(f);
    struct ending ending = {.len = left < avail ? left : avail};

    if (may_misfit(f, left) && framer_search_counted(f, left, &ending)) {
        ending.after = AFTER_COUNT;
    } else if (left <= avail) {
        ending.found = ending.strip = true;
        ending.after = AFTER_COUNT;
    } else if (f->at_end) {
        ending.found = true;
        ending.flags = FRAME_INCOMPLETE;
    } else if (f->flush && (avail > 0 || f->state->phase == PHASE_DROP_COUNTED)) {
        ending.found = true;
        ending.flags = FRAME_UNFINISHED;
    }
    return ending;
}

/*
 * How many of the last bytes TAIL[0..LEN) are a line end that goes with the terminator:
 * CR before LF; LF, or CR LF, before NUL and at the end of a counted frame or of the stream.
 */
static size_t line_end(const unsigned char *tail, size_t len, const struct ending *ending)
{
    size_t n = 0;

    if (!ending->strip)
        return 0;
    if (ending->skip > 0 && ending->last == '\n')
        return len > 0 && tail[len - 1] == '\r' ? 1 : 0;
    if (len > 0 && tail[len - 1] == '\n') {
        n = 1;
        if (len > 1 && tail[len - 2] == '\r')
            n = 2;
    }
    return n;
}

/* --- giving it out --- */

/* What a frame says about its count, which should have been HAVE; and what is told once. */
static void note_flags(struct framer *f, const struct ending *ending, size_t have,
                       struct frame *frame)
{
    struct framer_state *s = f->state;

    if (frame->flags & (FRAME_INCOMPLETE | FRAME_MISFIT)) {
        frame->have_bytes = (uint32_t)have;
        frame->want_bytes = ending->shown & SHOWN_LONG ? (uint32_t)have + 1 : s->count;
    }
    if (frame->flags & FRAME_MISFIT && frame->have_bytes != frame->want_bytes &&
        !(s->shown & SHOWN_MISFIT)) {
        frame->flags |= FRAME_FIRST_MISFIT;
        s->shown |= SHOWN_MISFIT;
    }
    if (s->shown & SHOWN_ENDLESS)
        frame->flags &= ~(uint32_t)FRAME_ENDLESS;
    if (frame->flags & FRAME_ENDLESS && frame->len > 0)
        s->shown |= SHOWN_ENDLESS;
}

/* Does this piece go on with what a flush gave out? The ones behind it need not say so. */
static uint32_t take_continued(struct framer_state *s)
{
    uint32_t flag = s->continued ? FRAME_CONTINUED : 0;

    s->continued = 0;
    return flag;
}

/* A flush gave out LEN bytes of a counted frame; the rest of it goes on. */
static void go_on_counted(struct framer_state *s, size_t len)
{
    *s = (struct framer_state){
        .phase = PHASE_COUNTED,
        .after = s->after,
        .shown = s->shown,
        .count = s->count,
        .joined = s->joined,
        .given = s->given + (uint32_t)len,
        .continued = 1,
    };
}

/* All that is left of the view is carried. */
static enum framer_result need_more(struct framer *f)
{
    f->keep = (uint32_t)framer_avail(f);
    return FRAMER_NEED_MORE;
}

/* One piece of an over-long message leaves; the frame stays open. */
static enum framer_result give_piece(struct framer *f, struct frame *ret_frame)
{
    struct framer_state *s = f->state;
    size_t len = utf8_cut(f->at, f->rules->max_message_bytes);

    if (s->part < UINT32_MAX)
        s->part++;
    *ret_frame = (struct frame){
        .text = f->at,
        .len = (uint32_t)len,
        .part = s->part,
        .flags = FRAME_SPLIT | take_continued(s),
    };
    f->at += len;
    if (is_counted(s))
        s->given += (uint32_t)len;
    else
        s->scanned -= (uint32_t)len;
    return FRAMER_MESSAGE;
}

/* The message ends here, LEN bytes long without its line end. */
static enum framer_result give_last(struct framer *f, size_t len, const struct ending *ending,
                                    struct frame *ret_frame)
{
    struct framer_state *s = f->state;

    *ret_frame = (struct frame){
        .text = f->at, .len = (uint32_t)len, .flags = ending->flags | take_continued(s),
    };
    if (s->part > 0) {
        ret_frame->part = s->part < UINT32_MAX ? s->part + 1 : s->part;
        ret_frame->flags |= FRAME_SPLIT | FRAME_LAST;
    }
    if (ending->flags != 0)
        note_flags(f, ending, (is_counted(s) ? s->given : s->count) + ending->len, ret_frame);
    f->at += ending->len + ending->skip;
    if (is_counted(s) && ending->flags & FRAME_UNFINISHED)
        go_on_counted(s, ending->len);
    else
        close_frame(f, ending);
    return FRAMER_MESSAGE;
}

/* What stands where a count should be is given out as it comes. */
static enum framer_result give_stray(struct framer *f, struct frame *ret_frame)
{
    struct ending ending = {
        .len = utf8_cut(f->at, f->rules->max_message_bytes),
        .flags = FRAME_MISFIT | FRAME_CONTINUED,
        .after = AFTER_COUNT,
    };

    return give_last(f, ending.len, &ending, ret_frame);
}

/* From here on the message is dropped, but for its first piece when that is wanted. */
static void start_dropping(struct framer *f)
{
    struct framer_state *s = f->state;

    s->held = f->rules->oversize == OVERSIZE_TRUNCATE
                  ? (uint32_t)utf8_cut(f->at, f->rules->max_message_bytes)
                  : 0;
    s->dropped = 0;
    /* Of what is dropped, fewer things are an end: search for them from one and the same place. */
    size_t searched = f->rules->max_message_bytes + PEERLOG_TERMINATOR_BYTES + 1;
    if (!is_plain(f) && s->scanned > searched) {
        s->scanned = (uint32_t)searched;
        f->lf = NULL;
    }
    s->phase = (uint8_t)(s->phase + (PHASE_DROP_TEXT - PHASE_TEXT));
    s->last_two[0] = s->last_two[1] = 0;
}

/* Count the bytes from FROM to TO as dropped, and remember the last two. */
static void drop(struct framer_state *s, const unsigned char *from, const unsigned char *to)
{
    size_t len = (size_t)(to - from);

    if (len >= 2) {
        s->last_two[0] = to[-2];
        s->last_two[1] = to[-1];
    } else if (len == 1) {
        s->last_two[0] = s->last_two[1];
        s->last_two[1] = to[-1];
    }
    s->dropped = len < FRAMER_MOST_DROPPED - s->dropped ? s->dropped + len : FRAMER_MOST_DROPPED;
}

/* An over-long message is being dropped: look for its end. */
static enum framer_result continue_dropping(struct framer *f, struct frame *ret_frame)
{
    struct framer_state *s = f->state;
    const unsigned char *held = f->at;
    struct ending ending;

    if (is_counted(s))
        ending = end_of_counted(f, s->count - s->given - (size_t)s->dropped);
    else
        ending = end_of_text(f);
    drop(s, held + s->held, held + ending.len);
    if (!ending.found) {
        /* Only the held bytes stay in the view; the caller carries a prefix. */
        s->scanned = is_counted(s) ? 0 : s->held;
        f->keep = s->held;
        return FRAMER_NEED_MORE;
    }
    /* If only one byte was dropped, it is no line end: that would not have been over-long. */
    size_t stripped = line_end(s->last_two, sizeof s->last_two, &ending);
    *ret_frame = (struct frame){
        .text = held,
        .len = s->held,
        .flags = ending.flags | FRAME_TRUNCATED | take_continued(s),
        .cut_bytes = s->dropped - stripped,
    };
    size_t len = s->held + (size_t)s->dropped;
    bool kept = s->held > 0;
    if (ending.flags != 0)
        note_flags(f, &ending, s->given + len, ret_frame);
    f->at += ending.len + ending.skip;
    if (is_counted(s) && ending.flags & FRAME_UNFINISHED)
        go_on_counted(s, len);
    else
        close_frame(f, &ending);
    return kept ? FRAMER_MESSAGE : FRAMER_DISCARDED;
}

/* Is it certain that more than max_message_bytes remain, wherever the frame ends? */
static bool is_overlong(const struct framer *f, const struct ending *ending, size_t len,
                        size_t left)
{
    size_t max = f->rules->max_message_bytes;

    if (ending->found)
        return len > max;
    if (is_counted(f->state))
        return left > max + PEERLOG_TERMINATOR_BYTES && ending->len > max;
    return ending->len > max + PEERLOG_TERMINATOR_BYTES;
}

/* A frame is open and nothing of it is being dropped. */
static enum framer_result continue_frame(struct framer *f, struct frame *ret_frame)
{
    const struct framer_state *s = f->state;
    size_t left = is_counted(s) ? s->count - s->given : 0;
    struct ending ending = is_counted(s) ? end_of_counted(f, left) : end_of_text(f);
    size_t len = ending.len - (ending.found ? line_end(f->at, ending.len, &ending) : 0);

    if (is_overlong(f, &ending, len, left)) {
        if (s->phase == PHASE_STRAY)
            return give_stray(f, ret_frame);
        if (f->rules->oversize == OVERSIZE_SPLIT || s->part > 0)
            return give_piece(f, ret_frame);
        start_dropping(f);
        return continue_dropping(f, ret_frame);
    }
    if (ending.found)
        return give_last(f, len, &ending, ret_frame);
    return need_more(f);
}

enum framer_result framer_next(struct framer *f, struct frame *ret_frame)
{
    for (;;) {
        enum framer_result result;

        if (f->state->phase <= PHASE_GUESS) {
            if (f->at == f->end)
                return need_more(f);
            if (f->state->phase == PHASE_START && framer_give_whole(f, ret_frame))
                return FRAMER_MESSAGE;
            if (f->state->phase <= PHASE_GUESS && !framer_open(f))
                return need_more(f);
        }
        if (f->state->phase >= PHASE_DROP_TEXT)
            result = continue_dropping(f, ret_frame);
        else
            result = continue_frame(f, ret_frame);
        /* An empty frame is no message. */
        if (result == FRAMER_MESSAGE && ret_frame->len == 0 && ret_frame->part == 0)
            continue;
        return result;
    }
}
