/* SPDX-License-Identifier: MIT
 *
 * The server between start and stop: readiness, watchdog, the STATUS line, reload.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/listening.h"
#include "daemon/message_ids.h"
#include "daemon/reload_request.h"
#include "daemon/server_parts.h"
#include "daemon/settings_file.h"
#include "daemon/settings_text.h"
#include "daemon/status.h"
#include "os/answer.h"
#include "os/clock.h"
#include "os/holder.h"
#include "os/log.h"
#include "os/notify.h"
#include "os/poller.h"

#define STATUS_EVERY_MS 2000u

/* A process that lives this long did not die of its start. */
#define SETTLED_MS 10000u

/* A worker that waits for nothing takes up new rules well within this time. */
#define RULES_TAKEN_MS 500u

/* --- readiness --- */

/* A line for each socket of NOW that was not in BEFORE. */
static void say_listening(const struct listening *now, const struct listening *before)
{
    for (size_t i = 0; i < now->count; i++)
        if (!listening_has(before, now->sockets[i].fd))
            log_event(SEVERITY_INFO, MESSAGE_ID_LISTENING, "listening on %s",
                      rulebook_listener_text(now->rules, now->sockets[i].id));
}

/* The promise rests on what the service manager keeps, and it refuses without a word. */
static void try_store(struct server *s)
{
    if (!parking_available(s->parking))
        return;
    s->trial = notify_try_store();
    if (s->trial >= 0)
        (void)poller_add(s->set, s->trial, 0, TAG_TRIAL); /* errors are told of in any case */
}

void server_end_trial(struct server *s)
{
    if (s->trial >= 0)
        (void)close(s->trial); /* nothing was written */
    s->trial = -1;
}

void server_hear_refusal(struct server *s)
{
    server_end_trial(s);
    parking_give_up(s->parking);
    s->status_next_ms = 0;
    (void)snprintf(s->trouble, sizeof s->trouble,
                   "connections do not outlive a restart: FileDescriptorStoreMax= is too small");
    log_event(SEVERITY_ERR, MESSAGE_ID_NOT_KEPT,
              "the service manager refuses to keep descriptors, because FileDescriptorStoreMax= of "
              "the unit is too small: connections, and what is in hand, will not outlive this "
              "process");
}

void server_ready(struct server *s)
{
    uint64_t watchdog_us = notify_watchdog_us();

    s->started_ms = clock_mono_ms();
    if (watchdog_us > 0)
        s->watchdog_every_ms = watchdog_us / 3000 > 0 ? watchdog_us / 3000 : 1;
    say_listening(listener_current(s->listener), NULL);
    notify_say("READY=1");
    try_store(s);
}

void server_describe_fault(char *dst, size_t room, const struct listening_fault *fault)
{
    char address[PEER_TEXT_BYTES], holder[128] = "another program, or another peerlogd,";
    size_t n;

    (void)peer_format(&fault->address, address);
    n = (size_t)snprintf(dst, room, "cannot listen on %s: ", address);
    switch (fault->error) {
    case -EADDRINUSE:
        (void)holder_of_address(&fault->address, holder, sizeof holder);
        (void)snprintf(dst + n, room - n, "%s listens there already", holder);
        break;
    case -EACCES:
        (void)snprintf(dst + n, room - n,
                       "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE");
        break;
    case -EADDRNOTAVAIL:
        (void)snprintf(dst + n, room - n, "this machine has no such address");
        break;
    default:
        (void)snprintf(dst + n, room - n, "%s", strerror(-fault->error));
        break;
    }
}

void server_say_counters(struct server *s, enum severity severity)
{
    const struct listener_stats *listener = listener_stats(s->listener);
    uint64_t records = 0, bytes = 0, oversize = 0, discarded = 0, resets = 0, silent = 0, idle = 0;
    uint64_t slowed = 0, refused = 0;

    for (unsigned i = 0; i < s->workers_count; i++) {
        const struct worker_stats *worker = worker_stats(s->workers[i]);
        records += stats_get(&worker->records);
        bytes += stats_get(&worker->bytes);
        oversize += stats_get(&worker->oversize);
        discarded += stats_get(&worker->discarded);
        resets += stats_get(&worker->resets);
        silent += stats_get(&worker->silent);
        idle += stats_get(&worker->idle_closed);
        slowed += stats_get(&worker->slowed);
    }
    for (int reason = ADMITTED + 1; reason < ADMISSIONS; reason++)
        refused += admission_refused(s->office, (enum admission)reason);
    log_say(severity,
            "since the start: messages %llu, bytes %llu; connections accepted %llu, refused %llu, "
            "of them by connections_per_peer %llu, failed %llu, not kept for a restart %llu, "
            "ended silent %llu, by an error %llu, idle %llu; limits.connections reached %llu, "
            "slowed down %llu; messages too long %llu, of them discarded %llu",
            (unsigned long long)records, (unsigned long long)bytes,
            (unsigned long long)stats_get(&listener->accepted),
            (unsigned long long)refused,
            (unsigned long long)admission_refused(s->office, REFUSED_TOO_MANY),
            (unsigned long long)stats_get(&listener->failed),
            (unsigned long long)stats_get(&listener->unparked), (unsigned long long)silent,
            (unsigned long long)resets, (unsigned long long)idle,
            (unsigned long long)stats_get(&listener->full), (unsigned long long)slowed,
            (unsigned long long)oversize, (unsigned long long)discarded);
}

