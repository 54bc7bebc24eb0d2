/* SPDX-License-Identifier: MIT
 *
 * The usual way of a message: it is whole in the view, and of the kind that the one before it
 * was: a line, a text that ends at NUL, or a counted frame. Nothing of the state changes
 * then but what a count needs. Whatever is not usual goes the longer way of framer.c, which
 * would come to the same for these.
 */
#include "config.h"

#include <string.h>

#include "core/framer_parts.h"

const unsigned char *framer_next_nul(struct framer *f, const unsigned char *from)
{
    if (f->nul == NULL || f->nul < from) {
        f->nul = memchr(from, '\0', (size_t)(f->end - from));
        if (f->nul == NULL)
            f->nul = f->end;
    }
    return f->nul;
}

const unsigned char *framer_next_lf(struct framer *f, const unsigned char *from)
{
    if (f->lf == NULL || f->lf < from) {
        f->lf = memchr(from, '\n', (size_t)(f->end - from));
        if (f->lf == NULL)
            f->lf = f->end;
    }
    return f->lf;
}

const unsigned char *framer_plain_stop(struct framer *f, const unsigned char *from)
{
    const unsigned char *limit = f->end;

    if (f->rules->framing == FRAMING_CLOSE)
        return f->end;
    if (f->rules->framing == FRAMING_NUL)
        return framer_next_nul(f, from);
    if (f->rules->framing == FRAMING_AUTO)
        limit = framer_next_nul(f, from);
    const unsigned char *lf = memchr(from, '\n', (size_t)(limit - from));
    return lf != NULL ? lf : limit;
}

/* LEN bytes leave as one message, and SKIP behind them as its end. Answers: may they? */
static bool give(struct framer *f, size_t len, size_t skip, struct frame *ret_frame)
{
    if (len > f->rules->max_message_bytes)
        return false;
    *ret_frame = (struct frame){.text = f->at, .len = (uint32_t)len};
    f->at += len + skip;
    return true;
}

/*
 * Behind LF, in a stream of lines: can what begins so be nothing but a line? A digit may begin a
 * count, 0xef a byte order mark; CR, LF and NUL may belong to the end before, or be none.
 */
static bool begins_line(unsigned char first)
{
    return first > '\r' && first != 0xef && !(first >= '0' && first <= '9');
}

/* A line of a stream of lines. If it is not whole, it is open, and was searched. */
static bool give_line(struct framer *f, struct frame *ret_frame)
{
    const unsigned char *stop = framer_plain_stop(f, f->at);
    size_t len = (size_t)(stop - f->at);

    if (stop < f->end && *stop == '\n') {
        size_t cr = stop[-1] == '\r';
        if (give(f, len - cr, 1 + cr, ret_frame))
            return true;
    }
    f->state->phase = PHASE_TEXT;
    f->state->scanned = (uint32_t)(len < UINT32_MAX ? len : UINT32_MAX);
    return false;
}

/* A text of a stream whose texts end at NUL, with a PRI and no LF but at its end. */
static bool give_to_nul(struct framer *f, struct frame *ret_frame)
{
    const unsigned char *nul = framer_next_nul(f, f->at);
    const unsigned char *lf = framer_next_lf(f, f->at);
    size_t end = 1;

    if (nul == f->end || framer_probe_pri(f, f->at) != PROBE_PRESENT)
        return false;
    if (lf < nul) {
        if (lf + 1 < nul)
            return false;
        end += 1u + (lf[-1] == '\r');
    }
    return give(f, (size_t)(nul - f->at) + 1 - end, end, ret_frame);
}

/* A counted frame directly behind another, in a stream whose counts fit. */
static bool give_counted(struct framer *f, struct frame *ret_frame)
{
    struct framer_state *s = f->state;
    uint64_t count;
    size_t header;

    if (framer_probe_count(f->at, framer_avail(f), &count, &header) != PROBE_PRESENT ||
        count <= PEERLOG_MAX_PRI_DIGITS + 2 || count > framer_avail(f) - header)
        return false;
    unsigned char last = f->at[header + count - 1];
    if (last >= 0x80 || last == '\n' || count > f->rules->max_message_bytes)
        return false;
    s->joined = framer_join_count(s, count, header);
    s->count = (uint32_t)count;
    s->last_two[1] = last;
    f->at += header;
    return give(f, (size_t)count, 0, ret_frame);
}

bool framer_give_whole(struct framer *f, struct frame *ret_frame)
{
    const struct framer_state *s = f->state;

    switch (s->after) {
    case AFTER_LF:
        return begins_line(*f->at) && s->shown & SHOWN_LF &&
               f->rules->multiline == MULTILINE_NONE && give_line(f, ret_frame);
    case AFTER_NUL:
        return *f->at == '<' && !(s->shown & SHOWN_LF) && f->rules->framing == FRAMING_AUTO &&
               give_to_nul(f, ret_frame);
    case AFTER_COUNT:
        return !(s->shown & SHOWN_LONG) && framer_has_counts(f) && give_counted(f, ret_frame);
    default:
        return false;
    }
}
