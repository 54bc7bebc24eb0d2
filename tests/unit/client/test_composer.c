/* SPDX-License-Identifier: MIT
 *
 * Tests of composer and header: which bytes go onto the wire for which options and text.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "client/composer.h"
#include "client/outbox.h"
#include "peerlog/count.h"
#include "peerlog/limits.h"

/* Bytes, NUL among them. TEXT() is a literal without its end. */
struct text {
    const char *bytes;
    size_t len;
};

#define TEXT(literal) ((struct text){literal, sizeof(literal) - 1})

/* 2026-11-02T08:12:14.000123 in UTC; main() sets the zone. */
static const struct timespec moment = {.tv_sec = 1793607134, .tv_nsec = 123456};

struct rig {
    struct options options;
    struct outbox outbox;
    struct composer composer;
};

static void set_up(struct rig *r, const struct options *options)
{
    r->options = *options;
    if (r->options.priority == 0)
        r->options.priority = 13;
    outbox_init(&r->outbox, options->framing);
    assert_int_equal(composer_init(&r->composer, &r->options, &r->outbox, "host.example.net",
                                   "alice"), 0);
    composer_stamp(&r->composer, &moment);
}

static void check(struct rig *r, struct text wire, uint64_t messages)
{
    const unsigned char *bytes = NULL;

    assert_int_equal(outbox_next(&r->outbox, &bytes), wire.len);
    if (wire.len > 0)
        assert_memory_equal(bytes, wire.bytes, wire.len);
    assert_int_equal(r->outbox.messages, messages);
    outbox_done(&r->outbox);
}

/* Lines cut into views at every distance give the same bytes. */
static void check_lines(const struct options *options, struct text text, struct text wire,
                        uint64_t messages)
{
    for (size_t step = 1; step <= text.len; step++) {
        struct rig r;
        char pending[512];
        size_t have = 0, scanned = 0;
        set_up(&r, options);
        for (size_t at = 0; at < text.len; at += step) {
            size_t n = step < text.len - at ? step : text.len - at, taken;
            memcpy(pending + have, text.bytes + at, n);
            have += n;
            assert_int_equal(composer_add_lines(&r.composer, (unsigned char *)pending, have,
                                                scanned, &taken), 0);
            have -= taken;
            memmove(pending, pending + taken, have);
            scanned = have;
        }
        assert_int_equal(composer_add_rest(&r.composer, (unsigned char *)pending, have), 0);
        check(&r, wire, messages);
    }
}

static void passes_plain_lines_as_they_are(void **state)
{
    const struct options plain = {.framing = FRAMING_LF};

    (void)state;
    check_lines(&plain, TEXT("a\n\nb\r\n\0\xff\nlast"), TEXT("a\n\nb\r\n\0\xff\nlast\n"), 5);
    check_lines(&plain, TEXT("\n"), TEXT("\n"), 1);
}

static void skips_empty_lines_only_when_asked(void **state)
{
    const struct options skip = {.framing = FRAMING_LF, .skip_empty = true};
    const struct options skip_nul = {.framing = FRAMING_NUL, .skip_empty = true};

    (void)state;
    check_lines(&skip, TEXT("\na\n\n \n\nb"), TEXT("a\n \nb\n"), 3);
    check_lines(&skip_nul, TEXT("\na\0\0b\n\0"), TEXT("a\0b\0"), 2);
}

static void ends_lines_by_nul_and_splits_at_a_nul_inside(void **state)
{
    const struct options nul = {.framing = FRAMING_NUL};

    (void)state;
    check_lines(&nul, TEXT("a\nb\0c\nd"), TEXT("a\0b\0c\0d\0"), 4);
}

static void counts_octets_and_adds_a_pri_where_none_is(void **state)
{
    const struct options counted = {.framing = FRAMING_OCTET_COUNTING, .adds_pri = true};
    const struct options marked = {.framing = FRAMING_OCTET_COUNTING,
                                   .header_form = HEADER_SHORT, .priority = 134};

    (void)state;
    check_lines(&counted, TEXT("a\n\n<11>b\n<999>c\n\0\n\n"),
                TEXT("5 <13>a5 <11>b10 <13><999>c5 <13>\0"), 4);
    check_lines(&marked, TEXT("a\n<11>b\n"), TEXT("6 <134>a10 <134><11>b"), 2);
}

static void cuts_between_characters_and_never_in_one(void **state)
{
    const struct options five = {.framing = FRAMING_LF, .max_bytes = 5};
    const struct options header = {.framing = FRAMING_LF, .max_bytes = 9,
                                   .header_form = HEADER_SHORT};

    (void)state;
    check_lines(&five, TEXT("123456\n12345\n"), TEXT("12345\n6\n12345\n"), 3);
    check_lines(&five, TEXT("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\n"),
                TEXT("\xe2\x82\xac\n\xe2\x82\xac\n\xe2\x82\xac\n"), 3);
    check_lines(&header, TEXT("123456"), TEXT("<13>12345\n<13>6\n"), 2);
}