/* --- what is due --- */

/* Everybody turned since the last ping: tell the manager; and ping again. */
static void tick_watchdog(struct server *s, uint64_t now_ms)
{
    bool alive = s->pinged && listener_alive(s->listener);

    for (unsigned i = 0; i < s->workers_count; i++)
        alive = alive && worker_alive(s->workers[i]);
    if (alive || !s->pinged) {
        notify_say("WATCHDOG=1");
        listener_ping(s->listener);
        for (unsigned i = 0; i < s->workers_count; i++)
            worker_ping(s->workers[i]);
        s->pinged = true;
    }
    s->watchdog_next_ms = now_ms + s->watchdog_every_ms;
}

static void tick_status(struct server *s, uint64_t now_ms)
{
    char text[sizeof s->status_text];
    struct status status = {
        .connections = connections_count(&s->table),
        .output_lost = atomic_load(&s->health.lost) > 0,
        .trouble = s->trouble[0] != '\0' ? s->trouble : NULL,
    };

    for (unsigned i = 0; i < s->workers_count; i++) {
        const struct worker_stats *stats = worker_stats(s->workers[i]);
        status.records += stats_get(&stats->records);
        status.waiting += atomic_load_explicit(&stats->waiting, memory_order_relaxed);
    }
    double seconds = (double)(now_ms - s->status_last_ms) / 1000.0;
    double rate = s->status_last_ms == 0 || seconds <= 0
                      ? 0
                      : (double)(status.records - s->status_records) / seconds;
    size_t n = (size_t)snprintf(text, sizeof text, "STATUS=");
    (void)status_format(text + n, sizeof text - n, &status, rate);
    if (strcmp(text, s->status_text) != 0) {
        notify_say(text);
        memcpy(s->status_text, text, sizeof text);
    }
    s->status_records = status.records;
    s->status_last_ms = now_ms;
    s->status_next_ms = now_ms + STATUS_EVERY_MS;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return b != 0 && (a == 0 || b < a) ? b : a;
}

int server_tick(struct server *s)
{
    uint64_t now = clock_mono_ms();
    uint64_t next = 0;

    if (s->watchdog_every_ms > 0 && now >= s->watchdog_next_ms)
        tick_watchdog(s, now);
    if (notify_available() && now >= s->status_next_ms)
        tick_status(s, now);
    if (now - s->started_ms >= SETTLED_MS)
        atomic_store(&s->ledger->header->settled, 1);
    else
        next = s->started_ms + SETTLED_MS;
    if (s->watchdog_every_ms > 0)
        next = earlier(next, s->watchdog_next_ms);
    if (notify_available())
        next = earlier(next, s->status_next_ms);
    if (next == 0)
        return -1;
    return next > now ? (int)(next - now) : 0;
}

/* --- reload --- */

/* Said, and kept for the answer. */
static void say_fault(void *context, const char *fault)
{
    struct server *s = context;

    log_event(SEVERITY_ERR, MESSAGE_ID_RELOAD_REFUSED, "%s", fault);
    if (s->reload_faults++ == 0)
        (void)snprintf(s->reload_fault, sizeof s->reload_fault, "%s", fault); /* it may be cut */
}

/* What cannot change while we run stays, and is said. */
static void keep_fixed(const struct settings *now, struct settings *next)
{
    static const char restart[] = "takes effect at the next restart";
    bool lines = now->output.type == OUTPUT_STDOUT;

    if (next->buffer_size != now->buffer_size)
        log_say(SEVERITY_WARNING, "buffer_size = %u %s", (unsigned)next->buffer_size, restart);
    if (next->workers != now->workers)
        log_say(SEVERITY_WARNING, "workers = %u %s", (unsigned)next->workers, restart);
    if (lines != (next->output.type == OUTPUT_STDOUT)) {
        log_say(SEVERITY_WARNING, "output.type %s", restart);
        struct output_settings output = now->output;
        output.label = next->output.label;
        next->output = output;
    }
    next->buffer_size = now->buffer_size;
    next->workers = now->workers;
}

/* A larger table needs a restart; up to its size the limit follows the settings. */
static void set_limit(struct server *s, const struct settings *settings)
{
    uint32_t limit = server_connection_limit(settings->limits.connections,
                                             parking_available(s->parking));

    if (limit > s->table.capacity) {
        log_say(SEVERITY_WARNING, "limits.connections = %u takes effect at the next restart; until "
                "then %u", (unsigned)limit, (unsigned)s->table.capacity);
        limit = s->table.capacity;
    }
    connections_set_limit(&s->table, limit);
}

static bool all_work_by(const struct server *s, const struct rulebook *rules)
{
    for (unsigned i = 0; i < s->workers_count; i++)
        if (worker_rules(s->workers[i]) != rules)
            return false;
    return true;
}

