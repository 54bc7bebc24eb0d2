/* SPDX-License-Identifier: MIT
 *
 * Memory that runs out while settings are read. The linker puts the allocators below in
 * place of the C library's in our own code; libconfig keeps the real ones, because
 * it does not look at what they return.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/settings/file.h"
#include "daemon/settings/text.h"
#include "support/in_range.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

/* Allocations until one fails; 0: none does. */
static unsigned fail_at;

static bool fails_now(void)
{
    return fail_at > 0 && --fail_at == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return fails_now() ? NULL : __real_reallocarray(old, count, size);
}

static void count_fault(void *context, const char *fault)
{
    unsigned *count = context;

    (void)fault;
    (*count)++;
}

/* Read TEXT with every allocation failing once. Returns: how many there are. */
static unsigned sweep(const char *text, int wanted)
{
    for (unsigned n = 1;; n++) {
        struct settings *settings = NULL;
        unsigned faults = 0;

        fail_at = n;
        int r = settings_parse("x", text, strlen(text), count_fault, &faults, &settings);
        bool failed = fail_at == 0;
        fail_at = 0;
        if (!failed) {
            assert_int_equal(r, wanted);
            (void)settings_free(settings);
            return n - 1;
        }
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(faults, 0);
        assert_null(settings);
    }
}

static void good_settings_survive_it(void **state)
{
    (void)state;
    assert_int_in_range(
        sweep("listeners = ( { allow = [ \"::1\" ]; deny = [ \"::2\" ]; },\n"
              "  { port = 1; proxy_protocol = true; proxy_from = [ \"::3\" ]; } );", 0),
        6, 100);
}

static void faults_survive_it(void **state)
{
    char text[1000] = "";

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "x%u=1;", i);
    assert_int_in_range(sweep(text, -EINVAL), 6, 1000);
    assert_int_in_range(
        sweep("listeners = ( { allow = [ \"x\", 5 ]; port = \"x\"; } ); y = 1;", -EINVAL), 5, 100);
}

static void the_file_survives_it(void **state)
{
    char *text = NULL;
    size_t len = 0;

    (void)state;
    fail_at = 1;
    assert_int_equal(settings_read_file("/dev/null", false, &text, &len), -ENOMEM);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_settings_survive_it),
        cmocka_unit_test(faults_survive_it),
        cmocka_unit_test(the_file_survives_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