static void gives_all_pieces_of_a_text_its_priority(void **state)
{
    const struct options counted = {.framing = FRAMING_OCTET_COUNTING, .adds_pri = true,
                                    .max_bytes = 10};

    (void)state;
    check_lines(&counted, TEXT("<34>123456\n<34>1234567\n"),
                TEXT("10 <34>12345610 <34>1234565 <34>7"), 3);
    check_lines(&counted, TEXT("<191>123456789\nx\n"),
                TEXT("10 <191>123459 <191>67895 <13>x"), 3);
    check_lines(&counted, TEXT("1234567<0>89\n"), TEXT("10 <13>12345610 <13>7<0>89"), 2);
}

static void cuts_too_long_lines_however_they_come(void **state)
{
    const struct options plain = {.framing = FRAMING_LF};
    static const size_t extras[] = {0, 1, 2, 100000, PEERLOG_CLIENT_CHUNK_BYTES};

    (void)state;
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
        static const char tail[] = "\nrest\n";
        struct rig r;
        size_t line = PEERLOG_MAX_COUNT + extras[i], taken = 0;
        size_t len = line + sizeof tail - 1;
        unsigned char *text = malloc(len);
        assert_non_null(text);
        memset(text, 'x', line);
        memcpy(text + line, tail, sizeof tail - 1);
        set_up(&r, &plain);
        assert_int_equal(composer_add_lines(&r.composer, text, len, PEERLOG_MAX_COUNT, &taken), 0);
        assert_int_equal(taken, len);
        assert_int_equal(r.composer.cut, extras[i] > 0);
        assert_int_equal(r.outbox.messages, extras[i] > 0 ? 3 : 2);
        assert_int_equal(r.outbox.composed, len + (extras[i] > 0));
        outbox_done(&r.outbox);
        free(text);
    }
}