/* Rules that no thread works by any more. */
static void free_retired(struct server *s)
{
    if (!all_work_by(s, s->rules) || listener_current(s->listener)->rules != s->rules)
        return;
    while (s->rules->older != NULL) {
        struct rulebook *old = s->rules->older;
        s->rules->older = old->older;
        old->settings = settings_free(old->settings);
        free(old);
    }
}

/* A reload is over when everybody works by it; but nobody waits for who waits for the log. */
static void await_workers(const struct server *s)
{
    for (unsigned ms = 0; ms < RULES_TAKEN_MS && !all_work_by(s, s->rules); ms++)
        clock_rest_us(1000);
}

/* Put RULES in force: listening sockets first, then the workers. */
static int enforce(struct server *s, struct rulebook *rules)
{
    const struct listening *before = listener_current(s->listener);
    struct listening_fault fault = {.error = 0};
    struct listening *next;
    char text[320];

    int error = listening_build(rules, before, s->ledger, &next, &fault);
    if (error < 0) {
        server_describe_fault(text, sizeof text, &fault);
        say_fault(s, text);
        return error;
    }
    say_listening(next, before);
    struct listening_leavers leavers = listening_compare(before, next);
    rules->older = s->rules;
    s->rules = rules;
    set_limit(s, rules->settings);
    for (unsigned i = 0; i < s->workers_count; i++)
        worker_set_rules(s->workers[i], rules);
    listener_listen(s->listener, next);
    listening_forget(&leavers);
    await_workers(s);
    log_set_level(rules->settings->log_level);
    return 0;
}

static int reload_from(struct server *s, const char *text, size_t len)
{
    struct rulebook *rules = calloc(1, sizeof *rules);
    int error = -ENOMEM;

    if (rules != NULL)
        error = settings_parse(s->file, text, len, say_fault, s, &rules->settings);
    if (error == 0) {
        keep_fixed(s->rules->settings, rules->settings);
        error = enforce(s, rules);
    }
    if (error < 0 && rules != NULL) {
        (void)settings_free(rules->settings);
        free(rules);
    }
    return error;
}

/* Read the file into *RET_TEXT, which the caller frees. Returns: 0 or negative errno. */
static int read_again(struct server *s, char **ret_text, size_t *ret_len)
{
    char fault[400];
    int error = s->file != NULL ? settings_read_file(s->file, true, ret_text, ret_len) : -ENOENT;

    if (error < 0) {
        (void)snprintf(fault, sizeof fault, "cannot read %s: %s; nothing was changed",
                       s->file != NULL ? s->file : "a configuration file",
                       settings_describe_failure(error));
        say_fault(s, fault);
    }
    return error;
}

/* What the STATUS line tells of the last reload. */
static void say_outcome(struct server *s, int error)
{
    if (error == 0) {
        s->trouble[0] = '\0';
        log_event(SEVERITY_NOTICE, MESSAGE_ID_RELOADED, "reloaded %s", s->file);
        return;
    }
    if (s->reload_faults == 0)
        say_fault(s, strerror(-error));
    (void)snprintf(s->trouble, sizeof s->trouble, "not reloaded: %.140s", s->reload_fault);
    log_event(SEVERITY_ERR, MESSAGE_ID_RELOAD_REFUSED,
              "not reloaded: the configuration in force goes on");
}

bool server_reload(struct server *s)
{
    char state[64];
    char *text = NULL;
    size_t len = 0;

    free_retired(s);
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)clock_mono_us()); /* always fits */
    notify_say(state);
    s->reload_faults = 0;
    s->reload_fault[0] = '\0';
    int error = read_again(s, &text, &len);
    if (error == 0)
        error = reload_from(s, text, len);
    if (error == 0)
        server_keep_config(s, text, len);
    say_outcome(s, error);
    free(text);
    s->status_next_ms = 0;
    notify_say("READY=1");
    return error == 0;
}

void server_open_requests(struct server *s)
{
    s->requests = reload_request_listen();
    int error = s->requests < 0 ? s->requests
                                : poller_add(s->set, s->requests, EPOLLIN, TAG_REQUESTS);
    if (error < 0 && error != -ENOENT)
        log_say(SEVERITY_WARNING, "nobody can be told how a reload goes: %s", strerror(-error));
}

void server_close_requests(struct server *s)
{
    if (s->requests >= 0)
        (void)close(s->requests); /* it holds no data */
    s->requests = -1;
}

void server_answer_request(struct server *s)
{
    struct answer answer = {.good = false};
    char more[32] = "";

    int asker = answer_accept(s->requests);
    if (asker < 0)
        return; /* it has gone again */
    answer.good = server_reload(s);
    if (s->reload_faults > 1)
        (void)snprintf(more, sizeof more, " (and %u more)", s->reload_faults - 1);
    if (answer.good)
        (void)snprintf(answer.line, sizeof answer.line, "reloaded %s", s->file);
    else
        (void)snprintf(answer.line, sizeof answer.line, "not reloaded: %s%s", s->reload_fault,
                       more);
    answer_give(asker, &answer); /* after READY=1, which the service manager must have first */
}
