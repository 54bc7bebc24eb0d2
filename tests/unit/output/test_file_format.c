/* SPDX-License-Identifier: MIT
 *
 * The forms of files: time, bounds that hold, and where the last whole record ends, whatever was
 * torn off.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/output/file_format.h"
#include "peerlog/count.h"
#include "support/in_range.h"

static const unsigned formats[] = {OUTPUT_FORMAT_TEXT, OUTPUT_FORMAT_JSON, OUTPUT_FORMAT_EXPORT};

static void writes_time_as_rfc_3339_has_it(void **state)
{
    static const struct {
        const char *zone;
        uint64_t us;
        const char *text;
    } rows[] = {
        {"UTC0", 0, "1970-01-01T00:00:00.000000+00:00 "},
        {"CET-1", 1763799134000001, "2025-11-22T09:12:14.000001+01:00 "},
        {"NST3:30", 1763799134999999, "2025-11-22T04:42:14.999999-03:30 "},
        {"UTC0", 4102444799123456, "2099-12-31T23:59:59.123456+00:00 "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct file_stamp stamp = {0};
        assert_int_equal(setenv("TZ", rows[i].zone, 1), 0);
        tzset();
        file_stamp_set(&stamp, rows[i].us);
        stamp.text[stamp.len] = '\0';
        assert_string_equal(stamp.text, rows[i].text);
    }
    assert_int_equal(setenv("TZ", "UTC0", 1), 0);
    tzset();
}

/* The second stays, the fraction does not; and the clock may be set back. */
static void follows_the_clock(void **state)
{
    struct file_stamp stamp = {0};

    (void)state;
    file_stamp_set(&stamp, 1763799134000001);
    file_stamp_set(&stamp, 1763799134500000);
    assert_memory_equal(stamp.text, "2025-11-22T08:12:14.500000+00:00 ", stamp.len);
    file_stamp_set(&stamp, 1763799133000000);
    assert_memory_equal(stamp.text, "2025-11-22T08:12:13.000000+00:00 ", stamp.len);
}

/* One record of each kind of text, as SAID, in a buffer of just its bound. Owns: the caller. */
static char *write_one(unsigned format, const char *said, size_t len, size_t *ret_len)
{
    static const struct label_settings label = {.tag = "a\"tag\\", .show_peer = true};
    static struct source source = {.label = &label, .listener = "127.0.0.1:1"};
    static struct file_stamp stamp;
    const struct file_format *form = file_format_of(format);
    const struct record record = {.text = (const unsigned char *)said, .len = (uint32_t)len,
                                  .priority = 30, .flags = FRAME_SPLIT, .part = 7};
    struct file_writer writer = {.stamp = &stamp, .instance = 1};
    char *bytes = malloc(form->bound(&record));

    assert_non_null(bytes);
    file_stamp_set(&stamp, 1763799134000001);
    source.peer = (struct peer){.address = {192, 0, 2, 7}, .family = PEER_IPV4, .port = 5};
    source.peer_len = (uint8_t)strlen(strcpy(source.peer_text, "192.0.2.7:5"));
    *ret_len = form->write(bytes, &writer, &record, &source);
    assert_int_in_range(*ret_len, 1, form->bound(&record));
    return bytes;
}

/* Whatever grows most: the address sanitizer watches. */
static void stays_within_its_bound(void **state)
{
    static const unsigned char worst[] = {0x01, '"', '\\', 0xff, 'x', '\n', '\t'};
    char said[3000];
    size_t len;

    (void)state;
    for (size_t f = 0; f < COUNT_OF(formats); f++) {
        for (size_t i = 0; i < COUNT_OF(worst); i++) {
            memset(said, worst[i], sizeof said);
            for (size_t n = 0; n <= sizeof said; n += n < 20 ? 1 : 745)
                free(write_one(formats[f], said, n, &len));
            said[sizeof said - 1] = '\x01'; /* clean nearly to the end */
            free(write_one(formats[f], said, sizeof said, &len));
        }
    }
}

/* Text that looks like ends of entries, too. */
static void finds_the_end_of_the_last_whole_record(void **state)
{
    static const char said[] = "a\n\nPRIORITY=6\nb\"}\nPRIORITY=9\n\n";
    char both[8192];

    (void)state;
    for (size_t f = 0; f < COUNT_OF(formats); f++) {
        const struct file_format *form = file_format_of(formats[f]);
        size_t len;
        char *bytes = write_one(formats[f], said, sizeof said - 1, &len);
        memcpy(both, bytes, len);
        memcpy(both + len, bytes, len);
        for (size_t cut = 0; cut <= 2 * len; cut++)
            assert_int_equal(form->whole(both, cut), cut < len ? 0 : cut < 2 * len ? len : cut);
        free(bytes);
    }
}

static void writes_a_line_of_text(void **state)
{
    size_t len;
    char *line = write_one(OUTPUT_FORMAT_TEXT, "two\nlines", 9, &len);

    (void)state;
    line[len - 1] = '\0';
    assert_string_equal(line, "2025-11-22T08:12:14.000001+00:00 info 192.0.2.7:5 [part 7] "
                              "two\\nlines");
    free(line);
}

static void writes_an_object(void **state)
{
    size_t len;
    char *line = write_one(OUTPUT_FORMAT_JSON, "a\"b\n\x01", 5, &len);

    (void)state;
    line[len - 1] = '\0';
    assert_string_equal(
        line, "{\"timestamp\":\"2025-11-22T08:12:14.000001+00:00\",\"priority\":6,"
              "\"syslog_facility\":3,\"syslog_identifier\":\"a\\\"tag\\\\\","
              "\"peer_address\":\"192.0.2.7\",\"peer_port\":5,\"peer_listener\":\"127.0.0.1:1\","
              "\"peer_connection\":\"0000000000000001-0\",\"peer_sequence\":0,"
              "\"peer_flags\":\"split,escaped\",\"peer_part\":7,"
              "\"message\":\"192.0.2.7:5 [part 7] a\\\"b\\n\\\\x01\","
              "\"peer_raw\":[97,34,98,10,1]}");
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_time_as_rfc_3339_has_it),
        cmocka_unit_test(follows_the_clock),
        cmocka_unit_test(stays_within_its_bound),
        cmocka_unit_test(finds_the_end_of_the_last_whole_record),
        cmocka_unit_test(writes_a_line_of_text),
        cmocka_unit_test(writes_an_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
