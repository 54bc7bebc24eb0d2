/* SPDX-License-Identifier: MIT
 *
 * Cuts: see cuts.h.
 */
#include "config.h"

#include "support/cuts.h"

#include <stdio.h>
#include <stdlib.h>

#include "peerlog/count.h"

/* What a complaint shows of each side. */
#define SHOWN_BYTES 1000

static char *complaint(const struct records *heard, const struct records *wanted,
                       const char *how)
{
    char *is = records_describe(heard), *should = records_describe(wanted);
    struct bytes out = {0};
    char head[4 * SHOWN_BYTES];

    (void)snprintf(head, sizeof head, "%s:\n  %zu records: %.*s\n  instead of %zu: %.*s", how,
                   heard->count, SHOWN_BYTES, is, wanted->count, SHOWN_BYTES,
                   should); /* shortened on purpose */
    bytes_add_text(&out, head);
    bytes_repeat(&out, '\0', 1);
    free(is);
    free(should);
    return (char *)out.data;
}

/* Feed the bytes from *FROM to TO, with the flushes that came among them. */
static void feed_to(struct intake *s, struct span stream, size_t *from, size_t to, bool apart)
{
    for (size_t i = 0; i < stream.flush_count; i++) {
        size_t at = stream.flushes[i];
        if (at <= *from && !(at == 0 && *from == 0))
            continue;
        if (at > to)
            break;
        if (apart) {
            intake_feed(s, stream.data + *from, at - *from, false);
            intake_flush(s, NULL, 0);
        } else {
            intake_flush(s, stream.data + *from, at - *from);
        }
        *from = at;
    }
    if (*from < to)
        intake_feed(s, stream.data + *from, to - *from, false);
    *from = to;
}

static void feed(struct intake *s, struct span stream, const struct cuts *cuts)
{
    bool flushed_last = stream.flush_count > 0 &&
                        stream.flushes[stream.flush_count - 1] == stream.len;
    size_t from = 0;

    for (size_t i = 0; i < cuts->count; i++)
        feed_to(s, stream, &from, cuts->at[i], cuts->late_end);
    if (cuts->late_end || flushed_last) {
        feed_to(s, stream, &from, stream.len, cuts->late_end);
        intake_feed(s, NULL, 0, true);
        return;
    }
    size_t last = stream.flush_count > 0 ? stream.flushes[stream.flush_count - 1] : 0;
    if (last > from)
        feed_to(s, stream, &from, last, false);
    intake_feed(s, stream.data + from, stream.len - from, true);
}

char *cuts_complaint(const struct intake_rules *rules, struct span stream,
                     const struct records *wanted, const struct cuts *cuts)
{
    char *text = NULL;
    struct intake s;

    intake_init(&s, rules);
    feed(&s, stream, cuts);
    if (!records_equal(&s.heard, wanted)) {
        char how[96];
        (void)snprintf(how, sizeof how, "%zu bytes, %zu cuts (at %zu, %zu ...), end %s",
                       stream.len, cuts->count, cuts->count > 0 ? cuts->at[0] : 0,
                       cuts->count > 1 ? cuts->at[1] : 0,
                       cuts->late_end ? "by itself" : "with the last bytes"); /* it fits */
        text = complaint(&s.heard, wanted, how);
    }
    intake_done(&s);
    return text;
}

/* Cut at N positions, with the end of the stream both ways. */
static char *both_ends(const struct intake_rules *rules, struct span stream,
                       const struct records *wanted, const size_t *at, size_t n)
{
    struct cuts cuts = {.at = at, .count = n};
    char *text = cuts_complaint(rules, stream, wanted, &cuts);

    cuts.late_end = true;
    return text != NULL ? text : cuts_complaint(rules, stream, wanted, &cuts);
}

/* Cut into equal chunks of SIZE bytes. */
static char *chunks(const struct intake_rules *rules, struct span stream,
                    const struct records *wanted, size_t size)
{
    size_t n = stream.len > 0 ? (stream.len - 1) / size : 0;
    size_t *at = calloc(n + 1, sizeof *at);

    require(at != NULL, "memory for a test");
    for (size_t i = 0; i < n; i++)
        at[i] = (i + 1) * size;
    char *text = both_ends(rules, stream, wanted, at, n);
    free(at);
    return text;
}

char *all_cuts_complaint(const struct intake_rules *rules, struct span stream,
                         const struct records *wanted, enum cut_depth depth)
{
    static const size_t sizes[] = {1, 2, 3, 5, 7, 16, 61, 255, 256, 257, 258, 259, 260, 4096};
    char *text = both_ends(rules, stream, wanted, NULL, 0);

    for (size_t i = 0; i < COUNT_OF(sizes) && text == NULL; i++)
        if (sizes[i] < stream.len)
            text = chunks(rules, stream, wanted, sizes[i]);
    for (size_t at = 0; at <= stream.len && depth >= CUT_ONCE && text == NULL; at++)
        text = both_ends(rules, stream, wanted, &at, 1);
    for (size_t at = 0; at <= stream.len && depth >= CUT_TWICE && text == NULL; at++) {
        for (size_t later = at; later <= stream.len && text == NULL; later++)
            text = both_ends(rules, stream, wanted, (size_t[]){at, later}, 2);
    }
    return text;
}
