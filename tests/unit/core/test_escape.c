/* SPDX-License-Identifier: MIT
 *
 * Escape: what may stand in a line, what takes its place, and that no room, however
 * small, cuts a character or an escape in two.
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
#include "peerlog/escape.h"
#include "support/intake.h"
#include "support/oracle.h"

/* Longer than four blocks of the fast way. */
#define LONG_TEXT 70u

struct escape_case {
    const char *text;
    const char *safe; /* for output in lines */
};

static const struct escape_case cases[] = {
    {"", ""},
    {"hello my name is tony", "hello my name is tony"},
    {"a\tb", "a\tb"},
    {"two\nlines", "two\\nlines"},
    {"a\r\nb", "a\\x0d\\nb"},
    {"back\\slash \\n \\x0a \\\\", "back\\slash \\n \\x0a \\\\"},
    {"%s%n%1000000d", "%s%n%1000000d"},
    {"#011", "#011"},
    {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
    {"\x1b]0;title\x07", "\\x1b]0;title\\x07"},
    {"\x7f", "\\x7f"},
    {"\x01\x02\x1f", "\\x01\\x02\\x1f"},
    /* C1: as characters and as single bytes */
    {"\xc2\x80", "\\xc2\\x80"},
    {"\xc2\x85", "\\xc2\\x85"},
    {"\xc2\x9b" "31m", "\\xc2\\x9b31m"},
    {"\xc2\x9f", "\\xc2\\x9f"},
    {"\xc2\xa0", "\xc2\xa0"},
    {"\x9b" "31m", "\\x9b31m"},
    /* valid and left alone */
    {"\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe6\x96\x87"},
    {"\xf0\x9f\x98\x80!", "\xf0\x9f\x98\x80!"},
    {"\xef\xbb\xbf" "bom", "\xef\xbb\xbf" "bom"},
    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
    {"\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"},
    /* noncharacters and their neighbours */
    {"\xef\xb7\x8f", "\xef\xb7\x8f"},
    {"\xef\xb7\x90", "\\xef\\xb7\\x90"},
    {"\xef\xb7\xaf", "\\xef\\xb7\\xaf"},
    {"\xef\xb7\xb0", "\xef\xb7\xb0"},
    {"\xef\xbf\xbd", "\xef\xbf\xbd"},
    {"disk \xef\xbf\xbe failure", "disk \\xef\\xbf\\xbe failure"},
    {"\xef\xbf\xbf", "\\xef\\xbf\\xbf"},
    {"\xf0\x90\x80\x80", "\xf0\x90\x80\x80"},
    {"\xf0\x9f\xbf\xbe", "\\xf0\\x9f\\xbf\\xbe"},
    {"\xf4\x8f\xbf\xbf", "\\xf4\\x8f\\xbf\\xbf"},
    /* separators of lines and paragraphs, bidirectional overrides, and their neighbours */
    {"\xe2\x80\xa7", "\xe2\x80\xa7"},
    {"a\xe2\x80\xa8" "b", "a\\xe2\\x80\\xa8b"},
    {"\xe2\x80\xa9", "\\xe2\\x80\\xa9"},
    {"\xe2\x80\xaa", "\\xe2\\x80\\xaa"},
    {"\xe2\x80\xae" "gpj.exe", "\\xe2\\x80\\xaegpj.exe"},
    {"\xe2\x80\xaf", "\xe2\x80\xaf"},
    {"\xe2\x81\xa5", "\xe2\x81\xa5"},
    {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
    {"\xe2\x81\xa9", "\\xe2\\x81\\xa9"},
    {"\xe2\x81\xaa", "\xe2\x81\xaa"},
    {"\xe2\x80\x8f", "\xe2\x80\x8f"},
    /* not UTF-8: by byte, and what follows stands again */
    {"caf\xe9!", "caf\\xe9!"},
    {"\xc0\xaf", "\\xc0\\xaf"},
    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
    {"\xe4\xb8", "\\xe4\\xb8"},
    {"\xe4\xb8!", "\\xe4\\xb8!"},
    {"\xe4\xb8\xe4\xb8\xad", "\\xe4\\xb8\xe4\xb8\xad"},
    {"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
    {"\xff\xfe", "\\xff\\xfe"},
    {"\x80\xc3\xa9", "\\x80\xc3\xa9"},
    /* a message that tries to look like two */
    {"x\n<13>127.0.0.1:1 fake", "x\\n<13>127.0.0.1:1 fake"},
};

/* The safe form of TEXT by the rules of the test. Owns: the caller. */
static struct bytes wanted_form(const unsigned char *text, size_t len, enum escape_lf lf)
{
    struct bytes out = {0};
    size_t at = 0;

    bytes_add_text(&out, "");
    while (at < len)
        at += oracle_escape(text + at, len - at, lf, &out);
    return out;
}

/* The first byte of TEXT that the rules change. */
static size_t wanted_clean(const unsigned char *text, size_t len, enum escape_lf lf)
{
    size_t at = 0;

    while (at < len) {
        struct bytes out = {0};
        size_t n = oracle_escape(text + at, len - at, lf, &out);
        bool same = out.len == n && memcmp(out.data, text + at, n) == 0;
        bytes_done(&out);
        if (!same)
            break;
        at += n;
    }
    return at;
}

/* TEXT comes out as the rules say, with room for everything. */
static void assert_escapes(const void *data, size_t len, enum escape_lf lf)
{
    unsigned char *text = exact_copy(data, len);
    struct bytes wanted = wanted_form(text, len, lf);
    char *dst = malloc(wanted.len + 1);
    size_t taken = 0;

    assert_non_null(dst);
    assert_int_equal(escape_clean_bytes(text, len, lf), wanted_clean(text, len, lf));
    assert_true(wanted.len <= len * ESCAPE_MAX_GROWTH);
    assert_int_equal(escape_write(dst, wanted.len, text, len, lf, &taken), wanted.len);
    assert_int_equal(taken, len);
    assert_memory_equal(dst, wanted.data, wanted.len);
    free(dst);
    bytes_done(&wanted);
    free(text);
}

/* The same TEXT through windows of ROOM bytes, one after the other. */
static void assert_escapes_in_windows(const void *data, size_t len, enum escape_lf lf, size_t room)
{
    unsigned char *text = exact_copy(data, len);
    struct bytes wanted = wanted_form(text, len, lf), all = {0};
    char *dst = malloc(room + 1);
    size_t at = 0;

    assert_non_null(dst);
    while (at < len) {
        struct bytes one = {0};
        size_t taken = 0, n = oracle_escape(text + at, len - at, lf, &one);
        size_t wrote = escape_write(dst, room, text + at, len - at, lf, &taken);

        assert_true(wrote <= room);
        if (one.len > room) {
            /* Not even the first character fits: nothing happens, half of it least of all. */
            assert_int_equal(wrote, 0);
            assert_int_equal(taken, 0);
            bytes_add(&all, one.data, one.len);
            taken = n;
        }
        assert_true(taken >= n);
        bytes_add(&all, dst, wrote);
        /* What was taken is whole characters: their form by the rules is what was written. */
        struct bytes part = wanted_form(text + at, taken, lf);
        assert_int_equal(part.len, one.len > room ? one.len : wrote);
        bytes_done(&part);
        bytes_done(&one);
        at += taken;
    }
    assert_int_equal(all.len, wanted.len);
    assert_memory_equal(all.data, wanted.data, wanted.len);
    bytes_done(&all);
    bytes_done(&wanted);
    free(dst);
    free(text);
}

static void writes_every_text_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char dst[128];
        size_t len = strlen(cases[i].text), taken = 0;
        unsigned char *text = exact_copy(cases[i].text, len);
        size_t n = escape_write(dst, sizeof dst, text, len, ESCAPE_LF, &taken);

        assert_int_equal(taken, len);
        dst[n] = '\0';
        assert_string_equal(dst, cases[i].safe);
        assert_int_equal(escape_clean_bytes(text, len, ESCAPE_LF) == len,
                         strcmp(cases[i].text, cases[i].safe) == 0);
        free(text);
        assert_escapes(cases[i].text, len, ESCAPE_LF);
        assert_escapes(cases[i].text, len, KEEP_LF);
    }
}

static void writes_each_single_byte_as_the_rules_say(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned char text[1] = {(unsigned char)byte};
        bool plain = byte == '\t' || (byte >= 0x20 && byte < 0x7f);
        char dst[4], wanted[8];
        size_t taken = 0;

        if (plain)
            (void)snprintf(wanted, sizeof wanted, "%c", (int)byte); /* it fits */
        else if (byte == '\n')
            (void)snprintf(wanted, sizeof wanted, "\\n"); /* it fits */
        else
            (void)snprintf(wanted, sizeof wanted, "\\x%02x", byte); /* it fits */
        assert_int_equal(escape_clean_bytes(text, 1, ESCAPE_LF), plain);
        assert_int_equal(escape_clean_bytes(text, 1, KEEP_LF), plain || byte == '\n');
        assert_int_equal(escape_write(dst, sizeof dst, text, 1, ESCAPE_LF, &taken), strlen(wanted));
        assert_int_equal(taken, 1);
        assert_memory_equal(dst, wanted, strlen(wanted));
    }
}

