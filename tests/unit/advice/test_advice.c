/* SPDX-License-Identifier: MIT
 *
 * What would lose messages of good settings: journald's files, each tree of which in
 * tests/unit/advice/journald is a system of its own, and limits, as they might be.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ledger/capacity.h"
#include "daemon/settings/file.h"
#include "daemon/advice/advice.h"
#include "daemon/advice/journald_conf.h"
#include "daemon/advice/log_files.h"
#include "peerlog/count.h"
#include "support/in_range.h"
#include "support/settings.h"

static const char *root_of(const char *tree)
{
    static char root[4096];

    (void)snprintf(root, sizeof root, "%s/tests/unit/advice/journald/%s", source_directory(), tree);
    return root;
}

static void finds_the_value_that_journald_uses(void **state)
{
    static const struct {
        const char *tree, *key, *value; /* NULL: none */
    } rows[] = {
        {"none", "MaxLevelStore", NULL},
        {"untouched", "MaxLevelStore", NULL},
        {"main", "MaxLevelStore", "notice"},
        {"main", "MaxLevelSyslog", "4"},
        {"main", "MaxLevel", NULL},
        {"vendor", "MaxLevelStore", "err"},
        {"drop_ins", "MaxLevelStore", "warning"},
        {"drop_ins", "MaxLevelSyslog", "crit"},
        {"drop_ins", "RateLimitBurst", "0"},
        {"hidden", "MaxLevelStore", NULL},
        {"reset", "MaxLevelStore", ""},
        {"unknown", "MaxLevelStore", "loud"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char value[20] = "untouched";
        bool found = journald_conf(root_of(rows[i].tree), rows[i].key, value, sizeof value);
        if (found != (rows[i].value != NULL))
            fail_msg("%s: %s: %s", rows[i].tree, rows[i].key, found ? value : "not found");
        assert_string_equal(value, found ? rows[i].value : "untouched");
    }
}

static void cuts_a_long_value(void **state)
{
    char value[4];

    (void)state;
    assert_true(journald_conf(root_of("main"), "MaxLevelStore", value, sizeof value));
    assert_string_equal(value, "not");
}

