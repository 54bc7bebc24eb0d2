/* SPDX-License-Identifier: MIT
 *
 * Oracle: where texts end, by what can be seen of them. See oracle.h.
 */
#include "config.h"

#include <string.h>

#include "support/oracle_parts.h"

struct end oracle_end_at_lf(size_t i)
{
    return (struct end){.found = true, .len = i, .skip = 1, .strip = true, .next = FOLLOWS_LF};
}

struct end oracle_end_at_nul(size_t i)
{
    return (struct end){
        .found = true, .len = i, .skip = 1, .strip = true, .next = FOLLOWS_NUL, .nul = true,
    };
}

static struct end end_at_cr(size_t i)
{
    return (struct end){.found = true, .len = i, .skip = 1, .cr = true};
}

static struct end undecided(void) { return (struct end){.stop = true}; }

/* No end was seen. */
struct end oracle_end_late(const struct reading *r)
{
    size_t avail = r->upto - r->at;

    if (r->behind == BEHIND_END)
        return (struct end){
            .found = true, .len = avail, .strip = true,
            .flags = framing_of(r) == FRAMING_CLOSE ? 0 : FRAME_UNTERMINATED,
        };
    if (r->behind == BEHIND_FLUSH)
        return (struct end){
            .found = true, .len = avail, .flags = FRAME_UNFINISHED, .next = FOLLOWS_FLUSH,
        };
    return undecided();
}

static bool holds_lf(const struct reading *r, size_t len)
{
    for (size_t i = 0; i < len && r->at + i < r->upto; i++)
        if (place(r, i)[0] == '\n')
            return true;
    return false;
}

/* Lines, NUL and nothing else. */
static struct end find_plain(const struct reading *r, size_t from)
{
    for (size_t i = from; r->at + i < r->upto; i++) {
        unsigned char byte = place(r, i)[0];
        if (framing_of(r) == FRAMING_CLOSE)
            continue;
        if (byte == '\n' && framing_of(r) != FRAMING_NUL)
            return oracle_end_at_lf(i);
        if (byte == '\0' && (is_auto(r) || framing_of(r) == FRAMING_NUL))
            return oracle_end_at_nul(i);
    }
    return oracle_end_late(r);
}

/* Does a line with a PRI begin at I, behind the CR of LF CR or not? */
static enum form line_at(const struct reading *r, size_t i)
{
    if (r->at + i < r->upto && place(r, i)[0] == '\r')
        i++;
    return pri_at(r, i);
}

/* Is there an end at I that streams may have that have shown no LF? */
static enum form unproven_at(const struct reading *r, size_t i, bool to_nul, struct end *e)
{
    const unsigned char *at = place(r, i);

    if (*at == '\n') {
        *e = oracle_end_at_lf(i);
        return to_nul ? line_at(r, i + 1) : FORM_YES;
    }
    if (*at == '\0' && is_auto(r)) {
        *e = oracle_end_at_nul(i);
        return FORM_YES;
    }
    if (*at == '\r') {
        *e = end_at_cr(i);
        return r->cr ? FORM_YES : pri_at(r, i + 1);
    }
    if (!is_auto(r) || !nothing_shown(r))
        return FORM_NO;
    *e = (struct end){.found = true, .len = i};
    if (*at == '<' && i > 0)
        return oracle_form_dated(at, stop_of(r));
    if (*at == '}') {
        e->len++;
        return oracle_form_text(at, stop_of(r), "}{\"version\"");
    }
    e->skip = strlen("__LOG4JS__");
    return oracle_form_text(at, stop_of(r), "__LOG4JS__");
}

static struct end find_unproven(const struct reading *r, size_t from)
{
    struct end e;

    for (size_t i = from; r->at + i < r->upto; i++) {
        enum form form = unproven_at(r, i, false, &e);
        if (form == FORM_YES)
            return e;
        if (is_open(r, form))
            return undecided();
    }
    if (r->behind == BEHIND_FLUSH && r->bytes[r->upto - 1] == '\r')
        return end_at_cr(r->upto - r->at - 1);
    return oracle_end_late(r);
}

/* Joined lines: the last of them that fits ends a message that would be too long. */
static struct end end_at_joint(const struct reading *r, struct end e)
{
    size_t max = max_of(r);

    if (e.stop ? r->upto - r->at <= max + 3 : oracle_stripped(r, &e) <= max)
        return e;
    for (size_t i = max + 1; i > 0; i--) {
        if (place(r, i - 1)[0] == '\n') {
            e = oracle_end_at_lf(i - 1);
            e.next = FOLLOWS_FLUSH;
            e.lf = true;
            return e;
        }
    }
    return e;
}

