/* SPDX-License-Identifier: MIT
 *
 * Numbers: each at the border to one digit more, and the largest.
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
#include "peerlog/number.h"

static const struct {
    uint64_t number;
    const char *text;
} numbers[] = {
    {0, "0"}, {9, "9"}, {10, "10"}, {4294967296u, "4294967296"},
    {UINT64_MAX, "18446744073709551615"},
};

static void writes_numbers_at_their_borders(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        size_t len = strlen(numbers[i].text);
        char *text = malloc(len); /* so that one byte too many is seen */
        assert_non_null(text);
        assert_int_equal(number_format(text, numbers[i].number), len);
        assert_memory_equal(text, numbers[i].text, len);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_numbers_at_their_borders),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
