/* SPDX-License-Identifier: MIT
 *
 * Cuts: see cuts.h.
 */
#include "config.h"

#include "unit/cuts.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

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

/* Feed BYTES cut at the N positions of CUTS, the end alone if LATE_END. */
static void feed(struct stream *s, const unsigned char *bytes, size_t len, const size_t *cuts,
                 size_t n, bool late_end)
{
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        stream_feed(s, bytes + from, cuts[i] - from, false);
        from = cuts[i];
    }
    stream_feed(s, bytes + from, len - from, !late_end);
    if (late_end)
        stream_feed(s, NULL, 0, true);
}

char *cut_complaint(const struct stream_rules *rules, const unsigned char *bytes, size_t len,
                    const struct records *wanted, const size_t *cuts, size_t n)
{
    char *text = NULL;

    for (int late_end = 0; late_end < 2 && text == NULL; late_end++) {
        struct stream s;
        char how[96];

        stream_init(&s, rules);
        feed(&s, bytes, len, cuts, n, late_end);
        (void)snprintf(how, sizeof how, "%zu bytes, %zu cuts (at %zu, %zu ...), end %s", len, n,
                       n > 0 ? cuts[0] : 0, n > 1 ? cuts[1] : 0,
                       late_end ? "by itself" : "with the last bytes"); /* it fits */
        if (!records_equal(&s.heard, wanted))
            text = complaint(&s.heard, wanted, how);
        stream_done(&s);
    }
    return text;
}

/* Equal chunks of SIZE bytes. */
static char *chunks_complaint(const struct stream_rules *rules, const unsigned char *bytes,
                              size_t len, const struct records *wanted, size_t size)
{
    size_t n = len > 0 ? (len - 1) / size : 0;
    size_t *cuts = calloc(n + 1, sizeof *cuts);

    require(cuts != NULL, "memory for a test");
    for (size_t i = 0; i < n; i++)
        cuts[i] = (i + 1) * size;
    char *text = cut_complaint(rules, bytes, len, wanted, cuts, n);
    free(cuts);
    return text;
}

char *cuts_complaint(const struct stream_rules *rules, const unsigned char *bytes, size_t len,
                     const struct records *wanted, enum cut_depth depth)
{
    static const size_t sizes[] = {1, 2, 3, 5, 7, 16, 61, 255, 256, 257, 258, 259, 260, 4096};
    char *text = cut_complaint(rules, bytes, len, wanted, NULL, 0);

    for (size_t i = 0; i < COUNT_OF(sizes) && text == NULL; i++)
        if (sizes[i] < len)
            text = chunks_complaint(rules, bytes, len, wanted, sizes[i]);
    for (size_t at = 0; at <= len && depth >= CUT_ONCE && text == NULL; at++)
        text = cut_complaint(rules, bytes, len, wanted, &at, 1);
    for (size_t at = 0; at <= len && depth >= CUT_TWICE && text == NULL; at++) {
        for (size_t later = at; later <= len && text == NULL; later++) {
            size_t cuts[] = {at, later};
            text = cut_complaint(rules, bytes, len, wanted, cuts, 2);
        }
    }
    return text;
}
