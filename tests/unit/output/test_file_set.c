/* SPDX-License-Identifier: MIT
 *
 * Files that are renamed while they are written to: by others, or because they are full, and while
 * two workers share them.
 */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "support/file_rig.h"
#include "support/in_range.h"

static void follows_its_name_to_another_file(void **state)
{
    struct file_rig *w = *state;
    char old[256];

    (void)snprintf(old, sizeof old, "%s/old", w->folder);
    file_rig_open(w);
    file_rig_fill(w, 0, 1);
    file_rig_push(w);
    assert_int_equal(rename(w->settings.path, old), 0);
    output_refresh(w->output);
    file_rig_fill(w, 1, 1);
    file_rig_push(w);
    assert_int_equal(unlink(w->settings.path), 0);
    output_refresh(w->output);
    file_rig_fill(w, 2, 1);
    file_rig_push(w);
    (void)file_rig_load(w, "old");
    assert_int_equal(file_rig_count(w, "number 0."), 1);
    (void)file_rig_load(w, "log");
    assert_int_equal(file_rig_count(w, "number 2."), 1);
    assert_int_equal(file_rig_count(w, "\n"), 1);
}

static void keeps_as_many_full_files_as_it_is_told(void **state)
{
    static const char *const names[] = {"log.3", "log.2", "log.1", "log"};
    struct file_rig *w = *state;
    uint32_t next = 0;

    w->settings.max_bytes = 1000;
    file_rig_open(w);
    for (uint32_t round = 0; round < 10; round++) {
        file_rig_fill(w, round * 20, 20);
        file_rig_push(w);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char number[32];
        assert_int_in_range(file_rig_load(w, names[i]), 1, 1000);
        const char *at = strstr(w->bytes, "number ");
        uint32_t first = (uint32_t)strtoul(at + 7, NULL, 10);
        assert_true(next == 0 || first == next);
        next = first + file_rig_count(w, "\n");
        (void)snprintf(number, sizeof number, "number %u.\n", next - 1);
        assert_int_equal(file_rig_count(w, number), 1);
    }
    assert_int_equal(next, 200);
    assert_int_equal(file_rig_load(w, "log.4"), 0);
}

/* --- two workers --- */

#define ROUNDS 300u

static void *write_many(void *argument)
{
    struct file_rig *w = argument;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        file_rig_fill(w, round * 20, 20);
        while (output_push(w->output, &w->batch) != OUTPUT_READY)
            continue;
    }
    return NULL;
}

/* Each line is one's own and whole, and in its order; files are full and renamed meanwhile. */
static void two_write_to_one_file(void **state)
{
    struct file_rig *first = *state;
    struct file_rig *w[2] = {first, file_rig_new(first->folder)};
    uint32_t next[2] = {0, 0};
    pthread_t threads[2];
    char name[32], wanted[64];

    for (size_t i = 0; i < 2; i++) {
        w[i]->settings.max_bytes = 20000;
        w[i]->settings.keep = 1000;
        for (uint32_t k = 0; k < LEDGER_SEGMENTS; k++)
            w[i]->batch.sources[k].peer_text[8] = (char)('0' + i);
        file_rig_open(w[i]);
    }
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, w[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned number = 1000; number <= 1000; number--) {
        (void)snprintf(name, sizeof name, number > 0 ? "log.%u" : "log", number);
        size_t len = file_rig_load(first, name);
        assert_int_in_range(len, 0, 20000);
        const char *past = first->bytes + len;
        for (char *at = first->bytes, *end;
             (end = memchr(at, '\n', (size_t)(past - at))) != NULL; at = end + 1) {
            unsigned who = at[46] == '1';
            (void)snprintf(wanted, sizeof wanted, " info 192.0.2.%u:5 number %u.\n", who,
                           next[who]++);
            assert_int_equal(end + 1 - at, 32 + strlen(wanted));
            assert_memory_equal(at + 32, wanted, strlen(wanted));
        }
    }
    assert_int_equal(next[0], ROUNDS * 20);
    assert_int_equal(next[1], ROUNDS * 20);
    file_rig_free(w[1]);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, file_rig_set_up, file_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(follows_its_name_to_another_file),
        TEST(keeps_as_many_full_files_as_it_is_told),
        TEST(two_write_to_one_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
