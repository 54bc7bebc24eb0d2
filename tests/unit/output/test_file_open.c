/* SPDX-License-Identifier: MIT
 *
 * Files as they are opened: folders are made, names lead nowhere else, and what a process that
 * died at each byte has left is mended.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/output/file_format.h"
#include "os/log.h"
#include "peerlog/count.h"
#include "support/file_rig.h"

static void makes_folders_and_files_as_it_is_told(void **state)
{
    struct file_rig *w = *state;
    char path[256];
    struct stat st;
    mode_t before = umask(077);

    file_rig_set_path(w, "a/%{listener}/%{severity}.%{facility}");
    file_rig_open(w);
    file_rig_fill(w, 0, 1);
    file_rig_push(w);
    (void)umask(before);
    assert_true(file_rig_load(w, "a/test/info.daemon") > 0);
    (void)snprintf(path, sizeof path, "%s/a/test/info.daemon", w->folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    (void)snprintf(path, sizeof path, "%s/a/test", w->folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
}

/*
 * A process died at each byte of a batch: the next one begins with what the ledger does not know
 * to be delivered, marked as a repeat.
 */
static void mends_a_file_whose_writer_died_at_each_byte(void **state)
{
    static const unsigned formats[] = {OUTPUT_FORMAT_TEXT, OUTPUT_FORMAT_JSON,
                                       OUTPUT_FORMAT_EXPORT};
    struct file_rig *w = *state;

    for (size_t f = 0; f < COUNT_OF(formats); f++) {
        w->settings.format = (uint8_t)formats[f];
        (void)unlink(w->settings.path);
        file_rig_open(w);
        file_rig_fill(w, 0, 3);
        file_rig_push(w);
        w->output = output_free(w->output);
        size_t len = file_rig_load(w, "log");
        char *before = malloc(len);
        size_t repeated = 0; /* the length of all three, when they come again */
        memcpy(before, w->bytes, len);
        for (size_t cut = 0; cut <= len; cut++) {
            int fd = open(w->settings.path, O_WRONLY | O_TRUNC);
            assert_int_equal(write(fd, before, cut), cut);
            (void)close(fd);
            file_rig_open(w);
            file_rig_fill(w, 0, 3);
            for (uint32_t i = 0; i < 3; i++)
                w->batch.records[i].flags = RECORD_REPEAT;
            file_rig_push(w);
            w->output = output_free(w->output);
            size_t now = file_rig_load(w, "log"), repeats = 0;
            for (size_t i = 0; i + 9 <= now; i++)
                repeats += memcmp(w->bytes + i, "[repeat?]", 9) == 0;
            assert_int_equal(repeats, 3);
            /* Before the repeats stands what was whole, and not a byte more. */
            size_t whole = file_format_of(formats[f])->whole(before, cut);
            assert_memory_equal(w->bytes, before, whole);
            repeated = cut == 0 ? now : repeated;
            assert_int_equal(now, whole + repeated);
        }
        free(before);
    }
}

/* Without the repeat the torn part is all that there is of it: its line is ended. */
static void ends_a_line_that_does_not_come_again(void **state)
{
    struct file_rig *w = *state;
    FILE *file = fopen(w->settings.path, "w");

    assert_non_null(file);
    (void)fputs("whole\ntorn", file);
    assert_int_equal(fclose(file), 0);
    file_rig_open(w);
    file_rig_fill(w, 0, 1);
    file_rig_push(w);
    (void)file_rig_load(w, "log");
    assert_memory_equal(w->bytes, "whole\ntorn\n2", 12);
    assert_int_equal(file_rig_count(w, "\n"), 3);
}

static void writes_through_no_symbolic_link(void **state)
{
    static const struct {
        const char *link, *to;
    } rows[] = {{"10.0.0.0", "elsewhere"}, {"10.0.0.0/log", "../elsewhere/log"}};
    struct file_rig *w = *state;
    char path[256], name[256];

    (void)snprintf(path, sizeof path, "%s/elsewhere", w->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    file_rig_set_path(w, "%{address}/log");
    file_rig_open(w);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(path, sizeof path, "%s/10.0.0.0", w->folder);
        if (i > 0)
            assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(name, sizeof name, "%s/%s", w->folder, rows[i].link);
        assert_int_equal(symlink(rows[i].to, name), 0);
        file_rig_fill(w, 0, 1);
        assert_int_equal(output_push(w->output, &w->batch), OUTPUT_WAITS);
        assert_int_equal(w->batch.delivered, 0);
        assert_true(w->output->last_error == -ELOOP || w->output->last_error == -ENOTDIR);
        assert_int_equal(file_rig_load(w, "elsewhere/log"), 0);
        assert_int_equal(unlink(name), 0);
        w->output->retry_at_ms = 0;
        if (i > 0)
            file_rig_push(w);
    }
    assert_true(file_rig_load(w, "10.0.0.0/log") > 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, file_rig_set_up, file_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_folders_and_files_as_it_is_told),
        TEST(mends_a_file_whose_writer_died_at_each_byte),
        TEST(ends_a_line_that_does_not_come_again),
        TEST(writes_through_no_symbolic_link),
    };

    log_set_level(SEVERITY_ERR); /* what is mended would be said a thousand times */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
