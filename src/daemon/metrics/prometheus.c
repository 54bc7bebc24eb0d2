/* SPDX-License-Identifier: MIT
 *
 * Prometheus's text. A family is named once, before all of its members, wherever in the table they
 * stand; OpenMetrics names the family of a counter without its _total.
 */
#include "config.h"

#include "daemon/metrics/prometheus.h"

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

/* Most of a page is words that stand still: they are copied, which costs less than printf. */
static void put_bytes(struct page *page, const char *text, size_t len)
{
    if (page->full || len >= page->room - page->len) {
        page->full = true;
        return;
    }
    memcpy(page->dst + page->len, text, len);
    page->len += len;
}

static void put(struct page *page, const char *text)
{
    put_bytes(page, text, strlen(text));
}

/* The number of a line, and its end. */
static void put_value(struct page *page, uint64_t value)
{
    char line[32];

    (void)snprintf(line, sizeof line, " %llu\n", (unsigned long long)value); /* there is room */
    put(page, line);
}

/* The same for one that is not whole. */
static void put_real(struct page *page, int digits, double value)
{
    char line[64];

    (void)snprintf(line, sizeof line, " %.*f\n", digits, value); /* there is room for it */
    put(page, line);
}

static void put_family(struct page *page, const char *metric, const char *type, const char *help)
{
    size_t len = strlen(metric);
    const char total[] = "_total";

    if (page->form == PROMETHEUS_OPENMETRICS && strcmp(type, "counter") == 0 &&
        len >= sizeof total && strcmp(metric + len - (sizeof total - 1), total) == 0)
        len -= sizeof total - 1;
    put(page, "# HELP ");
    put_bytes(page, metric, len);
    put(page, " ");
    put(page, help);
    put(page, "\n# TYPE ");
    put_bytes(page, metric, len);
    put(page, " ");
    put(page, type);
    put(page, "\n");
}

/* LABELS: as they stand between the braces; NULL: there are none. */
static void put_line(struct page *page, const char *metric, const char *labels, uint64_t value)
{
    put(page, metric);
    if (labels != NULL) {
        put(page, "{");
        put(page, labels);
        put(page, "}");
    }
    put_value(page, value);
}

/* A family's first row has its help; the others, if there are any, have labels, as it has. */
static bool begins_family(const struct counter_name *name)
{
    return name->metric != NULL && name->help != NULL;
}

static bool goes_on_with(const struct counter_name *name, const struct counter_name *first)
{
    return name->metric != NULL && name->help == NULL && strcmp(name->metric, first->metric) == 0;
}

static void put_counters(struct page *page, const uint64_t totals[COUNTERS])
{
    for (int i = 0; i < COUNTERS; i++) {
        const struct counter_name *first = &counter_names[i];
        if (!begins_family(first))
            continue;
        put_family(page, first->metric, "counter", first->help);
        put_line(page, first->metric, first->label, totals[i]);
        for (int k = i + 1; k < COUNTERS && first->label != NULL; k++)
            if (goes_on_with(&counter_names[k], first))
                put_line(page, first->metric, counter_names[k].label, totals[k]);
    }
}

/* What came through a listener by SESSION; NULL: by any. */
static void put_listener(struct page *page, const char *metric, const char *listener,
                         const char *session, uint64_t value)
{
    put(page, metric);
    put(page, "{listener=\"");
    put(page, listener);
    if (session != NULL) {
        put(page, "\",session=\"");
        put(page, session);
    }
    put(page, "\"}");
    put_value(page, value);
}

static void put_listeners(struct page *page, const struct prometheus_now *now)
{
    static const char messages[] = "peerlogd_messages_total";
    static const char bytes[] = "peerlogd_received_bytes_total";

    put_family(page, messages, "counter", "Records that are in the log, by listener and session.");
    for (size_t i = 0; i < now->listeners_count; i++) {
        const struct prometheus_listener *l = &now->listeners[i];
        put_listener(page, messages, l->name, "syslog", l->syslog);
        put_listener(page, messages, l->name, "relp", l->relp);
    }
    put_family(page, bytes, "counter", "Bytes received from peers, by listener.");
    for (size_t i = 0; i < now->listeners_count; i++)
        put_listener(page, bytes, now->listeners[i].name, NULL, now->listeners[i].bytes);
}

/* How long it took from receiving until the log had it. */
static void put_times(struct page *page, const uint64_t totals[COUNTERS])
{
    uint64_t count = 0;

    put_family(page, "peerlogd_delivery_seconds", "histogram",
               "Time from the first receive of a round until the log has taken its records.");
    for (int i = 0; i < COUNTERS_WITHIN; i++) {
        count += totals[COUNTER_TAKEN_WITHIN + i];
        char label[32];
        (void)snprintf(label, sizeof label, "le=\"%g\"", counters_within_us[i] / 1e6);
        put_line(page, "peerlogd_delivery_seconds_bucket", label, count);
    }
    count += totals[COUNTER_TAKEN_LATER];
    put_line(page, "peerlogd_delivery_seconds_bucket", "le=\"+Inf\"", count);
    put(page, "peerlogd_delivery_seconds_sum");
    put_real(page, 6, (double)totals[COUNTER_TAKEN_US] / 1e6);
    put_line(page, "peerlogd_delivery_seconds_count", NULL, count);
}

/* Counters that are not in the table as they are told. */
static void put_others(struct page *page, const uint64_t totals[COUNTERS],
                       const struct prometheus_now *now)
{
    put_family(page, "peerlogd_output_away_seconds_total", "counter",
               "Seconds that the log was away.");
    put(page, "peerlogd_output_away_seconds_total");
    put_real(page, 3, (double)totals[COUNTER_OUTPUT_LOST_MS] / 1000 + (double)now->lost_s);
    put_family(page, "peerlogd_takeovers_total", "counter",
               "Takeovers from a process before.");
    put_line(page, "peerlogd_takeovers_total", NULL, now->takeovers);
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
        put_line(page, gauges[i].metric, NULL, gauges[i].value);
    }
    put_family(page, "peerlogd_build_info", "gauge", "The program that runs; always 1.");
    put(page, "peerlogd_build_info{version=\"");
    put(page, now->version);
    put(page, "\",tls=\"" BUILT_WITH_TLS "\"}");
    put_value(page, 1);
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
    while (page.full && page.len > 0 && dst[page.len - 1] != '\n')
        page.len--; /* a line is whole, or left out */
    dst[page.len] = '\0'; /* there is always room for it */
    return page.len;
}

const char *prometheus_media_type(enum prometheus_form form)
{
    return form == PROMETHEUS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}
