/* SPDX-License-Identifier: MIT
 *
 * Which log there is: links and sockets in a scratch folder that is called as the system's.
 */
#include "config.h"

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

#include "daemon/settings/target.h"
#include "support/intake.h"

/* A machine: its journal's folder, and its log socket. */
struct machine {
    char root[64], folder[96], syslog[128], native[128], log[96];
};

static void touch(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    struct machine *m = calloc(1, sizeof *m);
    char parent[80];

    assert_non_null(m);
    (void)snprintf(m->root, sizeof m->root, "%s/peerlog-target-XXXXXX", scratch_directory());
    assert_non_null(mkdtemp(m->root));
    (void)snprintf(parent, sizeof parent, "%s/systemd", m->root);
    (void)snprintf(m->folder, sizeof m->folder, "%s/journal", parent);
    assert_int_equal(mkdir(parent, 0700), 0);
    assert_int_equal(mkdir(m->folder, 0700), 0);
    (void)snprintf(m->syslog, sizeof m->syslog, "%s/dev-log", m->folder);
    (void)snprintf(m->native, sizeof m->native, "%s/socket", m->folder);
    (void)snprintf(m->log, sizeof m->log, "%s/log", m->root);
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    struct machine *m = *state;
    char parent[80];

    (void)snprintf(parent, sizeof parent, "%s/systemd", m->root);
    (void)unlink(m->log);
    (void)unlink(m->syslog);
    (void)unlink(m->native);
    (void)rmdir(m->folder);
    (void)rmdir(parent);
    (void)rmdir(m->root);
    free(m);
    return 0;
}

static struct output_target choose(uint8_t type, const char *path)
{
    struct output_settings settings = {.type = type};
    struct output_target target;

    (void)snprintf(settings.path, sizeof settings.path, "%s", path);
    output_target_choose(&settings, &target);
    return target;
}

static void follows_a_link_into_the_folder_of_journald(void **state)
{
    struct machine *m = *state;

    touch(m->syslog);
    touch(m->native);
    assert_int_equal(symlink(m->syslog, m->log), 0);
    struct output_target target = choose(OUTPUT_AUTO, m->log);
    assert_int_equal(target.type, OUTPUT_JOURNAL);
    assert_string_equal(target.path, m->native);
}

static void takes_another_daemons_socket_as_it_is(void **state)
{
    struct machine *m = *state;

    touch(m->native);
    touch(m->log);
    struct output_target target = choose(OUTPUT_AUTO, m->log);
    assert_int_equal(target.type, OUTPUT_SYSLOG);
    assert_string_equal(target.path, m->log);
}

/* Its own socket alone decides when there is no other: the path was set by hand here. */
static void waits_for_a_socket_that_is_not_there(void **state)
{
    struct machine *m = *state;

    touch(m->native);
    assert_int_equal(choose(OUTPUT_AUTO, m->log).type, OUTPUT_SYSLOG);
    assert_int_equal(symlink(m->syslog, m->log), 0); /* leads nowhere */
    assert_int_equal(choose(OUTPUT_AUTO, m->log).type, OUTPUT_SYSLOG);
}

static void wants_the_native_socket_beside_the_other(void **state)
{
    struct machine *m = *state;

    touch(m->syslog);
    assert_int_equal(symlink(m->syslog, m->log), 0);
    struct output_target target = choose(OUTPUT_AUTO, m->log);
    assert_int_equal(target.type, OUTPUT_SYSLOG);
    assert_string_equal(target.path, m->log);
}

static void asks_nothing_when_the_type_is_set(void **state)
{
    struct machine *m = *state;

    touch(m->syslog);
    touch(m->native);
    assert_int_equal(symlink(m->syslog, m->log), 0);
    assert_int_equal(choose(OUTPUT_SYSLOG, m->log).type, OUTPUT_SYSLOG);
    assert_int_equal(choose(OUTPUT_JOURNAL, m->log).type, OUTPUT_JOURNAL);
    assert_int_equal(choose(OUTPUT_STDOUT, "").type, OUTPUT_STDOUT);
}

static void has_words_for_each(void **state)
{
    struct output_target target = {.type = OUTPUT_SYSLOG, .path = "/dev/log"};
    char text[TARGET_TEXT_BYTES];

    (void)state;
    assert_int_equal(output_target_describe(&target, text), 17);
    assert_string_equal(text, "syslog (/dev/log)");
    target.type = OUTPUT_JOURNAL;
    (void)output_target_describe(&target, text);
    assert_string_equal(text, "journal (native)");
    target.type = OUTPUT_STDOUT;
    (void)output_target_describe(&target, text);
    assert_string_equal(text, "standard output");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(follows_a_link_into_the_folder_of_journald, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(takes_another_daemons_socket_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits_for_a_socket_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wants_the_native_socket_beside_the_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(asks_nothing_when_the_type_is_set, set_up, tear_down),
        cmocka_unit_test(has_words_for_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
