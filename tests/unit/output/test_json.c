/* SPDX-License-Identifier: MIT
 *
 * Strings of JSON, at every place of a block.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/output/json.h"

/* What one byte becomes, written down once more in another way. */
static size_t wanted_byte(char *dst, unsigned char byte)
{
    const char *shorts = "\"\"\\\\\nn\tt";

    for (const char *at = shorts; *at != '\0'; at += 2)
        if ((unsigned char)at[0] == byte)
            return (size_t)sprintf(dst, "\\%c", at[1]);
    if (byte < 0x20)
        return (size_t)sprintf(dst, "\\u%04x", byte);
    dst[0] = (char)byte;
    return 1;
}

static void escapes_every_byte_at_every_place(void **state)
{
    char text[80], found[80 * JSON_MAX_GROWTH], wanted[80 * JSON_MAX_GROWTH + 1];

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t len = 1; len <= 70; len++) {
            for (size_t at = 0; at < len; at++) {
                memset(text, 'x', sizeof text);
                text[at] = (char)byte;
                size_t n = at;
                memset(wanted, 'x', at);
                n += wanted_byte(wanted + n, (unsigned char)byte);
                memset(wanted + n, 'x', len - at - 1);
                n += len - at - 1;
                assert_int_equal(json_escape(found, text, len), n);
                assert_memory_equal(found, wanted, n);
            }
        }
    }
    assert_int_equal(json_escape(found, text, 0), 0);
}

/* The neighbours of what is looked for, and borrows from one byte to the next. */
static void is_not_deceived_by_two_at_once(void **state)
{
    char found[8 * JSON_MAX_GROWTH], wanted[8 * JSON_MAX_GROWTH + 1];

    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            const char text[8] = {'.', '.', (char)a, (char)b, (char)a, '.', '.', '.'};
            size_t n = 0;
            for (size_t i = 0; i < sizeof text; i++)
                n += wanted_byte(wanted + n, (unsigned char)text[i]);
            assert_int_equal(json_escape(found, text, sizeof text), n);
            assert_memory_equal(found, wanted, n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_every_byte_at_every_place),
        cmocka_unit_test(is_not_deceived_by_two_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
