/* SPDX-License-Identifier: MIT
 *
 * The server between start and stop: readiness, watchdog, the STATUS line.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/accept/listen_set.h"
#include "daemon/message_ids.h"
#include "daemon/server/private.h"
#include "daemon/session/announce.h"
#include "daemon/session/silence.h"
#include "daemon/settings/target.h"
#include "daemon/metrics/status.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/poller.h"
#include "os/port_owner.h"
#include "os/service_manager.h"

#define STATUS_EVERY_MS 2000u

/* A process that lives this long did not die of its start. */
#define SETTLED_MS 10000u

#define ADVISE_EVERY_MS (24u * 3600u * 1000u)

/* --- readiness --- */

/* A line for each socket of NOW that was not in BEFORE. */
void server_say_listening(const struct listen_set *now, const struct listen_set *before)
{
    for (size_t i = 0; i < now->count; i++)
        if (!listen_set_has(before, now->sockets[i].fd))
            log_event(SEVERITY_INFO, MESSAGE_ID_LISTENING, "listening on %s",
                      snapshot_listener_text(now->snapshot, now->sockets[i].id));
}

void server_end_trial(struct server *s)
{
    server_unwatch(s, &s->trial_watch);
    if (s->trial >= 0)
        (void)close(s->trial); /* nothing was written */
    s->trial = -1;
}

/* It keeps nothing: say so, and leave it nothing. */
static void hear_refusal(struct server *s)
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

/* The promise rests on what the service manager keeps, and it refuses without a word. */
static void try_store(struct server *s)
{
    if (!parking_available(s->parking))
        return;
    s->trial = service_manager_try_store();
    if (s->trial >= 0) /* errors are told of in any case */
        (void)server_watch(s, &s->trial_watch, s->trial, 0, hear_refusal);
}

void server_ready(struct server *s)
{
    uint64_t watchdog_us = service_manager_watchdog_us();

    if (watchdog_us > 0)
        s->watchdog_every_ms = watchdog_us / 3000 > 0 ? watchdog_us / 3000 : 1;
    server_say_listening(acceptor_current(s->acceptor), NULL);
    try_store(s);
    service_manager_say("READY=1");
}

void server_describe_fault(char *dst, size_t room, const struct listen_fault *fault)
{
    char address[PEER_TEXT_BYTES], owner[128] = "another program, or another peerlogd,";
    size_t n;

    if (fault->address.family == PEER_UNKNOWN) {
        (void)snprintf(dst, room, "cannot listen: %s", strerror(-fault->error));
        return;
    }
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

/* Which log the workers write to, for people. Of type "auto" they have found out which it is. */
static void describe_log(const struct server *s, char dst[TARGET_TEXT_BYTES])
{
    const struct output_settings *settings = &s->snapshot->settings->output;
    uint32_t opened = atomic_load(&s->health.opened);
    struct output_target target;

    output_target_choose(settings, &target);
    if (settings->type == OUTPUT_AUTO &&
        (opened == OUTPUT_SYSLOG + 1u || opened == OUTPUT_JOURNAL + 1u)) {
        target.type = (uint8_t)(opened - 1);
        memcpy(target.path, settings->path, sizeof target.path);
    }
    (void)output_target_describe(&target, dst);
}

/* Records in hand that the log did not take yet. */
static uint64_t count_waiting(const struct server *s)
{
    uint64_t waiting = 0;

    for (unsigned i = 0; i < s->workers_count; i++)
        waiting += worker_waiting(s->workers[i]);
    return waiting;
}

/* When it was, MS milliseconds ago, as the clock on the wall had it; with a date if that helps. */
static void describe_moment(char dst[STATUS_MOMENT_BYTES], uint64_t ago_ms)
{
    time_t moment = clock_wall_s() - (time_t)(ago_ms / 1000);
    struct tm parts;

    dst[0] = '\0';
    if (localtime_r(&moment, &parts) != NULL)
        (void)strftime(dst, STATUS_MOMENT_BYTES,
                       ago_ms < 12 * 3600 * 1000ull ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &parts);
}

static void tick_status(struct server *s, uint64_t now_ms)
{
    char text[sizeof s->status_text], log[TARGET_TEXT_BYTES], since[STATUS_MOMENT_BYTES];
    uint64_t totals[COUNTERS];
    struct status status = {
        .connections = connections_count(&s->table), .waiting = count_waiting(s),
        .limit = atomic_load(&s->table.limit), .silent = silence_count(s->silence),
        .output_lost = atomic_load(&s->health.lost) > 0, .log = log,
        .trouble = s->trouble[0] != '\0' ? s->trouble : NULL,
    };

    describe_log(s, log);
    /* A worker may have lost it since this thread looked at the clock. */
    uint64_t since_ms = atomic_load(&s->health.lost_since_ms);
    describe_moment(since, now_ms > since_ms ? now_ms - since_ms : 0);
    status.lost_since = since;
    server_sum_counters(s, totals);
    status.records = totals[COUNTER_RECORDS];
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

/*
 * Answers: has the log taken nothing of what a worker has in hand since this was asked before? One
 * that answers later has something on its way at most times.
 */
static bool is_stuck(struct server *s)
{
    bool stuck = atomic_load(&s->health.lost) > 0;

    for (unsigned i = 0; i < s->workers_count; i++) {
        uint64_t taken = counter_get(s->ledger->inboxes[i].counters, COUNTER_RECORDS);
        stuck = stuck || (worker_waiting(s->workers[i]) > 0 && taken == s->silence_taken[i]);
        s->silence_taken[i] = taken;
    }
    return stuck;
}

/* Peers that are silent; while the log takes nothing, nobody can be heard. */
static void tick_silence(struct server *s, uint64_t now_ms)
{
    uint32_t every_s = silence_every_s(s->snapshot->settings);

    silence_look(s->silence, s->snapshot, (uint32_t)(now_ms / 1000), is_stuck(s));
    s->silence_next_ms = every_s > 0 ? now_ms + every_s * 1000ull : 0;
}

void server_advise(struct server *s, bool news)
{
    s->advise_next_ms = clock_mono_ms() + ADVISE_EVERY_MS;
    s->advise(s->snapshot->settings, news);
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
    if (now >= s->silence_next_ms &&
        (s->silence_next_ms != 0 || silence_every_s(s->snapshot->settings) > 0))
        tick_silence(s, now); /* also once when no listener wants it any more */
    if (now >= s->advise_next_ms)
        server_advise(s, false);
    if (now - s->started_ms >= SETTLED_MS)
        atomic_store(&s->ledger->header->settled, 1);
    else
        next = s->started_ms + SETTLED_MS;
    if (s->watchdog_every_ms > 0)
        next = earlier(next, s->watchdog_next_ms);
    if (service_manager_available())
        next = earlier(next, s->status_next_ms);
    next = earlier(next, s->advise_next_ms);
    next = earlier(next, s->silence_next_ms);
    next = earlier(next, announce_tick(s->announcer, now));
    return next > now ? (int)(next - now) : 0;
}