static enum form joined_at(const struct reading *r, size_t i, bool has_head)
{
    if (r->at + i == r->upto)
        return FORM_OPEN;
    unsigned char byte = place(r, i)[0];
    if (r->rules->framer.multiline == MULTILINE_INDENTED)
        return byte == ' ' || byte == '\t' ? FORM_YES : FORM_NO;
    if (byte == '\n' || byte == '\0' || !has_head)
        return FORM_NO;
    enum form line = line_at(r, i);
    return line == FORM_YES ? FORM_NO : line == FORM_NO ? FORM_YES : FORM_OPEN;
}

static struct end find_joined(const struct reading *r, bool has_head)
{
    for (size_t i = 0; r->at + i < r->upto; i++) {
        unsigned char byte = place(r, i)[0];
        if (byte == '\0' && is_auto(r))
            return end_at_joint(r, oracle_end_at_nul(i));
        if (byte != '\n')
            continue;
        if (i > max_of(r))
            return end_at_joint(r, oracle_end_at_lf(i));
        enum form form = joined_at(r, i + 1, has_head);
        if (is_open(r, form) && r->upto > r->used)
            return undecided();
        if (form != FORM_YES)
            return end_at_joint(r, oracle_end_at_lf(i));
    }
    return end_at_joint(r, oracle_end_late(r));
}

/* What came is lines. Nothing of it waits for a NUL any more. */
static struct end take_as_lines(struct reading *r, bool has_head)
{
    r->lf = true;
    return oracle_find_text(r, 0, has_head);
}

/* And the flush, if there was one, has done with that what it does. */
static struct end flush_lines(struct reading *r, bool has_head)
{
    if (r->behind == BEHIND_FLUSH) {
        r->used = r->upto;
        r->behind = BEHIND_MORE;
    }
    return take_as_lines(r, has_head);
}

/* The first message of a stream: up to a NUL, if it is that of a client that ends with it. */
struct end oracle_find_first(struct reading *r)
{
    size_t window = max_of(r) + 4, avail = r->upto - r->at;
    struct end e;

    for (size_t i = 0; i < window && i < avail; i++) {
        enum form form = unproven_at(r, i, true, &e);
        if (form == FORM_YES && e.nul)
            return e;
        if (form == FORM_YES)
            return holds_lf(r, i + 1) ? take_as_lines(r, true) : e;
        if (is_open(r, form))
            return undecided();
    }
    if (avail >= window)
        return holds_lf(r, window) ? take_as_lines(r, true) : oracle_find_text(r, window, true);
    if (r->behind == BEHIND_MORE)
        return undecided();
    return holds_lf(r, avail) ? flush_lines(r, true) : find_unproven(r, avail);
}

/* A message of a client that ends with NUL. */
struct end oracle_find_nul(struct reading *r)
{
    size_t avail = r->upto - r->at;

    for (size_t i = 0; i < avail; i++) {
        if (place(r, i)[0] == '\0')
            return oracle_end_at_nul(i);
        if (place(r, i)[0] != '\n')
            continue;
        enum form form = line_at(r, i + 1);
        if (form == FORM_YES)
            return i <= max_of(r) + 3 ? take_as_lines(r, true) : oracle_end_at_lf(i);
        if (is_open(r, form))
            return undecided();
    }
    if (r->behind == BEHIND_FLUSH && avail <= max_of(r) + 3 && holds_lf(r, avail))
        return flush_lines(r, true);
    return oracle_end_late(r);
}

struct end oracle_find_text(struct reading *r, size_t from, bool has_head)
{
    if (!has_lines(r))
        return find_plain(r, 0);
    if (r->rules->framer.multiline != MULTILINE_NONE)
        return find_joined(r, has_head);
    return r->lf ? find_plain(r, 0) : find_unproven(r, from);
}

/* Where a message of which more than its first piece is dropped ends. */
struct end oracle_find_dropped(const struct reading *r, size_t from, bool to_nul)
{
    for (size_t i = from; r->at + i < r->upto; i++) {
        unsigned char byte = place(r, i)[0];
        if (byte == '\0' && is_auto(r))
            return oracle_end_at_nul(i);
        if (to_nul && byte == '<' && place(r, i - 1)[0] == '\n')
            return (struct end){.found = true, .len = i, .strip = true, .next = FOLLOWS_LF};
        if (!to_nul && byte == '\n')
            return oracle_end_at_lf(i);
        if (!to_nul && byte == '\r' && r->cr && !r->lf && has_lines(r))
            return end_at_cr(i);
    }
    return oracle_end_late(r);
}
