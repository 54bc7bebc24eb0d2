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

#include "daemon/accept/listen_set.h"
#include "daemon/ledger/capacity.h"
#include "daemon/message_ids.h"
#include "daemon/server/private.h"
#include "daemon/settings/file.h"
#include "daemon/settings/target.h"
#include "daemon/settings/text.h"
#include "daemon/metrics/status.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/poller.h"
#include "os/port_owner.h"
#include "os/service_manager.h"

#define STATUS_EVERY_MS 2000u

/* A process that lives this long did not die of its start. */
#define SETTLED_MS 10000u

/* A worker that waits for nothing takes up new settings well within this time. */
#define SNAPSHOT_TAKEN_MS 500u

/* --- readiness --- */

/* A line for each socket of NOW that was not in BEFORE. */
static void say_listening(const struct listen_set *now, const struct listen_set *before)
{
    for (size_t i = 0; i < now->count; i++)
        if (!listen_set_has(before, now->sockets[i].fd))
            log_event(SEVERITY_INFO, MESSAGE_ID_LISTENING, "listening on %s",
                      snapshot_listener_text(now->snapshot, now->sockets[i].id));
}

void server_ready(struct server *s)
{
    uint64_t watchdog_us = service_manager_watchdog_us();

    s->started_ms = clock_mono_ms();
    if (watchdog_us > 0)
        s->watchdog_every_ms = watchdog_us / 3000 > 0 ? watchdog_us / 3000 : 1;
    say_listening(acceptor_current(s->acceptor), NULL);
    service_manager_say("READY=1");
}