static void looks_at_the_journal_of_the_output(void **state)
{
    static const struct {
        const char *tree, *settings;
        enum severity store, forward;
        bool journald, unlimited;
    } rows[] = {
        {"untouched", "output = { type = \"journal\"; }", 7, 7, true, false},
        {"main", "output = { type = \"journal\"; }", 5, 4, true, true},
        {"main", "output = { path = \"/run/systemd/journal/dev-log\"; }", 5, 4, true, true},
        {"main", "output = { path = \"/somewhere/else\"; }", 7, 7, false, false},
        {"main", "output = { type = \"stdout\"; }", 7, 7, false, false},
        {"drop_ins", "output = { type = \"journal\"; }", 4, 7, true, true},
        {"reset", "output = { type = \"journal\"; }", 7, 7, true, false},
        {"unknown", "output = { type = \"journal\"; }", 7, 7, true, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings *settings = read_good(rows[i].settings);
        struct surroundings around;
        advice_look_at_journal(root_of(rows[i].tree), settings, &around);
        assert_int_equal(around.journald, rows[i].journald);
        assert_int_equal(around.journald_unlimited, rows[i].unlimited);
        assert_int_equal(around.store, rows[i].store);
        assert_int_equal(around.forward, rows[i].forward);
        (void)settings_free(settings);
    }
}

static void knows_the_least_severity_that_may_come(void **state)
{
    static const struct {
        const char *settings;
        enum severity least;
    } rows[] = {
        {"", SEVERITY_DEBUG},
        {"output = { severity = \"err\"; }", SEVERITY_DEBUG},
        {"priority = \"full\"", SEVERITY_DEBUG},
        {"priority = \"ignore\"", SEVERITY_INFO},
        {"priority = \"ignore\" highest_severity = \"debug\"", SEVERITY_DEBUG},
        {"priority = \"ignore\" output = { severity = \"err\"; }", SEVERITY_ERR},
        {"priority = \"ignore\" output = { severity = \"err\"; }\n"
         "listeners = ( { port = 1; }, { port = 2; severity = \"notice\"; } )",
         SEVERITY_NOTICE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings *settings = read_good(rows[i].settings);
        assert_int_equal(advice_least_severity(settings), rows[i].least);
        (void)settings_free(settings);
    }
}

/* What is said of these settings there; EXPECTED is a piece of it, or NULL for nothing. */
static void assert_warning(const char *text, const struct surroundings *around,
                           const char *expected)
{
    struct settings *settings = read_good(text);
    struct heard_faults heard = {0};

    advice_judge_journal(settings, around, heard_add, &heard);
    assert_int_equal(heard.count, expected != NULL);
    if (expected != NULL && strstr(heard.text, expected) == NULL)
        fail_msg("%s was expected in %s", expected, heard.text);
    heard_done(&heard);
    (void)settings_free(settings);
}

static void warns_of_levels_that_hide_messages(void **state)
{
    struct surroundings around = {.journald = true, .store = 6, .forward = 7};

    (void)state;
    assert_warning("", &around, "MaxLevelStore=info, so the journal does not keep messages of less "
                                "severity, down to debug; set MaxLevelStore=debug there");
    assert_warning("priority = \"ignore\"", &around, NULL);
    around = (struct surroundings){.journald = true, .store = 7, .forward = 3};
    assert_warning("priority = \"ignore\"", &around, "set MaxLevelSyslog=info there");
    around.journald = false;
    assert_warning("", &around, NULL);
}

static void warns_of_a_severity_that_is_lowered(void **state)
{
    struct settings *settings =
        read_good("listeners = ( { port = 1; }, { port = 2; severity = \"emerg\"; } )");
    struct heard_faults heard = {0};

    (void)state;
    advice_judge_severities(settings, heard_add, &heard);
    assert_int_equal(heard.count, 1);
    assert_non_null(strstr(heard.text, "from listener 127.0.0.1:2 is emerg, but highest_severity "
                                       "lowers them to crit; set highest_severity = \"emerg\""));
    heard_done(&heard);
    (void)settings_free(settings);
}

static void warns_of_rates_that_lose_messages(void **state)
{
    static const struct {
        struct unit_rate rate;
        bool unlimited;
        const char *expected;
    } rows[] = {
        {{30000000, 10000}, false, "a.service has a rate limit of 10000 messages in 30 s"},
        {{30000000, 10000}, true, "LogRateLimitIntervalSec=1us and LogRateLimitBurst=1000000"},
        {{2, 1000000}, false, "1000000 messages in 2e-06 s"},
        {{1, 1000000}, false, NULL},
        {{0, 0}, false, "a.service sets no rate limit, so journald's own holds"},
        {{0, 1000000}, false, "(systemd ignores an interval of 0)"},
        {{0, 0}, true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct surroundings around = {.unit = "a.service", .rate = rows[i].rate, .journald = true,
                                      .journald_unlimited = rows[i].unlimited,
                                      .store = SEVERITY_DEBUG, .forward = SEVERITY_DEBUG};
        assert_warning("", &around, rows[i].expected);
        around.unit = NULL;
        assert_warning("", &around, NULL);
    }
}

static void counts_the_connections_that_descriptors_allow(void **state)
{
    static const struct {
        uint64_t descriptors;
        struct capacity_wish wish;
        uint32_t usable;
    } rows[] = {
        {UINT64_MAX, {1000000, 0, true}, 1000000}, {524288, {8192, 0, true}, 8192},
        {0, {1, 0, false}, 1},                     {1, {5, 0, true}, 1},
        {100, {8192, 0, false}, 50},               {100, {8192, 0, true}, 36},
        {4096, {8192, 0, false}, 3840},            {4096, {8192, 1024, false}, 2816},
        {1024, {8192, 1024, false}, 512},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(capacity_usable(rows[i].descriptors, &rows[i].wish), rows[i].usable);
}

static void warns_of_too_few_descriptors(void **state)
{
    struct settings *settings = read_good("limits = { connections = 40; }");
    struct surroundings around = {.descriptors = 100};
    struct heard_faults heard = {0};

    (void)state;
    advice_judge_descriptors(settings, &around, heard_add, &heard);
    assert_int_equal(heard.count, 0);
    around.parked = true;
    advice_judge_descriptors(settings, &around, heard_add, &heard);
    assert_int_equal(heard.count, 1);
    assert_non_null(strstr(heard.text, "limits.connections = 40 needs more than the 100 open files "
                                       "this process may have; 36 could be accepted"));
    heard_done(&heard);
    (void)settings_free(settings);
}

static void warns_of_files_that_cannot_be_written(void **state)
{
    static const struct {
        const char *text, *unit, *warning; /* NULL: none */
    } rows[] = {
        {"output = { type = \"syslog\"; };", "x.service", NULL},
        {"output = { type = \"file\"; path = \"/tmp/peerlog-none/%Y/x\"; };", NULL, NULL},
        {"output = { type = \"file\"; path = \"/tmp/peerlog-none/%Y/x\"; };", "x.service",
         "/tmp/peerlog-none/%Y/x is not below /var/log/peerlog/, where x.service may write"},
        {"output = { type = \"file\"; path = \"/proc/self/none/x\"; };", NULL,
         "/proc/self/ cannot be written to from here ("},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings *settings = read_good(rows[i].text);
        struct heard_faults heard = {0};
        advice_judge_files(settings, rows[i].unit, heard_add, &heard);
        if (geteuid() != 0 || strstr(rows[i].text, "/proc/") == NULL) {
            assert_int_equal(heard.count, rows[i].warning != NULL);
            if (rows[i].warning != NULL)
                assert_non_null(strstr(heard.text, rows[i].warning));
        }
        heard_done(&heard);
        (void)settings_free(settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_value_that_journald_uses),
        cmocka_unit_test(cuts_a_long_value),
        cmocka_unit_test(looks_at_the_journal_of_the_output),
        cmocka_unit_test(knows_the_least_severity_that_may_come),
        cmocka_unit_test(warns_of_levels_that_hide_messages),
        cmocka_unit_test(warns_of_a_severity_that_is_lowered),
        cmocka_unit_test(warns_of_rates_that_lose_messages),
        cmocka_unit_test(counts_the_connections_that_descriptors_allow),
        cmocka_unit_test(warns_of_too_few_descriptors),
        cmocka_unit_test(warns_of_files_that_cannot_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
