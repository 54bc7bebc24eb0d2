/* SPDX-License-Identifier: MIT
 *
 * The framer and what real senders do: the tables of peerlogd.conf(5), each stream cut in
 * every way, with flushes where it says so, compared with the table and with the oracle. Unless
 * the table says otherwise, every message shows while the connection is open.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "support/cuts.h"
#include "support/intake.h"
#include "support/oracle.h"

/* Rows up to this length are cut at every pair of positions. */
#define SHORT_ROW 40u

#define DAEMON_INFO 30

/* A flush, in the streams of the tables. */
#define FLUSH "\006"
#define FLUSH_BYTE '\006'
#define MAX_FLUSHES 16u

/* A stream, its records as describe() writes them, and how many of them wait for the end. */
struct row {
    const char *stream;
    size_t len;
    const char *records;
    size_t late;
};

#define ROW(stream, records) {stream, sizeof(stream) - 1, records, 0}
#define LATE(stream, late, records) {stream, sizeof(stream) - 1, records, late}

static struct intake_rules rules_of(enum framing framing, enum multiline multiline)
{
    return (struct intake_rules){
        .framer = {
            .max_message_bytes = PEERLOG_MIN_MESSAGE_BYTES,
            .framing = (uint8_t)framing,
            .multiline = (uint8_t)multiline,
            .flushes = 1,
        },
        .record = {PRIORITY_MODE_FULL, SEVERITY_EMERG, DAEMON_INFO, false},
    };
}

/* As records_describe(), and in front of each its priority, where it is not the default. */
static char *describe(const struct records *r)
{
    struct bytes out = {0};

    for (size_t i = 0; i < r->count; i++) {
        char number[8];
        struct records one = {.items = &r->items[i], .count = 1};
        char *text = records_describe(&one);
        (void)snprintf(number, sizeof number, "%u:", r->items[i].record.priority); /* it fits */
        bytes_add_text(&out, i > 0 ? "|" : "");
        bytes_add_text(&out, r->items[i].record.priority == DAEMON_INFO ? "" : number);
        bytes_add_text(&out, text);
        free(text);
    }
    bytes_repeat(&out, '\0', 1);
    return (char *)out.data;
}

/* The stream of ROW without its marks; *FLUSHES is where they stood. Owns: the caller. */
static struct span read_stream(const struct row *row, struct bytes *bytes, size_t *flushes)
{
    size_t n = 0;

    *bytes = (struct bytes){0};
    bytes_add_text(bytes, "");
    for (size_t i = 0; i < row->len; i++) {
        if (row->stream[i] == FLUSH_BYTE)
            flushes[n++] = bytes->len;
        else
            bytes_add(bytes, row->stream + i, 1);
    }
    return (struct span){bytes->data, bytes->len, flushes, n};
}

/* The records that show while the connection is open. */
static size_t heard_early(const struct intake_rules *rules, struct span stream)
{
    struct intake s;
    size_t from = 0;

    intake_init(&s, rules);
    for (size_t i = 0; i < stream.flush_count; i++) {
        intake_flush(&s, stream.data + from, stream.flushes[i] - from);
        from = stream.flushes[i];
    }
    intake_feed(&s, stream.data + from, stream.len - from, false);
    size_t count = s.heard.count;
    intake_done(&s);
    return count;
}

/* Returns: whether the row holds; says what does not. */
static bool check_row(const struct intake_rules *rules, const struct row *row)
{
    size_t flushes[MAX_FLUSHES];
    struct bytes bytes;
    struct span stream = read_stream(row, &bytes, flushes);
    enum cut_depth depth = row->len <= SHORT_ROW ? CUT_TWICE : CUT_ONCE;
    struct records wanted;
    struct account account;

    oracle_records(stream, rules, &wanted, &account);
    char *text = describe(&wanted);
    char *complaint = all_cuts_complaint(rules, stream, &wanted, depth);
    size_t early = heard_early(rules, stream);
    bool good = true;
    if (strcmp(text, row->records) != 0 || complaint != NULL) {
        print_message("wanted %s\noracle %s\n  %s\n", row->records, text,
                      complaint != NULL ? complaint : "and the framer agrees with it");
        good = false;
    } else if (early != wanted.count - row->late) {
        print_message("%s: %zu of %zu records show early\n", text, early, wanted.count);
        good = false;
    }
    free(complaint);
    free(text);
    records_done(&wanted);
    bytes_done(&bytes);
    return good;
}

