/* SPDX-License-Identifier: MIT
 *
 * Format: what stands before a text, for every mark there is.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/output/format.h"
#include "peerlog/count.h"
#include "peerlog/marks.h"

static void writes_all_hexadecimal_digits(void **state)
{
    char text[16];

    (void)state;
    assert_int_equal(format_hex(text, 0x0123456789abcdefu), 16);
    assert_memory_equal(text, "0123456789abcdef", 16);
}

static const struct {
    struct record record;
    const char *text;
} marks[] = {
    {{.flags = 0}, ""},
    {{.flags = FRAME_UNTERMINATED}, ""},
    {{.flags = RECORD_REPEAT}, "[repeat?] "},
    {{.flags = (uint32_t)RECORD_CUT | FRAME_UNTERMINATED}, "[cut] "},
    {{.flags = RECORD_REPEAT | RECORD_CUT | FRAME_INCOMPLETE, .have_bytes = 5, .want_bytes = 50},
     "[repeat?] [cut] [incomplete, 5 of 50 bytes] "},
    {{.flags = FRAME_SPLIT, .part = 1}, "[part 1] "},
    {{.flags = FRAME_SPLIT | FRAME_LAST, .part = 4294967295u}, "[part 4294967295, last] "},
    {{.flags = FRAME_TRUNCATED, .cut_bytes = 5}, "[truncated, 5 bytes cut] "},
    {{.flags = FRAME_TRUNCATED, .cut_bytes = UINT64_MAX},
     "[truncated, 18446744073709551615 bytes cut] "},
    {{.flags = FRAME_INCOMPLETE, .have_bytes = 5, .want_bytes = 50},
     "[incomplete, 5 of 50 bytes] "},
    {{.flags = (uint32_t)RECORD_REPEAT | FRAME_SPLIT, .part = 2}, "[repeat?] [part 2] "},
    {{.flags = FRAME_MISFIT, .have_bytes = 9, .want_bytes = 8}, "[count 1 too short] "},
    {{.flags = FRAME_MISFIT, .have_bytes = 43, .want_bytes = 44}, "[count 1 too long] "},
    {{.flags = FRAME_MISFIT, .have_bytes = 8, .want_bytes = 8}, "[count too short] "},
    {{.flags = FRAME_CONTINUED | FRAME_UNFINISHED}, "[continued] [unfinished] "},
    {{.flags = RECORD_INDENTED}, ""},
};

static void writes_every_mark(void **state)
{
    char text[FORMAT_PREFIX_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        size_t n = format_marks(text, &marks[i].record);
        text[n] = '\0';
        assert_string_equal(text, marks[i].text);
        assert_int_equal(format_has_marks(&marks[i].record) != 0, n > 0);
        /* What imitates it is told by the table of marks. */
        assert_int_equal(marks_imitated((unsigned char *)text, n), n > 0);
    }
    text[format_piece(text, 12, 0)] = '\0';
    assert_string_equal(text, "[piece 12] ");
    assert_true(marks_imitated((unsigned char *)text, strlen(text)));
    text[format_piece(text, 1, 1)] = '\0';
    assert_string_equal(text, "[piece 1, last] ");
    assert_true(marks_imitated((unsigned char *)text, strlen(text)));
}

/* The longest that there can be: it must fit. */
static void fits_the_longest_prefix(void **state)
{
    const struct record record = {
        .priority = 191, .part = UINT32_MAX, .cut_bytes = UINT64_MAX,
        .have_bytes = UINT32_MAX, .want_bytes = UINT32_MAX,
        .flags = (uint32_t)RECORD_REPEAT | FRAME_SPLIT | FRAME_LAST | FRAME_TRUNCATED |
                 FRAME_INCOMPLETE | FRAME_MISFIT | FRAME_CONTINUED | FRAME_UNFINISHED | RECORD_CUT,
    };
    struct label_settings label = {.facility = 23, .severity = 7, .show_peer = true};
    struct source source = {.label = &label, .peer_len = PEER_TEXT_BYTES - 1};
    struct stamp stamp = {.second = 0};
    char text[FORMAT_PREFIX_BYTES];

    (void)state;
    memset(label.tag, 'T', PEERLOG_MAX_TAG_BYTES);
    memset(source.peer_text, 'P', PEER_TEXT_BYTES - 1);
    format_stamp(&stamp, 1);
    size_t n = format_syslog_prefix(text, &record, &source, &stamp, "[2147483647]: ");
    assert_true(n <= FORMAT_PREFIX_BYTES);
    assert_memory_equal(text, "<191>", 5);
    assert_memory_equal(text + n - 2, "] ", 2);
}

