/* SPDX-License-Identifier: MIT
 *
 * Searching for ends that take more than a look for LF and NUL: those of a stream that has
 * shown none yet, of messages that may end at NUL alone, of text where a count should be,
 * of messages of many lines, and of counted frames whose count does not fit. Most
 * streams come here once, with their first message.
 */
#include "config.h"

#include <string.h>

#include "core/framer_parts.h"

/* The last place where a message that is not over-long can end. */
static size_t last_place(const struct framer *f)
{
    return f->rules->max_message_bytes + PEERLOG_TERMINATOR_BYTES;
}

/* Nothing ends before AT, as far as is known. */
static struct ending none_before(size_t at)
{
    return (struct ending){.len = at};
}

static struct ending ends_at_lf(size_t at)
{
    return (struct ending){
        .len = at, .skip = 1, .found = true, .strip = true, .last = '\n', .after = AFTER_LF,
    };
}

static struct ending ends_at_nul(size_t at)
{
    return (struct ending){
        .len = at, .skip = 1, .found = true, .strip = true, .last = '\0', .after = AFTER_NUL,
        .shown = SHOWN_NUL,
    };
}

static struct ending ends_at_cr(size_t at)
{
    return (struct ending){.len = at, .skip = 1, .found = true, .shown = SHOWN_CR};
}

/* A new frame begins SKIP bytes behind AT, without an end before it. */
static struct ending ends_at_seam(size_t at, size_t skip)
{
    return (struct ending){.len = at, .skip = skip, .found = true};
}

/* What could be the end is none, unless that is still open. */
static bool is_open(const struct framer *f, enum probe probe)
{
    return probe == PROBE_UNDECIDED && !framer_is_final(f);
}

static bool holds_lf(const struct framer *f, size_t len)
{
    size_t avail = framer_avail(f);

    return memchr(f->at, '\n', len < avail ? len : avail) != NULL;
}

/* The message will not end at NUL: what came is lines. */
static struct ending take_as_lines(struct framer *f)
{
    f->state->phase = PHASE_TEXT;
    f->state->scanned = 0;
    f->state->shown |= SHOWN_LF;
    f->lf = NULL;
    return (struct ending){.again = true};
}

/* The same, by a flush. The lines are what it gives out; the last may wait for its LF. */
static struct ending flush_as_lines(struct framer *f)
{
    f->flushed = true;
    f->flush = false;
    return take_as_lines(f);
}

void framer_end_late(struct framer *f, struct ending *ending)
{
    if (f->at_end) {
        ending->found = ending->strip = true;
        ending->flags |= f->rules->framing == FRAMING_CLOSE ? 0 : FRAME_UNTERMINATED;
    } else if (f->flush) {
        ending->found = true;
        ending->flags |= FRAME_UNFINISHED;
        ending->after = AFTER_FLUSH;
    }
}

/* --- a stream that has shown no LF --- */

/* Does a line begin at FROM that has a PRI, behind the CR of LF CR or not? */
static enum probe probe_line(const struct framer *f, const unsigned char *from)
{
    return framer_probe_pri(f, from < f->end && *from == '\r' ? from + 1 : from);
}

/* The byte at I may be an end of a text that LF, NUL and more can end. Answers: it may. */
static bool look_at(const struct framer *f, size_t i, bool to_nul, struct ending *ending)
{
    const struct framer_state *s = f->state;
    bool automatic = f->rules->framing == FRAMING_AUTO;
    enum probe probe = PROBE_ABSENT;
    size_t before = 0, skip = 0;

    switch (f->at[i]) {
    case '\n':
        *ending = ends_at_lf(i);
        probe = to_nul ? probe_line(f, f->at + i + 1) : PROBE_PRESENT;
        break;
    case '\0':
        *ending = ends_at_nul(i);
        probe = automatic ? PROBE_PRESENT : PROBE_ABSENT;
        break;
    case '\r':
        *ending = ends_at_cr(i);
        probe = s->shown & SHOWN_CR ? PROBE_PRESENT : framer_probe_pri(f, f->at + i + 1);
        break;
    case '<':
    case '_':
    case '}':
        if (!automatic || s->shown & SHOWN_ENDS || (i == 0 && f->at[i] == '<'))
            return false;
        probe = framer_probe_seam(f->at + i, framer_avail(f) - i, &before, &skip);
        *ending = ends_at_seam(i + before, skip);
        ending->before = (uint8_t)before;
        ending->flags = FRAME_ENDLESS;
        break;
    default:
        return false;
    }
    if (is_open(f, probe))
        *ending = none_before(i);
    return probe == PROBE_PRESENT || is_open(f, probe);
}

