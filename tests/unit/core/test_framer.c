/* SPDX-License-Identifier: MIT
 *
 * The framer: where messages begin and end. Every stream of the tables is cut in every
 * way, and what comes out is compared with the table and with the oracle.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "support/cuts.h"
#include "support/intake.h"
#include "support/oracle.h"

/* Rows up to this length are cut at every pair of positions. */
#define SHORT_ROW 40u

#define RANDOM_STREAMS 1500u

/* Messages of a few bytes in one view, and what framing them may take at the very most. */
#define LARGE_VIEW (4u << 20)
#define ENOUGH_SECONDS 20

#define DAEMON_INFO 30

/* A stream, and its records as records_describe() writes them. */
struct row {
    const char *stream;
    size_t len;
    const char *records;
};

#define ROW(stream, records) {stream, sizeof(stream) - 1, records}

static struct intake_rules rules_of(enum framing framing)
{
    return (struct intake_rules){
        .framer = {
            .max_message_bytes = PEERLOG_MIN_MESSAGE_BYTES,
            .framing = (uint8_t)framing,
            .oversize = OVERSIZE_SPLIT,
        },
        .record = {PRIORITY_MODE_FULL, SEVERITY_EMERG, DAEMON_INFO, true},
    };
}

static void check_row(const struct intake_rules *rules, const struct row *row)
{
    struct span stream = {.data = (const unsigned char *)row->stream, .len = row->len};
    enum cut_depth depth = row->len <= SHORT_ROW ? CUT_TWICE : CUT_ONCE;
    struct records wanted;
    struct account account;

    oracle_records(stream, rules, &wanted, &account);
    char *text = records_describe(&wanted);
    assert_string_equal(text, row->records);
    char *complaint = all_cuts_complaint(rules, stream, &wanted, depth);
    if (complaint != NULL)
        fail_msg("%s\n  %s", row->records, complaint);
    free(text);
    records_done(&wanted);
}

static void check_rows(enum framing framing, const struct row *rows, size_t count)
{
    struct intake_rules rules = rules_of(framing);

    for (size_t i = 0; i < count; i++)
        check_row(&rules, &rows[i]);
}

/* --- auto --- */

