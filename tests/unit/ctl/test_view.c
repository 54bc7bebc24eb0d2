/* SPDX-License-Identifier: MIT
 *
 * Lines for people: columns stand below each other, and nothing that a terminal would obey gets
 * through, whatever the daemon answers.
 */
#include "config.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/view.h"

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json;
}

static void lines_up_columns(void **state)
{
    json_t *one = parse("{\"id\":7,\"address\":\"2001:db8::1\",\"port\":514,\"tag\":\"switches\","
                        "\"messages\":1234,\"bytes\":56789,\"rate\":120.4,\"idle\":3,\"unread\":5,"
                        "\"tail\":7,\"slowed\":false,\"leaving\":false}");
    char head[VIEW_LINE_BYTES], line[VIEW_LINE_BYTES];
    size_t widths[VIEW_COLUMNS] = {0};
    struct view_row heading, row;

    (void)state;
    view_heading(&heading);
    view_widen(widths, &heading);
    view_connection(one, 160, &row);
    view_widen(widths, &row);
    (void)view_line(head, &heading, widths, VIEW_NARROW);
    (void)view_line(line, &row, widths, VIEW_NARROW);
    assert_string_equal(head,
                        "ID PEER              TAG      MESSAGES BYTES B/S IDLE WAITING STATE");
    assert_string_equal(line,
                        " 7 [2001:db8::1]:514 switches     1.2k   57k 120   3s      12 unread");
    json_decref(one);
}

static void shortens_addresses_and_tags_alone(void **state)
{
    json_t *one = parse("{\"id\":1234567,"
                        "\"address\":\"2001:db8:1111:2222:3333:4444:5555:6666\","
                        "\"port\":65535,\"tag\":\"switches-of-the-west\",\"messages\":123456,"
                        "\"bytes\":56789,\"rate\":120.4,\"idle\":3,\"tail\":4,\"unread\":8}");
    size_t widths[VIEW_COLUMNS] = {0};
    char line[VIEW_LINE_BYTES];
    struct view_row row;

    (void)state;
    view_heading(&row);
    view_widen(widths, &row);
    view_connection(one, 160, &row);
    view_widen(widths, &row);
    view_squeeze(widths, VIEW_NARROW, 80);
    assert_int_equal(view_line(line, &row, widths, VIEW_NARROW), 80);
    assert_string_equal(line, "1234567 ~444:5555:6666]:65535 switches-o~     123k   57k 120   3s"
                              "      12 unread");
    view_squeeze(widths, VIEW_NARROW, 10); /* the rest is cut off by the screen */
    (void)view_line(line, &row, widths, VIEW_NARROW);
    assert_string_equal(line, "1234567 ~444:5555:6666]:65535 swit~     123k   57k 120   3s      12"
                              " unread");
    json_decref(one);
}

static void tells_how_it_is_connected(void **state)
{
    static const struct {
        const char *json, *state, *age, *how, *problem;
    } rows[] = {
        {"{\"transport\":\"plain\",\"session\":\"syslog\",\"ends\":[],\"since\":null,"
         "\"waits\":\"log\",\"problem\":null}", "log", "-", "plain/syslog", ""},
        {"{\"transport\":\"tls\",\"session\":\"relp\",\"ends\":[\"relp\"],\"since\":100,"
         "\"waits\":\"answers\",\"problem\":\"session\"}", "answers", "60s", "tls/relp", "session"},
        {"{\"transport\":\"plain\",\"session\":\"syslog\",\"since\":200,\"waits\":\"end\","
         "\"ends\":[\"lf\",\"octet-counting\"],\"tail\":3,\"problem\":\"count\"}",
         "unfinished", "0s", "plain/syslog lf+octet-counting", "count"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *one = parse(rows[i].json);
        struct view_row row;
        view_connection(one, 160, &row);
        assert_string_equal(row.cell[VIEW_STATE], rows[i].state);
        assert_string_equal(row.cell[VIEW_SINCE], rows[i].age);
        assert_string_equal(row.cell[VIEW_HOW], rows[i].how);
        assert_string_equal(row.cell[VIEW_PROBLEM], rows[i].problem);
        json_decref(one);
    }
}

static void tells_where_a_setting_comes_from(void **state)
{
    json_t *setting = parse("{\"name\":\"limits.connections\",\"value\":99,"
                            "\"from\":\"/etc/peerlogd.conf:12\",\"restart\":true}");
    char line[VIEW_LINE_BYTES];

    (void)state;
    view_setting(line, setting);
    assert_string_equal(line, "limits.connections = 99                 # /etc/peerlogd.conf:12; "
                              "another value waits for a restart");
    json_decref(setting);
}

static void says_first_what_is_worst(void **state)
{
    json_t *status = parse("{\"version\":\"1\",\"pid\":9,\"started\":100,"
                           "\"messages\":{\"waiting\":1},"
                           "\"output\":{\"type\":\"syslog\",\"path\":\"/dev/log\",\"up\":false,"
                           "\"lost_seconds\":200}}");
    char line[VIEW_LINE_BYTES];

    (void)state;
    view_output(line, status);
    assert_string_equal(line, "log: syslog /dev/log, LOST for 3m, 1 message waiting");
    view_process(line, status, 160);
    assert_string_equal(line, "peerlogd 1, process 9, up for 60s");
    view_process(line, status, 50); /* the clock was set back */
    assert_string_equal(line, "peerlogd 1, process 9, up for 0s");
    json_decref(status);
}

static void names_who_sends_most(void **state)
{
    json_t *peer = parse("{\"address\":\"192.0.2.7\",\"connections\":1,\"messages\":1234,"
                         "\"bytes\":5,\"rate\":120.4}");
    char line[VIEW_LINE_BYTES];

    (void)state;
    view_busy(line, peer);
    assert_string_equal(line, "  120 B/s  1.2k messages     1 connection  192.0.2.7");
    json_decref(peer);
}

static void lets_nothing_through_that_a_terminal_obeys(void **state)
{
    json_t *one = parse("{\"address\":\"\\u001b[2J\\u0007\",\"tag\":\"\\u009b\\n%n%s\"}");
    size_t widths[VIEW_COLUMNS] = {0};
    char line[VIEW_LINE_BYTES];
    struct view_row row;

    (void)state;
    view_connection(one, 160, &row);
    size_t len = view_line(line, &row, widths, VIEW_COLUMNS);
    for (size_t i = 0; i < len; i++)
        assert_true(isprint((unsigned char)line[i]));
    assert_non_null(strstr(line, "%n%s"));
    json_decref(one);
}

static void bears_an_answer_that_lacks_everything(void **state)
{
    json_t *nothing = parse("{}");
    char line[VIEW_LINE_BYTES];
    struct view_row row;

    (void)state;
    view_connection(nothing, 160, &row);
    view_output(line, nothing);
    view_load(line, nothing);
    view_process(line, NULL, 0);
    assert_int_equal(view_number(nothing, "messages", "logged"), 0);
    json_decref(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_up_columns),
        cmocka_unit_test(shortens_addresses_and_tags_alone),
        cmocka_unit_test(tells_how_it_is_connected),
        cmocka_unit_test(tells_where_a_setting_comes_from),
        cmocka_unit_test(says_first_what_is_worst),
        cmocka_unit_test(names_who_sends_most),
        cmocka_unit_test(lets_nothing_through_that_a_terminal_obeys),
        cmocka_unit_test(bears_an_answer_that_lacks_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
