/* SPDX-License-Identifier: MIT
 *
 * What is answered: each resource makes JSON of what workers and main tell, or text of counters.
 */
#include "config.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/admin/private.h"
#include "daemon/metrics/prometheus.h"
#include "daemon/parking/parking.h"
#include "daemon/session/silence.h"
#include "daemon/settings/table.h"
#include "os/clock.h"
#include "peerlog/count.h"

void reply_fault(struct reply *reply, unsigned status, const char *format, ...)
{
    char line[600];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* it may be cut */
    va_end(arguments);
    reply->status = status;
    reply->json = json_pack("{s:s}", "error", line);
}

/* Peers that the status names. */
#define SILENT_MOST 100u

/* Connections are told with listeners that were so not longer ago, in milliseconds: main sleeps on
 * when somebody asks for a status and for these. */
#define LISTENERS_AGE_MS 100u

const char *setting_word(const char *group, const char *name, unsigned number)
{
    const struct setting_group *table = settings_table();

    if (*group != '\0')
        table = setting_find(table, group)->group;
    const struct setting_words *words = setting_find(table, name)->words;
    return number < words->count ? words->name(number) : "?";
}

/* --- what is known --- */

static void sum_counters(struct admin *admin, uint64_t totals[COUNTERS])
{
    const struct ledger_header *header = admin->plan.table->ledger->header;

    admin->plan.sum(admin->plan.context, totals);
    for (int i = 0; i < COUNTERS; i++)
        totals[i] += header->counted[i]; /* by the processes before, and not written any more */
}

static void look_at_parking(const struct admin *admin, struct prometheus_now *now)
{
    struct parking_view view;

    parking_look(admin->plan.parking, &view);
    now->lots = view.lots;
    now->parked = view.alive;
    now->dead = view.dead;
    now->takeovers = admin->plan.table->ledger->header->generation;
    now->silent = silence_count(admin->plan.silence);
}

static struct prometheus_now look_now(const struct admin *admin)
{
    struct prometheus_now now = {
        .version = PACKAGE_VERSION, .started_s = admin->started_s,
        .connections = connections_count(admin->plan.table),
        .connections_limit = atomic_load(&admin->plan.table->limit),
        .workers = admin->plan.workers_count,
        .outputs_lost = atomic_load(&admin->plan.health->lost),
    };
    uint64_t since_ms = atomic_load(&admin->plan.health->lost_since_ms);
    uint64_t now_ms = clock_mono_ms();

    if (now.outputs_lost > 0 && now_ms > since_ms)
        now.lost_s = (now_ms - since_ms) / 1000;
    for (unsigned i = 0; i < admin->plan.workers_count; i++) {
        now.waiting += worker_waiting(admin->plan.workers[i]);
        now.inbox_bytes += worker_filled(admin->plan.workers[i]);
    }
    now.inbox_room = now.workers * LEDGER_INBOX_BYTES;
    look_at_parking(admin, &now);
    return now;
}

/* What came through each listener that has a place; LISTENERS has room for all. */
static size_t sum_listeners(const struct admin *admin, struct prometheus_listener *listeners,
                            char (*names)[PEER_TEXT_BYTES])
{
    const struct ledger *ledger = admin->plan.table->ledger;
    size_t count = 0;

    for (uint32_t i = 0; i < LEDGER_COUNTED; i++) {
        struct listener_sums sums;
        char *name = names[count];
        ledger_sum_listener(ledger, i, &sums);
        admin->plan.name(admin->plan.context, i, name);
        if (i == LEDGER_LISTENERS && sums.bytes > 0)
            memcpy(name, "gone", sizeof "gone"); /* all that are not known any more */
        if (*name == '\0')
            continue;
        listeners[count] = (struct prometheus_listener){
            .name = names[count], .syslog = sums.messages[SESSION_SYSLOG] +
                                            sums.messages[SESSION_FOREIGN] +
                                            sums.messages[SESSION_AUTO],
            .relp = sums.messages[SESSION_RELP], .bytes = sums.bytes,
        };
        count++;
    }
    return count;
}

/* An overview that is not older than so much; the admin's. Returns: NULL without one. */
static const struct overview *get_overview(struct admin *admin, uint64_t most_ms,
                                           struct reply *reply)
{
    uint64_t now_ms = clock_mono_ms();

    if (admin->overview != NULL && now_ms - admin->overview_at_ms < most_ms)
        return &admin->overview->overview;
    struct errand *errand = errand_run(admin, errand_new(admin, ERRAND_OVERVIEW));
    if (errand == NULL) {
        reply_fault(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "peerlogd is busy; try again");
        return NULL;
    }
    errand_free(admin->overview);
    admin->overview = errand;
    admin->overview_at_ms = now_ms;
    return &errand->overview;
}

/* --- /metrics --- */