static void writes_a_prefix_as_syslog_would(void **state)
{
    const struct label_settings label = {.tag = "peers", .show_peer = true};
    const struct record record = {.priority = 30};
    struct source source = {.label = &label};
    struct stamp stamp = {.second = 0};
    char text[FORMAT_PREFIX_BYTES];

    (void)state;
    source.peer_len = (uint8_t)strlen(strcpy(source.peer_text, "192.0.2.7:514"));
    format_stamp(&stamp, 1763799134);
    text[format_syslog_prefix(text, &record, &source, &stamp, "[47]: ")] = '\0';
    assert_string_equal(text, "<30>Nov 22 08:12:14 peers[47]: 192.0.2.7:514 ");
    text[format_line_prefix(text, &record, &source)] = '\0';
    assert_string_equal(text, "192.0.2.7:514 ");
}

static void leaves_the_peer_out_but_not_the_marks(void **state)
{
    const struct label_settings label = {.show_peer = false};
    const struct record plain = {.priority = 30}, cut = {.part = 2, .flags = FRAME_SPLIT};
    struct source source = {.label = &label};
    char text[FORMAT_PREFIX_BYTES];

    (void)state;
    source.peer_len = (uint8_t)strlen(strcpy(source.peer_text, "192.0.2.7:514"));
    assert_int_equal(format_line_prefix(text, &plain, &source), 0);
    text[format_line_prefix(text, &cut, &source)] = '\0';
    assert_string_equal(text, "[part 2] ");
}

static void makes_imitated_marks_look_different(void **state)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"[part 1] is mine", "\\x5bpart 1] is mine"},
        {"[repeat?]", "\\x5brepeat?]"},
        {"[repeat?] a\nb\xff", "\\x5brepeat?] a\\nb\\xff"},
        {"[section]", "[section]"},
        {"a [part 1]", "a [part 1]"},
        {"a\x01[part 1]", "a\\x01[part 1]"},
        {"\x01[part 1]", "\\x01[part 1]"},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct record record = {.text = (const unsigned char *)rows[i].text,
                                      .len = (uint32_t)strlen(rows[i].text)};
        size_t clean = format_clean_bytes(record.text, record.len, ESCAPE_LF);
        assert_int_equal(clean == record.len, strcmp(rows[i].text, rows[i].wanted) == 0);
        text[format_escaped(text, &record, clean, ESCAPE_LF)] = '\0';
        assert_string_equal(text, rows[i].wanted);
    }
}

static void pads_the_day_and_follows_the_clock_both_ways(void **state)
{
    struct stamp stamp = {.second = 0};

    (void)state;
    format_stamp(&stamp, 1764575999);
    assert_string_equal(stamp.text, "Dec  1 07:59:59");
    format_stamp(&stamp, 0);
    assert_string_equal(stamp.text, "Jan  1 00:00:00");
    format_stamp(&stamp, 4102444799);
    assert_string_equal(stamp.text, "Dec 31 23:59:59");
    format_stamp(&stamp, -1);
    assert_string_equal(stamp.text, "Dec 31 23:59:59");
    format_stamp(&stamp, (time_t)INT64_MAX); /* no such year: any time, as long as it is one */
    assert_string_equal(stamp.text, "Jan  1 00:00:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_all_hexadecimal_digits),
        cmocka_unit_test(writes_every_mark),
        cmocka_unit_test(fits_the_longest_prefix),
        cmocka_unit_test(leaves_the_peer_out_but_not_the_marks),
        cmocka_unit_test(makes_imitated_marks_look_different),
        cmocka_unit_test(writes_a_prefix_as_syslog_would),
        cmocka_unit_test(pads_the_day_and_follows_the_clock_both_ways),
    };
    (void)setenv("TZ", "UTC0", 1); /* stamps are in local time */
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
