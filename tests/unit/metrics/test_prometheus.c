/* SPDX-License-Identifier: MIT
 *
 * Prometheus's text: every counter of the table once, a family in one piece, and what OpenMetrics
 * writes otherwise.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/metrics/prometheus.h"

static const struct prometheus_listener listeners[] = {
    {.name = "127.0.0.1:514", .syslog = 4, .relp = 5, .bytes = 6}, {.name = "[::1]:514"},
};
static const struct prometheus_now now = {
    .version = "1.2.3", .connections = 7, .connections_limit = 8192, .waiting = 9, .workers = 2,
    .started_s = 1795950000, .takeovers = 3, .lost_s = 2, .listeners = listeners,
    .listeners_count = 2,
};

/* The first counter is 1001, and so on. */
static size_t format(char text[PROMETHEUS_BYTES], enum prometheus_form form)
{
    uint64_t totals[COUNTERS];

    for (int i = 0; i < COUNTERS; i++)
        totals[i] = 1001 + (uint64_t)i;
    return prometheus_format(text, PROMETHEUS_BYTES, form, totals, &now);
}

static unsigned count_of(const char *text, const char *line)
{
    unsigned count = 0;

    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line))
        count++;
    return count;
}

static void has_each_counter_once(void **state)
{
    char text[PROMETHEUS_BYTES], line[256];

    (void)state;
    size_t len = format(text, PROMETHEUS_TEXT);
    assert_int_equal(len, strlen(text));
    for (int i = 0; i < COUNTERS; i++) {
        const struct counter_name *name = &counter_names[i];
        if (name->metric == NULL)
            continue;
        (void)snprintf(line, sizeof line, name->label != NULL ? "\n%s{%s} %d\n" : "\n%s%s %d\n",
                       name->metric, name->label != NULL ? name->label : "", 1001 + i);
        assert_int_equal(count_of(text, line), 1);
        (void)snprintf(line, sizeof line, "# TYPE %s counter\n", name->metric);
        assert_int_equal(count_of(text, line), 1);
        (void)snprintf(line, sizeof line, "# HELP %s ", name->metric);
        assert_int_equal(count_of(text, line), 1);
    }
}

static void keeps_families_in_one_piece(void **state)
{
    char text[PROMETHEUS_BYTES], family[128] = "", seen[PROMETHEUS_BYTES] = "";

    (void)state;
    (void)format(text, PROMETHEUS_TEXT);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char name[128], entry[160];
        if (sscanf(line, "# TYPE %127s", name) == 1) {
            (void)snprintf(family, sizeof family, "%s", name);
            (void)snprintf(entry, sizeof entry, "|%s|", name);
            assert_null(strstr(seen, entry));
            (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s", entry);
        } else if (line[0] != '#') {
            assert_int_equal(sscanf(line, "%127[a-z0-9_]", name), 1);
            assert_memory_equal(name, family, strlen(family));
        }
    }
}

static void tells_what_is_so_now(void **state)
{
    char text[PROMETHEUS_BYTES];

    (void)state;
    (void)format(text, PROMETHEUS_TEXT);
    assert_non_null(strstr(text, "\npeerlogd_connections 7\n"));
    assert_non_null(strstr(text, "\npeerlogd_messages_waiting 9\n"));
    assert_non_null(strstr(text, "\npeerlogd_output_up 1\n"));
    assert_non_null(strstr(text, "\npeerlogd_start_time_seconds 1795950000\n"));
    assert_non_null(strstr(text, "\npeerlogd_build_info{version=\"1.2.3\",tls="));
    assert_null(strstr(text, "# EOF"));
}

static void counts_for_each_listener_and_session(void **state)
{
    char text[PROMETHEUS_BYTES];

    (void)state;
    (void)format(text, PROMETHEUS_TEXT);
    assert_non_null(strstr(text, "\npeerlogd_messages_total{listener=\"127.0.0.1:514\","
                                 "session=\"relp\"} 5\n"));
    assert_non_null(strstr(text, "\npeerlogd_messages_total{listener=\"[::1]:514\","
                                 "session=\"syslog\"} 0\n"));
    assert_non_null(strstr(text, "\npeerlogd_received_bytes_total{listener=\"127.0.0.1:514\"}"
                                 " 6\n"));
}

static void counts_times_in_a_histogram(void **state)
{
    static const struct {
        uint64_t us;
        int place;
    } rows[] = {{0, 0}, {50, 0}, {51, 1}, {30000000, 11}, {30000001, 12}, {UINT64_MAX, 12}};
    uint64_t totals[COUNTERS] = {[COUNTER_TAKEN_US] = 1500000, [COUNTER_OUTPUT_LOST_MS] = 1500};
    char text[PROMETHEUS_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(counters_place_of(rows[i].us), COUNTER_TAKEN_WITHIN + rows[i].place);
        totals[counters_place_of(rows[i].us)]++;
    }
    (void)prometheus_format(text, sizeof text, PROMETHEUS_TEXT, totals, &now);
    assert_non_null(strstr(text, "\npeerlogd_delivery_seconds_bucket{le=\"5e-05\"} 2\n"));
    assert_non_null(strstr(text, "\npeerlogd_delivery_seconds_bucket{le=\"30\"} 4\n"));
    assert_non_null(strstr(text, "\npeerlogd_delivery_seconds_bucket{le=\"+Inf\"} 6\n"));
    assert_non_null(strstr(text, "\npeerlogd_delivery_seconds_sum 1.500000\n"));
    assert_non_null(strstr(text, "\npeerlogd_delivery_seconds_count 6\n"));
    assert_non_null(strstr(text, "\npeerlogd_output_away_seconds_total 3.500\n"));
}

static void names_families_of_openmetrics_without_total(void **state)
{
    char text[PROMETHEUS_BYTES];

    (void)state;
    (void)format(text, PROMETHEUS_OPENMETRICS);
    assert_non_null(strstr(text, "# TYPE peerlogd_messages counter\npeerlogd_messages_total{"));
    assert_non_null(strstr(text, "# TYPE peerlogd_connections gauge\n"));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void leaves_out_lines_that_do_not_fit(void **state)
{
    char whole[PROMETHEUS_BYTES], text[PROMETHEUS_BYTES];
    const uint64_t totals[COUNTERS] = {0};

    (void)state;
    size_t len = prometheus_format(whole, sizeof whole, PROMETHEUS_TEXT, totals, &now);
    for (size_t room = 1; room <= len + 1; room++) {
        memset(text, '#', room + 1);
        size_t n = prometheus_format(text, room, PROMETHEUS_TEXT, totals, &now);
        assert_true(n < room);
        assert_memory_equal(text, whole, n);
        assert_int_equal(text[n], '\0');
        assert_int_equal(text[room], '#');
        assert_true(n == 0 || text[n - 1] == '\n');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_each_counter_once),
        cmocka_unit_test(keeps_families_in_one_piece),
        cmocka_unit_test(tells_what_is_so_now),
        cmocka_unit_test(counts_for_each_listener_and_session),
        cmocka_unit_test(counts_times_in_a_histogram),
        cmocka_unit_test(names_families_of_openmetrics_without_total),
        cmocka_unit_test(leaves_out_lines_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