static void writes_the_header_that_was_asked_for(void **state)
{
    static const struct {
        struct options options;
        const char *wire;
    } cases[] = {
        {{.header_form = HEADER_SHORT}, "<13>hi\n"},
        {{.header_form = HEADER_SHORT, .priority = 134, .tag = "app"}, "<134>app: hi\n"},
        {{.header_form = HEADER_SHORT, .tag = "app", .id = 42}, "<13>app[42]: hi\n"},
        {{.header_form = HEADER_SHORT, .id = 42}, "<13>alice[42]: hi\n"},
        {{.header_form = HEADER_RFC3164}, "<13>Nov  2 08:12:14 host alice: hi\n"},
        {{.header_form = HEADER_RFC3164, .tag = "app", .id = 42},
         "<13>Nov  2 08:12:14 host app[42]: hi\n"},
        {{.header_form = HEADER_RFC5424},
         "<13>1 2026-11-02T08:12:14.000123+00:00 host.example.net alice - - - hi\n"},
        {{.header_form = HEADER_RFC5424, .tag = "app", .id = 42, .priority = 165},
         "<165>1 2026-11-02T08:12:14.000123+00:00 host.example.net app 42 - - hi\n"},
        {{.header_form = HEADER_RFC5424, .tag = "app", .omits_time = true},
         "<13>1 - host.example.net app - - - hi\n"},
        {{.header_form = HEADER_RFC5424, .tag = "app", .omits_host = true},
         "<13>1 2026-11-02T08:12:14.000123+00:00 - app - - - hi\n"},
        {{.header_form = HEADER_RFC3164, .tag = "app", .omits_time = true, .omits_host = true},
         "<13>Nov  2 08:12:14 host app: hi\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig r;
        struct options options = cases[i].options;
        options.framing = FRAMING_LF;
        set_up(&r, &options);
        assert_int_equal(composer_add_text(&r.composer, (const unsigned char *)"hi", 2), 0);
        check(&r, (struct text){cases[i].wire, strlen(cases[i].wire)}, 1);
    }
}

static void stays_valid_with_an_impossible_host_and_user(void **state)
{
    struct options options = {.header_form = HEADER_RFC5424, .priority = 13};
    struct header h;

    (void)state;
    header_init(&h, &options, "my host\n", "");
    header_stamp(&h, &moment);
    assert_string_equal(h.text, "1 2026-11-02T08:12:14.000123+00:00 - peerlog - - - ");
    options.header_form = HEADER_RFC3164;
    header_init(&h, &options, "", "a b");
    header_stamp(&h, &moment);
    assert_string_equal(h.text, "Nov  2 08:12:14 localhost peerlog: ");
}

static void takes_a_priority_from_the_front_of_a_line(void **state)
{
    const struct options prefixed = {.framing = FRAMING_LF, .header_form = HEADER_SHORT,
                                     .tag = "t", .reads_prefixes = true};
    const struct options local = {.framing = FRAMING_NUL, .header_form = HEADER_SHORT,
                                  .priority = 134, .reads_prefixes = true, .skip_empty = true};
    const struct options counted = {.framing = FRAMING_OCTET_COUNTING, .reads_prefixes = true,
                                    .header_form = HEADER_SHORT};

    (void)state;
    check_lines(&prefixed, TEXT("<11>a\nb\n<3>c\n<>d\n<192>e\n <3>f\n<191>\n"),
                TEXT("<11>t: a\n<13>t: b\n<11>t: c\n<13>t: <>d\n<13>t: <192>e\n<13>t:  <3>f\n"
                     "<191>t: \n"), 7);
    check_lines(&local, TEXT("<3>a\0b\n<11>\n<11>c\nd"),
                TEXT("<131>a\0<131>b\0<11>c\0<134>d\0"), 4);
    check_lines(&counted, TEXT("<11><12>a\n"), TEXT("9 <11><12>a"), 1);
}

static void gives_all_pieces_of_a_line_its_prefix(void **state)
{
    const struct options cut = {.framing = FRAMING_LF, .header_form = HEADER_SHORT,
                                .reads_prefixes = true, .max_bytes = 9};

    (void)state;
    check_lines(&cut, TEXT("<191>123456789\n12345678\n<7>1\n"),
                TEXT("<191>1234\n<191>5678\n<191>9\n<13>12345\n<13>678\n<15>1\n"), 6);
}

static void puts_msgid_and_structured_data_into_their_places(void **state)
{
    const struct options options = {.framing = FRAMING_LF, .header_form = HEADER_RFC5424,
                                    .tag = "app", .omits_time = true, .omits_host = true,
                                    .msgid = "M", .structured = "[z@1 a=\"b\"]"};

    (void)state;
    check_lines(&options, TEXT("hi\n"), TEXT("<13>1 - - app - M [z@1 a=\"b\"] hi\n"), 1);
}

static void splits_an_argument_only_where_its_framing_must(void **state)
{
    const struct {
        enum framing framing;
        const char *text;
        struct text wire;
        uint64_t messages;
        bool skip_empty;
    } cases[] = {
        {FRAMING_LF, "a\nb", TEXT("a\nb\n"), 2, false},
        {FRAMING_LF, "a\n", TEXT("a\n"), 1, false},
        {FRAMING_LF, "a\n\nb\n", TEXT("a\n\nb\n"), 3, false},
        {FRAMING_LF, "", TEXT("\n"), 1, false},
        {FRAMING_NUL, "a\nb\n", TEXT("a\nb\n\0"), 1, false},
        {FRAMING_OCTET_COUNTING, "a\nb\n", TEXT("4 a\nb\n"), 1, false},
        {FRAMING_OCTET_COUNTING, "", TEXT("0 "), 1, false},
        {FRAMING_LF, "", TEXT(""), 0, true},
        {FRAMING_LF, "\na\n\nb\n", TEXT("a\nb\n"), 2, true},
        {FRAMING_OCTET_COUNTING, "", TEXT(""), 0, true},
        {FRAMING_OCTET_COUNTING, "\n", TEXT("1 \n"), 1, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig r;
        const struct options options = {.framing = cases[i].framing,
                                        .skip_empty = cases[i].skip_empty};
        set_up(&r, &options);
        assert_int_equal(composer_add_text(&r.composer, (const unsigned char *)cases[i].text,
                                           strlen(cases[i].text)), 0);
        check(&r, cases[i].wire, cases[i].messages);
    }
}

static void refuses_a_size_that_leaves_no_room_for_text(void **state)
{
    struct options options = {.header_form = HEADER_RFC5424, .priority = 13, .max_bytes = 40};
    struct outbox outbox;
    struct composer composer;

    (void)state;
    outbox_init(&outbox, FRAMING_LF);
    assert_true(composer_init(&composer, &options, &outbox, "host", "user") < 0);
    options.max_bytes = 60;
    assert_int_equal(composer_init(&composer, &options, &outbox, "host", "user"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_plain_lines_as_they_are),
        cmocka_unit_test(skips_empty_lines_only_when_asked),
        cmocka_unit_test(ends_lines_by_nul_and_splits_at_a_nul_inside),
        cmocka_unit_test(counts_octets_and_adds_a_pri_where_none_is),
        cmocka_unit_test(cuts_between_characters_and_never_in_one),
        cmocka_unit_test(gives_all_pieces_of_a_text_its_priority),
        cmocka_unit_test(cuts_too_long_lines_however_they_come),
        cmocka_unit_test(writes_the_header_that_was_asked_for),
        cmocka_unit_test(stays_valid_with_an_impossible_host_and_user),
        cmocka_unit_test(takes_a_priority_from_the_front_of_a_line),
        cmocka_unit_test(gives_all_pieces_of_a_line_its_prefix),
        cmocka_unit_test(puts_msgid_and_structured_data_into_their_places),
        cmocka_unit_test(splits_an_argument_only_where_its_framing_must),
        cmocka_unit_test(refuses_a_size_that_leaves_no_room_for_text),
    };

    (void)setenv("TZ", "UTC", 1); /* fails only without memory */
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