static void keeps_the_ends_of_lines_when_asked_and_nothing_else(void **state)
{
    const char text[] = "a\nb\rc\n";
    const char separators[] = "a\xe2\x80\xa8" "b\xe2\x80\xa9\xe2\x80\xaa";
    char dst[32];
    size_t taken = 0;

    (void)state;
    size_t n = escape_write(dst, sizeof dst, (const unsigned char *)text, 6, KEEP_LF, &taken);
    dst[n] = '\0';
    assert_string_equal(dst, "a\nb\\x0dc\n");
    assert_int_equal(escape_clean_bytes((const unsigned char *)text, 6, KEEP_LF), 3);
    assert_int_equal(escape_clean_bytes((const unsigned char *)text, 6, ESCAPE_LF), 1);
    assert_int_equal(escape_clean_bytes((const unsigned char *)separators, 11, KEEP_LF), 8);
    assert_int_equal(escape_clean_bytes((const unsigned char *)separators, 11, ESCAPE_LF), 1);
}

/* POINT in UTF-8. Returns: its length. */
static size_t encode(uint32_t point, unsigned char dst[4])
{
    size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        dst[i] = (unsigned char)(0x80 | (point & 0x3f));
    dst[0] = (unsigned char)(n == 1 ? point : (0xf00u >> n & 0xff) | point);
    return n;
}

