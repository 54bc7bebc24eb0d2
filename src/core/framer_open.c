/* SPDX-License-Identifier: MIT
 *
 * Opening a frame: what its first bytes say about it. They never leave the view before
 * that is decided, which makes the records independent of how TCP cut the stream.
 */
#include "config.h"

#include <string.h>

#include "core/framer_parts.h"

#define MARK_BYTES 3u

/* Does a byte order mark stand here? */
static enum probe probe_mark(const struct framer *f)
{
    static const unsigned char mark[MARK_BYTES] = {0xef, 0xbb, 0xbf};
    size_t avail = framer_avail(f);

    if (memcmp(f->at, mark, avail < MARK_BYTES ? avail : MARK_BYTES) != 0)
        return PROBE_ABSENT;
    return avail < MARK_BYTES ? PROBE_UNDECIDED : PROBE_PRESENT;
}

/* LF CR is a line end, too, where a PRI follows. */
static enum probe probe_late_cr(const struct framer *f)
{
    if (*f->at != '\r' || f->state->after != AFTER_LF || !framer_has_lines(f))
        return PROBE_ABSENT;
    return framer_probe_pri(f, f->at + 1);
}

/* Skip what may stand before a frame. Answers: is that decided, and is a byte left? */
static bool skip_prelude(struct framer *f)
{
    while (f->at < f->end) {
        enum probe mark = *f->at == 0xef ? probe_mark(f) : PROBE_ABSENT;
        enum probe cr = probe_late_cr(f);
        if (mark == PROBE_PRESENT)
            f->at += MARK_BYTES;
        else if (cr == PROBE_PRESENT)
            f->at++;
        else
            return (mark != PROBE_UNDECIDED && cr != PROBE_UNDECIDED) || framer_is_final(f);
    }
    return false;
}

uint32_t framer_join_count(const struct framer_state *s, uint64_t count, size_t header)
{
    uint64_t joined = (uint64_t)(s->last_two[1] - '0');

    if (s->last_two[1] < '0' || s->last_two[1] > '9')
        return 0;
    for (size_t digits = header - 1; digits > 0; digits--)
        joined *= 10;
    joined += count;
    return joined <= PEERLOG_MAX_COUNT ? (uint32_t)joined : 0;
}

/* From here on it is a counted frame, behind HEADER bytes. */
static void begin_counted(struct framer *f, size_t header, uint32_t count, uint32_t joined)
{
    struct framer_state *s = f->state;

    f->at += header;
    s->scanned = 0;
    s->count = count;
    s->joined = joined;
    s->last_two[1] = 0;
    s->shown |= SHOWN_COUNT;
    s->phase = PHASE_COUNTED;
}

/*
 * Behind a counted frame stands a count that covers nothing but the PRI behind it: the rest
 * of a count whose first digit the frame before took.
 */
static enum probe probe_eaten(const struct framer *f, uint64_t count, size_t header,
                              uint32_t joined)
{
    if (joined == 0 || count > PEERLOG_MAX_PRI_DIGITS + 2)
        return PROBE_ABSENT;
    enum probe pri = framer_probe_pri(f, f->at + header);
    if (pri != PROBE_PRESENT)
        return pri;
    size_t len = 3;
    while (f->at[header + len - 1] != '>')
        len++;
    return count <= len && joined > len ? PROBE_PRESENT : PROBE_ABSENT;
}

/* Behind a counted frame any count is one. */
static bool open_next_count(struct framer *f, uint64_t count, size_t header)
{
    uint32_t joined = framer_join_count(f->state, count, header);
    enum probe eaten = probe_eaten(f, count, header, joined);

    if (eaten == PROBE_UNDECIDED && !framer_is_final(f))
        return false;
    if (eaten == PROBE_PRESENT) {
        f->state->shown |= SHOWN_LONG;
        begin_counted(f, header, joined, 0);
    } else {
        begin_counted(f, header, (uint32_t)count, joined);
    }
    return true;
}

/* Counted without a PRI: only if it ends where the next count begins, with no line in it. */
static enum probe probe_guess(struct framer *f, uint64_t count, size_t header)
{
    size_t avail = framer_avail(f), want = header + (size_t)count;
    size_t look = avail < want ? avail : want;
    size_t from = f->state->scanned < look ? f->state->scanned : look;
    uint64_t next;
    size_t next_len;