static void answer_metrics(struct admin *admin, const struct request *request, struct reply *reply)
{
    enum prometheus_form form = PROMETHEUS_TEXT;
    struct prometheus_listener listeners[LEDGER_COUNTED];
    char names[LEDGER_COUNTED][PEER_TEXT_BYTES];
    struct prometheus_now now = look_now(admin);
    uint64_t totals[COUNTERS];

    now.listeners_count = sum_listeners(admin, listeners, names);
    now.listeners = listeners;
    if (request->accept != NULL && strstr(request->accept, "application/openmetrics-text") != NULL)
        form = PROMETHEUS_OPENMETRICS;
    reply->text = malloc(PROMETHEUS_BYTES);
    if (reply->text == NULL)
        return;
    sum_counters(admin, totals);
    (void)prometheus_format(reply->text, PROMETHEUS_BYTES, form, totals, &now);
    reply->type = prometheus_media_type(form);
    reply->status = MHD_HTTP_OK;
}

/* --- /v1/status --- */

static json_t *describe_output(const struct overview *overview, const struct prometheus_now *now)
{
    json_t *lost_s = now->outputs_lost > 0 ? json_integer((json_int_t)now->lost_s) : json_null();

    return json_pack("{s:s, s:s, s:b, s:o}",
                     "type", setting_word("output", "type", overview->output_type),
                     "path", overview->output_path, "up", now->outputs_lost == 0,
                     "lost_seconds", lost_s);
}

/* The MOST that send most. Returns: NULL without memory. */
static json_t *describe_busiest(struct admin *admin, const struct overview *overview, uint32_t most)
{
    const struct wanted all = {.limit = 0};
    json_t *list = json_array();
    struct census census;

    if (most == 0 || census_take(admin, overview, &all, &census) < 0)
        return list;
    census_by_address(&census);
    for (size_t i = 0; i < census.count && i < most; i++) {
        const struct counted *one = &census.all[i];
        char address[PEER_TEXT_BYTES];
        (void)peer_format_address(&one->of.peer, address);
        (void)json_array_append_new(
            list, json_pack("{s:s, s:i, s:I, s:I, s:f}", "address", address,
                            "connections", (int)one->connections,
                            "messages", (json_int_t)one->of.records,
                            "bytes", (json_int_t)one->of.received, "rate", one->rate));
    }
    free(census.all);
    return list;
}

/* Those that spoke before and say nothing; the first of them. */
static json_t *describe_silent(struct admin *admin, const struct overview *overview)
{
    struct silent_peer silent[SILENT_MOST];
    json_t *list = json_array();

    size_t count = silence_list(admin->plan.silence, silent, COUNT_OF(silent));
    for (size_t i = 0; i < count; i++) {
        char address[PEER_TEXT_BYTES];
        (void)peer_format_address(&silent[i].peer, address);
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:I}", "address", address,
                            "listener", overview->listeners[silent[i].listener].text,
                            "seconds", (json_int_t)silent[i].for_s));
    }
    return list;
}

static void answer_status(struct admin *admin, const struct request *request, struct reply *reply)
{
    const struct wanted *wanted = &request->wanted;
    uint32_t busiest = wanted->has_busiest ? wanted->busiest : WANTED_BUSIEST;
    const struct overview *overview = get_overview(admin, 0, reply);
    const struct prometheus_now now = look_now(admin);
    uint64_t totals[COUNTERS];

    if (overview == NULL)
        return;
    sum_counters(admin, totals);
    reply->status = MHD_HTTP_OK;
    reply->json = json_pack(
        "{s:s, s:i, s:I, s:s*, s:s*, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}, s:I, s:o, s:o, s:o}",
        "version", now.version, "pid", (int)getpid(), "started", (json_int_t)now.started_s,
        "file", overview->file[0] != '\0' ? overview->file : NULL,
        "trouble", overview->trouble[0] != '\0' ? overview->trouble : NULL,
        "connections",
        "open", (json_int_t)now.connections, "limit", (json_int_t)now.connections_limit,
        "accepted", (json_int_t)totals[COUNTER_ACCEPTED],
        "messages",
        "logged", (json_int_t)totals[COUNTER_RECORDS], "waiting", (json_int_t)now.waiting,
        "bytes", (json_int_t)totals[COUNTER_BYTES],
        "workers", (json_int_t)now.workers, "output", describe_output(overview, &now),
        "busiest", describe_busiest(admin, overview, busiest),
        "silent", describe_silent(admin, overview));
}

/* --- /v1/listeners --- */

static json_t *describe_listener(const struct overview_listener *listener)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b}", "address", listener->text, "tag", listener->tag,
                     "framing", setting_word("listeners", "framing", listener->framing),
                     "tls", setting_word("listeners", "tls", listener->tls_mode),
                     "proxy_protocol", listener->proxy_protocol);
}

