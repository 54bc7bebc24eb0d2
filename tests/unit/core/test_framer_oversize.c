/* SPDX-License-Identifier: MIT
 *
 * The framer and messages longer than their limit: pieces, cuts and notices with the
 * right numbers, and always a next message that is untouched. Every stream ends in
 * such a good message, is cut in every way, and compared with the oracle.
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

#define MAX PEERLOG_MIN_MESSAGE_BYTES
#define DAEMON_INFO 30

static struct intake_rules rules_of(enum framing framing, enum oversize oversize)
{
    return (struct intake_rules){
        .framer = {
            .max_message_bytes = MAX,
            .framing = (uint8_t)framing,
            .oversize = (uint8_t)oversize,
        },
        .record = {PRIORITY_MODE_FULL, SEVERITY_EMERG, DAEMON_INFO, true},
    };
}

/* All cuts of STREAM agree; Returns: the records. Owns: the caller. */
static struct records check_cuts(const struct intake_rules *rules, const struct bytes *stream,
                                 enum cut_depth depth)
{
    struct records wanted;
    struct account account;

    oracle_records(bytes_span(stream), rules, &wanted, &account);
    char *complaint = all_cuts_complaint(rules, bytes_span(stream), &wanted, depth);
    if (complaint != NULL)
        fail_msg("%s", complaint);
    return wanted;
}

/* The same, and the records are described by TEXT. */
static void check_text(const struct intake_rules *rules, const struct bytes *stream,
                       enum cut_depth depth, const char *text)
{
    struct records records = check_cuts(rules, stream, depth);
    char *described = records_describe(&records);

    assert_string_equal(described, text);
    free(described);
    records_done(&records);
}

/* --- what becomes of a long line --- */

struct long_case {
    enum oversize oversize;
    size_t len;
    const char *end;
    const char *records; /* with "good" behind it */
};

static const struct long_case long_lines[] = {
    {OVERSIZE_SPLIT, 255, "\n", "L*255|good"},
    {OVERSIZE_SPLIT, 256, "\n", "L*256|good"},
    {OVERSIZE_SPLIT, 256, "\r\n", "L*256|good"},
    {OVERSIZE_SPLIT, 257, "\n", "L*256 [part 1]|L [part 2, last]|good"},
    {OVERSIZE_SPLIT, 257, "\r\n", "L*256 [part 1]|L [part 2, last]|good"},
    {OVERSIZE_SPLIT, 256, "\r\r\n", "L*256 [part 1]|\r [part 2, last]|good"},
    {OVERSIZE_SPLIT, 512, "\n", "L*256 [part 1]|L*256 [part 2, last]|good"},
    {OVERSIZE_SPLIT, 512, "\r\n", "L*256 [part 1]|L*256 [part 2, last]|good"},
    {OVERSIZE_SPLIT, 513, "\n", "L*256 [part 1]|L*256 [part 2]|L [part 3, last]|good"},
    {OVERSIZE_TRUNCATE, 255, "\n", "L*255|good"},
    {OVERSIZE_TRUNCATE, 256, "\n", "L*256|good"},
    {OVERSIZE_TRUNCATE, 256, "\r\n", "L*256|good"},
    {OVERSIZE_TRUNCATE, 257, "\n", "L*256 [truncated, 1 bytes cut]|good"},
    {OVERSIZE_TRUNCATE, 257, "\r\n", "L*256 [truncated, 1 bytes cut]|good"},
    {OVERSIZE_TRUNCATE, 256, "\r\r\n", "L*256 [truncated, 1 bytes cut]|good"},
    {OVERSIZE_TRUNCATE, 512, "\n", "L*256 [truncated, 256 bytes cut]|good"},
    {OVERSIZE_TRUNCATE, 512, "\r\n", "L*256 [truncated, 256 bytes cut]|good"},
    {OVERSIZE_TRUNCATE, 2000, "\n", "L*256 [truncated, 1744 bytes cut]|good"},
    {OVERSIZE_DISCARD, 255, "\n", "L*255|good"},
    {OVERSIZE_DISCARD, 256, "\n", "L*256|good"},
    {OVERSIZE_DISCARD, 256, "\r\n", "L*256|good"},
    {OVERSIZE_DISCARD, 257, "\n", "[discarded, 257 bytes cut]|good"},
    {OVERSIZE_DISCARD, 257, "\r\n", "[discarded, 257 bytes cut]|good"},
    {OVERSIZE_DISCARD, 512, "\n", "[discarded, 512 bytes cut]|good"},
    {OVERSIZE_DISCARD, 2000, "\r\n", "[discarded, 2000 bytes cut]|good"},
};

