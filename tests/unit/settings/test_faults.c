/* SPDX-License-Identifier: MIT
 *
 * Settings that are refused. Each file in tests/unit/settings/files has beside it what must be
 * said about it, word for word; nothing, when it is good after all. The same files, cut
 * and changed in every way, must never break a promise.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/settings/file.h"
#include "peerlog/count.h"
#include "support/settings.h"

/* The files of tests/unit/settings/files that end in .conf. */
struct files {
    char directory[4096];
    struct dirent **entries;
    int count;
};

static int is_conf(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot != NULL && strcmp(dot, ".conf") == 0;
}

static struct files open_files(void)
{
    struct files files = {.count = 0};

    (void)snprintf(files.directory, sizeof files.directory, "%s/tests/unit/settings/files",
                   source_directory());
    files.count = scandir(files.directory, &files.entries, is_conf, alphasort);
    assert_true(files.count > 0);
    return files;
}

static void close_files(struct files *files)
{
    for (int i = 0; i < files->count; i++)
        free(files->entries[i]);
    free(files->entries);
}

/* Read TEXT and keep what is said. Returns: what settings_parse() returned. */
static int hear(const char *name, const char *text, size_t len, struct heard_faults *heard)
{
    struct settings *settings = NULL;
    int r = settings_parse(name, text, len, heard_add, heard, &settings);

    (void)settings_free(settings);
    return r;
}

/* Answers: does this file get the faults that stand beside it? */
static bool is_told_as_expected(const struct files *files, const char *name)
{
    char expected_name[300];
    size_t len = 0, expected_len = 0;
    struct heard_faults heard = {0};

    (void)snprintf(expected_name, sizeof expected_name, "%.*s.expected",
                   (int)(strlen(name) - strlen(".conf")), name);
    char *text = load_file(files->directory, name, &len);
    char *expected = load_file(files->directory, expected_name, &expected_len);
    int r = hear(name, text, len, &heard);
    const char *found = heard.text != NULL ? heard.text : "";
    bool same = r == (expected_len > 0 ? -EINVAL : 0) && strcmp(found, expected) == 0;
    if (!same)
        print_error("%s: expected:\n%sfound (%d):\n%s", name, expected, r, found);
    heard_done(&heard);
    free(expected);
    free(text);
    return same;
}

static void each_broken_file_is_told_as_expected(void **state)
{
    struct files files = open_files();
    unsigned wrong = 0;

    (void)state;
    for (int i = 0; i < files.count; i++)
        wrong += !is_told_as_expected(&files, files.entries[i]->d_name);
    close_files(&files);
    assert_int_equal(wrong, 0);
}

/* The bytes of a file that changes most: quotation marks, brackets, separators. */
static const char changes[] = "\"{}()[];,=:\\#/*\n \x01\xff\x00" "a0";

static void abuse(const char *text, size_t len)
{
    char *copy = malloc(len);

    assert_non_null(copy);
    for (size_t i = 0; i < len; i++) {
        settings_keep_promises(text, i);
        settings_keep_promises(text + i, len - i);
        memcpy(copy, text, i);
        memcpy(copy + i, text + i + 1, len - i - 1);
        settings_keep_promises(copy, len - 1);
        memcpy(copy, text, len);
        copy[i] = changes[i % (sizeof changes - 1)];
        settings_keep_promises(copy, len);
    }
    free(copy);
}

static void no_cut_and_no_change_breaks_a_promise(void **state)
{
    struct files files = open_files();
    size_t len = 0;

    (void)state;
    for (int i = 0; i < files.count; i++) {
        char *text = load_file(files.directory, files.entries[i]->d_name, &len);
        settings_keep_promises(text, len);
        if (len < 2000)
            abuse(text, len);
        free(text);
    }
    close_files(&files);
}

/* Repeat PART until TEXT, SIZE bytes, is full; it is no string. */
static void fill(char *text, size_t size, const char *part)
{
    size_t part_len = strlen(part);

    for (size_t i = 0; i < size; i++)
        text[i] = part[i % part_len];
}

/* As large as a file may be, of one thing only: this must end soon and stay bounded. */
static void the_largest_files_are_survived(void **state)
{
    static const char *const parts[] = {
        "(", "{", "[", ")", "a=(", "a={", "a=[", "({", "x=1;", "\"", "\\", "\"\\", "#", "/*",
        "=", ";", ",", "include \"x\"\n", "\n", "a", "1", "'", "a b ", "listeners=({},",
        "listeners=(1,", "=1 ", "a= ", "*/", "\xff", "\xff\n", "( ) ", "a=();", "{}",
        "limits={connections=99999999};", "9 ", "\"a\" ", "a=\"x\" ", "a=({},{a=", "a\n=\n",
    };
    char *text = malloc(PEERLOG_MAX_SETTINGS_BYTES);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        fill(text, PEERLOG_MAX_SETTINGS_BYTES, parts[i]);
        settings_keep_promises(text, PEERLOG_MAX_SETTINGS_BYTES);
    }
    free(text);
}

