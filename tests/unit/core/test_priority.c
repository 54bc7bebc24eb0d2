/* SPDX-License-Identifier: MIT
 *
 * PRI and names: the form, the value, and where digits stop being read.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "peerlog/priority.h"
#include "support/intake.h"
#include "support/oracle.h"

struct pri_case {
    const char *text;
    enum priority_probe probe;
    size_t len; /* of the PRI, 0: none */
    int value;
};

static const struct pri_case pris[] = {
    {"", PRIORITY_UNDECIDED, 0, 0},
    {"<", PRIORITY_UNDECIDED, 0, 0},
    {"<1", PRIORITY_UNDECIDED, 0, 0},
    {"<12", PRIORITY_UNDECIDED, 0, 0},
    {"<123", PRIORITY_UNDECIDED, 0, 0},
    {"<1234", PRIORITY_ABSENT, 0, 0},
    {"<1234>", PRIORITY_ABSENT, 0, 0},
    {"<0>", PRIORITY_PRESENT, 3, 0},
    {"<00>", PRIORITY_PRESENT, 4, 0},
    {"<000>", PRIORITY_PRESENT, 5, 0},
    {"<0000>", PRIORITY_ABSENT, 0, 0},
    {"<013>x", PRIORITY_PRESENT, 5, 13},
    {"<13>x", PRIORITY_PRESENT, 4, 13},
    {"<191>", PRIORITY_PRESENT, 5, 191},
    {"<192>", PRIORITY_PRESENT, 0, 0},
    {"<255>", PRIORITY_PRESENT, 0, 0},
    {"<256>", PRIORITY_PRESENT, 0, 0},
    {"<269>", PRIORITY_PRESENT, 0, 0}, /* 13 in eight bits */
    {"<999>", PRIORITY_PRESENT, 0, 0},
    {"<2147483648>", PRIORITY_ABSENT, 0, 0},
    {"<4294967309>", PRIORITY_ABSENT, 0, 0}, /* 13 in 32 bits */
    {"<100000000000000000000>", PRIORITY_ABSENT, 0, 0},
    {"<>", PRIORITY_ABSENT, 0, 0},
    {"<-1>", PRIORITY_ABSENT, 0, 0},
    {"<+1>", PRIORITY_ABSENT, 0, 0},
    {"< 1>", PRIORITY_ABSENT, 0, 0},
    {"<1 >", PRIORITY_ABSENT, 0, 0},
    {"<0x1>", PRIORITY_ABSENT, 0, 0},
    {"<b>", PRIORITY_ABSENT, 0, 0},
    {" <13>", PRIORITY_ABSENT, 0, 0},
    {">13<", PRIORITY_ABSENT, 0, 0},
    {"13>", PRIORITY_ABSENT, 0, 0},
    {"<\xef\xbc\x91>", PRIORITY_ABSENT, 0, 0}, /* a wide digit */
};

static void reads_every_pri_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pris); i++) {
        const struct pri_case *c = &pris[i];
        size_t len = strlen(c->text);
        unsigned char *text = exact_copy(c->text, len);
        uint8_t value = 77;

        if (priority_probe(text, len) != c->probe)
            fail_msg("\"%s\" was probed wrongly", c->text);
        if (priority_parse(text, len, &value) != c->len)
            fail_msg("\"%s\" was parsed wrongly", c->text);
        assert_int_equal(value, c->len > 0 ? c->value : 77);
        free(text);
    }
}

static void reads_all_values_of_three_digits(void **state)
{
    (void)state;
    for (unsigned value = 0; value <= 999; value++) {
        char text[8];
        uint8_t read = 0;
        size_t len = (size_t)snprintf(text, sizeof text, "<%u>", value);

        size_t took = priority_parse((unsigned char *)text, len, &read);
        assert_int_equal(took, value <= PEERLOG_MAX_PRI ? len : 0);
        assert_int_equal(read, value <= PEERLOG_MAX_PRI ? value : 0);
    }
}

static void a_decision_stands_when_more_bytes_come(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pris); i++) {
        size_t len = strlen(pris[i].text);
        enum priority_probe before = PRIORITY_UNDECIDED;

        for (size_t n = 0; n <= len; n++) {
            unsigned char *text = exact_copy(pris[i].text, n);
            enum priority_probe now = priority_probe(text, n);
            assert_true(before == PRIORITY_UNDECIDED || now == before);
            before = now;
            free(text);
        }
    }
}

/* All strings of up to six of the characters that matter. */
static void agrees_with_the_oracle_on_all_short_strings(void **state)
{
    static const unsigned char alphabet[] = "<>0129 ";
    const size_t letters = sizeof alphabet - 1;

    (void)state;
    for (size_t len = 0; len <= 6; len++) {
        size_t all = 1;
        for (size_t i = 0; i < len; i++)
            all *= letters;
        for (size_t number = 0; number < all; number++) {
            unsigned char text[6];
            size_t rest = number;
            for (size_t i = 0; i < len; i++, rest /= letters)
                text[i] = alphabet[rest % letters];
            int wanted = -1;
            uint8_t value = 0;
            size_t form = oracle_pri(text, len, &wanted);
            assert_int_equal(priority_probe(text, len) == PRIORITY_PRESENT, form > 0);
            assert_int_equal(priority_parse(text, len, &value), wanted >= 0 ? form : 0);
            assert_int_equal(value, wanted >= 0 ? wanted : 0);
        }
    }
}

