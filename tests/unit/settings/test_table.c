/* SPDX-License-Identifier: MIT
 *
 * The table against the documents: the sample file and the manual page have every
 * setting, with the kind, range and default that the table gives it, and
 * what they show as an example is accepted.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/settings/file.h"
#include "daemon/settings/table.h"
#include "peerlog/count.h"
#include "peerlog/priority.h"
#include "support/in_range.h"
#include "support/settings.h"

#define LINE_BYTES 200

static void each_default_is_in_its_range(void **state)
{
    const struct setting_group *table = settings_table();

    (void)state;
    for (size_t g = 0; g <= table->count; g++) {
        const struct setting_group *group = g < table->count ? table->rules[g].group : table;
        for (size_t i = 0; group != NULL && i < group->count; i++) {
            const struct setting_rule *rule = &group->rules[i];
            if (rule->kind == SETTING_NUMBER)
                assert_int_in_range(rule->initial, rule->min, rule->max);
            if (rule->kind == SETTING_WORD)
                assert_int_in_range(rule->initial, 0, rule->words->count - 1);
            assert_ptr_equal(setting_find(group, rule->name), rule);
        }
    }
    assert_null(setting_find(table, "port"));
}

static void each_word_is_its_number(void **state)
{
    static const char *const settings[] = {"oversize", "priority", "highest_severity"};

    (void)state;
    for (size_t k = 0; k < COUNT_OF(settings); k++) {
        const struct setting_words *words = setting_find(settings_table(), settings[k])->words;
        for (unsigned i = 0; i < words->count; i++)
            assert_int_equal(setting_word_number(words, words->name(i)), i);
        assert_true(setting_word_number(words, "") < 0);
    }
}

/* --- the sample file --- */

static void assert_defaults(const char *text, size_t len)
{
    struct heard_faults heard = {0};
    struct settings *found = NULL, *wanted = NULL;

    int r = settings_parse("sample", text, len, heard_add, &heard, &found);
    if (r != 0)
        fail_msg("%s", heard.text);
    assert_int_equal(settings_new_default(&wanted), 0);
    assert_true(found->listeners[0].allow_empty); /* the sample shows the list */
    wanted->listeners[0].allow_empty = true;
    assert_memory_equal(found, wanted, offsetof(struct settings, origins));
    (void)settings_free(found);
    (void)settings_free(wanted);
}

/* Turn "# name = value;" into "  name = value;" everywhere. */
static void uncomment(char *text)
{
    for (char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        char *mark = line + strspn(line, " ");
        size_t name = strspn(mark[0] == '#' && mark[1] == ' ' ? mark + 2 : "",
                             "abcdefghijklmnopqrstuvwxyz_");
        if (name > 0 && strncmp(mark + 2 + name, " = ", 3) == 0)
            *mark = ' ';
    }
}

static void the_sample_is_the_defaults(void **state)
{
    size_t len = 0;
    char *text = load_file(source_directory(), "etc/peerlogd.conf", &len);

    (void)state;
    assert_defaults(text, len);
    uncomment(text);
    assert_defaults(text, len);
    free(text);
}

/* How often "NAME = " begins a line of TEXT. */
static unsigned count_settings(const char *text, const char *name)
{
    unsigned count = 0;
    size_t len = strlen(name);

    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        const char *before = at;
        while (before > text && before[-1] == ' ')
            before--;
        count += (before == text || before[-1] == '\n') && strncmp(at + len, " = ", 3) == 0;
    }
    return count;
}

/* How many groups have a setting of this name. */
static unsigned count_rules(const char *name)
{
    const struct setting_group *table = settings_table();
    unsigned count = setting_find(table, name) != NULL;

    for (size_t i = 0; i < table->count; i++)
        count += table->rules[i].group != NULL && setting_find(table->rules[i].group, name) != NULL;
    return count;
}