static void check_rows(enum framing framing, enum multiline multiline, const struct row *rows,
                       size_t count)
{
    struct intake_rules rules = rules_of(framing, multiline);
    size_t bad = 0;

    for (size_t i = 0; i < count; i++)
        bad += !check_row(&rules, &rows[i]);
    if (bad > 0)
        fail_msg("%zu of %zu rows", bad, count);
}

#define CHECK(framing, rows) check_rows(framing, MULTILINE_NONE, rows, COUNT_OF(rows))

static void a_nul_inside_a_line_hides_nothing_behind_it(void **state)
{
    static const struct row rows[] = {
        ROW("<13>l1\n<13>GET /\0<13>x\n<11>disk failure 1\n<11>disk failure 2\n",
            "13:l1|13:GET /|13:x|11:disk failure 1|11:disk failure 2"),
        /* as the first bytes of a connection: one line is late, none is lost */
        ROW("<13>GET /\0<13>x\n<11>disk failure 1\n<11>disk failure 2\n",
            "13:GET /|13:x|11:disk failure 1|11:disk failure 2"),
        ROW("<13>l1\n\0<13>x\n<11>disk failure 1\n<11>disk failure 2\n",
            "13:l1|13:x|11:disk failure 1|11:disk failure 2"),
        ROW("a\nGET /\0<13>x\nb\nc\n", "a|GET /|13:x|b|c"),
        ROW("<13>GET /\0<13>x\nb\nc\n" FLUSH "d\n", "13:GET /|13:x|b|c|d"),
        /* clients that end messages with NUL */
        ROW("<14>py one\0<11>two\nlines\0", "14:py one|11:two\nlines"),
        ROW("<134>one\n\0<131>two\n\0", "134:one|131:two"),
        ROW("<134>hello\n\0<131>two\nlines\0", "134:hello|131:two\nlines"),
        ROW("<134>hello\r\n\0<131>two\r\nlines\r\n\0", "134:hello|131:two\r\nlines"),
        ROW("<14>a\0<14>b\n<frozen>\n\0<14>c\n<14>d\n", "14:a|14:b\n<frozen>|14:c|14:d"),
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
}

static void the_first_message_of_a_nul_client_keeps_its_lines(void **state)
{
    static const struct row rows[] = {
        ROW("<11>Error\nTraceback:\n  File\0", "11:Error\nTraceback:\n  File"),
        ROW("<13>one\ntwo\n\0<13>three\nfour\n\0", "13:one\ntwo|13:three\nfour"),
        ROW("<13>one\n<13>two\nlines\0", "13:one|13:two|lines"), /* LF and a priority: lines */
        ROW("<13>one\ntwo\n<13>x\0<13>y\nz\n", "13:one|two|13:x|13:y|z"),
        ROW("one\ntwo\0", "one|two"),            /* no priority: lines */
        ROW("<13>one\n" FLUSH "two\0", "13:one|two"),
        ROW("<13>one\ntw" FLUSH "o\0", "13:one|two"),
        ROW("<13>one\n" FLUSH "<13>two\n", "13:one|13:two"),
        LATE("<13>one\n", 1, "13:one"),          /* it waits for a NUL */
        LATE("<13>one\ntwo\n", 2, "13:one|two"),
        LATE("<13>one\ntwo", 2, "13:one|two [unterminated]"),
        ROW("<13>one\n" FLUSH, "13:one"),
        ROW("<13>one\n" FLUSH "<13>two\n<13>three\n", "13:one|13:two|13:three"),
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
}

static void counts_that_do_not_fit_cost_no_other_message(void **state)
{
    static const struct row rows[] = {
        /* a byte short, counted in characters */
        ROW("10 <14>good 18 <14>caf\xc3\xa9" "10 <14>good 210 <14>good 3",
            "14:good 1|14:caf\xc3 [misfit]|14:\xa9 [continued] [misfit, 9 of 8 bytes]"
            "|14:good 2|14:good 3"),
        ROW("8 <14>\xc3\xa9" "abc9 <11>right9 <14>again",
            "14:\xc3\xa9" "ab|14:c [continued] [misfit, 9 of 8 bytes]|11:right|14:again"),
        ROW("9 <14>caf\xc3\xa9" "9 <14>again", "14:caf\xc3\xa9|14:again"),
        ROW("8 <14>caf\xe9" "9 <14>again", "14:caf\xe9|14:again"), /* Latin-1 */
        LATE("8 <14>caf\xe9", 1, "14:caf\xe9"),
        ROW("8 <14>caf\xe9" FLUSH, "14:caf\xe9"),
        /* far too short */
        ROW("5 <14>abcdefghi9 <11>right", "14:a|14:bcdefghi [continued] [misfit, 13 of 5 bytes]"
            "|11:right"),
        ROW("5 <999>x6 <13>by", "<999>|x [continued] [misfit, 6 of 5 bytes]|13:by"),
        ROW("5 <14>abc\n9 <11>right", "14:a|14:bc [continued] [misfit, 7 of 5 bytes]|11:right"),
        ROW("5 <14>abc" FLUSH "9 <11>right",
            "14:a|14:bc [continued] [unfinished] [misfit, 7 of 5 bytes]|11:right"),
        /* a byte too long, again and again: the first takes a digit, then it is known */
        ROW("10 <14>disk.10 <11>fans.10 <13>tape.10 <14>last.9 <14>after",
            "14:disk.1|11:fans. [misfit, 9 of 10 bytes]|13:tape. [misfit, 9 of 10 bytes]"
            "|14:last. [misfit, 9 of 10 bytes]|14:after"),
        ROW("120 <14>" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" "120 <11>bbbbbbbbbbbbbbbb"
            "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
            "ccccccccccccccccccccccccccccc" "10 <13>tape.9 <14>after",
            "14:a*115" "1|11:bbbbbbbbbbbbbbbb|11:c*99 [continued] [misfit, 119 of 120 bytes]"
            "|13:tape. [misfit, 9 of 10 bytes]|14:after"),
        /* more than a byte */
        ROW("11 <14>disk.11 <11>fans.9 <13>right", "14:disk.11|11:fans. [misfit, 21 of 11 bytes]"
            "|13:right"),
        ROW("15 <14>disk.9 <11>fans.9 <13>right",
            "14:disk.9 <11>|14:fans. [continued] [misfit, 20 of 15 bytes]|13:right"),
        /* mixed with lines, as before */
        ROW("5 <13>o<13>lf2\n5 <13>p", "13:o|13:lf2|13:p"),
        ROW("5 <13>a\n5 <13>b\n", "13:a|13:b"),
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
    CHECK(FRAMING_OCTET_COUNTING, rows);
}

static void a_counted_connection_needs_no_priorities(void **state)
{
    static const struct row rows[] = {
        /* HAProxy's ring */
        ROW("5 hello7 goodbye2 ok", "hello|goodbye|ok"),
        ROW("12 proxy: GET /4 next5 hello", "proxy: GET /|next|hello"),
        LATE("5 hello", 1, "hello"),
        ROW("5 hello" FLUSH "7 goodbye", "hello|goodbye"),
        ROW("10 <13>before16 no priority here16 <11>disk failure",
            "13:before|no priority here|11:disk failure"),
        /* texts that begin with a number */
        ROW("404 not found\n2 dogs\n", "404 not found|2 dogs"),
        ROW("5 dogs\n2 cats\n", "5 dogs|2 cats"),
        ROW("5 dogs" FLUSH "\n2 cats\n", "5 dogs [unfinished]|2 cats"),
        LATE("404 not found", 1, "404 not found [unterminated]"),
        ROW("404 not found" FLUSH, "404 not found [unfinished]"),
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
}

static void what_waits_is_given_out_by_a_flush(void **state)
{
    static const struct row rows[] = {
        ROW("<11>disk failure" FLUSH, "11:disk failure [unfinished]"),
        ROW("<11>disk failure" FLUSH "<13>next" FLUSH,
            "11:disk failure [unfinished]|13:next [unfinished]"),
        ROW("<11>disk fail" FLUSH "ure\n<13>next\n",
            "11:disk fail [unfinished]|11:ure [continued]|13:next"),
        ROW("<11>a\n<11>disk fail" FLUSH "ur" FLUSH "e\n<13>next\n",
            "11:a|11:disk fail [unfinished]|11:ur [continued] [unfinished]|11:e [continued]"
            "|13:next"),
        ROW("<11>disk failure" FLUSH "\n<13>next\n<13>more\n",
            "11:disk failure [unfinished]|13:next|13:more"),
        ROW("hello" FLUSH " world\nnext\n", "hello [unfinished]| world [continued]|next"),
        ROW("9 <11>abc" FLUSH "de9 <13>right",
            "11:abc [unfinished]|11:de [continued]|13:right"),
        ROW("9 <11>abc" FLUSH "d" FLUSH FLUSH "e9 <13>right",
            "11:abc [unfinished]|11:d [continued] [unfinished]|11:e [continued]|13:right"),
        ROW("12345" FLUSH "\n", "12345 [unfinished]"),
        ROW("5 <1" FLUSH, "5 <1 [unfinished]"),
        ROW("<1" FLUSH "3>a\nb\n", "<1 [unfinished]|3>a [continued]|b"),
        ROW("\xef\xbb" FLUSH, "\xef\xbb [unfinished]"),
        ROW(FLUSH "a\n" FLUSH, "a"),
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
}

static void a_cr_may_be_the_end_or_a_part_of_it(void **state)
{
    static const struct row rows[] = {
        ROW("<13>a\r<11>b\r<13>c\r", "13:a|11:b|13:c"),
        ROW("<13>a\n\r<11>b\n\r<13>c\n", "13:a|11:b|13:c"),
        ROW("<13>a\n\r<11>b\n<11>c\n", "13:a|11:b|11:c"),
        ROW("<13>a\r" FLUSH "<11>b\r", "13:a|11:b"),
        ROW("<13>a\r\n<11>b\r\n<11>c\r\n", "13:a|11:b|11:c"),
        ROW("a\rb\n\rc\n", "a\rb|\rc"),
        ROW("<13>a\r<11>b\n<11>c\r<11>d\n", "13:a|11:b|11:c\r<11>d"), /* LF is proven */
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
    CHECK(FRAMING_LF, rows);
}

static void a_byte_order_mark_before_a_frame_goes(void **state)
{
    static const struct row rows[] = {
        ROW("\xef\xbb\xbf<11>one\n<11>two\n<11>three\n", "11:one|11:two|11:three"),
        ROW("\xef\xbb\xbf" "5 <11>a\xef\xbb\xbf" "5 <11>b", "11:a|11:b"),
        ROW("\xef\xbb\xbfhello\n\xef\xbb\xbf\n", "hello"),
        ROW("a\xef\xbb\xbf" "b\n", "a\xef\xbb\xbf" "b"),
        LATE("\xef\xbb", 1, "\xef\xbb [unterminated]"),
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
}

static void an_indented_line_keeps_the_severity_of_the_one_before(void **state)
{
    static const struct row rows[] = {
        ROW("<11>Oct 1 12:00:00 gw s: line 1\n  line 2\n\tline 3\n<14>next\n<14>more\n",
            "11:Oct 1 12:00:00 gw s: line 1|11:  line 2 [indented]|11:\tline 3 [indented]"
            "|14:next|14:more"),
        ROW("<11>a\nplain\n  b\n<11>c\n  <14>d\n", "11:a|plain|  b [indented]|11:c|14:d"),
    };
    static const struct row first[] = {
        ROW("  a\n b\n", "  a| b [indented]"),
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
    CHECK(FRAMING_LF, first);
}

static void indented_lines_belong_to_the_message_before(void **state)
{
    static const struct row rows[] = {
        ROW("<11>s: line 1\n  line 2\n\tline 3\n<14>next\n<14>more\n" FLUSH,
            "11:s: line 1\n  line 2\n\tline 3|14:next|14:more"),
        ROW("a\r\n b\r\nc\n" FLUSH, "a\r\n b|c"),
        LATE("x\na\n b\n", 1, "x|a\n b"),
        ROW("x\na\n b\n" FLUSH " c\n<14>next\n" FLUSH, "x|a\n b| c [indented]|14:next"),
        ROW("<11>a\n b\n" FLUSH " c\n<14>d\n" FLUSH, "11:a\n b|11: c [indented]|14:d"),
        ROW("x\na\n b" FLUSH "b\nd\n" FLUSH, "x|a\n b [unfinished]|b [continued]|d"),
    };

    (void)state;
    check_rows(FRAMING_AUTO, MULTILINE_INDENTED, rows, COUNT_OF(rows));
    check_rows(FRAMING_LF, MULTILINE_INDENTED, rows, COUNT_OF(rows));
}

static void lines_without_priority_belong_to_the_message_before(void **state)
{
    static const struct row rows[] = {
        ROW("<11>s: line 1\nline 2\n\tline 3\n<14>next\n<14>more\n" FLUSH,
            "11:s: line 1\nline 2\n\tline 3|14:next|14:more"),
        ROW("plain\nlines\n<14>a\n<b>\n<13>c\n" FLUSH, "plain|lines|14:a\n<b>|13:c"),
        ROW("<11>x\n<11>a\n\nb\n" FLUSH, "11:x|11:a|b"),
    };

    (void)state;
    check_rows(FRAMING_AUTO, MULTILINE_NO_PRIORITY, rows, COUNT_OF(rows));
    check_rows(FRAMING_LF, MULTILINE_NO_PRIORITY, rows, COUNT_OF(rows));
}

static void a_stream_without_ends_is_cut_where_a_message_begins(void **state)
{
    static const struct row rows[] = {
        ROW("<13>Nov 22 10:00:00 h a: x<11>Nov  2 10:00:01 h a: y" FLUSH
            "<13>Nov 22 10:00:02 h a: z" FLUSH,
            "13:Nov 22 10:00:00 h a: x|11:Nov  2 10:00:01 h a: y [unfinished]"
            "|13:Nov 22 10:00:02 h a: z [unfinished]"),
        ROW("<13>1 2026-11-22T10:00:00Z h a - - - x<11>1 2026-11-22T10:00:01Z h a - - - y" FLUSH,
            "13:1 2026-11-22T10:00:00Z h a - - - x|11:1 2026-11-22T10:00:01Z h a - - - y"
            " [unfinished]"),
        ROW("{\"a\":1}__LOG4JS__{\"a\":2}__LOG4JS__", "{\"a\":1}|{\"a\":2}"),
        ROW("{\"version\":\"1.1\"}{\"version\":\"1.1\"}" FLUSH,
            "{\"version\":\"1.1\"}|{\"version\":\"1.1\"} [unfinished]"),
        ROW("<13>see <14>this and <13>Nov 42\n<13>b\n<13>c\n",
            "13:see <14>this and <13>Nov 42|13:b|13:c"),
        /* who has shown an end is not cut */
        ROW("<13>a\n<13>Nov 22 10:00:00 h a: x<11>Nov  2 10:00:01 h a: y\n__LOG4JS__x\n",
            "13:a|13:Nov 22 10:00:00 h a: x<11>Nov  2 10:00:01 h a: y|__LOG4JS__x"),
    };

    (void)state;
    CHECK(FRAMING_AUTO, rows);
}

/* --- many messages, and what is said of them --- */

static void right_frames_behind_a_wrong_count_are_records_at_once(void **state)
{
    struct intake_rules rules = rules_of(FRAMING_AUTO, MULTILINE_NONE);
    struct bytes stream = {0};
    struct intake s;

    (void)state;
    bytes_add_text(&stream, "10 <14>good 1" "8 <14>caf\xc3\xa9");
    for (unsigned i = 0; i < 198; i++)
        bytes_add_text(&stream, "9 <14>right");
    for (int framing = FRAMING_AUTO; framing <= FRAMING_OCTET_COUNTING;
         framing += FRAMING_OCTET_COUNTING - FRAMING_AUTO) {
        rules.framer.framing = (uint8_t)framing;
        intake_init(&s, &rules);
        intake_feed(&s, stream.data, stream.len, false);
        assert_int_equal(s.heard.count, 201);
        for (size_t i = 3; i < s.heard.count; i++)
            assert_int_equal(s.heard.items[i].record.flags, 0);
        assert_int_equal(s.hints, FRAME_FIRST_MISFIT);
        intake_done(&s);
    }
    bytes_done(&stream);
}

/* The hints that STREAM gives from its byte FROM on. */
static uint32_t hints_from(const char *stream, size_t from)
{
    struct intake_rules rules = rules_of(FRAMING_AUTO, MULTILINE_NONE);
    size_t flushes[MAX_FLUSHES], at = 0;
    struct row row = {.stream = stream, .len = strlen(stream)};
    struct bytes bytes;
    struct span span = read_stream(&row, &bytes, flushes);
    struct intake s;

    intake_init(&s, &rules);
    for (size_t i = 0; i < span.flush_count; i++) {
        intake_flush(&s, span.data + at, flushes[i] - at);
        at = flushes[i];
        if (i < from)
            s.hints = 0;
    }
    intake_feed(&s, span.data + at, span.len - at, false);
    uint32_t hints = s.hints;
    intake_done(&s);
    bytes_done(&bytes);
    return hints;
}

static void a_hint_comes_once_for_a_stream(void **state)
{
    (void)state;
    assert_int_equal(hints_from("<13>a\n<13>b\n", 0), 0);
    assert_int_equal(hints_from("<13>a" FLUSH, 0), FRAME_ENDLESS);
    assert_int_equal(hints_from("<13>a" FLUSH "<13>b" FLUSH, 1), 0);
    assert_int_equal(hints_from("<13>a\n<13>b" FLUSH, 0), 0); /* it has shown an end */
    assert_int_equal(hints_from("{}__LOG4JS__{}", 0), FRAME_ENDLESS);
    assert_int_equal(hints_from("5 <13>ab5 <13>c", 0), FRAME_FIRST_MISFIT);
    assert_int_equal(hints_from("5 <13>ab" FLUSH "5 <13>ab5 <13>c", 1), 0);
}

/* What has no flush waits for none: where that is so, each line leaves with its last byte. */
static void without_flushes_no_line_waits(void **state)
{
    static const struct row rows[] = {
        ROW("<13>a\n", "13:a"),
        ROW("<13>a\nb\n", "13:a|b"),
        ROW("6 <13>a\xc3" "5 <13>b", "13:a\xc3|13:b"),
        ROW("<13>one\ntwo\0", "13:one|two"),
    };
    struct intake_rules rules = rules_of(FRAMING_AUTO, MULTILINE_NONE);

    (void)state;
    rules.framer.flushes = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_true(check_row(&rules, &rows[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nul_inside_a_line_hides_nothing_behind_it),
        cmocka_unit_test(the_first_message_of_a_nul_client_keeps_its_lines),
        cmocka_unit_test(counts_that_do_not_fit_cost_no_other_message),
        cmocka_unit_test(a_counted_connection_needs_no_priorities),
        cmocka_unit_test(what_waits_is_given_out_by_a_flush),
        cmocka_unit_test(a_cr_may_be_the_end_or_a_part_of_it),
        cmocka_unit_test(a_byte_order_mark_before_a_frame_goes),
        cmocka_unit_test(an_indented_line_keeps_the_severity_of_the_one_before),
        cmocka_unit_test(indented_lines_belong_to_the_message_before),
        cmocka_unit_test(lines_without_priority_belong_to_the_message_before),
        cmocka_unit_test(a_stream_without_ends_is_cut_where_a_message_begins),
        cmocka_unit_test(right_frames_behind_a_wrong_count_are_records_at_once),
        cmocka_unit_test(a_hint_comes_once_for_a_stream),
        cmocka_unit_test(without_flushes_no_line_waits),
    };

    return cmocka_run_group_tests_name("framer, senders", tests, NULL, NULL);
}
