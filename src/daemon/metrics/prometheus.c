/* SPDX-License-Identifier: MIT
 *
 * Prometheus's text. A family is named once, before all of its members, wherever in the table they
 * stand; OpenMetrics names the family of a counter without its _total.
 */
#include "config.h"

#include "daemon/metrics/prometheus.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_TLS
#define BUILT_WITH_TLS "yes"
#else
#define BUILT_WITH_TLS "no"
#endif

struct page {
    char *dst;
    size_t room, len;
    enum prometheus_form form;
    bool full; /* a line did not fit: none follows */
};

__attribute__((format(printf, 2, 3)))
static void put(struct page *page, const char *format, ...)
{
    size_t left = page->room - page->len;
    va_list arguments;

    if (page->full)
        return;
    va_start(arguments, format);
    int n = vsnprintf(page->dst + page->len, left, format, arguments);
    va_end(arguments);
    page->full = n < 0 || (size_t)n >= left;
    if (page->full)
        page->dst[page->len] = '\0';
    else
        page->len += (size_t)n;
}

static void put_family(struct page *page, const char *metric, const char *type, const char *help)
{
    size_t len = strlen(metric);
    const char total[] = "_total";

    if (page->form == PROMETHEUS_OPENMETRICS && strcmp(type, "counter") == 0 &&
        len >= sizeof total && strcmp(metric + len - (sizeof total - 1), total) == 0)
        len -= sizeof total - 1;
    put(page, "# HELP %.*s %s\n", (int)len, metric, help);
    put(page, "# TYPE %.*s %s\n", (int)len, metric, type);
}

static void put_counter(struct page *page, const struct counter_name *name, uint64_t value)
{
    const char *label = name->label != NULL ? name->label : "";
    const char *open = *label != '\0' ? "{" : "", *close = *label != '\0' ? "}" : "";

    put(page, "%s%s%s%s %llu\n", name->metric, open, label, close, (unsigned long long)value);
}

static bool is_of(int which, const char *metric)
{
    return counter_names[which].metric != NULL && strcmp(counter_names[which].metric, metric) == 0;
}

/* Answers: does the table name this family here for the first time? */
static bool begins_family(int which)
{
    if (counter_names[which].metric == NULL)
        return false;
    for (int i = 0; i < which; i++)
        if (is_of(i, counter_names[which].metric))
            return false;
    return true;
}

static void put_counters(struct page *page, const uint64_t totals[COUNTERS])
{
    for (int i = 0; i < COUNTERS; i++) {
        const struct counter_name *first = &counter_names[i];
        if (!begins_family(i))
            continue;
        put_family(page, first->metric, "counter", first->help);
        for (int k = i; k < COUNTERS; k++)
            if (is_of(k, first->metric))
                put_counter(page, &counter_names[k], totals[k]);
    }
}

static void put_listeners(struct page *page, const struct prometheus_now *now)
{
    static const char messages[] = "peerlogd_messages_total";
    static const char bytes[] = "peerlogd_received_bytes_total";

    put_family(page, messages, "counter", "Records that are in the log, by listener and session.");
    for (size_t i = 0; i < now->listeners_count; i++) {
        const struct prometheus_listener *l = &now->listeners[i];
        put(page, "%s{listener=\"%s\",session=\"syslog\"} %llu\n", messages, l->name,
            (unsigned long long)l->syslog);
        put(page, "%s{listener=\"%s\",session=\"relp\"} %llu\n", messages, l->name,
            (unsigned long long)l->relp);
    }
    put_family(page, bytes, "counter", "Bytes received from peers, by listener.");
    for (size_t i = 0; i < now->listeners_count; i++)
        put(page, "%s{listener=\"%s\"} %llu\n", bytes, now->listeners[i].name,
            (unsigned long long)now->listeners[i].bytes);
}