/* One range too many in a list, one listener too many. */
static void lists_are_bounded(void **state)
{
    static const struct {
        const char *before, *part, *behind, *fault;
        unsigned times;
    } rows[] = {
        {"listeners = ( { allow = [", "\"::1\",", "\"::1\"]; } );", NULL, PEERLOG_MAX_RANGES - 1},
        {"listeners = ( { allow = [", "\"::1\",", "\"::1\"]; } );",
         "x:1: listeners[0].allow: has 1025 ranges; at most 1024 are allowed", PEERLOG_MAX_RANGES},
        {"listeners = (", "{port=0;},", "{});", NULL, PEERLOG_MAX_LISTENERS - 1},
        {"listeners = (", "{port=0;},", "{});",
         "x:1: listeners: has 65 listeners; at most 64 are allowed", PEERLOG_MAX_LISTENERS},
    };
    static char text[20000];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct heard_faults heard = {0};
        size_t part_len = strlen(rows[i].part);
        size_t len = strlen(rows[i].before);
        memcpy(text, rows[i].before, len);
        fill(text + len, part_len * rows[i].times, rows[i].part);
        len += part_len * rows[i].times;
        (void)snprintf(text + len, sizeof text - len, "%s", rows[i].behind);
        int r = hear("x", text, strlen(text), &heard);
        assert_int_equal(r, rows[i].fault != NULL ? -EINVAL : 0);
        if (rows[i].fault != NULL) {
            assert_int_equal(heard.count, 1);
            assert_non_null(strstr(heard.text, rows[i].fault));
        }
        heard_done(&heard);
    }
}

/* The parser gives up in good time, and its stack survives what it has taken. */
static void brackets_may_be_nested_without_end(void **state)
{
    static const struct {
        const char *part, *fault;
        size_t times;
    } rows[] = {
        {"(", "x:1: too many brackets in brackets, here or just before; "
              "what follows was not read\n", 100000},
        {"{a=", "x:1: too many brackets in brackets, here or just before; "
                "what follows was not read\n", 100000},
        {"(", "x:1: syntax error, here or just before; what follows was not read\n", 1000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct heard_faults heard = {0};
        size_t len = strlen(rows[i].part) * rows[i].times;
        char *text = malloc(len + 2);
        assert_non_null(text);
        memcpy(text, "x=", 2);
        fill(text + 2, len, rows[i].part);
        assert_int_equal(hear("x", text, len + 2, &heard), -EINVAL);
        assert_int_equal(heard.count, 2);
        assert_memory_equal(heard.text, rows[i].fault, strlen(rows[i].fault));
        heard_done(&heard);
        free(text);
    }
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    size_t len = PEERLOG_MAX_SETTINGS_BYTES + 1;
    char *text = calloc(1, len);
    struct heard_faults heard = {0};

    (void)state;
    assert_non_null(text);
    memset(text, ' ', len);
    assert_int_equal(hear("x", text, len - 1, &heard), 0);
    assert_int_equal(hear("x", text, len, &heard), -EINVAL);
    assert_string_equal(heard.text,
                        "x:1: the file has 1048577 bytes; at most 1048576 are allowed\n");
    heard_done(&heard);
    free(text);
}

/* The last one says that there are more. */
static void the_number_of_faults_is_bounded(void **state)
{
    static char text[20 * (PEERLOG_MAX_FAULTS + 100)];
    struct heard_faults heard = {0};
    size_t len = 0;

    (void)state;
    for (unsigned i = 0; i < PEERLOG_MAX_FAULTS + 100; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "name%u=1;\n", i);
    assert_int_equal(hear("x", text, len, &heard), -EINVAL);
    assert_int_equal(heard.count, PEERLOG_MAX_FAULTS + 1);
    assert_non_null(strstr(heard.text, "more faults than can be listed; mend the others first\n"));
    heard_done(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_broken_file_is_told_as_expected),
        cmocka_unit_test(no_cut_and_no_change_breaks_a_promise),
        cmocka_unit_test(the_largest_files_are_survived),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(brackets_may_be_nested_without_end),
        cmocka_unit_test(a_file_that_is_too_large_is_refused),
        cmocka_unit_test(the_number_of_faults_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
