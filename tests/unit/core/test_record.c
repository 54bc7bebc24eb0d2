/* SPDX-License-Identifier: MIT
 *
 * Records: what a leading PRI decides, and what is left of the text.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/record.h"
#include "support/intake.h"

#define DAEMON_INFO 30

struct pri_case {
    const char *frame;
    const char *text;
    int severity_mode; /* the priority that each mode makes of it, */
    int full_mode;     /* default daemon.info, highest severity crit, without kern */
};

static const struct pri_case cases[] = {
    {"plain", "plain", 30, 30},
    {"<13>a", "a", 24 + 5, 13},
    {"<191>a", "a", 24 + 7, 191},
    {"<8>a", "a", 24 + 2, 8 + 2},            /* user.emerg */
    {"<3>a", "a", 24 + 3, 24 + 3},
    {"<2>a", "a", 24 + 2, 24 + 2},
    {"<1>a", "a", 24 + 2, 24 + 2},
    {"<0>a", "a", 24 + 2, 24 + 2},
    {"<000>a", "a", 24 + 2, 24 + 2},
    {"<184>a", "a", 24 + 2, 184 + 2}, /* local7.emerg */
    {"<192>a", "<192>a", 30, 30},
    {"<999>a", "<999>a", 30, 30},
    {"<99999999999999999999>b", "<99999999999999999999>b", 30, 30},
    {"<2147483648>b", "<2147483648>b", 30, 30},
    {"<-1>c", "<-1>c", 30, 30},
    {"<>d", "<>d", 30, 30},
    {"<", "<", 30, 30},
    {"<1", "<1", 30, 30},
    {"<13", "<13", 30, 30},
    {"<13>", "", 24 + 5, 13},
    {" <181>a", "a", 24 + 5, 181},
    {"     <181>a", "a", 24 + 5, 181},
    {"<13> a", " a", 24 + 5, 13},          /* a space behind it is text */
    {"<13><14>a", "<14>a", 24 + 5, 13},    /* only the first */
    {" <999>a", " <999>a", 30, 30},        /* no PRI, so the spaces stay */
    {"  a", "  a", 30, 30},
    {"   ", "   ", 30, 30},
    {"\t<13>a", "\t<13>a", 30, 30},        /* TAB is not a space */
    {"a<13>", "a<13>", 30, 30},
};

static struct record make(const char *text, const struct record_rules *rules)
{
    struct frame frame = {.text = (const unsigned char *)text, .len = (uint32_t)strlen(text)};
    struct record record = {0};
    uint8_t before = 0;

    record_from_frame(&frame, rules, &before, &record);
    assert_int_equal(before, record.priority + 1);
    return record;
}

static void assert_text(const struct record *record, const char *text)
{
    assert_int_equal(record->len, strlen(text));
    assert_memory_equal(record->text, text, record->len);
}

static void severity_mode_takes_the_severity_alone(void **state)
{
    const struct record_rules rules = {PRIORITY_MODE_SEVERITY, SEVERITY_CRIT, DAEMON_INFO, false};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct record record = make(cases[i].frame, &rules);
        assert_text(&record, cases[i].text);
        assert_int_equal(record.priority, cases[i].severity_mode);
    }
}

static void full_mode_takes_the_facility_too(void **state)
{
    const struct record_rules rules = {PRIORITY_MODE_FULL, SEVERITY_CRIT, DAEMON_INFO, false};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct record record = make(cases[i].frame, &rules);
        assert_text(&record, cases[i].text);
        assert_int_equal(record.priority, cases[i].full_mode);
    }
}

static void kern_is_taken_where_it_is_allowed(void **state)
{
    (void)state;
    for (int allowed = 0; allowed <= 1; allowed++) {
        const struct record_rules rules = {PRIORITY_MODE_FULL, SEVERITY_CRIT, DAEMON_INFO,
                                           allowed != 0};
        assert_int_equal(make("<6>a", &rules).priority, allowed ? 6 : 24 + 6);
        assert_int_equal(make("<0>a", &rules).priority, allowed ? 2 : 24 + 2);
        assert_int_equal(make("<13>a", &rules).priority, 13);
    }
}

static void ignore_mode_leaves_everything_in_the_text(void **state)
{
    const struct record_rules rules = {PRIORITY_MODE_IGNORE, SEVERITY_CRIT, DAEMON_INFO, false};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct record record = make(cases[i].frame, &rules);
        assert_text(&record, cases[i].frame);
        assert_int_equal(record.priority, DAEMON_INFO);
    }
}

static void no_peer_is_more_severe_than_the_highest_severity(void **state)
{
    (void)state;
    for (uint8_t highest = SEVERITY_EMERG; highest <= SEVERITY_DEBUG; highest++) {
        for (unsigned asked = 0; asked <= 191; asked++) {
            const struct record_rules rules = {PRIORITY_MODE_FULL, highest, DAEMON_INFO, true};
            char text[8] = {'<', (char)('0' + asked / 100), (char)('0' + asked / 10 % 10),
                            (char)('0' + asked % 10), '>', 'x'};
            unsigned severity = asked % 8 < highest ? highest : asked % 8;
            struct record record = make(text, &rules);
            assert_int_equal(record.priority, asked / 8 * 8 + severity);
        }
    }
}

static void the_default_of_the_administrator_is_not_lowered(void **state)
{
    const struct record_rules rules = {PRIORITY_MODE_SEVERITY, SEVERITY_CRIT, 24, false};

    (void)state;
    struct record record = make("plain", &rules);
    assert_int_equal(record.priority, 24);
}