static void answer_listeners(struct admin *admin, const struct request *request,
                             struct reply *reply)
{
    const struct overview *overview = get_overview(admin, 0, reply);

    (void)request;
    if (overview == NULL)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(overview->listeners); i++)
        if (overview->listeners[i].text[0] != '\0')
            (void)json_array_append_new(list, describe_listener(&overview->listeners[i]));
    reply->status = MHD_HTTP_OK;
    reply->json = json_pack("{s:o}", "listeners", list);
}

/* --- /v1/connections --- */

/* Gather what the request wants. Answers: is it there? Else REPLY says why not. */
static bool gather(struct admin *admin, const struct request *request, struct census *ret_census,
                   struct reply *reply)
{
    const struct overview *overview = get_overview(admin, LISTENERS_AGE_MS, reply);

    if (overview == NULL || census_take(admin, overview, &request->wanted, ret_census) < 0)
        return false; /* there is no memory for words, either */
    if (request->wanted.has_id && ret_census->count == 0) {
        reply_fault(reply, MHD_HTTP_NOT_FOUND, "there is no connection %s", request->id);
        free(ret_census->all);
        return false;
    }
    return true;
}

static void answer_connections(struct admin *admin, const struct request *request,
                               struct reply *reply)
{
    struct census census;

    if (!gather(admin, request, &census, reply))
        return;
    reply->status = MHD_HTTP_OK;
    reply->type = "application/json";
    reply->text = rows_of(&census);
    free(census.all);
}

static void answer_connection(struct admin *admin, const struct request *request,
                              struct reply *reply)
{
    struct census census;

    if (!gather(admin, request, &census, reply))
        return;
    reply->status = MHD_HTTP_OK;
    reply->type = "application/json";
    reply->text = row_of(&census, &census.all[0]);
    free(census.all);
}

static void end_connections(struct admin *admin, const struct request *request,
                            struct reply *reply)
{
    struct census census;
    size_t ended = 0;

    if (!request->wanted.has_id && !request->wanted.has_peer) {
        reply_fault(reply, MHD_HTTP_BAD_REQUEST, "whose? Say peer=, or name a connection");
        return;
    }
    if (!gather(admin, request, &census, reply))
        return;
    for (size_t i = 0; i < census.count; i++)
        ended += census_end(admin, &census.all[i], request->wanted.now);
    reply->status = MHD_HTTP_OK;
    reply->json = json_pack("{s:I}", "ended", (json_int_t)ended);
    free(census.all);
}

/* --- /v1/reload --- */

static void reload(struct admin *admin, const struct request *request, struct reply *reply)
{
    struct errand *errand = errand_run(admin, errand_new(admin, ERRAND_RELOAD));

    (void)request;
    if (errand == NULL) {
        reply_fault(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "peerlogd did not answer in time");
        return;
    }
    admin->overview_at_ms = 0; /* that one may be of other listeners */
    if (errand->good) {
        reply->status = MHD_HTTP_OK;
        reply->json = json_pack("{s:s}", "reloaded", errand->line);
    } else {
        reply_fault(reply, MHD_HTTP_CONFLICT, "%s", errand->line);
    }
    errand_free(errand);
}

static void reopen(struct admin *admin, const struct request *request, struct reply *reply)
{
    struct errand *errand = errand_run(admin, errand_new(admin, ERRAND_REOPEN));

    (void)request;
    if (errand == NULL) {
        reply_fault(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "peerlogd did not answer in time");
        return;
    }
    reply->status = MHD_HTTP_OK;
    reply->json = json_pack("{s:s}", "reopened", "what is written to is looked for by its name");
    errand_free(errand);
}

const struct resource resources[] = {
    {"/metrics", false, MHD_HTTP_METHOD_GET, answer_metrics},
    {"/v1/status", false, MHD_HTTP_METHOD_GET, answer_status},
    {"/v1/listeners", false, MHD_HTTP_METHOD_GET, answer_listeners},
    {"/v1/connections", false, MHD_HTTP_METHOD_GET, answer_connections},
    {"/v1/connections", false, MHD_HTTP_METHOD_DELETE, end_connections},
    {"/v1/connections", true, MHD_HTTP_METHOD_GET, answer_connection},
    {"/v1/connections", true, MHD_HTTP_METHOD_DELETE, end_connections},
    {"/v1/trace", false, MHD_HTTP_METHOD_GET, answer_trace},
    {"/v1/reload", false, MHD_HTTP_METHOD_POST, reload},
    {"/v1/reopen", false, MHD_HTTP_METHOD_POST, reopen},
    {"/v1/settings", false, MHD_HTTP_METHOD_GET, answer_settings},
};
const struct resource *const resource_metrics = &resources[0];
const size_t resources_count = COUNT_OF(resources);
