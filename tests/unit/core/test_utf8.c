/* SPDX-License-Identifier: MIT
 *
 * UTF-8: what is a character, and where text may be cut.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/utf8.h"
#include "support/intake.h"
#include "support/oracle.h"

struct decode_case {
    const char *text;
    size_t len; /* of its first character, 0: none */
    uint32_t point;
};

static const struct decode_case characters[] = {
    {"a", 1, 'a'},
    {"\x7f", 1, 0x7f},
    {"\xc2\x80", 2, 0x80},
    {"\xdf\xbf", 2, 0x7ff},
    {"\xe0\xa0\x80", 3, 0x800},
    {"\xe4\xb8\xad", 3, 0x4e2d},
    {"\xed\x9f\xbf", 3, 0xd7ff},
    {"\xee\x80\x80", 3, 0xe000},
    {"\xef\xbb\xbf", 3, 0xfeff},
    {"\xef\xbf\xbf", 3, 0xffff},
    {"\xf0\x90\x80\x80", 4, 0x10000},
    {"\xf0\x9f\x98\x80", 4, 0x1f600},
    {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
    /* overlong */
    {"\xc0\x80", 0, 0},
    {"\xc1\xbf", 0, 0},
    {"\xe0\x80\x80", 0, 0},
    {"\xe0\x9f\xbf", 0, 0},
    {"\xf0\x80\x80\x80", 0, 0},
    {"\xf0\x8f\xbf\xbf", 0, 0},
    /* surrogates, too large, never valid */
    {"\xed\xa0\x80", 0, 0},
    {"\xed\xbf\xbf", 0, 0},
    {"\xf4\x90\x80\x80", 0, 0},
    {"\xf5\x80\x80\x80", 0, 0},
    {"\xf8\x88\x80\x80\x80", 0, 0},
    {"\xfc\x84\x80\x80\x80\x80", 0, 0},
    {"\xfe", 0, 0},
    {"\xff", 0, 0},
    /* cut short, or followed by something else */
    {"\x80", 0, 0},
    {"\xbf", 0, 0},
    {"\xc2", 0, 0},
    {"\xc2" "a", 0, 0},
    {"\xe4\xb8", 0, 0},
    {"\xe4\xb8" "a", 0, 0},
    {"\xe4" "a\xad", 0, 0},
    {"\xf0\x9f\x98", 0, 0},
    {"\xf0\x9f\x98" "a", 0, 0},
    {"\xf0\x9f\xc2\x80", 0, 0},
};

static void decodes_every_character_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(characters); i++) {
        const struct decode_case *c = &characters[i];
        size_t len = strlen(c->text);
        unsigned char *text = exact_copy(c->text, len);
        uint32_t point = 0xffffffff;

        assert_int_equal(utf8_decode(text, len, &point), c->len);
        assert_int_equal(point, c->len > 0 ? c->point : 0xffffffff);
        free(text);
    }
}

static void decodes_all_points_there_are(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x120000; point++) {
        unsigned char text[4] = {
            (unsigned char)(0xf0 | (point >> 18 & 7)), (unsigned char)(0x80 | (point >> 12 & 63)),
            (unsigned char)(0x80 | (point >> 6 & 63)), (unsigned char)(0x80 | (point & 63)),
        };
        unsigned char *at = text;
        size_t len = 4;
        if (point < 0x10000) {
            text[1] = (unsigned char)(0xe0 | point >> 12);
            at = text + 1, len = 3;
        }
        if (point < 0x800) {
            text[2] = (unsigned char)(0xc0 | point >> 6);
            at = text + 2, len = 2;
        }
        if (point < 0x80) {
            text[3] = (unsigned char)point;
            at = text + 3, len = 1;
        }
        bool valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        uint32_t decoded = 0;
        assert_int_equal(utf8_decode(at, len, &decoded), valid ? len : 0);
        assert_int_equal(decoded, valid ? point : 0);
    }
}

static void agrees_with_the_oracle_on_all_first_two_bytes(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            unsigned char text[4] = {(unsigned char)first, (unsigned char)second, 0x80, 0xbf};
            for (size_t len = 1; len <= 4; len++) {
                uint32_t a = 0, b = 0;
                assert_int_equal(utf8_decode(text, len, &a), oracle_utf8(text, len, &b));
                assert_int_equal(a, b);
            }
        }
    }
}

static void never_reads_behind_a_character_cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(characters); i++) {
        for (size_t len = 1; len < characters[i].len; len++) {
            unsigned char *text = exact_copy(characters[i].text, len);
            uint32_t point = 0;
            assert_int_equal(utf8_decode(text, len, &point), 0);
            free(text);
        }
    }
}

/* Text of one character over and over is cut at a multiple of its length. */
static void cuts_between_characters(void **state)
{
    static const char *const each[] = {"a", "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80"};

    (void)state;
    for (size_t n = 1; n <= 4; n++) {
        for (size_t at = 4; at < 40; at++) {
            struct bytes text = {0};
            while (text.len < at + 1)
                bytes_add_text(&text, each[n - 1]);
            unsigned char *exact = exact_copy(text.data, at + 1);
            assert_int_equal(utf8_cut(exact, at), at - at % n);
            free(exact);
            bytes_done(&text);
        }
    }
}

struct cut_case {
    const char *text;
    size_t at;
    size_t cut;
};

static const struct cut_case cuts[] = {
    {"aaaaaaaa", 7, 7},
    {"aaaaaa\xc3\xa9", 7, 6},
    {"aaaaaa\xc3\xa9" "a", 8, 8},
    {"aaaaa\xe4\xb8\xad", 7, 5},
    {"aaaaa\xe4\xb8\xad", 6, 5},
    {"aaaa\xf0\x9f\x98\x80", 7, 4},
    {"aaaa\xf0\x9f\x98\x80", 6, 4},
    {"aaaa\xf0\x9f\x98\x80", 5, 4},
    {"aaaaaa\x80\x80", 7, 7},             /* nothing leads it */
    {"aaaa\x80\x80\x80\x80", 7, 7},
    {"\x80\x80\x80\x80\x80\x80\x80\x80", 7, 7},
    {"aaaa\xc3\xa9\x80", 6, 6},           /* the character ended before */
    {"aaaa\xc3\xa9\x80\x80", 7, 7},
    {"aaaaaaa\xff", 7, 7},
    {"aaaaaa\xff\x80", 7, 7},
    {"aaaaaa\xc0\x80", 7, 7},             /* overlong: no lead byte */
    {"aaaaaa\xe4" "a", 7, 7},             /* a character cut short before the cut */
    {"aaaaaa\xe4\xb8", 7, 6},             /* it may go on behind the cut */
};

static void cuts_every_text_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        unsigned char *text = exact_copy(cuts[i].text, cuts[i].at + 1);
        assert_int_equal(utf8_cut(text, cuts[i].at), cuts[i].cut);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_character_as_the_table_says),
        cmocka_unit_test(decodes_all_points_there_are),
        cmocka_unit_test(agrees_with_the_oracle_on_all_first_two_bytes),
        cmocka_unit_test(never_reads_behind_a_character_cut_short),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(cuts_every_text_as_the_table_says),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