static const struct row auto_rows[] = {
    /* lines */
    ROW("<13>a\n<13>last", "a|last [unterminated]"),
    ROW("<13>a\r\n<13>b\r\n", "a|b"),
    ROW("\n\n<13>a\n\n<13>b\n", "a|b"),
    ROW("\r\n\r\n<13>a\r\n", "a"),
    ROW("a\r\r\nb\rc\n\r", "a\r|b\rc|\r [unterminated]"),
    ROW(" <181>a\n <181>b\n", "a|b"),
    ROW("   <181> a\n", " a"),
    ROW("", ""),
    ROW("\n", ""),
    ROW("hello my name is tony", "hello my name is tony [unterminated]"),
    /* NUL */
    ROW("<14>py one\0<11>two\nlines\0", "py one|two\nlines"),
    ROW("<134>one\n\0<131>two\n\0", "one|two"),
    ROW("<13>x\0y\n<13>z\n", "x|y|z"),
    ROW("<134>hello\n\0<131>two\nlines\0", "hello|two\nlines"),
    ROW("\0<13>a\r\n\0<13>b\n\n\0", "a|b\n"),
    ROW("\0<13>a\nb\n", "a\nb [unterminated]"),
    ROW("\0<13>a\nb", "a\nb [unterminated]"),
    ROW("\0 <13>a\nb\n", "a|b"),            /* a space is not a PRI */
    ROW("\0<1234>a\nb\n", "<1234>a|b"),
    ROW("\0<1", "<1 [unterminated]"),
    ROW("\0<13>", " [unterminated]"),
    ROW("\0\0\0", ""),
    ROW("a\r\0b", "a\r|b [unterminated]"),  /* CR goes before LF only */
    ROW("\0" "5 <13>a\0<13>b\nc\0", "a|b\nc"),
    /* octet counting */
    ROW("5 <13>a5 <13>b", "a|b"),
    ROW("5 <13>a\n5 <13>b\n", "a|b"),
    ROW("6 <13>a\n6 <13>b\n", "a|b"),
    ROW("7 <13>a\r\n6 <13>b\n", "a|b"),
    ROW("7 <13>a\n\n6 <13>b\n", "a\n|b"),   /* once */
    ROW("05 <13>a0005 <13>b", "a|b"),
    ROW("0000000005 <13>a\n", "a"),
    ROW("00000000005 <13>a\n", "00000000005 <13>a"),
    ROW("9 <13>a\nb\n5 <13>c", "a\nb\n5|c [unterminated]"),
    ROW("6 <13>a\0<13>b\nc\n", "a\\0|b|c"), /* its NUL is data */
    ROW("2 <13>a\n", "<1|3>a [continued] [misfit, 5 of 2 bytes]"), /* it is honoured */
    ROW("0 <13>a\n", "a"),
    ROW("<13>lf\n5 <13>o<13>lf2\n", "lf|o|lf2"),
    ROW("5 <999>x6 <13>by", "<999>|x [continued] [misfit, 6 of 5 bytes]|by"),
    ROW("50 <13>short", "short [incomplete, 9 of 50 bytes]"),
    ROW("50 <13>short\n", "short\n [incomplete, 10 of 50 bytes]"),
    ROW("16777216 <13>x", "x [incomplete, 5 of 16777216 bytes]"),
    /* not octet counting */
    ROW("0 5 <13>a\n<13>b\n", "0 5 <13>a|b"),
    ROW("-5 <13>a\n<13>b\n", "-5 <13>a|b"),
    ROW("+5 <13>a\n<13>b\n", "+5 <13>a|b"),
    ROW("5<13>a\n<13>b\n", "5<13>a|b"),
    ROW("5  <13>a\n<13>b\n", "5  <13>a|b"),
    ROW("5\t<13>a\n<13>b\n", "5\t<13>a|b"),
    ROW("5 <>a\n5 <1234>b\n5 <a>\n", "5 <>a|5 <1234>b|5 <a>"),
    ROW("16777217 <13>a\n<13>b\n", "16777217 <13>a|b"),
    ROW("12345\n<13>b\n", "12345|b"),
    ROW("2026-11-22 hello\n404 not found\n<13>b\n", "2026-11-22 hello|404 not found|b"),
    ROW("12 <b>bold</b>\n", "12 <b>bold</b>"),
    /* the end decides for text */
    ROW("5", "5 [unterminated]"),
    ROW("5 ", "5  [unterminated]"),
    ROW("5 <", "5 < [unterminated]"),
    ROW("5 <1", "5 <1 [unterminated]"),
    ROW("5 <133", "5 <133 [unterminated]"),
    ROW("1234567890", "1234567890 [unterminated]"),
    ROW("12345678901", "12345678901 [unterminated]"),
    /* hostile PRI */
    ROW("<999>a\n<99999999999999999999>b\n<-1>c\n<>d\n",
        "<999>a|<99999999999999999999>b|<-1>c|<>d"),
    ROW("<192>a\n<191>b\n", "<192>a|b"),
    ROW("<999>a\n<13>b\n", "<999>a|b"),
    ROW("<2147483648>a\n<13>b\n", "<2147483648>a|b"),
    ROW("<100000000000000000000>a\n<13>b\n", "<100000000000000000000>a|b"),
    ROW("<\n<1\n<13\n<13>\n", "<|<1|<13|"),
    ROW("<", "< [unterminated]"),
    ROW("<1", "<1 [unterminated]"),
    /* hostile counts */
    ROW("2147483647 <13>a\n<13>b\n", "2147483647 <13>a|b"),
    ROW("2147483648 <13>a\n<13>b\n", "2147483648 <13>a|b"),
    ROW("4294967301 <13>a\n<13>b\n", "4294967301 <13>a|b"),
    ROW("9223372036854775808 <13>a\n<13>b\n", "9223372036854775808 <13>a|b"),
    ROW("18446744073709551621 <13>a\n<13>b\n", "18446744073709551621 <13>a|b"),
    ROW("100000000000000000000 <13>a\n<13>b\n", "100000000000000000000 <13>a|b"),
};

static void finds_every_message_of_the_auto_table_however_it_is_cut(void **state)
{
    (void)state;
    check_rows(FRAMING_AUTO, auto_rows, COUNT_OF(auto_rows));
}

/* --- the fixed framings --- */

static void lf_framing_ends_at_lf_and_at_nothing_else(void **state)
{
    static const struct row rows[] = {
        ROW("a\nb\r\nc", "a|b|c [unterminated]"),
        ROW("a\0b\n<13>c\0\n", "a\\0b|c\\0"),
        ROW("5 <13>a\n5 <13>b\n", "5 <13>a|5 <13>b"),
        ROW("\n\r\n\n", ""),
        ROW("a\r", "a\r [unterminated]"),
        ROW("\0<13>a\nb\n", "\\0<13>a|b"),
    };

    (void)state;
    check_rows(FRAMING_LF, rows, COUNT_OF(rows));
}