/*
 * The characters that make journalctl show a message as "blob data", found by showing it one
 * with each: 252 (Debian 12) and 257 (Debian 13) hide the same ones.
 */
static bool is_hidden_by_journalctl(uint32_t point)
{
    return (point < 0x20 && point != '\t' && point != '\n') || (point >= 0x7f && point < 0xa0) ||
           (point >= 0xfdd0 && point <= 0xfdef) || point % 0x10000 >= 0xfffe;
}

static void leaves_no_character_that_journalctl_hides_and_takes_few_others(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        unsigned char text[4];
        size_t len = encode(point, text);
        bool override = (point >= 0x202a && point <= 0x202e) ||
                        (point >= 0x2066 && point <= 0x2069);
        bool surrogate = point >= 0xd800 && point <= 0xdfff;
        bool separator = point == '\n' || point == 0x2028 || point == 0x2029;
        bool kept = !is_hidden_by_journalctl(point) && !override && !surrogate;
        assert_int_equal(escape_clean_bytes(text, len, KEEP_LF), kept ? len : 0);
        assert_int_equal(escape_clean_bytes(text, len, ESCAPE_LF), kept && !separator ? len : 0);
    }
}

static void escapes_nul_like_any_control_character(void **state)
{
    (void)state;
    assert_escapes("a\0b\0", 4, ESCAPE_LF);
    assert_escapes("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17, KEEP_LF);
}

/* The fast way works in blocks: an odd character may stand anywhere before, in or across them. */
static void finds_an_odd_character_at_every_offset_of_clean_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t offset = 0; offset <= LONG_TEXT; offset++) {
            struct bytes text = {0};
            bytes_repeat(&text, 'x', offset);
            bytes_add_text(&text, cases[i].text);
            assert_escapes(text.data, text.len, ESCAPE_LF);
            bytes_repeat(&text, 'y', LONG_TEXT - offset);
            assert_escapes(text.data, text.len, ESCAPE_LF);
            assert_escapes(text.data, text.len, KEEP_LF);
            bytes_done(&text);
        }
    }
}