static void gives_out_long_lines_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(long_lines); i++) {
        for (int framing = FRAMING_AUTO; framing <= FRAMING_LF; framing++) {
            struct intake_rules rules =
                rules_of((enum framing)framing, long_lines[i].oversize);
            struct bytes stream = {0};
            bytes_repeat(&stream, 'L', long_lines[i].len);
            bytes_add_text(&stream, long_lines[i].end);
            bytes_add_text(&stream, "<13>good\n");
            check_text(&rules, &stream, CUT_ONCE, long_lines[i].records);
            bytes_done(&stream);
        }
    }
}

/* Every limit with every terminator in every framing under every policy: the oracle's word. */
static void agrees_with_the_oracle_around_the_limit_everywhere(void **state)
{
    static const size_t lengths[] = {MAX - 1, MAX, MAX + 1, MAX + 2, MAX + 3,
                                     MAX + 4, 2 * MAX, 2 * MAX + 1};
    static const struct { const char *bytes; size_t len; } ends[] = {
        {"\n", 1}, {"\r\n", 2}, {"\0", 1}, {"\n\0", 2}, {"\r\n\0", 3}, {"", 0}, {"\n\n\0", 3},
    };

    (void)state;
    for (unsigned i = 0; i < 5 * 3 * COUNT_OF(lengths) * COUNT_OF(ends); i++) {
        struct intake_rules rules = rules_of((enum framing)(i % 5), (enum oversize)(i / 5 % 3));
        unsigned end = i / 15 % COUNT_OF(ends);
        struct bytes stream = {0};

        bytes_add(&stream, "\0<13>", 5);
        bytes_repeat(&stream, 'L', lengths[i / 15 / COUNT_OF(ends)] - 4);
        bytes_add(&stream, ends[end].bytes, ends[end].len);
        bytes_add(&stream, "<13>good\n\0<14>again\n\0", 22);
        struct records records = check_cuts(&rules, &stream, CUT_CHUNKS);
        records_done(&records);
        bytes_done(&stream);
    }
}

static void cut_at_every_position_a_long_message_to_nul_is_the_same(void **state)
{
    (void)state;
    for (int oversize = OVERSIZE_SPLIT; oversize <= OVERSIZE_DISCARD; oversize++) {
        for (size_t len = MAX; len <= MAX + 4; len++) {
            struct intake_rules rules = rules_of(FRAMING_AUTO, (enum oversize)oversize);
            struct bytes stream = {0};
            bytes_add(&stream, "\0<13>\n", 6);
            bytes_repeat(&stream, 'L', len - 5);
            bytes_add(&stream, "\r\n\0<13>good\n\0", 13);
            struct records records = check_cuts(&rules, &stream, CUT_ONCE);
            assert_int_equal(records.items[records.count - 1].record.len, 4);
            records_done(&records);
            bytes_done(&stream);
        }
    }
}

/* --- octet counting --- */