/* The first end in the next bytes up to LIMIT. */
static struct ending look_until(const struct framer *f, size_t limit, bool to_nul)
{
    struct ending ending;

    for (size_t i = f->state->scanned; i < limit; i++)
        if (look_at(f, i, to_nul, &ending))
            return ending;
    return none_before(limit);
}

/* Nothing more will come for now: a CR that is the last byte is the end. */
static void end_unproven(struct framer *f, struct ending *ending)
{
    size_t avail = framer_avail(f);

    ending->len = avail;
    if (f->flush && !f->at_end && f->at[avail - 1] == '\r') {
        *ending = ends_at_cr(avail - 1);
        return;
    }
    if (f->flush && (f->state->shown & SHOWN_ENDS) == 0)
        ending->flags = FRAME_ENDLESS;
    framer_end_late(f, ending);
}

static struct ending search_unproven(struct framer *f)
{
    size_t avail = framer_avail(f);
    struct ending ending = look_until(f, avail, false);

    if (!ending.found && framer_is_final(f))
        end_unproven(f, &ending);
    return ending;
}

/*
 * The first message of a stream, with a PRI. If a NUL comes before a line that has a PRI too,
 * and soon enough, it is the end of all; else this was a line.
 */
static struct ending search_first(struct framer *f)
{
    size_t avail = framer_avail(f), most = last_place(f) + 1;
    struct ending ending = look_until(f, avail < most ? avail : most, true);
    bool given_up = !ending.found && (framer_is_final(f) || ending.len == most);

    if (ending.found && ending.shown & SHOWN_NUL)
        return ending;
    if ((ending.found || given_up) && holds_lf(f, ending.found ? ending.len + 1 : most)) {
        bool by_flush = !ending.found && ending.len < most && !f->at_end;
        return by_flush ? flush_as_lines(f) : take_as_lines(f);
    }
    if (!ending.found && ending.len == most) {
        f->state->phase = PHASE_TEXT;
        f->state->scanned = (uint32_t)most;
        return (struct ending){.again = true};
    }
    if (given_up)
        end_unproven(f, &ending);
    return ending;
}

/* --- a stream whose messages end at NUL --- */

/* The end of the piece at hand at a line that has a PRI: it is lines after all. */
static struct ending end_at_line(struct framer *f, size_t at)
{
    return f->state->part == 0 && at <= last_place(f) ? take_as_lines(f) : ends_at_lf(at);
}

static struct ending search_to_nul(struct framer *f)
{
    const unsigned char *from = f->at + f->state->scanned;
    const unsigned char *stop = framer_next_nul(f, from);
    struct ending ending = none_before((size_t)(stop - f->at));

    for (const unsigned char *lf = framer_next_lf(f, from); lf < stop;
         lf = framer_next_lf(f, lf + 1)) {
        enum probe probe = probe_line(f, lf + 1);
        if (probe == PROBE_PRESENT)
            return end_at_line(f, (size_t)(lf - f->at));
        if (is_open(f, probe))
            return none_before((size_t)(lf - f->at));
    }
    if (stop < f->end)
        return ends_at_nul((size_t)(stop - f->at));
    if (f->flush && !f->at_end && f->state->part == 0 && ending.len <= last_place(f) &&
        holds_lf(f, ending.len))
        return flush_as_lines(f);
    framer_end_late(f, &ending);
    return ending;
}

/* The byte before FROM, which may have left the view. */
static unsigned char byte_before(const struct framer *f, const unsigned char *from)
{
    return f->state->dropped > 0 ? f->state->last_two[1] : from[-1];
}

/* The first line between FROM and STOP that begins with "<", or STOP. */
static const unsigned char *next_opening(struct framer *f, const unsigned char *from,
                                         const unsigned char *stop)
{
    if (from < stop && *from == '<' && byte_before(f, from) == '\n')
        return from;
    for (const unsigned char *lf = framer_next_lf(f, from); lf < stop;
         lf = framer_next_lf(f, lf + 1))
        if (lf + 1 < stop && lf[1] == '<')
            return lf + 1;
    return stop;
}

