/* SPDX-License-Identifier: MIT
 *
 * The command line of peerlogctl: what each command takes, and that it takes nothing else.
 */
#include "config.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/options.h"
#include "peerlog/count.h"

#define WORDS 8

/* Parse a line of words that are parted by single spaces. */
static enum options_result parse(const char *line, struct options *ret_options)
{
    static char text[256];
    char problem[OPTIONS_PROBLEM_BYTES], *words[WORDS + 1] = {NULL}, *rest = text;
    int count = 0;

    assert_true(strlen(line) < sizeof text);
    strcpy(text, line);
    while (count < WORDS && (words[count] = strsep(&rest, " ")) != NULL)
        count++;
    optind = 0; /* anew */
    return options_parse(count, words, ret_options, problem);
}

static void takes_commands_and_their_options(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse("ctl status", &o), OPTIONS_RUN);
    assert_int_equal(o.command, COMMAND_STATUS);
    assert_string_equal(o.socket, "/run/peerlogd/admin");
    assert_int_equal(parse("ctl connections -o json -S idle -n 3", &o), OPTIONS_RUN);
    assert_true(o.command == COMMAND_CONNECTIONS && o.json);
    assert_string_equal(o.sort, "idle");
    assert_string_equal(o.limit, "3");
    assert_int_equal(parse("ctl --socket=/a kill --now 192.0.2.1", &o), OPTIONS_RUN);
    assert_true(o.command == COMMAND_KILL && o.now);
    assert_string_equal(o.socket, "/a");
    assert_string_equal(o.target, "192.0.2.1");
    assert_int_equal(parse("ctl trace ::1", &o), OPTIONS_RUN);
    assert_true(o.command == COMMAND_TRACE);
    assert_int_equal(parse("ctl -h", &o), OPTIONS_HELP);
    assert_int_equal(parse("ctl -V", &o), OPTIONS_VERSION);
}

static void refuses_everything_else(void **state)
{
    static const char *const lines[] = {
        "ctl", "ctl stat", "ctl status now", "ctl kill", "ctl kill a b", "ctl -x status",
        "ctl status -s", "ctl -o xml status", "ctl status -f", "ctl kill -p ::1 7",
        "ctl reload -o json", "ctl metrics -n 1", "ctl trace", "ctl trace -f ::1",
    };
    struct options o;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (parse(lines[i], &o) != OPTIONS_BAD)
            fail_msg("%s", lines[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_commands_and_their_options),
        cmocka_unit_test(refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