static void makes_a_priority_and_takes_it_apart(void **state)
{
    (void)state;
    for (unsigned facility = 0; facility <= FACILITY_MAX; facility++) {
        for (unsigned severity = 0; severity <= SEVERITY_DEBUG; severity++) {
            uint8_t priority = priority_make(facility, severity);
            assert_int_equal(priority, facility * 8 + severity);
            assert_int_equal(priority_facility(priority), facility);
            assert_int_equal(priority_severity(priority), severity);
        }
    }
}

static void knows_the_names_of_logger_and_syslog(void **state)
{
    (void)state;
    assert_int_equal(severity_from_name("emerg"), SEVERITY_EMERG);
    assert_int_equal(severity_from_name("panic"), SEVERITY_EMERG);
    assert_int_equal(severity_from_name("alert"), SEVERITY_ALERT);
    assert_int_equal(severity_from_name("crit"), SEVERITY_CRIT);
    assert_int_equal(severity_from_name("err"), SEVERITY_ERR);
    assert_int_equal(severity_from_name("error"), SEVERITY_ERR);
    assert_int_equal(severity_from_name("warning"), SEVERITY_WARNING);
    assert_int_equal(severity_from_name("warn"), SEVERITY_WARNING);
    assert_int_equal(severity_from_name("notice"), SEVERITY_NOTICE);
    assert_int_equal(severity_from_name("info"), SEVERITY_INFO);
    assert_int_equal(severity_from_name("debug"), SEVERITY_DEBUG);
    assert_int_equal(facility_from_name("kern"), 0);
    assert_int_equal(facility_from_name("user"), FACILITY_USER);
    assert_int_equal(facility_from_name("daemon"), FACILITY_DAEMON);
    assert_int_equal(facility_from_name("auth"), 4);
    assert_int_equal(facility_from_name("security"), 4);
    assert_int_equal(facility_from_name("authpriv"), 10);
    assert_int_equal(facility_from_name("local0"), 16);
    assert_int_equal(facility_from_name("local7"), 23);
}

static void matches_names_whole_and_without_case(void **state)
{
    (void)state;
    assert_int_equal(severity_from_name("CRIT"), SEVERITY_CRIT);
    assert_int_equal(facility_from_name("Local3"), 19);
    assert_int_equal(severity_from_name(""), -EINVAL);
    assert_int_equal(severity_from_name("cri"), -EINVAL);
    assert_int_equal(severity_from_name("crit "), -EINVAL);
    assert_int_equal(severity_from_name("critical"), -EINVAL);
    assert_int_equal(severity_from_name("2"), -EINVAL);
    assert_int_equal(severity_from_name("daemon"), -EINVAL);
    assert_int_equal(facility_from_name(""), -EINVAL);
    assert_int_equal(facility_from_name("local8"), -EINVAL);
    assert_int_equal(facility_from_name("local"), -EINVAL);
    assert_int_equal(facility_from_name("info"), -EINVAL);
}

static void every_number_has_a_name_that_leads_back(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= SEVERITY_DEBUG; n++)
        assert_int_equal(severity_from_name(severity_name(n)), n);
    for (unsigned n = 0; n <= FACILITY_MAX; n++)
        assert_int_equal(facility_from_name(facility_name(n)), n);
    assert_string_equal(severity_name(0), "emerg");
    assert_string_equal(severity_name(3), "err");
    assert_string_equal(severity_name(4), "warning");
    assert_string_equal(facility_name(4), "auth");
}

static void numbers_out_of_range_have_no_name(void **state)
{
    (void)state;
    assert_string_equal(severity_name(SEVERITY_DEBUG + 1), "?");
    assert_string_equal(severity_name((unsigned)-1), "?");
    assert_string_equal(facility_name(FACILITY_MAX + 1), "?");
    assert_string_equal(facility_name((unsigned)-1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_pri_as_the_table_says),
        cmocka_unit_test(reads_all_values_of_three_digits),
        cmocka_unit_test(a_decision_stands_when_more_bytes_come),
        cmocka_unit_test(agrees_with_the_oracle_on_all_short_strings),
        cmocka_unit_test(makes_a_priority_and_takes_it_apart),
        cmocka_unit_test(knows_the_names_of_logger_and_syslog),
        cmocka_unit_test(matches_names_whole_and_without_case),
        cmocka_unit_test(every_number_has_a_name_that_leads_back),
        cmocka_unit_test(numbers_out_of_range_have_no_name),
    };

    return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
