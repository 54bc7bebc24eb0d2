/* SPDX-License-Identifier: MIT
 *
 * Entries: the marks of a record as words, alone and as a field.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/output/entry.h"
#include "peerlog/count.h"

static void marks_are_words_with_commas_between(void **state)
{
    static const struct {
        uint32_t flags;
        const char *wanted;
    } rows[] = {
        {0, ""},
        {RECORD_REPEAT, "repeat"},
        {(uint32_t)FRAME_SPLIT | RECORD_REPEAT, "split,repeat"},
        {FRAME_SPLIT | FRAME_LAST | RECORD_CUT, "split,last,cut"},
        {RECORD_INDENTED, "continued"},
    };
    char text[ENTRY_FLAGS_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t n = entry_flags(rows[i].flags, text);
        assert_int_equal(n, strlen(rows[i].wanted));
        assert_memory_equal(text, rows[i].wanted, n);
    }
    assert_true(entry_flags(UINT32_MAX, text) < ENTRY_FLAGS_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_words_with_commas_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
