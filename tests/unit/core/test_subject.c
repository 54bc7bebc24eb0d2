/* SPDX-License-Identifier: MIT
 *
 * Subjects: templates that are good or not, and what they become.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/subject.h"

static void knows_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
    } rows[] = {
        {"logs", true}, {"logs.%{listener}.%{address}", true}, {"a-b_c:1.x%{address}y", true},
        {"", false}, {".a", false}, {"a.", false}, {"a..b", false}, {"a.*", false}, {"a.>", false},
        {"a b", false}, {"%{host}", false}, {"%{address", false}, {"100%", false},
        {"a\xc3\xa4", false},
        {"%{address}.%{address}.%{address}", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if ((subject_fault(rows[i].text) == NULL) != rows[i].is_good)
            fail_msg("%s", rows[i].text);
}

static void a_value_stays_one_token(void **state)
{
    static const struct {
        const char *text, *listener, *address, *wanted;
    } rows[] = {
        {"logs.%{listener}.%{address}", "core.sw", "192.0.2.7", "logs.core_sw.192_0_2_7"},
        {"%{address}", "x", "2001:db8::1%3", "2001:db8::1_3"},
        {"x.%{listener}", "", "x", "x._"},
        {"a%{listener}b.c", "* > ", "x", "a____b.c"},
    };
    char dst[SUBJECT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t n = subject_expand(rows[i].text, rows[i].listener, rows[i].address, dst);
        assert_string_equal(dst, rows[i].wanted);
        assert_int_equal(n, strlen(dst));
    }
}

static void a_pattern_takes_all_of_them(void **state)
{
    static const char *const rows[][2] = {
        {"logs.%{listener}.%{address}", "logs.*.*"}, {"logs", "logs"},
        {"a%{address}b.c.%{listener}", "*.c.*"}, {"%{address}", "*"},
    };
    char dst[SUBJECT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(subject_pattern(rows[i][0], dst), strlen(rows[i][1]));
        assert_string_equal(dst, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_is_wrong),
        cmocka_unit_test(a_value_stays_one_token),
        cmocka_unit_test(a_pattern_takes_all_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
