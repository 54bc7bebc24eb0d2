/* SPDX-License-Identifier: MIT
 *
 * The intake. It checks the framer's contracts at each view.
 */
#include "config.h"

#include "support/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peerlog/limits.h"

/* Equal bytes in a row that a description abbreviates. */
#define LONG_RUN 32u

void require(bool truth, const char *what)
{
    if (truth)
        return;
    (void)fprintf(stderr, "contract broken: %s\n", what); /* nothing better to tell it to */
    abort();
}

const char *scratch_directory(void)
{
    const char *directory = getenv("TMPDIR");

    return directory != NULL ? directory : P_tmpdir;
}

/* --- bytes --- */

static void *grow(void *items, size_t *room, size_t needed, size_t item_bytes)
{
    if (needed <= *room && items != NULL)
        return items;
    *room = needed * 2 + 16;
    items = realloc(items, *room * item_bytes);
    require(items != NULL, "memory for a test");
    return items;
}

void bytes_add(struct bytes *b, const void *data, size_t len)
{
    b->data = grow(b->data, &b->room, b->len + len, 1);
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

void bytes_add_text(struct bytes *b, const char *text)
{
    bytes_add(b, text, strlen(text));
}

void bytes_repeat(struct bytes *b, int byte, size_t times)
{
    b->data = grow(b->data, &b->room, b->len + times, 1);
    memset(b->data + b->len, byte, times);
    b->len += times;
}

void bytes_done(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

unsigned char *exact_copy(const void *data, size_t len)
{
    unsigned char *copy = malloc(len > 0 ? len : 1);

    require(copy != NULL, "memory for a test");
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

unsigned draw(uint64_t *seed, unsigned below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % below;
}

/* --- records --- */

void records_add(struct records *r, const struct record *record, const struct heard *h)
{
    r->items = grow(r->items, &r->room, r->count + 1, sizeof *r->items);
    struct heard *item = &r->items[r->count++];
    *item = *h;
    item->record = *record;
    item->record.text = NULL;
    item->text = exact_copy(record->text, record->len);
}

void records_done(struct records *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->items[i].text);
    free(r->items);
    *r = (struct records){0};
}

static bool heard_equal(const struct heard *a, const struct heard *b)
{
    const struct record *x = &a->record, *y = &b->record;

    return a->discarded == b->discarded && a->frame_offset == b->frame_offset &&
           a->frame_bytes == b->frame_bytes && x->len == y->len && x->flags == y->flags &&
           x->sequence == y->sequence && x->cut_bytes == y->cut_bytes &&
           x->have_bytes == y->have_bytes && x->want_bytes == y->want_bytes &&
           x->part == y->part && x->priority == y->priority &&
           memcmp(a->text, b->text, x->len) == 0;
}

bool records_equal(const struct records *a, const struct records *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!heard_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

static void describe_text(struct bytes *out, const unsigned char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t run = 1;
        while (at + run < len && text[at + run] == text[at])
            run++;
        if (run >= LONG_RUN) {
            char times[32];
            (void)snprintf(times, sizeof times, "%c*%zu", text[at], run); /* it fits */
            bytes_add_text(out, times);
            at += run;
        } else if (text[at] == '\0') {
            bytes_add_text(out, "\\0");
            at++;
        } else {
            bytes_add(out, text + at, 1);
            at++;
        }
    }
}

static void describe_flags(struct bytes *out, const struct heard *h)
{
    const struct record *r = &h->record;
    char words[96];
    int len = 0;

    if (r->flags & FRAME_SPLIT)
        len = snprintf(words, sizeof words, " [part %u%s]", r->part,
                       r->flags & FRAME_LAST ? ", last" : "");
    else if (r->flags & FRAME_TRUNCATED)
        len = snprintf(words, sizeof words, "%s[%s, %llu bytes cut]", h->discarded ? "" : " ",
                       h->discarded ? "discarded" : "truncated", (unsigned long long)r->cut_bytes);
    bytes_add(out, words, (size_t)len);
    if (r->flags & FRAME_INCOMPLETE) {
        len = snprintf(words, sizeof words, " [incomplete, %u of %u bytes]", r->have_bytes,
                       r->want_bytes);
        bytes_add(out, words, (size_t)len);
    }
    if (r->flags & FRAME_UNTERMINATED)
        bytes_add_text(out, " [unterminated]");
    if (r->flags & FRAME_CONTINUED)
        bytes_add_text(out, " [continued]");
    if (r->flags & RECORD_INDENTED)
        bytes_add_text(out, " [indented]");
    if (r->flags & FRAME_UNFINISHED)
        bytes_add_text(out, " [unfinished]");
    if (r->flags & FRAME_MISFIT && r->have_bytes != r->want_bytes) {
        len = snprintf(words, sizeof words, " [misfit, %u of %u bytes]", r->have_bytes,
                       r->want_bytes);
        bytes_add(out, words, (size_t)len);
    } else if (r->flags & FRAME_MISFIT) {
        bytes_add_text(out, " [misfit]");
    }
}

char *records_describe(const struct records *r)
{
    struct bytes out = {0};

    for (size_t i = 0; i < r->count; i++) {
        if (i > 0)
            bytes_add_text(&out, "|");
        describe_text(&out, r->items[i].text, r->items[i].record.len);
        describe_flags(&out, &r->items[i]);
    }
    bytes_repeat(&out, '\0', 1);
    return (char *)out.data;
}

/* --- an intake --- */

void intake_init(struct intake *s, const struct intake_rules *rules)
{
    *s = (struct intake){.rules = rules};
}

void intake_done(struct intake *s)
{
    bytes_done(&s->carry);
    records_done(&s->heard);
}

/* What a frame may be, whatever the input. */
static void check_frame(const struct framer_rules *rules, enum framer_result result,
                        const struct frame *frame)
{
    bool split = frame->flags & FRAME_SPLIT, cut = frame->flags & FRAME_TRUNCATED;
    bool incomplete = frame->flags & FRAME_INCOMPLETE;

    require(frame->len <= rules->max_message_bytes, "a frame is at most max_message_bytes long");
    require((frame->len > 0) == (result == FRAMER_MESSAGE), "a message has bytes, a notice none");
    require(split == (frame->part > 0), "part numbers belong to split messages");
    require(split || !(frame->flags & FRAME_LAST), "only a split message has a last piece");
    require(cut == (frame->cut_bytes > 0), "truncated means that bytes were cut");
    require(cut || result == FRAMER_MESSAGE, "a notice says what was cut");
    bool misfit = frame->flags & FRAME_MISFIT;
    bool shortfall = frame->want_bytes > frame->have_bytes;
    require(misfit || incomplete == shortfall, "incomplete has a shortfall");
    require(misfit || incomplete || frame->have_bytes == 0, "who has no count has no numbers");
    require(!(split && cut), "split and truncated exclude each other");
    unsigned ends = frame->flags & (FRAME_INCOMPLETE | FRAME_UNTERMINATED | FRAME_UNFINISHED);
    require((ends & (ends - 1)) == 0, "one reason for an early end");
}

/* Where byte I of the current view stands in the stream. */
static size_t intake_offset(const struct intake *s, size_t i)
{
    return i < s->carry.len ? s->carry_offset + i : s->fed + (i - s->carry.len);
}

/* Bytes FROM to TO of the view are neighbours in the stream, too. */
static bool contiguous(const struct intake *s, size_t from, size_t to)
{
    return to == from || intake_offset(s, to - 1) - intake_offset(s, from) == to - 1 - from;
}

/* A notice of a discarded message as a record without text. */
static struct record notice(const struct frame *frame)
{
    return (struct record){
        .flags = frame->flags,
        .cut_bytes = frame->cut_bytes,
        .have_bytes = frame->have_bytes,
        .want_bytes = frame->want_bytes,
    };
}

static void hear(struct intake *s, enum framer_result result, const struct frame *frame,
                 const unsigned char *view)
{
    struct heard h = {.discarded = result == FRAMER_DISCARDED};
    struct record record = {0};

    check_frame(&s->rules->framer, result, frame);
    if (h.discarded) {
        record = notice(frame);
    } else {
        size_t at = (size_t)(frame->text - view);
        require(contiguous(s, at, at + frame->len), "a frame is a piece of the stream");
        h.frame_offset = intake_offset(s, at);
        h.frame_bytes = frame->len;
        record_from_frame(frame, &s->rules->record, &s->before, &record);
        s->hints |= frame->flags & FRAME_HINTS;
    }
    record.sequence = s->heard.count + 1;
    records_add(&s->heard, &record, &h);
}

/* Keep what the framer asks for, and hold it to its word. */
static void carry_on(struct intake *s, const struct framer *f, const unsigned char *view,
                     size_t len)
{
    size_t at = (size_t)(f->at - view), keep = f->keep;

    require(at <= len && keep <= len - at, "the carry lies inside the view");
    require(keep <= s->rules->framer.max_message_bytes + PEERLOG_CARRY_BYTES,
            "the carry is bounded");
    require(!f->at_end || keep == 0, "nothing is carried over the end of the stream");
    require(framer_state_valid(&s->state, keep), "the state is valid between views");
    require(contiguous(s, at, at + keep), "the carry is a piece of the stream");
    size_t offset = keep > 0 ? intake_offset(s, at) : 0;
    s->carry.len = 0;
    bytes_add(&s->carry, f->at, keep);
    s->carry_offset = offset;
}

/* One view: the carry, DATA, and what comes behind them. */
static void feed(struct intake *s, const void *data, size_t len, bool flush, bool at_end)
{
    size_t total = s->carry.len + len;
    unsigned char *view = malloc(total > 0 ? total : 1);
    enum framer_result result;
    struct frame frame;
    struct framer f;

    require(view != NULL, "memory for a test");
    if (s->carry.len > 0)
        memcpy(view, s->carry.data, s->carry.len);
    if (len > 0)
        memcpy(view + s->carry.len, data, len);
    framer_begin(&f, &s->state, &s->rules->framer, view, total, at_end);
    if (flush)
        framer_flush(&f);
    while ((result = framer_next(&f, &frame)) != FRAMER_NEED_MORE)
        hear(s, result, &frame, view);
    carry_on(s, &f, view, total);
    s->fed += len;
    if (at_end)
        require(!framer_state_open(&s->state, s->carry.len), "no message is open at the end");
    free(view);
}

void intake_feed(struct intake *s, const void *data, size_t len, bool at_end)
{
    feed(s, data, len, false, at_end);
}

void intake_flush(struct intake *s, const void *data, size_t len)
{
    feed(s, data, len, true, false);
}
