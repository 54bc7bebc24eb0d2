/* SPDX-License-Identifier: MIT
 *
 * The STATUS line: rounded so that it can be read, and never longer than its room.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/metrics/status.h"
#include "peerlog/count.h"

static const struct {
    double rate;
    const char *text;
} rates[] = {
    {0, "0"},        {0.4, "0"},        {1, "1"},          {999, "999"},     {999.4, "999"},
    {999.6, "1.0k"}, {1234, "1.2k"},    {9940, "9.9k"},    {9960, "10k"},    {38499, "38k"},
    {999400, "999k"}, {1.5e6, "1.5M"},  {2.5e9, "2.5G"},   {4e12, "4000G"},
};

static void rounds_rates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        struct status status = {.connections = 2};
        char text[128], wanted[128];
        (void)snprintf(wanted, sizeof wanted, "2 connections, %s msg/s, 0 waiting, log ok",
                       rates[i].text);
        size_t n = status_format(text, sizeof text, &status, rates[i].rate);
        assert_string_equal(text, wanted);
        assert_int_equal(n, strlen(wanted));
    }
}

static void counts_one_connection_in_the_singular(void **state)
{
    struct status status = {.connections = 1, .waiting = 7};
    char text[128];

    (void)state;
    (void)status_format(text, sizeof text, &status, 0);
    assert_string_equal(text, "1 connection, 0 msg/s, 7 waiting, log ok");
}

static const struct {
    struct status status;
    const char *text;
} lines[] = {
    {{.output_lost = true, .trouble = "died 3 times"},
     "log LOST, 0 waiting; died 3 times; 0 connections, 0 msg/s"},
    {{.output_lost = true, .lost_since = "14:03:05", .log = "journal (native)", .waiting = 300},
     "log LOST since 14:03:05: journal (native), 300 waiting; 0 connections, 0 msg/s"},
    {{.trouble = "not reloaded: x", .log = "journal", .connections = 2, .silent = 1},
     "not reloaded: x; 1 peer silent; 2 connections, 0 msg/s, 0 waiting, log ok: journal"},
    {{.connections = 8, .limit = 8, .silent = 2},
     "limits.connections reached, clients wait; 2 peers silent; 8 connections, 0 msg/s, "
     "0 waiting, log ok"},
    {{.connections = 7, .limit = 8}, "7 connections, 0 msg/s, 0 waiting, log ok"},
};

static void names_the_worst_thing_first(void **state)
{
    char text[256];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        (void)status_format(text, sizeof text, &lines[i].status, 0);
        assert_string_equal(text, lines[i].text);
    }
}

static void stays_within_its_room(void **state)
{
    struct status status = {.connections = 12345, .trouble = "something long to say"};
    char whole[128], text[128];

    (void)state;
    size_t len = status_format(whole, sizeof whole, &status, 5);
    for (size_t room = 1; room <= len + 1; room++) {
        memset(text, '#', sizeof text);
        size_t n = status_format(text, room, &status, 5);
        assert_int_equal(n, room - 1);
        assert_memory_equal(text, whole, n);
        assert_int_equal(text[n], '\0');
        assert_int_equal(text[room], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_rates),
        cmocka_unit_test(counts_one_connection_in_the_singular),
        cmocka_unit_test(names_the_worst_thing_first),
        cmocka_unit_test(stays_within_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
