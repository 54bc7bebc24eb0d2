/* SPDX-License-Identifier: MIT
 *
 * Peers' bytes in JSON: valid text as it is, each other byte as U+FFFD, and base64 that is exact.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/admin/safe_text.h"
#include "peerlog/count.h"

static const struct {
    const char *text, *safe, *base64;
} cases[] = {
    {"", "", ""},
    {"a", "a", "YQ=="},
    {"ab", "ab", "YWI="},
    {"abc", "abc", "YWJj"},
    {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
     "Z3LDvMOfIPCfmIA="},
    {"\xff" "a", "\xef\xbf\xbd" "a", "/2E="},
    {"a\xc3", "a\xef\xbf\xbd", "YcM="},
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "7aCA"}, /* a surrogate */
    {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "wK8="},                 /* overlong */
};

static void makes_json_and_base64(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const unsigned char *text = (const unsigned char *)cases[i].text;
        size_t len = strlen(cases[i].text);
        char *safe = safe_text(text, len), *exact = safe_text_base64(text, len);
        assert_int_equal(safe_text_bytes(text, len), strlen(cases[i].safe));
        assert_memory_equal(safe, cases[i].safe, strlen(cases[i].safe));
        assert_string_equal(exact, cases[i].base64);
        assert_int_equal(safe_text_is_same(text, len), strcmp(cases[i].text, cases[i].safe) == 0);
        free(safe);
        free(exact);
    }
}

static void keeps_nul(void **state)
{
    static const unsigned char text[] = {'a', '\0', 'b'};
    char *safe = safe_text(text, sizeof text);

    (void)state;
    assert_int_equal(safe_text_bytes(text, sizeof text), 3);
    assert_memory_equal(safe, text, 3);
    free(safe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_json_and_base64),
        cmocka_unit_test(keeps_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
