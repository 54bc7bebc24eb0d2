/* SPDX-License-Identifier: MIT
 *
 * The file output on a real file system: lines in order, a file for each peer, a disk that is full
 * at each byte, and records that count when they are on it.
 */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/log.h"
#include "support/file_rig.h"

static void limit_files(rlim_t most)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void writes_lines_in_order(void **state)
{
    struct file_rig *w = *state;
    const char *at = w->bytes;

    file_rig_open(w);
    for (uint32_t round = 0; round < 3; round++) {
        file_rig_fill(w, round * BATCH_RECORDS, BATCH_RECORDS);
        file_rig_push(w);
        assert_int_equal(w->batch.delivered, BATCH_RECORDS);
    }
    assert_int_equal(w->cursor, 3 * BATCH_RECORDS);
    (void)file_rig_load(w, "log");
    for (uint32_t i = 0; i < 3 * BATCH_RECORDS; i++) {
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted, " info 192.0.2.7:5 number %u.\n", i);
        const char *end = strchr(at, '\n') + 1;
        assert_memory_equal(end - strlen(wanted), wanted, strlen(wanted));
        at = end;
    }
    assert_int_equal(*at, '\0');
}

/* The disk is full at each byte of a batch: whole records alone stay, and it goes on. */
static void survives_a_disk_that_is_full_at_each_byte(void **state)
{
    struct file_rig *w = *state;
    size_t whole;

    signal(SIGXFSZ, SIG_IGN);
    file_rig_open(w);
    file_rig_fill(w, 0, 5);
    file_rig_push(w);
    whole = file_rig_load(w, "log");
    for (size_t room = 0; room < whole; room++) {
        assert_int_equal(truncate(w->settings.path, 0), 0);
        file_rig_fill(w, 0, 5);
        limit_files(room);
        assert_int_equal(output_push(w->output, &w->batch), OUTPUT_WAITS);
        size_t len = file_rig_load(w, "log");
        assert_true(len <= room && (len == 0 || w->bytes[len - 1] == '\n'));
        assert_int_equal(file_rig_count(w, "\n"), w->batch.delivered);
        assert_int_equal(w->batch.submitted, w->batch.delivered);
        limit_files(RLIM_INFINITY);
        file_rig_push(w);
        assert_int_equal(file_rig_load(w, "log"), whole);
        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(file_rig_count(w, w->texts[i]), 1);
    }
}

/* More peers than files may be open, each with two records of a batch. */
static void gives_each_peer_its_file(void **state)
{
    struct file_rig *w = *state;
    char name[64];

    file_rig_set_path(w, "%{address}/log");
    file_rig_open(w);
    for (uint32_t round = 0; round < 6; round++) {
        file_rig_fill(w, round * 512, 512);
        for (uint32_t i = 0; i < 512; i++) {
            struct source *source = &w->batch.sources[i / 2];
            w->batch.records[i].source = i / 2;
            source->peer.address[1] = (unsigned char)round;
        }
        file_rig_push(w);
    }
    for (uint32_t round = 0; round < 6; round++) {
        for (uint32_t i = 0; i < 256; i += 51) {
            (void)snprintf(name, sizeof name, "10.%u.%u.%u/log", round, i >> 8, i & 255);
            (void)file_rig_load(w, name);
            assert_int_equal(file_rig_count(w, "\n"), 2);
            (void)snprintf(name, sizeof name, "number %u.\n", round * 512 + 2 * i);
            assert_int_equal(file_rig_count(w, name), 1);
        }
    }
}

/* Records count when they are on the disk, not before. */
static void waits_for_the_disk(void **state)
{
    struct file_rig *w = *state;
    struct output_wait wait;

    w->settings.sync = OUTPUT_SYNC_ROUND;
    file_rig_open(w);
    for (uint32_t round = 0; round < 5; round++) {
        file_rig_fill(w, round * 100, 100);
        enum output_status status = output_push(w->output, &w->batch);
        assert_int_equal(w->batch.submitted, 100);
        if (status == OUTPUT_WAITS) {
            assert_int_equal(w->batch.delivered, 0);
            output_wait(w->output, &wait);
            assert_true(wait.fd >= 0);
        }
        file_rig_push(w);
        assert_int_equal(w->batch.delivered, 100);
    }
    (void)file_rig_load(w, "log");
    assert_int_equal(file_rig_count(w, "\n"), 500);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, file_rig_set_up, file_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_lines_in_order),
        TEST(survives_a_disk_that_is_full_at_each_byte),
        TEST(gives_each_peer_its_file),
        TEST(waits_for_the_disk),
    };

    log_set_level(SEVERITY_ERR); /* what is mended would be said a thousand times */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