static void honours_the_count_of_a_long_message(void **state)
{
    static const struct { enum oversize oversize; size_t len; const char *end; } counted[] = {
        {OVERSIZE_SPLIT, 260, ""},       {OVERSIZE_SPLIT, 257, "\n"},
        {OVERSIZE_SPLIT, 256, "\n"},     {OVERSIZE_SPLIT, 256, "\r\n"},
        {OVERSIZE_SPLIT, 600, ""},       {OVERSIZE_TRUNCATE, 600, "\n"},
        {OVERSIZE_TRUNCATE, 257, "\r\n"}, {OVERSIZE_DISCARD, 600, "\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(counted); i++) {
        struct intake_rules rules = rules_of(FRAMING_AUTO, counted[i].oversize);
        struct bytes stream = {0};
        char count[24]; /* any number and a space fit */

        (void)snprintf(count, sizeof count, "%zu ", counted[i].len + strlen(counted[i].end));
        bytes_add_text(&stream, count);
        bytes_add_text(&stream, "<13>");
        bytes_repeat(&stream, 'L', counted[i].len - 4);
        bytes_add_text(&stream, counted[i].end);
        bytes_add_text(&stream, "8 <13>good");
        struct records records = check_cuts(&rules, &stream, CUT_ONCE);
        assert_int_equal(records.items[records.count - 1].record.len, 4);
        records_done(&records);
        bytes_done(&stream);
    }
}

static void says_how_much_of_a_counted_message_came(void **state)
{
    static const struct {
        enum oversize oversize;
        size_t came;
        const char *records;
    } short_ones[] = {
        {OVERSIZE_SPLIT, 0, " [incomplete, 4 of 1000 bytes]"},
        {OVERSIZE_SPLIT, 40, "L*40 [incomplete, 44 of 1000 bytes]"},
        {OVERSIZE_SPLIT, 252, "L*252 [incomplete, 256 of 1000 bytes]"},
        {OVERSIZE_SPLIT, 253, "L*252 [part 1]|L [part 2, last] [incomplete, 257 of 1000 bytes]"},
        {OVERSIZE_SPLIT, 995,
         "L*252 [part 1]|L*256 [part 2]|L*256 [part 3]|"
         "L*231 [part 4, last] [incomplete, 999 of 1000 bytes]"},
        {OVERSIZE_TRUNCATE, 252, "L*252 [incomplete, 256 of 1000 bytes]"},
        {OVERSIZE_TRUNCATE, 253,
         "L*252 [truncated, 1 bytes cut] [incomplete, 257 of 1000 bytes]"},
        {OVERSIZE_TRUNCATE, 995,
         "L*252 [truncated, 743 bytes cut] [incomplete, 999 of 1000 bytes]"},
        {OVERSIZE_DISCARD, 252, "L*252 [incomplete, 256 of 1000 bytes]"},
        {OVERSIZE_DISCARD, 253, "[discarded, 257 bytes cut] [incomplete, 257 of 1000 bytes]"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(short_ones); i++) {
        struct intake_rules rules = rules_of(FRAMING_AUTO, short_ones[i].oversize);
        struct bytes stream = {0};

        bytes_add_text(&stream, "1000 <13>");
        bytes_repeat(&stream, 'L', short_ones[i].came);
        check_text(&rules, &stream, CUT_ONCE, short_ones[i].records);
        bytes_done(&stream);
    }
}

static void says_that_a_long_message_had_no_end(void **state)
{
    static const char *const records[] = {
        "L*256 [part 1]|L*44 [part 2, last] [unterminated]",
        "L*256 [truncated, 44 bytes cut] [unterminated]",
        "[discarded, 300 bytes cut] [unterminated]",
    };

    (void)state;
    for (int oversize = OVERSIZE_SPLIT; oversize <= OVERSIZE_DISCARD; oversize++) {
        struct intake_rules rules = rules_of(FRAMING_AUTO, (enum oversize)oversize);
        struct bytes stream = {0};
        bytes_repeat(&stream, 'L', 300);
        check_text(&rules, &stream, CUT_ONCE, records[oversize]);
        bytes_done(&stream);
    }
}

/* --- UTF-8 at the border --- */

static void cuts_no_character_whatever_stands_at_the_border(void **state)
{
    static const char *const wide[] = {"\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80",
                                       "\x80\x80\x80\x80", "\xf0\x9f\x98", "\xff"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wide); i++) {
        for (size_t before = MAX - 5; before <= MAX + 1; before++) {
            for (int oversize = OVERSIZE_SPLIT; oversize <= OVERSIZE_DISCARD; oversize++) {
                struct intake_rules rules = rules_of(FRAMING_AUTO, (enum oversize)oversize);
                struct bytes stream = {0};
                bytes_repeat(&stream, 'L', before);
                bytes_add_text(&stream, wide[i]);
                bytes_add_text(&stream, wide[i]);
                bytes_add_text(&stream, "\ngood\n");
                struct records records = check_cuts(&rules, &stream, CUT_ONCE);
                records_done(&records);
                bytes_done(&stream);
            }
        }
    }
}

static void the_pieces_of_valid_text_are_valid_text(void **state)
{
    struct intake_rules rules = rules_of(FRAMING_AUTO, OVERSIZE_SPLIT);
    struct bytes stream = {0};

    (void)state;
    bytes_add_text(&stream, "<13>x");
    for (int i = 0; i < 300; i++)
        bytes_add_text(&stream, i % 3 ? "\xe4\xb8\xad" : "\xf0\x9f\x98\x80");
    bytes_add_text(&stream, "\n");
    struct records records = check_cuts(&rules, &stream, CUT_ONCE);
    assert_true(records.count > 3);
    for (size_t i = 0; i < records.count; i++) {
        size_t at = 0, len = records.items[i].record.len;
        while (at < len) {
            uint32_t point = 0;
            size_t n = oracle_utf8(records.items[i].text + at, len - at, &point);
            assert_true(n > 0);
            at += n;
        }
    }
    records_done(&records);
    bytes_done(&stream);
}

/* --- the history of this class of software --- */

static void one_line_of_20004_bytes_is_three_pieces(void **state)
{
    struct intake_rules rules = rules_of(FRAMING_AUTO, OVERSIZE_SPLIT);
    struct bytes stream = {0};

    (void)state;
    rules.framer.max_message_bytes = PEERLOG_DEFAULT_MESSAGE_BYTES;
    bytes_add_text(&stream, "<13>");
    bytes_repeat(&stream, 'L', 20000);
    bytes_add_text(&stream, "\n<13>after\n");
    check_text(&rules, &stream, CUT_CHUNKS,
               "L*8188 [part 1]|L*8192 [part 2]|L*3620 [part 3, last]|after");
    rules.framer.oversize = OVERSIZE_TRUNCATE;
    check_text(&rules, &stream, CUT_CHUNKS, "L*8188 [truncated, 11812 bytes cut]|after");
    rules.framer.oversize = OVERSIZE_DISCARD;
    check_text(&rules, &stream, CUT_CHUNKS, "[discarded, 20004 bytes cut]|after");
    bytes_done(&stream);
}

/* A line that begins with DIGITS nines, a space and a PRI. */
static void check_digits(size_t digits, enum cut_depth depth)
{
    for (int framing = FRAMING_AUTO; framing <= FRAMING_CLOSE; framing++) {
        for (int oversize = OVERSIZE_SPLIT; oversize <= OVERSIZE_DISCARD; oversize++) {
            struct intake_rules rules = rules_of((enum framing)framing, (enum oversize)oversize);
            struct bytes stream = {0};
            bytes_repeat(&stream, '9', digits);
            bytes_add_text(&stream, " <13>a\n<13>good\n");
            struct records records = check_cuts(&rules, &stream, depth);
            if (framing == FRAMING_AUTO)
                assert_int_equal(records.items[records.count - 1].record.len, 4);
            records_done(&records);
            bytes_done(&stream);
        }
    }
}

static void two_hundred_digits_are_text(void **state)
{
    struct intake_rules rules = rules_of(FRAMING_AUTO, OVERSIZE_SPLIT);
    struct bytes stream = {0};

    (void)state;
    check_digits(200, CUT_ONCE);
    bytes_repeat(&stream, '9', 200);
    bytes_add_text(&stream, " <13>a\n<13>b\n");
    check_text(&rules, &stream, CUT_ONCE, "9*200 <13>a|b");
    bytes_done(&stream);
}

static void a_hundred_thousand_digits_are_text(void **state)
{
    static const size_t at[] = {1, 9, 10, 11, 12, 8192, 50000, 99999, 100000, 100001, 100005};
    struct intake_rules rules = rules_of(FRAMING_AUTO, OVERSIZE_TRUNCATE);
    struct bytes stream = {0};

    (void)state;
    bytes_repeat(&stream, '9', 100000);
    bytes_add_text(&stream, " <13>a\n<13>b\n");
    check_text(&rules, &stream, CUT_CHUNKS, "9*256 [truncated, 99750 bytes cut]|b");
    rules.framer.max_message_bytes = PEERLOG_MAX_MESSAGE_BYTES;
    struct records records = {0};
    struct account account;
    const struct cuts cuts = {.at = at, .count = COUNT_OF(at)};
    oracle_records(bytes_span(&stream), &rules, &records, &account);
    assert_int_equal(records.items[0].record.len, 100006);
    assert_null(cuts_complaint(&rules, bytes_span(&stream), &records, &cuts));
    records_done(&records);
    bytes_done(&stream);
    check_digits(3000, CUT_CHUNKS);
}

static void zeros_in_front_do_not_lengthen_a_count(void **state)
{
    struct intake_rules rules = rules_of(FRAMING_AUTO, OVERSIZE_SPLIT);
    struct bytes stream = {0};

    (void)state;
    bytes_repeat(&stream, '0', 199);
    bytes_add_text(&stream, "5 <13>a\n<13>b\n");
    check_text(&rules, &stream, CUT_ONCE, "0*199" "5 <13>a|b");
    bytes_done(&stream);
}

static void long_runs_of_terminators_are_no_messages(void **state)
{
    static const char ends[] = {'\n', '\0'};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        for (int oversize = OVERSIZE_SPLIT; oversize <= OVERSIZE_DISCARD; oversize++) {
            struct intake_rules rules = rules_of(FRAMING_AUTO, (enum oversize)oversize);
            struct bytes stream = {0};
            bytes_repeat(&stream, ends[i], 3 * MAX);
            bytes_add_text(&stream, "<13>good\n");
            check_text(&rules, &stream, CUT_CHUNKS,
                       ends[i] == '\n' ? "good" : "good [unterminated]");
            bytes_done(&stream);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_out_long_lines_as_the_table_says),
        cmocka_unit_test(agrees_with_the_oracle_around_the_limit_everywhere),
        cmocka_unit_test(cut_at_every_position_a_long_message_to_nul_is_the_same),
        cmocka_unit_test(honours_the_count_of_a_long_message),
        cmocka_unit_test(says_how_much_of_a_counted_message_came),
        cmocka_unit_test(says_that_a_long_message_had_no_end),
        cmocka_unit_test(cuts_no_character_whatever_stands_at_the_border),
        cmocka_unit_test(the_pieces_of_valid_text_are_valid_text),
        cmocka_unit_test(one_line_of_20004_bytes_is_three_pieces),
        cmocka_unit_test(two_hundred_digits_are_text),
        cmocka_unit_test(a_hundred_thousand_digits_are_text),
        cmocka_unit_test(zeros_in_front_do_not_lengthen_a_count),
        cmocka_unit_test(long_runs_of_terminators_are_no_messages),
    };

    return cmocka_run_group_tests_name("framer, over-long", tests, NULL, NULL);
}
