/* SPDX-License-Identifier: MIT
 *
 * Numbers for people: never wider than their column, and never rounded to nothing.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ctl/numbers.h"
#include "peerlog/count.h"

static void rounds_counts(void **state)
{
    static const struct {
        double count;
        const char *text;
    } counts[] = {
        {0, "0"},       {950, "950"},     {999.6, "1.0k"},  {1234, "1.2k"},
        {38499, "38k"}, {1.5e6, "1.5M"},  {2.5e9, "2.5G"},  {1e15, "1000T"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        char text[NUMBERS_BYTES];
        numbers_count(text, counts[i].count);
        assert_string_equal(text, counts[i].text);
    }
}

static void tells_ages_in_the_greatest_unit_that_fits_twice(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } ages[] = {
        {0, "0s"}, {119, "119s"}, {120, "2m"}, {7199, "119m"}, {7200, "2h"}, {172799, "47h"},
        {172800, "2d"}, {UINT64_MAX, "213503982334601d"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        char text[NUMBERS_BYTES];
        numbers_age(text, ages[i].seconds);
        assert_string_equal(text, ages[i].text);
    }
}

static void shows_whatever_is_more_than_nothing(void **state)
{
    (void)state;
    assert_int_equal(numbers_level(0, 0), 0);
    assert_int_equal(numbers_level(0, 5), 0);
    assert_int_equal(numbers_level(0.001, 1e9), 1);
    assert_int_equal(numbers_level(5, 10), 4);
    assert_int_equal(numbers_level(10, 10), NUMBERS_LEVELS - 1);
    assert_int_equal(numbers_level(20, 10), NUMBERS_LEVELS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_counts),
        cmocka_unit_test(tells_ages_in_the_greatest_unit_that_fits_twice),
        cmocka_unit_test(shows_whatever_is_more_than_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