/*
 * The rest of a message is dropped up to a NUL, or up to a line that begins with "<": of what
 * is dropped nothing can wait to be told apart.
 */
static struct ending search_dropped_to_nul(struct framer *f)
{
    const unsigned char *from = f->at + f->state->scanned;
    const unsigned char *stop = framer_next_nul(f, from);
    const unsigned char *line = next_opening(f, from, stop);
    struct ending ending = none_before((size_t)(stop - f->at));

    if (line < stop) {
        ending = ends_at_seam((size_t)(line - f->at), 0);
        ending.strip = true;
        ending.after = AFTER_LF;
        return ending;
    }
    if (stop < f->end)
        return ends_at_nul((size_t)(stop - f->at));
    framer_end_late(f, &ending);
    return ending;
}

/* Over-long text of a stream whose lines end at CR. */
static struct ending search_dropped_lines(struct framer *f)
{
    size_t avail = framer_avail(f);
    struct ending ending = none_before(avail);

    for (size_t i = f->state->scanned; i < avail; i++) {
        if (f->at[i] == '\n')
            return ends_at_lf(i);
        if (f->at[i] == '\r')
            return ends_at_cr(i);
        if (f->at[i] == '\0' && f->rules->framing == FRAMING_AUTO)
            return ends_at_nul(i);
    }
    framer_end_late(f, &ending);
    return ending;
}

/* --- lines that are joined --- */

/* Does the line at FROM belong to the message at hand? Undecided where the view ends. */
static enum probe probe_joined(const struct framer *f, const unsigned char *from)
{
    const struct framer_state *s = f->state;
    enum probe pri;

    if (from == f->end)
        return PROBE_UNDECIDED;
    if (f->rules->multiline == MULTILINE_INDENTED)
        return *from == ' ' || *from == '\t' ? PROBE_PRESENT : PROBE_ABSENT;
    if (*from == '\n' || *from == '\0' ||
        (!s->continued && framer_probe_pri(f, f->at) != PROBE_PRESENT))
        return PROBE_ABSENT;
    pri = probe_line(f, from);
    if (pri == PROBE_UNDECIDED)
        return PROBE_UNDECIDED;
    return pri == PROBE_PRESENT ? PROBE_ABSENT : PROBE_PRESENT;
}

/* Too long as one message: it ends at the last of its lines that fits. */
static struct ending end_at_joint(struct framer *f, struct ending ending)
{
    size_t max = f->rules->max_message_bytes;
    size_t len = ending.len;
    size_t cr = ending.found && ending.last == '\n' && len > 0 && f->at[len - 1] == '\r';

    if (f->state->part > 0 || len - cr <= max || (!ending.found && len <= last_place(f)))
        return ending;
    const unsigned char *joint = memrchr(f->at, '\n', max + 1);
    if (joint == NULL)
        return ending;
    f->lf = NULL;
    ending = ends_at_lf((size_t)(joint - f->at));
    ending.after = AFTER_FLUSH;
    ending.shown = SHOWN_LF;
    return ending;
}

static struct ending search_lines(struct framer *f)
{
    const unsigned char *from = f->at + f->state->scanned;
    const unsigned char *stop = f->rules->framing == FRAMING_AUTO ? framer_next_nul(f, from)
                                                                  : f->end;
    struct ending ending = none_before((size_t)(stop - f->at));

    for (const unsigned char *lf = framer_next_lf(f, from); lf < stop;
         lf = framer_next_lf(f, lf + 1)) {
        size_t at = (size_t)(lf - f->at);
        bool joins = at <= f->rules->max_message_bytes && f->state->part == 0;
        enum probe probe = joins ? probe_joined(f, lf + 1) : PROBE_ABSENT;
        if (is_open(f, probe) && !f->flushed)
            return none_before(at);
        if (probe != PROBE_PRESENT)
            return end_at_joint(f, ends_at_lf(at));
    }
    if (stop < f->end)
        return end_at_joint(f, ends_at_nul((size_t)(stop - f->at)));
    struct ending cut = end_at_joint(f, ending);
    if (!cut.found)
        framer_end_late(f, &cut);
    return cut.found ? end_at_joint(f, cut) : cut;
}

/* --- counts that do not fit --- */

static bool is_digit(unsigned char byte) { return byte >= '0' && byte <= '9'; }