static void nul_framing_ends_at_nul_and_keeps_lines_together(void **state)
{
    static const struct row rows[] = {
        ROW("a\nb\0c\0", "a\nb|c"),
        ROW("a\n\0b\r\n\0c\n\n\0d\r\0", "a|b|c\n|d\r"),
        ROW("<13>a\n<13>b\n\0", "a\n<13>b"),
        ROW("5 <13>a\0", "5 <13>a"),
        ROW("\0\n\0\r\n\0\0", ""),
        ROW("a\nb", "a\nb [unterminated]"),
        ROW("a\nb\n", "a\nb [unterminated]"), /* a line end at the very end goes */
    };

    (void)state;
    check_rows(FRAMING_NUL, rows, COUNT_OF(rows));
}

static void octet_counting_needs_no_pri_and_finds_its_way_again_at_lf(void **state)
{
    static const struct row rows[] = {
        ROW("1 a2 bc", "a|bc"),
        ROW("1 a\n2 bc\n", "a|bc"),
        ROW("2 a\n3 b\r\n", "a|b"),
        ROW("0 1 a", "a"),
        ROW("3 a\nb3 \0\0\0", "a\nb|\\0\\0\\0"),
        ROW("10 abc", "abc [incomplete, 3 of 10 bytes]"),
        ROW("10 ", ""),
        ROW("hello\n1 a", "hello|a"),
        ROW("x\0y\n1 a", "x\\0y|a"),
        ROW("99999999999 a\n1 b", "99999999999 a|b"),
        ROW("16777217 a\n1 b", "16777217 a|b"),
        ROW("2147483647 a\n1 b", "2147483647 a|b"),
        ROW("2147483648 a\n1 b", "2147483648 a|b"),
        ROW("4294967301 a\n1 b", "4294967301 a|b"),
        ROW("9223372036854775808 a\n1 b", "9223372036854775808 a|b"),
        ROW("18446744073709551617 a\n1 b", "18446744073709551617 a|b"),
        ROW("100000000000000000000 a\n1 b", "100000000000000000000 a|b"),
        ROW("-1 a\n1 b", "-1 a|b"),
        ROW(" 1 a\n1 b", " 1 a|b"),
        ROW("1\n1 b", "1|b"),
        ROW("12", "12 [unterminated]"),
    };

    (void)state;
    check_rows(FRAMING_OCTET_COUNTING, rows, COUNT_OF(rows));
}

static void close_framing_makes_one_message_of_a_connection(void **state)
{
    static const struct row rows[] = {
        ROW("hello", "hello"),
        ROW("<13>a\nb\0c\r\n", "a\nb\\0c"),
        ROW("a\n\n", "a\n"),
        ROW("5 <13>a5 <13>b", "5 <13>a5 <13>b"),
        ROW("", ""),
        ROW("\n", ""),
        ROW("\r\n", ""),
    };

    (void)state;
    check_rows(FRAMING_CLOSE, rows, COUNT_OF(rows));
}

/* --- when messages leave --- */

/* The records that leave before the stream ends. */
static size_t heard_early(enum framing framing, const char *bytes, size_t len)
{
    struct intake_rules rules = rules_of(framing);
    struct intake s;

    intake_init(&s, &rules);
    intake_feed(&s, bytes, len, false);
    size_t count = s.heard.count;
    intake_done(&s);
    return count;
}

static void splits_two_messages_in_one_read(void **state)
{
    (void)state;
    assert_int_equal(heard_early(FRAMING_AUTO, "<13>a\n<13>b\n", 12), 2);
}

static void a_lone_message_leaves_with_its_last_byte(void **state)
{
    static const struct row alone[] = {
        ROW("a\n", NULL), ROW("<13>a\r\n", NULL), ROW("a\0", NULL), ROW("5 <13>a", NULL),
        ROW("12345\n", NULL), ROW("5 <1\n", NULL), ROW("<13>a\n\0", NULL), ROW("1\0", NULL),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(alone); i++)
        assert_int_equal(heard_early(FRAMING_AUTO, alone[i].stream, alone[i].len), 1);
    assert_int_equal(heard_early(FRAMING_LF, "a\n", 2), 1);
    assert_int_equal(heard_early(FRAMING_NUL, "a\n\0", 3), 1);
    assert_int_equal(heard_early(FRAMING_OCTET_COUNTING, "1 a", 3), 1);
    assert_int_equal(heard_early(FRAMING_CLOSE, "a\n\0", 3), 0);
}