static void the_sample_has_every_setting(void **state)
{
    const struct setting_group *table = settings_table();
    size_t len = 0;
    char *text = load_file(source_directory(), "etc/peerlogd.conf", &len);

    (void)state;
    uncomment(text);
    for (size_t g = 0; g <= table->count; g++) {
        const struct setting_group *group = g < table->count ? table->rules[g].group : table;
        for (size_t i = 0; group != NULL && i < group->count; i++) {
            const char *name = group->rules[i].name;
            if (count_settings(text, name) != count_rules(name))
                fail_msg("the sample lacks %s.%s", group->name, name);
        }
    }
    free(text);
}

/* --- the manual page --- */

/* Where the manual lists the settings of each group. */
static const struct {
    const char *group, *heading;
} headings[] = {
    {"", "\n.Ss General settings\n"},
    {"listeners", "\n.Ss Settings of a listener\n"},
    {"output", "\n.Ss Settings of the output\n"},
    {"limits", "\n.Ss Limits\n"},
    {"admin", "\n.Ss Administration\n"},
    {"metrics", "\n.Ss Metrics\n"},
};

/* The part of the manual about this group; it ends at the next heading. */
static char *manual_part(const char *manual, const struct setting_group *group)
{
    for (size_t i = 0; i < COUNT_OF(headings); i++) {
        if (strcmp(headings[i].group, group->name) != 0)
            continue;
        const char *begin = strstr(manual, headings[i].heading);
        assert_non_null(begin);
        const char *end = strstr(begin + 1, "\n.Ss ");
        assert_non_null(end);
        return strndup(begin, (size_t)(end - begin));
    }
    fail_msg("the manual has no part for %s", group->name);
    return NULL;
}

/* The first line that the manual must have about this setting. */
static void manual_line(const struct setting_rule *rule, char dst[LINE_BYTES])
{
    const char *space = rule->unit != NULL ? " " : "", *unit = rule->unit != NULL ? rule->unit : "";

    switch (rule->kind) {
    case SETTING_NUMBER:
        (void)snprintf(dst, LINE_BYTES, "Integer, %u to %u%s%s; default %u.", rule->min, rule->max,
                       space, unit, rule->initial);
        break;
    case SETTING_SWITCH:
        (void)snprintf(dst, LINE_BYTES, "Switch; default %s.", rule->initial ? "true" : "false");
        break;
    case SETTING_WORD:
        if (rule->inherited)
            (void)snprintf(dst, LINE_BYTES, "Word; default that of the output.");
        else
            (void)snprintf(dst, LINE_BYTES, "Word; default \"%s\".",
                           rule->words->name(rule->initial));
        break;
    case SETTING_TAG:
        if (rule->inherited)
            (void)snprintf(dst, LINE_BYTES, "Text; default that of the output.");
        else
            (void)snprintf(dst, LINE_BYTES, "Text; default \"%s\".", rule->initial_text);
        break;
    case SETTING_PATH:
        (void)snprintf(dst, LINE_BYTES, "Path; default \"%s\".", rule->initial_text);
        break;
    case SETTING_MODE:
        (void)snprintf(dst, LINE_BYTES, "Mode; default \"0%o\".", rule->initial);
        break;
    case SETTING_ADDRESS:
        (void)snprintf(dst, LINE_BYTES, "Address; default \"%s\".", rule->initial_text);
        break;
    case SETTING_TEXTS:
        (void)snprintf(dst, LINE_BYTES, "List of texts; default empty.");
        break;
    case SETTING_RANGES:
        (void)snprintf(dst, LINE_BYTES, "List of ranges; default empty.");
        break;
    case SETTING_GROUP:
        (void)snprintf(dst, LINE_BYTES, "Group.");
        break;
    case SETTING_GROUPS:
        (void)snprintf(dst, LINE_BYTES, "List of groups, at most %u;", PEERLOG_MAX_LISTENERS);
        break;
    }
}