static void finds_each_unsafe_byte_at_every_offset_of_clean_text(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        for (size_t offset = 0; offset <= LONG_TEXT; offset++) {
            struct bytes text = {0};
            bytes_repeat(&text, 'x', offset);
            bytes_repeat(&text, byte, 1);
            bytes_repeat(&text, 'y', LONG_TEXT - offset);
            assert_escapes(text.data, text.len, ESCAPE_LF);
            bytes_done(&text);
        }
    }
}

/* Two characters of several bytes next to each other, across all borders. */
static void passes_long_text_of_wide_characters(void **state)
{
    static const char *const wide[] = {"\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80", "a\xc3\xa9"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wide); i++) {
        struct bytes text = {0};
        for (size_t n = 0; n < LONG_TEXT; n++) {
            bytes_add_text(&text, wide[i]);
            assert_int_equal(escape_clean_bytes(text.data, text.len, ESCAPE_LF), text.len);
            assert_escapes(text.data, text.len, ESCAPE_LF);
            /* Cut inside the last character, its rest is not UTF-8. */
            assert_escapes(text.data, text.len - 1, ESCAPE_LF);
        }
        bytes_done(&text);
    }
}

static void cuts_no_character_and_no_escape_in_any_room(void **state)
{
    struct bytes text = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t room = 0; room <= 20; room++)
            assert_escapes_in_windows(cases[i].text, strlen(cases[i].text), ESCAPE_LF, room);
        bytes_add_text(&text, cases[i].text);
        bytes_repeat(&text, 'z', i % 40);
    }
    for (size_t room = 0; room <= 200; room++) {
        assert_escapes_in_windows(text.data, text.len, ESCAPE_LF, room);
        assert_escapes_in_windows(text.data, text.len, KEEP_LF, room);
    }
    bytes_done(&text);
}

static void leaves_nothing_unsafe_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = strlen(cases[i].text), taken = 0;
        char dst[128];
        size_t n = escape_write(dst, sizeof dst, (const unsigned char *)cases[i].text, len,
                                ESCAPE_LF, &taken);
        assert_int_equal(escape_clean_bytes((unsigned char *)dst, n, ESCAPE_LF), n);
    }
}

static void grows_at_most_fourfold(void **state)
{
    struct bytes text = {0};

    (void)state;
    bytes_repeat(&text, 0x01, 1000);
    assert_escapes(text.data, text.len, ESCAPE_LF);
    char *dst = malloc(4 * text.len);
    assert_non_null(dst);
    size_t taken = 0;
    assert_int_equal(escape_write(dst, 4 * text.len, text.data, text.len, ESCAPE_LF, &taken), 4000);
    assert_int_equal(escape_write(dst, 3999, text.data, text.len, ESCAPE_LF, &taken), 3996);
    assert_int_equal(taken, 999);
    free(dst);
    bytes_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_text_as_the_table_says),
        cmocka_unit_test(writes_each_single_byte_as_the_rules_say),
        cmocka_unit_test(keeps_the_ends_of_lines_when_asked_and_nothing_else),
        cmocka_unit_test(leaves_no_character_that_journalctl_hides_and_takes_few_others),
        cmocka_unit_test(escapes_nul_like_any_control_character),
        cmocka_unit_test(finds_an_odd_character_at_every_offset_of_clean_text),
        cmocka_unit_test(finds_each_unsafe_byte_at_every_offset_of_clean_text),
        cmocka_unit_test(passes_long_text_of_wide_characters),
        cmocka_unit_test(cuts_no_character_and_no_escape_in_any_room),
        cmocka_unit_test(leaves_nothing_unsafe_behind),
        cmocka_unit_test(grows_at_most_fourfold),
    };

    return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