static void waits_while_it_could_still_be_a_count(void **state)
{
    const char count[] = "0000000005 <13>a";

    (void)state;
    for (size_t len = 0; len < sizeof count - 1; len++)
        assert_int_equal(heard_early(FRAMING_AUTO, count, len), 0);
    assert_int_equal(heard_early(FRAMING_AUTO, count, sizeof count - 1), 1);
}

/* Were the rest of the view searched for each message, this would take minutes. */
static void searches_no_byte_twice(void **state)
{
    static const struct row ends[] = {ROW("a\n", NULL), ROW("\n", NULL), ROW("\0", NULL),
                                      ROW("\0<13>\n", NULL), ROW("5 <13>a", NULL),
                                      ROW("\r<13>", NULL), ROW("<13>", NULL), ROW("}{\"", NULL),
                                      ROW("5 <13>a1x1x1x", NULL), ROW("\0<13>\n<", NULL),
                                      ROW("<13>\n \n\n ", NULL), ROW("3 abc", NULL),
                                      ROW("_", NULL), ROW("<13>\r", NULL)};

    (void)state;
    for (size_t i = 0; i < 3 * COUNT_OF(ends); i++) {
        struct intake_rules rules = rules_of(FRAMING_AUTO);
        struct framer_state left = {0};
        struct bytes stream = {0};
        struct framer f;
        struct frame frame;
        rules.framer.multiline = (uint8_t)(i % 3);
        rules.framer.flushes = i % 2 == 0;
        while (stream.len < LARGE_VIEW)
            bytes_add(&stream, ends[i / 3].stream, ends[i / 3].len);
        clock_t start = clock();
        framer_begin(&f, &left, &rules.framer, stream.data, stream.len, true);
        while (framer_next(&f, &frame) != FRAMER_NEED_MORE)
            ;
        assert_true((clock() - start) / CLOCKS_PER_SEC < ENOUGH_SECONDS);
        bytes_done(&stream);
    }
}

static void the_state_forgets_all_but_the_end_of_the_last_message(void **state)
{
    static const struct row rows[] = {
        ROW("<13>a\n", NULL), ROW("5 <13>a", NULL), ROW("\n", NULL), ROW("50 <13>short", NULL),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct intake_rules rules = rules_of(FRAMING_AUTO);
        struct intake s;
        intake_init(&s, &rules);
        intake_feed(&s, rows[i].stream, rows[i].len, i == 3);
        intake_feed(&s, rows[i].stream, rows[i].len, i == 3);
        struct framer_state before = s.state;
        intake_feed(&s, rows[i].stream, rows[i].len, i == 3);
        assert_memory_equal(&s.state, &before, sizeof before);
        assert_false(framer_state_open(&s.state, s.carry.len));
        intake_done(&s);
    }
}

static void a_stream_is_open_in_the_middle_of_a_message(void **state)
{
    static const struct row rows[] = {
        ROW("a", NULL), ROW("5", NULL), ROW("5 <13>", NULL), ROW("a\nb", NULL), ROW("\0<1", NULL),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct intake_rules rules = rules_of(FRAMING_AUTO);
        struct intake s;
        intake_init(&s, &rules);
        intake_feed(&s, rows[i].stream, rows[i].len, false);
        assert_true(framer_state_open(&s.state, s.carry.len));
        intake_done(&s);
    }
}

/* --- any stream --- */