static void assert_manual_has(const char *manual, const struct setting_group *group)
{
    char *part = manual_part(manual, group);

    for (size_t i = 0; i < group->count; i++) {
        const struct setting_rule *rule = &group->rules[i];
        char line[LINE_BYTES], wanted[2 * LINE_BYTES];
        manual_line(rule, line);
        (void)snprintf(wanted, sizeof wanted, "\n.It Ic %s\n%s", rule->name, line);
        if (strstr(part, wanted) == NULL)
            fail_msg("the manual lacks, for %s:%s", group->name, wanted);
    }
    free(part);
}

static void the_manual_has_every_setting(void **state)
{
    const struct setting_group *table = settings_table();
    size_t len = 0;
    char *manual = load_file(source_directory(), "man/peerlogd.conf.5", &len);

    (void)state;
    assert_manual_has(manual, table);
    for (size_t i = 0; i < table->count; i++)
        if (table->rules[i].group != NULL)
            assert_manual_has(manual, table->rules[i].group);
    free(manual);
}

/* Does the manual set this word apart, as in ".Li auto" or ".Li mail , user"? */
static bool manual_has_word(const char *manual, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = strstr(manual, word); at != NULL; at = strstr(at + 1, word)) {
        const char *line = at;
        while (line > manual && line[-1] != '\n')
            line--;
        if ((strncmp(line, ".Li ", 4) == 0 || strncmp(line, ".It Li ", 7) == 0) &&
            at[-1] == ' ' && strchr(" \n", at[len]) != NULL)
            return true;
    }
    return false;
}

static void the_manual_has_every_word(void **state)
{
    const struct setting_group *table = settings_table();
    size_t len = 0;
    char *manual = load_file(source_directory(), "man/peerlogd.conf.5", &len);

    (void)state;
    for (size_t g = 0; g <= table->count; g++) {
        const struct setting_group *group = g < table->count ? table->rules[g].group : table;
        for (size_t i = 0; group != NULL && i < group->count; i++) {
            const struct setting_words *words = group->rules[i].words;
            for (unsigned k = 0; words != NULL && k < words->count; k++)
                if (!manual_has_word(manual, words->name(k)))
                    fail_msg("the manual lacks the word %s", words->name(k));
        }
    }
    assert_non_null(strstr(manual, output_words_of(OUTPUT_JOURNAL)->path));
    free(manual);
}

/* A module needs the daemon around it: this is no fault of the example, if it is the only one. */
static bool only_lacks_module(const struct heard_faults *heard)
{
    const char *end = strchr(heard->text, '\n');

    return strstr(heard->text, " cannot be used: ") != NULL && end != NULL && end[1] == '\0';
}

static void the_examples_of_the_manual_are_accepted(void **state)
{
    static const char begin[] = "\n.Bd -literal -offset indent\n";
    size_t len = 0, count = 0;
    char *manual = load_file(source_directory(), "man/peerlogd.conf.5", &len);

    (void)state;
    for (char *at = strstr(manual, begin); at != NULL; at = strstr(at, begin)) {
        struct heard_faults heard = {0};
        struct settings *settings = NULL;
        at += sizeof begin - 1;
        const char *end = strstr(at, "\n.Ed\n");
        assert_non_null(end);
        int r = settings_parse("example", at, (size_t)(end - at), heard_add, &heard, &settings);
        if (r != 0 && !only_lacks_module(&heard))
            fail_msg("%s", heard.text);
        heard_done(&heard);
        (void)settings_free(settings);
        count++;
    }
    assert_int_in_range(count, 5, 50);
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_default_is_in_its_range),
        cmocka_unit_test(each_word_is_its_number),
        cmocka_unit_test(the_sample_is_the_defaults),
        cmocka_unit_test(the_sample_has_every_setting),
        cmocka_unit_test(the_manual_has_every_setting),
        cmocka_unit_test(the_manual_has_every_word),
        cmocka_unit_test(the_examples_of_the_manual_are_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