    if (count == 0 || count > f->rules->max_message_bytes)
        return PROBE_ABSENT;
    if (memchr(f->at + from, '\n', look - from) != NULL ||
        memchr(f->at + from, '\0', look - from) != NULL)
        return PROBE_ABSENT;
    f->state->scanned = (uint32_t)look;
    if (avail > want) {
        enum probe probe = framer_probe_count(f->at + want, avail - want, &next, &next_len);
        return probe == PROBE_UNDECIDED && framer_is_final(f) ? PROBE_ABSENT : probe;
    }
    if (framer_is_final(f))
        return avail == want ? PROBE_PRESENT : PROBE_ABSENT;
    return PROBE_UNDECIDED;
}

static bool begins_stray(const struct framer *f)
{
    return f->state->after == AFTER_COUNT && framer_has_counts(f);
}

/* May a text with a PRI hold LF, and end at NUL alone? */
static bool may_end_at_nul(const struct framer *f)
{
    const struct framer_state *s = f->state;

    if (f->rules->framing != FRAMING_AUTO || s->shown & SHOWN_LF)
        return false;
    return s->after == AFTER_NUL || ((s->shown & SHOWN_ENDS) == 0 && f->rules->flushes);
}

/* A frame of text: which end is it to have? Answers: is that decided? */
static bool open_text(struct framer *f)
{
    struct framer_state *s = f->state;
    bool to_nul = may_end_at_nul(f);

    s->scanned = 0;
    s->last_two[1] = 0;
    s->phase = begins_stray(f) ? PHASE_STRAY : PHASE_TEXT;
    if (s->phase == PHASE_TEXT)
        s->count = s->joined = 0;
    if (!to_nul && s->after != AFTER_FLUSH)
        return true;
    enum probe pri = framer_probe_pri(f, f->at);
    if (pri == PROBE_UNDECIDED && !framer_is_final(f)) {
        s->phase = PHASE_START;
        return false;
    }
    if (to_nul && pri == PROBE_PRESENT)
        s->phase = PHASE_TEXT_TO_NUL;
    s->continued = s->after == AFTER_FLUSH && pri != PROBE_PRESENT;
    return true;
}

/* "DIGITS SP" stands here in auto framing, and not behind a counted frame. */
static bool open_auto_count(struct framer *f, uint64_t count, size_t header)
{
    enum probe probe = f->state->phase == PHASE_GUESS ? PROBE_ABSENT
                                                      : framer_probe_pri(f, f->at + header);

    if (probe == PROBE_ABSENT && (f->state->shown & SHOWN_ENDS) == 0) {
        f->state->phase = PHASE_GUESS;
        probe = probe_guess(f, count, header);
    }
    if (probe == PROBE_PRESENT) {
        begin_counted(f, header, (uint32_t)count, 0);
        return true;
    }
    return (probe == PROBE_ABSENT || framer_is_final(f)) && open_text(f);
}

/* A frame where there may be counts. */
static bool open_counted(struct framer *f)
{
    uint64_t count = 0;
    size_t header = 0;

    switch (framer_probe_count(f->at, framer_avail(f), &count, &header)) {
    case PROBE_PRESENT:
        break;
    case PROBE_UNDECIDED:
        return framer_is_final(f) && open_text(f);
    case PROBE_ABSENT:
        return open_text(f);
    }
    if (f->state->after == AFTER_COUNT)
        return open_next_count(f, count, header);
    if (f->rules->framing == FRAMING_AUTO)
        return open_auto_count(f, count, header);
    begin_counted(f, header, (uint32_t)count, 0);
    return true;
}

bool framer_open(struct framer *f)
{
    struct framer_state *s = f->state;

    /* An LF that no NUL follows is the end of a line. */
    if (s->after == AFTER_LF && (*f->at != '\0' || f->rules->framing != FRAMING_AUTO))
        s->shown |= SHOWN_LF;
    if (s->phase == PHASE_START && !skip_prelude(f))
        return false;
    return framer_has_counts(f) ? open_counted(f) : open_text(f);
}