static void later_pieces_keep_the_priority_and_their_text(void **state)
{
    const struct record_rules rules = {PRIORITY_MODE_FULL, SEVERITY_EMERG, DAEMON_INFO, false};
    struct frame frame = {
        .text = (const unsigned char *)" <13>first", .len = 10, .part = 1, .flags = FRAME_SPLIT,
    };
    struct record record = {0};
    uint8_t before = 0;

    (void)state;
    record_from_frame(&frame, &rules, &before, &record);
    assert_text(&record, "first");
    assert_int_equal(record.priority, 13);
    for (frame.part = 2; frame.part < 5; frame.part++) {
        frame.text = (const unsigned char *)" <14>later";
        record_from_frame(&frame, &rules, &before, &record);
        assert_text(&record, " <14>later");
        assert_int_equal(record.priority, 13);
        assert_int_equal(record.part, frame.part);
    }
}

static void the_next_message_forgets_the_priority_of_the_last(void **state)
{
    const struct record_rules rules = {PRIORITY_MODE_FULL, SEVERITY_EMERG, DAEMON_INFO, false};
    struct frame frame = {.text = (const unsigned char *)"<13>a", .len = 5};
    struct record record = {0};
    uint8_t before = 0;

    (void)state;
    record_from_frame(&frame, &rules, &before, &record);
    assert_int_equal(record.priority, 13);
    frame.text = (const unsigned char *)"plain";
    record_from_frame(&frame, &rules, &before, &record);
    assert_int_equal(record.priority, DAEMON_INFO);
    frame.part = 1;
    frame.flags = FRAME_SPLIT;
    before = 14;
    record_from_frame(&frame, &rules, &before, &record);
    assert_int_equal(record.priority, DAEMON_INFO);
}

static void an_indented_line_has_the_priority_of_the_one_before(void **state)
{
    static const struct { const char *text; uint32_t flags, wanted; int priority; } lines[] = {
        {"  first", 0, 0, DAEMON_INFO}, /* nothing is before it */
        {"<11>head", 0, 0, 11},
        {"  line", 0, RECORD_INDENTED, 11},
        {"\tline", 0, RECORD_INDENTED, 11},
        {"rest", FRAME_CONTINUED, FRAME_CONTINUED, 11},
        {" rest", FRAME_CONTINUED | FRAME_FIRST_MISFIT, FRAME_CONTINUED, 11},
        {"  <14>own", FRAME_CONTINUED, 0, 14},
        {"plain", 0, 0, DAEMON_INFO},
        {" plain", 0, RECORD_INDENTED, DAEMON_INFO},
    };
    const struct record_rules rules = {PRIORITY_MODE_FULL, SEVERITY_EMERG, DAEMON_INFO, true};
    struct record record;
    uint8_t before = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct frame frame = {
            .text = (const unsigned char *)lines[i].text, .len = (uint32_t)strlen(lines[i].text),
            .flags = lines[i].flags,
        };
        record_from_frame(&frame, &rules, &before, &record);
        assert_int_equal(record.flags, lines[i].wanted);
        assert_int_equal(record.priority, lines[i].priority);
    }
}

static void carries_over_what_the_frame_says_of_itself(void **state)
{
    const struct record_rules rules = {PRIORITY_MODE_SEVERITY, SEVERITY_CRIT, DAEMON_INFO, false};
    struct frame frame = {
        .text = (const unsigned char *)"<13>a", .len = 5, .part = 7,
        .flags = FRAME_SPLIT | FRAME_LAST | FRAME_INCOMPLETE,
        .have_bytes = 70, .want_bytes = 80, .cut_bytes = 1ull << 40,
    };
    struct record record = {.sequence = 42, .source = 43};
    uint8_t before = 100;

    (void)state;
    record_from_frame(&frame, &rules, &before, &record);
    assert_int_equal(record.flags, frame.flags);
    assert_int_equal(record.part, 7);
    assert_int_equal(record.have_bytes, 70);
    assert_int_equal(record.want_bytes, 80);
    assert_true(record.cut_bytes == 1ull << 40);
    assert_int_equal(record.priority, 99);
    /* These are the caller's. */
    assert_int_equal(record.sequence, 42);
    assert_int_equal(record.source, 43);
}

static void reads_no_byte_behind_the_frame(void **state)
{
    const struct record_rules rules = {PRIORITY_MODE_FULL, SEVERITY_CRIT, DAEMON_INFO, false};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t len = 1; len <= strlen(cases[i].frame); len++) {
            unsigned char *text = exact_copy(cases[i].frame, len);
            struct frame frame = {.text = text, .len = (uint32_t)len};
            struct record record = {0};
            uint8_t before = 0;
            record_from_frame(&frame, &rules, &before, &record);
            assert_ptr_equal(record.text + record.len, text + len);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(severity_mode_takes_the_severity_alone),
        cmocka_unit_test(full_mode_takes_the_facility_too),
        cmocka_unit_test(kern_is_taken_where_it_is_allowed),
        cmocka_unit_test(ignore_mode_leaves_everything_in_the_text),
        cmocka_unit_test(no_peer_is_more_severe_than_the_highest_severity),
        cmocka_unit_test(the_default_of_the_administrator_is_not_lowered),
        cmocka_unit_test(later_pieces_keep_the_priority_and_their_text),
        cmocka_unit_test(the_next_message_forgets_the_priority_of_the_last),
        cmocka_unit_test(an_indented_line_has_the_priority_of_the_one_before),
        cmocka_unit_test(carries_over_what_the_frame_says_of_itself),
        cmocka_unit_test(reads_no_byte_behind_the_frame),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
