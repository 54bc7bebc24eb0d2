/* SPDX-License-Identifier: MIT
 *
 * Marks: texts that begin like the daemon's own, and those that only come near.
 */
#include "config.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/marks.h"
#include "support/intake.h"

#define RANDOM_TEXTS 200000u
#define TEXT_BYTES 64u

static const char *const imitations[] = {
    "[repeat?] x", "[part 1] x", "[part 2, last] x", "[part 18446744073709551615] ",
    "[part 00] x", "[piece 1] x", "[piece 12, last] x", "[truncated, 5 bytes cut] x",
    "[incomplete, 1 of 2 bytes] x", "[cut] x", "[unfinished] x", "[continued] x",
    "[repeat?] [part 1] x", "[cut]", "[part 3]",
};

static const char *const others[] = {
    "", "[", "[]", "x", "[part", "[part ", "[part 1", "[part ] x", "[part x] x", "[part 1x] x",
    "[part 1]x", "[part  1] x", "[part 1,last] x", "[part 1, first] x", "[part of speech] x",
    "[cut]x", "[cut off] x", "[Cut] x", "[cut ] x", " [cut] x", "\\x5bcut] x", "[truncated] x",
    "[truncated, 5 bytes] x", "[incomplete, 1 of bytes] x", "[incomplete, 1 of 2 bytes]\tx",
    "[repeat] x", "[continued]\n", "[4711] x", "[ 12.345678] usb 1-1", "[error] disk failure",
};

static bool is_imitation(const char *text, size_t len)
{
    unsigned char *exact = exact_copy(text, len);
    bool result = marks_imitated(exact, len);

    free(exact);
    return result;
}

static void knows_every_mark_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(imitations); i++)
        if (!is_imitation(imitations[i], strlen(imitations[i])))
            fail_msg("\"%s\" looks like one of ours", imitations[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (is_imitation(others[i], strlen(others[i])))
            fail_msg("\"%s\" does not look like one of ours", others[i]);
}

/* Marks with some characters changed, and the same rule as a regular expression. */
static void agrees_with_a_regular_expression(void **state)
{
    static const char changes[] = "[], ?#0129x\tcutpar";
    uint64_t seed = 11;
    regex_t expression;

    (void)state;
    assert_int_equal(regcomp(&expression,
                             "^\\[(repeat\\?|(part|piece) [0-9]+(, last)?|"
                             "truncated, [0-9]+ bytes cut|incomplete, [0-9]+ of [0-9]+ bytes|"
                             "cut|unfinished|continued)\\]( |$)",
                             REG_EXTENDED | REG_NOSUB), 0);
    for (size_t i = 0; i < RANDOM_TEXTS; i++) {
        char text[TEXT_BYTES];
        const char *mark = imitations[draw(&seed, COUNT_OF(imitations))];
        size_t len = strlen(mark);
        memcpy(text, mark, len + 1);
        for (unsigned n = draw(&seed, 3); n > 0; n--)
            text[draw(&seed, (unsigned)len)] = changes[draw(&seed, sizeof changes - 1)];
        len = draw(&seed, 4) == 0 ? draw(&seed, (unsigned)len + 1) : len;
        text[len] = '\0';
        assert_int_equal(is_imitation(text, len), regexec(&expression, text, 0, NULL, 0) == 0);
    }
    regfree(&expression);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_mark_and_nothing_else),
        cmocka_unit_test(agrees_with_a_regular_expression),
    };

    return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
