/* SPDX-License-Identifier: MIT
 *
 * Settings of brokers: which properties of librdkafka may not be set, and what each type of output
 * lets be set at all.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/settings/broker.h"
#include "peerlog/count.h"
#include "support/settings.h"

static void properties_that_break_a_promise_are_refused(void **state)
{
    static const struct {
        const char *name, *value;
        bool is_refused;
    } rows[] = {
        {"bootstrap.servers", "a:1", true},     {"metadata.broker.list", "a:1", true},
        {"acks", "1", true},                    {"acks", "all", true},
        {"request.required.acks", "0", true},   {"enable.idempotence", "false", true},
        {"enable.gapless.guarantee", "0", true}, {"message.timeout.ms", "1000", true},
        {"delivery.timeout.ms", "1000", true},  {"message.send.max.retries", "3", true},
        {"retries", "3", true},                 {"delivery.report.only.error", "true", true},
        {"queuing.strategy", "lifo", true},     {"transactional.id", "x", true},
        {"max.in.flight", "1", false},          {"max.in.flight", "5", false},
        {"max.in.flight", "6", true},           {"max.in.flight", "0", true},
        {"max.in.flight", "10", true},          {"max.in.flight", "", true},
        {"max.in.flight.requests.per.connection", "5", false},
        {"max.in.flight.requests.per.connection", "55", true},
        {"partitioner", "random", true},        {"partitioner", "consistent", false},
        {"linger.ms", "5", false},              {"sasl.password", "acks", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if ((broker_property_fault(rows[i].name, rows[i].value) != NULL) != rows[i].is_refused)
            fail_msg("%s=%s", rows[i].name, rows[i].value);
}

/* The faults of an output, but for a module that needs the daemon around it. */
static void assert_faults(const char *output, const char *const *wanted, size_t count)
{
    char text[1024];
    struct heard_faults heard = {0};
    struct settings *settings = NULL;

    (void)snprintf(text, sizeof text, "output = { %s };\n", output);
    (void)settings_parse("f", text, strlen(text), heard_add, &heard, &settings);
    for (size_t i = 0; i < count; i++)
        if (heard.text == NULL || strstr(heard.text, wanted[i]) == NULL)
            fail_msg("%s: %s", output, heard.text != NULL ? heard.text : "good");
    size_t without_module =
        heard.count - (heard.text != NULL && strstr(heard.text, " cannot be used: ") != NULL);
    assert_int_equal(without_module, count);
    heard_done(&heard);
    (void)settings_free(settings);
}

static void each_type_has_settings_of_its_own(void **state)
{
    (void)state;
    assert_faults("type = \"kafka\"; brokers = [ \"a:1\", \"b:1\" ];", NULL, 0);
    assert_faults("type = \"nats\"; servers = [ \"nats://a\" ];", NULL, 0);
    assert_faults("type = \"kafka\"; servers = [ \"a\" ]; pack = 2;",
                  (const char *[]){"f:1: output.brokers: is missing",
                                   "output.servers: has no effect",
                                   "output.pack: has no effect"}, 3);
    assert_faults("type = \"nats\"; servers = [ \"a\" ]; topic = \"x\"; properties = [ \"a=b\" ];",
                  (const char *[]){"output.topic: has no effect on an output that is not of type "
                                   "\"kafka\"", "output.properties: has no effect"}, 2);
    assert_faults("type = \"stdout\"; brokers = [ \"a\" ]; path = \"/x\";",
                  (const char *[]){"output.brokers: has no effect",
                                   "output.path: has no effect on an output of type \"stdout\""},
                  2);
}

static void topics_have_no_place_for_peers(void **state)
{
    (void)state;
    assert_faults("type = \"kafka\"; brokers = [ \"a:1\" ]; topic = \"a.%{listener}\";", NULL, 0);
    assert_faults("type = \"kafka\"; brokers = [ \"a:1\" ]; topic = \"a.%{address}\";",
                  (const char *[]){"output.topic: may have %{listener}, but not %{address}"}, 1);
    assert_faults("type = \"kafka\"; brokers = [ \"a:1\" ]; topic = \"..\";",
                  (const char *[]){"output.topic: has an empty token"}, 1);
}

static void a_property_is_named_and_its_value_is_not(void **state)
{
    (void)state;
    assert_faults("type = \"kafka\"; brokers = [ \"a:1\" ]; properties = [ \"acks=SECRET\" ];",
                  (const char *[]){"output.properties: \"acks\" stays"}, 1);
    assert_faults("type = \"kafka\"; brokers = [ \"a:1\" ]; "
                  "properties = [ \"acks\", \"=x\", \"\" ];",
                  (const char *[]){"\"acks\" is no property; wanted: \"NAME=VALUE\"",
                                   "\"\" is no property", "\"\" is no property"}, 3);
    assert_faults("type = \"kafka\"; brokers = [ \"a:1\" ]; properties = [ \"a=b\\nacks=0\" ];",
                  (const char *[]){"\"a\" has more than one line"}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_that_break_a_promise_are_refused),
        cmocka_unit_test(each_type_has_settings_of_its_own),
        cmocka_unit_test(topics_have_no_place_for_peers),
        cmocka_unit_test(a_property_is_named_and_its_value_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