/* How long it took from receiving until the log had it. */
static void put_times(struct page *page, const uint64_t totals[COUNTERS])
{
    static const char metric[] = "peerlogd_delivery_seconds";
    uint64_t count = 0;

    put_family(page, metric, "histogram",
               "Time from the first receive of a round until the log has taken its records.");
    for (int i = 0; i < COUNTERS_WITHIN; i++) {
        count += totals[COUNTER_TAKEN_WITHIN + i];
        put(page, "%s_bucket{le=\"%g\"} %llu\n", metric, counters_within_us[i] / 1e6,
            (unsigned long long)count);
    }
    count += totals[COUNTER_TAKEN_LATER];
    put(page, "%s_bucket{le=\"+Inf\"} %llu\n", metric, (unsigned long long)count);
    put(page, "%s_sum %.6f\n", metric, (double)totals[COUNTER_TAKEN_US] / 1e6);
    put(page, "%s_count %llu\n", metric, (unsigned long long)count);
}

/* Counters that are not in the table as they are told. */
static void put_others(struct page *page, const uint64_t totals[COUNTERS],
                       const struct prometheus_now *now)
{
    put_family(page, "peerlogd_output_away_seconds_total", "counter",
               "Seconds that the log was away.");
    put(page, "peerlogd_output_away_seconds_total %.3f\n",
        (double)totals[COUNTER_OUTPUT_LOST_MS] / 1000 + (double)now->lost_s);
    put_family(page, "peerlogd_takeovers_total", "counter",
               "Takeovers from a process before.");
    put(page, "peerlogd_takeovers_total %llu\n", (unsigned long long)now->takeovers);
}

static void put_now(struct page *page, const struct prometheus_now *now)
{
    const struct {
        const char *metric, *help;
        uint64_t value;
    } gauges[] = {
        {"peerlogd_connections", "Connections that are open.", now->connections},
        {"peerlogd_connections_limit", "Connections that may be open at the same time.",
         now->connections_limit},
        {"peerlogd_messages_waiting", "Records in hand that the log did not take yet.",
         now->waiting},
        {"peerlogd_workers", "Threads that read and deliver.", now->workers},
        {"peerlogd_output_up", "Whether the log is there.", now->outputs_lost == 0},
        {"peerlogd_output_lost_seconds", "For how long the log has been away.", now->lost_s},
        {"peerlogd_inbox_bytes", "Bytes in use in the inboxes of the workers.", now->inbox_bytes},
        {"peerlogd_inbox_bytes_limit", "How large these inboxes are.", now->inbox_room},
        {"peerlogd_parking_lots", "Socket pairs that hold copies for the next process.",
         now->lots},
        {"peerlogd_parked_sockets", "Copies in them of connections that live.", now->parked},
        {"peerlogd_parked_dead_sockets", "Copies in them of connections that have ended.",
         now->dead},
        {"peerlogd_peers_silent", "Peers that spoke before and say nothing for silent_after.",
         now->silent},
        {"peerlogd_start_time_seconds", "Start of the process, in seconds since 1970.",
         now->started_s},
    };

    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        put_family(page, gauges[i].metric, "gauge", gauges[i].help);
        put(page, "%s %llu\n", gauges[i].metric, (unsigned long long)gauges[i].value);
    }
    put_family(page, "peerlogd_build_info", "gauge", "The program that runs; always 1.");
    put(page, "peerlogd_build_info{version=\"%s\",tls=\"%s\"} 1\n", now->version, BUILT_WITH_TLS);
}

size_t prometheus_format(char *dst, size_t room, enum prometheus_form form,
                         const uint64_t totals[COUNTERS], const struct prometheus_now *now)
{
    struct page page = {.dst = dst, .room = room, .form = form};

    put_listeners(&page, now);
    put_counters(&page, totals);
    put_times(&page, totals);
    put_others(&page, totals, now);
    put_now(&page, now);
    if (form == PROMETHEUS_OPENMETRICS)
        put(&page, "# EOF\n");
    return page.len;
}

const char *prometheus_media_type(enum prometheus_form form)
{
    return form == PROMETHEUS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}