void server_describe_fault(char *dst, size_t room, const struct listen_fault *fault)
{
    char address[PEER_TEXT_BYTES], owner[128] = "another program, or another peerlogd,";
    size_t n;

    (void)peer_format(&fault->address, address);
    n = (size_t)snprintf(dst, room, "cannot listen on %s: ", address);
    switch (fault->error) {
    case -EADDRINUSE:
        (void)port_owner_of(&fault->address, owner, sizeof owner);
        (void)snprintf(dst + n, room - n, "%s listens there already", owner);
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

void server_sum_counters(const struct server *s, uint64_t totals[COUNTERS])
{
    memset(totals, 0, COUNTERS * sizeof totals[0]);
    counters_sum(totals, s->ledger->header->counters);
    for (uint32_t i = 0; i < s->ledger->header->inboxes; i++)
        counters_sum(totals, s->ledger->inboxes[i].counters);
}

void server_say_counters(const struct server *s, enum severity severity)
{
    uint64_t totals[COUNTERS];
    char line[COUNTERS_LINE_BYTES];

    server_sum_counters(s, totals);
    (void)counters_format_line(line, sizeof line, totals); /* always fits */
    log_say(severity, "since the start: %s", line);
}

/* --- what is due --- */

/* Every thread has answered the last ping: tell the manager, and ping again. */
static void tick_watchdog(struct server *s, uint64_t now_ms)
{
    bool alive = s->pinged && acceptor_alive(s->acceptor);

    for (unsigned i = 0; i < s->workers_count; i++)
        alive = alive && worker_alive(s->workers[i]);
    if (alive || !s->pinged) {
        service_manager_say("WATCHDOG=1");
        acceptor_ping(s->acceptor);
        for (unsigned i = 0; i < s->workers_count; i++)
            worker_ping(s->workers[i]);
        s->pinged = true;
    }
    s->watchdog_next_ms = now_ms + s->watchdog_every_ms;
}

/* Which log the workers write to, for people. */
static void describe_log(const struct server *s, char dst[TARGET_TEXT_BYTES])
{
    struct output_target target;
    uint32_t opened = atomic_load(&s->health.opened);

    output_target_choose(&s->snapshot->settings->output, &target);
    if (opened != 0) {
        target.type = (uint8_t)(opened - 1);
        memcpy(target.path, s->snapshot->settings->output.path, sizeof target.path);
    }
    (void)output_target_describe(&target, dst);
}

static void tick_status(struct server *s, uint64_t now_ms)
{
    char text[sizeof s->status_text], log[TARGET_TEXT_BYTES];
    uint64_t totals[COUNTERS];
    struct status status = {
        .connections = connections_count(&s->table),
        .output_lost = atomic_load(&s->health.lost) > 0, .log = log,
        .trouble = s->trouble[0] != '\0' ? s->trouble : NULL,
    };

    describe_log(s, log);
    server_sum_counters(s, totals);
    status.records = totals[COUNTER_RECORDS];
    for (unsigned i = 0; i < s->workers_count; i++)
        status.waiting += worker_waiting(s->workers[i]);
    double seconds = (double)(now_ms - s->status_last_ms) / 1000.0;
    double rate = s->status_last_ms == 0 || seconds <= 0
                      ? 0
                      : (double)(status.records - s->status_records) / seconds;
    size_t n = (size_t)snprintf(text, sizeof text, "STATUS=");
    (void)status_format(text + n, sizeof text - n, &status, rate);
    if (strcmp(text, s->status_text) != 0) {
        service_manager_say(text);
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
    if (service_manager_available() && now >= s->status_next_ms)
        tick_status(s, now);
    if (now - s->started_ms >= SETTLED_MS)
        atomic_store(&s->ledger->header->settled, 1);
    else
        next = s->started_ms + SETTLED_MS;
    if (s->watchdog_every_ms > 0)
        next = earlier(next, s->watchdog_next_ms);
    if (service_manager_available())
        next = earlier(next, s->status_next_ms);
    if (next == 0)
        return -1;
    return next > now ? (int)(next - now) : 0;
}

/* --- reload --- */

static void say_fault(void *context, const char *fault)
{
    (void)context;
    log_event(SEVERITY_ERR, MESSAGE_ID_RELOAD_REFUSED, "%s", fault);
}

/* What cannot change while we run stays, and is said. */
static void keep_fixed(const struct settings *now, struct settings *next)
{
    static const char restart[] = "takes effect at the next restart";
    bool one_writer = output_kind_of(now->output.type)->traits & OUTPUT_ONE_WRITER;

    if (next->buffer_size != now->buffer_size)
        log_say(SEVERITY_WARNING, "buffer_size = %u %s", (unsigned)next->buffer_size, restart);
    if (next->workers != now->workers)
        log_say(SEVERITY_WARNING, "workers = %u %s", (unsigned)next->workers, restart);
    if (one_writer !=
        ((output_kind_of(next->output.type)->traits & OUTPUT_ONE_WRITER) != 0)) {
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
    uint32_t limit = capacity_of_process(settings->limits.connections,
                                             parking_available(s->parking));

    if (limit > s->table.capacity) {
        log_say(SEVERITY_WARNING, "limits.connections = %u takes effect at the next restart; until "
                "then %u", (unsigned)limit, (unsigned)s->table.capacity);
        limit = s->table.capacity;
    }
    connections_set_limit(&s->table, limit);
}

static bool all_work_by(const struct server *s, const struct snapshot *snapshot)
{
    for (unsigned i = 0; i < s->workers_count; i++)
        if (worker_snapshot(s->workers[i]) != snapshot)
            return false;
    return true;
}

/* Snapshots that no thread works by any more. */
static void free_retired(struct server *s)
{
    if (!all_work_by(s, s->snapshot) || acceptor_current(s->acceptor)->snapshot != s->snapshot)
        return;
    while (s->snapshot->older != NULL) {
        struct snapshot *old = s->snapshot->older;
        s->snapshot->older = old->older;
        old->settings = settings_free(old->settings);
        free(old);
    }
}

/*
 * A reload is over when every worker works by it; but a worker that is blocked by the output takes
 * the new settings later, and a reload does not wait for it.
 */
static void await_workers(const struct server *s)
{
    uint64_t until_ms = clock_mono_ms() + SNAPSHOT_TAKEN_MS;
    uint64_t now_ms;

    while (!all_work_by(s, s->snapshot) && (now_ms = clock_mono_ms()) < until_ms)
        bell_wait(s->bell, (int)(until_ms - now_ms));
    bell_ring(s->bell); /* it may have rung for something else */
}

static void free_letter(struct letter *letter)
{
    free(letter);
}

/* A letter for each worker, or none. Returns: 0, or -ENOMEM. */
static int make_letters(const struct server *s, struct letter *letters[PEERLOG_MAX_WORKERS])
{
    for (unsigned i = 0; i < s->workers_count; i++) {
        letters[i] = calloc(1, sizeof *letters[i]);
        if (letters[i] != NULL)
            continue;
        while (i > 0)
            free(letters[--i]);
        return -ENOMEM;
    }
    return 0;
}

void server_refresh(struct server *s)
{
    struct letter *letters[PEERLOG_MAX_WORKERS];

    if (make_letters(s, letters) < 0)
        return; /* they look once a second */
    for (unsigned i = 0; i < s->workers_count; i++) {
        letters[i]->kind = LETTER_REFRESH;
        letters[i]->answered = free_letter;
        worker_post(s->workers[i], letters[i]);
    }
}

static void post_snapshot(struct server *s, struct letter *letters[PEERLOG_MAX_WORKERS],
                          const struct snapshot *snapshot)
{
    for (unsigned i = 0; i < s->workers_count; i++) {
        letters[i]->kind = LETTER_SNAPSHOT;
        letters[i]->answered = free_letter;
        letters[i]->snapshot = snapshot;
        worker_post(s->workers[i], letters[i]);
    }
}

/* Put SNAPSHOT in force: listening sockets first, then the workers. */
static int enforce(struct server *s, struct snapshot *snapshot)
{
    const struct listen_set *before = acceptor_current(s->acceptor);
    struct listen_fault fault = {.error = 0};
    struct letter *letters[PEERLOG_MAX_WORKERS];
    struct listen_set *next;
    char text[320];

    int error = make_letters(s, letters);
    if (error < 0)
        return error;
    error = listen_set_build(snapshot, before, s->ledger, &next, &fault);
    if (error < 0) {
        for (unsigned i = 0; i < s->workers_count; i++)
            free(letters[i]);
        server_describe_fault(text, sizeof text, &fault);
        log_event(SEVERITY_ERR, MESSAGE_ID_RELOAD_REFUSED, "%s", text);
        return error;
    }
    say_listening(next, before);
    struct listen_leavers leavers = listen_set_compare(before, next);
    snapshot->older = s->snapshot;
    s->snapshot = snapshot;
    set_limit(s, snapshot->settings);
    post_snapshot(s, letters, snapshot);
    acceptor_listen(s->acceptor, next);
    listen_set_forget(&leavers);
    await_workers(s);
    log_set_level(snapshot->settings->log_level);
    return 0;
}

static int reload_from(struct server *s, const char *text, size_t len)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    int error = -ENOMEM;

    if (snapshot != NULL)
        error = settings_parse(s->file, text, len, say_fault, NULL, &snapshot->settings);
    if (error == 0) {
        keep_fixed(s->snapshot->settings, snapshot->settings);
        error = enforce(s, snapshot);
    }
    if (error < 0 && snapshot != NULL) {
        (void)settings_free(snapshot->settings);
        free(snapshot);
    }
    return error;
}

void server_reload(struct server *s)
{
    char state[64];
    char *text = NULL;
    size_t len = 0;

    free_retired(s);
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)clock_mono_us()); /* always fits */
    service_manager_say(state);
    int error = s->file != NULL ? settings_read_file(s->file, true, &text, &len) : -ENOENT;
    if (error < 0)
        log_event(SEVERITY_ERR, MESSAGE_ID_RELOAD_REFUSED,
                  "cannot read %s: %s; nothing was changed",
                  s->file != NULL ? s->file : "a configuration file",
                  settings_describe_failure(error));
    else
        error = reload_from(s, text, len);
    if (error == 0) {
        ledger_keep_config(s->ledger, text, len);
        s->trouble[0] = '\0';
        log_event(SEVERITY_NOTICE, MESSAGE_ID_RELOADED, "reloaded %s", s->file);
    } else {
        log_event(SEVERITY_ERR, MESSAGE_ID_RELOAD_REFUSED,
                  "not reloaded: the configuration in force goes on");
    }
    free(text);
    s->status_next_ms = 0;
    service_manager_say("READY=1");
}