/* The count before was one too long, if it had the digit in front that its frame took. */
static bool was_joined(const struct framer_state *s, size_t len)
{
    return s->joined > 0 && s->joined == s->count + len + 1;
}

/* What a stray text says about itself: that a count did not fit, unless it is a line. */
static struct ending end_of_stray(const struct framer *f, struct ending ending, bool at_count)
{
    size_t spaces = 0;

    while (spaces < ending.len && f->at[spaces] == ' ')
        spaces++;
    if (ending.len > 0 && (at_count || framer_probe_pri(f, f->at + spaces) != PROBE_PRESENT))
        ending.flags |= FRAME_MISFIT | FRAME_CONTINUED;
    if (at_count) {
        ending.after = AFTER_NOTHING;
        ending.shown = was_joined(f->state, ending.len) ? SHOWN_LONG : 0;
    }
    return ending;
}

static struct ending search_stray(struct framer *f)
{
    size_t avail = framer_avail(f);
    struct ending ending = none_before(avail);

    for (size_t i = f->state->scanned; i < avail; i++) {
        if (f->at[i] == '\n')
            return end_of_stray(f, ends_at_lf(i), false);
        if (f->at[i] == '\0' && f->rules->framing == FRAMING_AUTO)
            return end_of_stray(f, ends_at_nul(i), false);
        if (i == 0 || !is_digit(f->at[i]) || is_digit(f->at[i - 1]))
            continue;
        enum probe probe = framer_probe_header(f->at + i, avail - i);
        if (probe == PROBE_PRESENT)
            return end_of_stray(f, ends_at_seam(i, 0), true);
        if (is_open(f, probe))
            return none_before(i);
    }
    if (!framer_is_final(f))
        return ending;
    framer_end_late(f, &ending);
    ending.after = f->at_end ? AFTER_NOTHING : AFTER_COUNT;
    return end_of_stray(f, ending, false);
}

/* Do the LEN bytes of TEXT end inside a character of UTF-8? */
static bool ends_inside_character(const unsigned char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char byte = text[len - back];
        if ((byte & 0xc0) != 0x80)
            return byte >= 0xc2 && byte <= 0xf4 &&
                   (byte >= 0xf0 ? 4u : byte >= 0xe0 ? 3u : 2u) > back;
    }
    return false;
}

/* Is it one byte shorter than its count, so that the next header begins there? */
static bool search_long(struct framer *f, size_t left, struct ending *ending)
{
    size_t avail = framer_avail(f), len = left - 1;
    enum probe probe = PROBE_UNDECIDED;

    if (len > avail)
        return false;
    if (len < avail)
        probe = framer_probe_header(f->at + len, avail - len);
    if (is_open(f, probe)) {
        *ending = none_before(len);
        return true;
    }
    if (probe == PROBE_PRESENT || len == avail) {
        *ending = ends_at_seam(len, 0);
        ending->strip = true;
        ending->flags = FRAME_MISFIT;
        ending->shown = SHOWN_LONG;
        return true;
    }
    f->state->shown &= (uint8_t)~SHOWN_LONG;
    return false;
}

bool framer_search_counted(struct framer *f, size_t left, struct ending *ending)
{
    if (f->state->shown & SHOWN_LONG && left > 1 && search_long(f, left, ending))
        return true;
    if (left > framer_avail(f) || !f->rules->flushes || !ends_inside_character(f->at, left))
        return false;
    if (f->at + left == f->end) {
        *ending = none_before(left);
        return !framer_is_final(f);
    }
    if ((f->at[left] & 0xc0) != 0x80)
        return false;
    *ending = ends_at_seam(left, 0);
    ending->flags = FRAME_MISFIT;
    return true;
}

struct ending framer_search(struct framer *f)
{
    const struct framer_state *s = f->state;

    switch (s->phase) {
    case PHASE_STRAY:
        return search_stray(f);
    case PHASE_TEXT_TO_NUL:
        return s->shown & SHOWN_ENDS ? search_to_nul(f) : search_first(f);
    case PHASE_DROP_TO_NUL:
        return search_dropped_to_nul(f);
    case PHASE_DROP_TEXT:
        return search_dropped_lines(f);
    default:
        return f->rules->multiline != MULTILINE_NONE ? search_lines(f) : search_unproven(f);
    }
}