/* A stream of pieces that matter, in any order. */
static void add_random_pieces(struct bytes *stream, uint64_t *seed)
{
    static const struct row pieces[] = {
        ROW("\n", NULL), ROW("\0", NULL), ROW("\r\n", NULL), ROW("\r", NULL), ROW("<13>", NULL),
        ROW("5 ", NULL), ROW("0", NULL), ROW("12", NULL), ROW(" ", NULL), ROW("a", NULL),
        ROW("<999>", NULL), ROW("<", NULL), ROW(">", NULL), ROW("300 <13>", NULL),
        ROW("\xe4\xb8\xad", NULL), ROW("\xff", NULL), ROW("257 <1>", NULL), ROW("9 <13>", NULL),
        ROW("\xef\xbb\xbf", NULL), ROW("__LOG4JS__", NULL), ROW("}{\"version\"", NULL),
        ROW("<11>Nov 22 10:00:00 ", NULL), ROW("<9>1 2026-11-22T", NULL), ROW("\n\r<13>", NULL),
        ROW("\n<13>", NULL), ROW("\r<13>", NULL), ROW("\n <b>", NULL), ROW("\n\t", NULL),
        ROW("5 <13>a", NULL), ROW("6 <13>a", NULL), ROW("10 <14>disk.", NULL), ROW("3 abc", NULL),
        ROW("\xc3", NULL), ROW("\xa9", NULL), ROW("14 <11>t", NULL), ROW("<13>\n<", NULL),
    };

    for (unsigned n = draw(seed, 24); n > 0; n--) {
        const struct row *piece = &pieces[draw(seed, COUNT_OF(pieces))];
        bytes_add(stream, piece->stream, piece->len);
        if (draw(seed, 16) == 0)
            bytes_repeat(stream, 'L', 250 + draw(seed, 20));
        if (draw(seed, 24) == 0)
            for (unsigned i = 85 + draw(seed, 90); i > 0; i--)
                bytes_add_text(stream, "\xe4\xb8\xad");
    }
}

/* Rules and a stream by chance; all chunks agree, and so do four cuts by chance. */
static void check_random_stream(unsigned i, uint64_t *seed)
{
    struct intake_rules rules = rules_of((enum framing)(i % 5));
    struct bytes bytes = {0};
    struct records wanted;
    struct account account;
    size_t at[4], flushes[3], from = 0;

    rules.framer.oversize = (uint8_t)(i / 5 % 3);
    rules.framer.flushes = (uint8_t)draw(seed, 2);
    rules.framer.multiline = (uint8_t)(draw(seed, 2) * draw(seed, 3));
    bytes_add_text(&bytes, "");
    add_random_pieces(&bytes, seed);
    struct span stream = bytes_span(&bytes);
    stream.flushes = flushes;
    stream.flush_count = draw(seed, COUNT_OF(flushes) + 1);
    for (size_t n = 0; n < stream.flush_count; n++)
        flushes[n] = from += draw(seed, (unsigned)(stream.len - from) + 1);
    from = 0;
    oracle_records(stream, &rules, &wanted, &account);
    for (size_t n = 0; n < COUNT_OF(at); n++)
        at[n] = from += draw(seed, (unsigned)(stream.len - from) + 1);
    struct cuts cuts = {.at = at, .count = COUNT_OF(at)};
    char *complaint = cuts_complaint(&rules, stream, &wanted, &cuts);
    if (complaint == NULL)
        complaint = all_cuts_complaint(&rules, stream, &wanted, CUT_CHUNKS);
    if (complaint != NULL)
        fail_msg("stream %u, framing %u, oversize %u, multiline %u, %zu flushes: %s", i,
                 rules.framer.framing, rules.framer.oversize, rules.framer.multiline,
                 stream.flush_count, complaint);
    records_done(&wanted);
    bytes_done(&bytes);
}

static void agrees_with_the_oracle_on_random_streams_under_all_rules(void **state)
{
    uint64_t seed = 514;

    (void)state;
    for (unsigned i = 0; i < RANDOM_STREAMS; i++)
        check_random_stream(i, &seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_message_of_the_auto_table_however_it_is_cut),
        cmocka_unit_test(lf_framing_ends_at_lf_and_at_nothing_else),
        cmocka_unit_test(nul_framing_ends_at_nul_and_keeps_lines_together),
        cmocka_unit_test(octet_counting_needs_no_pri_and_finds_its_way_again_at_lf),
        cmocka_unit_test(close_framing_makes_one_message_of_a_connection),
        cmocka_unit_test(splits_two_messages_in_one_read),
        cmocka_unit_test(a_lone_message_leaves_with_its_last_byte),
        cmocka_unit_test(waits_while_it_could_still_be_a_count),
        cmocka_unit_test(searches_no_byte_twice),
        cmocka_unit_test(the_state_forgets_all_but_the_end_of_the_last_message),
        cmocka_unit_test(a_stream_is_open_in_the_middle_of_a_message),
        cmocka_unit_test(agrees_with_the_oracle_on_random_streams_under_all_rules),
    };

    return cmocka_run_group_tests_name("framer", tests, NULL, NULL);
}
