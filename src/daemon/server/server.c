/* SPDX-License-Identifier: MIT
 *
 * The server. Start: ledger, takeover, listening sockets, workers, listener, ready. Stop:
 * the same backwards. Main's thread owns everything here; the others see their plans.
 */
#include "config.h"

#include "daemon/server/server.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/accept/acceptor.h"
#include "daemon/accept/listen_set.h"
#include "daemon/ledger/capacity.h"
#include "daemon/message_ids.h"
#include "daemon/server/private.h"
#include "daemon/session/announce.h"
#include "daemon/session/silence.h"
#include "daemon/session/transport.h"
#include "daemon/takeover/takeover.h"
#include "daemon/worker/peer_rates.h"
#include "daemon/worker/worker.h"
#include "os/clock.h"
#include "os/gate.h"
#include "os/log.h"
#include "os/net.h"
#include "os/service_manager.h"
#include "os/poller.h"
#include "os/signals.h"
#include "peerlog/count.h"

static struct server *crash_server; /* in whose ledger a crashing thread leaves its note */

static void note_crash(int signal, bool sent)
{
    atomic_store(&crash_server->ledger->header->crash_signal, (uint32_t)signal);
    if (crash_server->acceptor != NULL)
        acceptor_freeze(crash_server->acceptor);
    if (!sent) {
        worker_note_crash();
    } else if (signal == SIGABRT) {
        /* The watchdog: a worker that does not answer any more is the one that hangs. */
        for (unsigned i = 0; i < crash_server->workers_count; i++)
            if (!worker_alive(crash_server->workers[i]))
                worker_suspect(crash_server->workers[i]);
    }
}

/* --- what other threads call --- */

static void on_output_ended(void *context)
{
    struct server *s = context;

    atomic_store(&s->output_ended, 1);
    bell_ring(s->bell);
}

static void on_slot_freed(void *context)
{
    struct server *s = context;

    acceptor_nudge(s->acceptor);
}

/* Connections come faster than they are announced. */
static void on_counted(void *context)
{
    const struct server *s = context;

    bell_ring(s->bell);
}

static void on_snapshot_taken(void *context)
{
    const struct server *s = context;

    bell_ring(s->bell);
}

static void on_worker_ended(void *context)
{
    struct server *s = context;

    atomic_fetch_add(&s->workers_ended, 1);
    bell_ring(s->bell);
}

/* --- measures --- */

static_assert((int)COUNTERS <= (int)LEDGER_COUNTERS, "every counter has a place in the ledger");

/* How many workers: as asked for, or one for each CPU; one when lines must not mix. */
static unsigned count_workers(const struct settings *settings)
{
    cpu_set_t set;
    unsigned count = settings->workers;

    if (output_kind_of(settings->output.type)->traits & OUTPUT_ONE_WRITER)
        return 1;
    if (count == 0 && sched_getaffinity(0, sizeof set, &set) == 0)
        count = (unsigned)CPU_COUNT(&set);
    if (count == 0)
        count = 1;
    return count < PEERLOG_MAX_WORKERS ? count : PEERLOG_MAX_WORKERS;
}

/* --- starting --- */

static int make_ledger(struct server *s, const struct server_plan *plan)
{
    const struct settings *settings = s->snapshot->settings;
    bool parked = service_manager_stores();
    uint32_t limit = capacity_of_process(&(struct capacity_wish){
        .connections = settings->limits.connections, .files = settings_open_files(settings),
        .parked = parked,
    });
    struct ledger_geometry geometry = {
        .slots = limit,
        .inboxes = s->workers_count,
        .tail_bytes = settings->buffer_size + PEERLOG_CARRY_BYTES + LEDGER_WIRE_BYTES,
    };

    takeover_grow(plan->inheritance, &geometry);
    int error = ledger_new(&geometry, &s->ledger);
    if (error == 0)
        error = connections_init(&s->table, s->ledger, limit);
    if (error == 0)
        error = parking_new(parked, &s->parking);
    if (error == 0)
        error = admission_new(geometry.slots, &s->admission);
    if (error == 0)
        error = preface_new(s->admission, &s->preface);
    if (error == 0)
        error = announcer_new(on_counted, s, &s->announcer);
    if (error == 0)
        error = silence_new(&s->silence);
    if (error == 0)
        error = peer_rates_new(geometry.slots, &s->rates);
    if (error == 0)
        preface_announce_by(s->preface, s->announcer);
    return error;
}

static void say_takeover(struct server *s, const struct inheritance *in,
                         const struct takeover_report *report)
{
    char note[128] = "";

    if (in->unknown_layout != 0)
        log_say(SEVERITY_WARNING,
                "the process before kept its ledger in layout %u, which this version does not "
                "know; %u pieces of messages it had in hand cannot be read",
                (unsigned)in->unknown_layout, (unsigned)in->unreadable);
    if (report->damaged > 0)
        log_say(SEVERITY_ERR, "%u entries of the ledger were damaged; what they held is lost",
                (unsigned)report->damaged);
    if (report->dismissed > 0)
        log_say(SEVERITY_ERR, "%u connections could not be taken over and are closed, because "
                "LimitNOFILE= is too small for them", (unsigned)report->dismissed);
    if (in->ledger == NULL && report->connections == 0)
        return;
    if (report->repeats > 0)
        (void)snprintf(note, sizeof note, " (%u of them may have been logged already)",
                       (unsigned)report->repeats);
    log_event(SEVERITY_INFO, MESSAGE_ID_TOOK_OVER,
              "took over %u connections, %u messages in hand%s%s%s",
              (unsigned)report->connections, (unsigned)report->messages, note,
              report->signal != 0 ? ", after " : ", after a restart in good order",
              report->signal != 0 ? signals_name(report->signal) : "");
    if (report->early_deaths >= 3) {
        (void)snprintf(s->trouble, sizeof s->trouble, "died %u times in a row soon after its start",
                       (unsigned)report->early_deaths);
        log_event(SEVERITY_ERR, MESSAGE_ID_DEATH_LOOP, "%s, the last time of %s", s->trouble,
                  signals_name(report->signal));
    }
}

/* The listening sockets: what is inherited, and what is to be listened on. */
static int open_listeners(struct server *s, const struct server_plan *plan,
                          struct listen_set **ret_inherited, struct listen_set **ret_next)
{
    struct listen_fault fault = {.error = 0};
    char text[320];

    int error = listen_set_inherit(plan->inheritance, s->ledger, s->snapshot, ret_inherited);
    if (error < 0)
        return error;
    bool inheriting = plan->inheritance->ledger != NULL || (*ret_inherited)->count > 0;
    while ((error = listen_set_build(s->snapshot, *ret_inherited, s->ledger, ret_next,
                                     &fault)) < 0) {
        server_describe_fault(text, sizeof text, &fault);
        log_say(SEVERITY_ERR, "%s", text);
        if (!inheriting || !settings_drop_listener(s->snapshot->settings, &fault.address))
            break;
        log_say(SEVERITY_ERR,
                "going on without this listener, because connections were taken over");
        (void)snprintf(s->trouble, sizeof s->trouble, "%.150s", text);
    }
    if (error < 0) {
        listen_set_undo(*ret_inherited, *ret_inherited); /* they stay stored */
        return error;
    }
    return 0;
}

static int make_workers(struct server *s)
{
    struct worker_plan plan = {
        .table = &s->table, .parking = s->parking, .admission = s->admission,
        .preface = s->preface, .announcer = s->announcer, .silence = s->silence,
        .rates = s->rates, .snapshot = s->snapshot, .health = &s->health,
        .events = &s->events, .crew = &s->crew, .gate = &s->gate,
        /* Tails and inboxes may hold messages of a process that allowed longer ones. */
        .longest_message = PEERLOG_MAX_MESSAGE_BYTES,
    };

    for (unsigned i = 0; i < s->workers_count; i++) {
        plan.index = i;
        int error = worker_new(&plan, &s->workers[i]);
        if (error == 0)
            error = worker_start(s->workers[i]);
        if (error == 0)
            continue;
        s->workers[i] = worker_free(s->workers[i]);
        if (i == 0)
            return error;
        log_say(SEVERITY_WARNING, "only %u of %u workers could be started: %s", i,
                s->workers_count, strerror(-error));
        s->workers_count = i;
    }
    for (unsigned i = 0; i < s->workers_count; i++)
        worker_set_stride(s->workers[i], s->workers_count);
    return crew_init(&s->crew, s->workers, s->workers_count);
}

/* --- what main waits for --- */

/* Events that one wait tells of. */
#define WATCHES_AT_ONCE 16

int server_watch(struct server *s, struct watch *watch, int fd, uint32_t events, watch_fn *ready)
{
    *watch = (struct watch){.fd = fd, .ready = ready};
    return poller_add(s->set, fd, events, (uint64_t)(uintptr_t)watch);
}

void server_unwatch(struct server *s, struct watch *watch)
{
    if (watch->ready != NULL)
        (void)poller_remove(s->set, watch->fd); /* it was added */
    watch->ready = NULL;
}

static void hear_bell(struct server *s)
{
    bell_hush(s->bell);
    server_answer_admin(s);
    if (!atomic_load(&s->output_ended))
        return;
    log_say(SEVERITY_ERR, "nobody reads standard output any more");
    s->exit_status = EX_IOERR;
    s->stopping = true;
}

static void hear_signals(struct server *s)
{
    int signal;

    while ((signal = signals_next(s->signals)) != 0) {
        if (signal == SIGHUP)
            (void)server_reload(s); /* a signal gets no answer */
        else if (signal == SIGUSR1)
            server_say_counters(s, SEVERITY_INFO);
        else if (signal == SIGUSR2)
            server_refresh(s);
        else if (signal == SIGPWR)
            s->last = true;
        else
            s->stopping = true;
    }
}

static int start(struct server *s, const struct server_plan *plan)
{
    struct takeover_report report;
    struct listen_set *inherited, *next;
    struct listen_leavers leavers;

    s->bell = bell_new();
    s->set = poller_new();
    s->signals = signals_open();
    int error = s->bell < 0 ? s->bell : s->set < 0 ? s->set : s->signals < 0 ? s->signals : 0;
    if (error == 0)
        error = server_watch(s, &s->bell_watch, s->bell, EPOLLIN, hear_bell);
    if (error == 0)
        error = server_watch(s, &s->signals_watch, s->signals, EPOLLIN, hear_signals);
    if (error == 0)
        error = make_ledger(s, plan);
    if (error < 0)
        return error;
    error = takeover_run(plan->inheritance, &s->table, s->parking, &report);
    if (error < 0)
        return error;
    transport_prepare(s->snapshot->settings);
    error = make_workers(s); /* they wait at the gate until all is in place */
    if (error == 0)
        error = acceptor_new(&(struct acceptor_plan){
            .table = &s->table, .parking = s->parking, .admission = s->admission,
            .announcer = s->announcer, .crew = &s->crew, .gate = &s->gate,
        }, &s->acceptor);
    if (error == 0)
        error = open_listeners(s, plan, &inherited, &next);
    if (error == 0) {
        server_hand_out(s);
        /* Inherited ones first, so that nothing that waits in them is lost. */
        leavers = listen_set_compare(inherited, next);
        acceptor_listen(s->acceptor, inherited);
        acceptor_listen(s->acceptor, next);
        listen_set_forget(&leavers);
        server_close_unwanted(s);
        error = acceptor_start(s->acceptor); /* it waits at the gate, like the workers */
    }
    if (error == 0) {
        atomic_store(&s->health.replaying, report.repeats > 0 ? s->workers_count : 0);
        ledger_keep_config(s->ledger, plan->config, plan->config_bytes);
        crash_server = s;
        signals_on_crash(note_crash);
        (void)takeover_commit(plan->inheritance, s->ledger); /* no manager: no successor */
        say_takeover(s, plan->inheritance, &report);
        inheritance_done(plan->inheritance); /* the old ledger takes as much memory as the new */
    }
    gate_move(&s->gate, error == 0 ? GATE_OPEN : GATE_OFF);
    return error;
}

/* --- running --- */

static void release(struct server *s)
{
    s->acceptor = acceptor_free(s->acceptor);
    for (unsigned i = 0; i < s->workers_count; i++)
        s->workers[i] = worker_free(s->workers[i]);
    crew_done(&s->crew);
    server_free_admin(s);
    s->rates = peer_rates_free(s->rates);
    s->preface = preface_free(s->preface);
    s->announcer = announcer_free(s->announcer);
    s->silence = silence_free(s->silence);
    s->admission = admission_free(s->admission);
    for (size_t i = 0; i < COUNT_OF(s->table.tools); i++)
        transport_tools_free(s->table.tools[i]);
    s->parking = parking_free(s->parking);
    connections_done(&s->table);
    s->ledger = ledger_free(s->ledger);
    while (s->snapshot != NULL) {
        struct snapshot *older = s->snapshot->older;
        s->snapshot->settings = settings_free(s->snapshot->settings);
        free(s->snapshot);
        s->snapshot = older;
    }
    const int fds[] = {s->bell, s->set, s->signals};
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]); /* none of them holds data */
}

static void loop(struct server *s)
{
    struct epoll_event events[WATCHES_AT_ONCE];

    while (!s->stopping) {
        int n = poller_wait(s->set, events, WATCHES_AT_ONCE, server_tick(s));
        for (int i = 0; i < n; i++) {
            const struct watch *watch = (const struct watch *)(uintptr_t)events[i].data.u64;
            if (watch->ready != NULL)
                watch->ready(s);
        }
    }
}

/* The exit status for an error at the start. */
static int status_of(int error)
{
    switch (error) {
    case -EADDRINUSE:
    case -EADDRNOTAVAIL:
        return EX_UNAVAILABLE;
    case -EACCES:
    case -EPERM:
        return EX_NOPERM;
    default:
        return EX_OSERR;
    }
}

int server_run(const struct server_plan *plan)
{
    struct server *s = calloc(1, sizeof *s);
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    int status;

    if (s == NULL || snapshot == NULL) {
        log_say(SEVERITY_ERR, "cannot start: %s", strerror(ENOMEM));
        (void)settings_free(plan->settings);
        free(snapshot);
        free(s);
        return EX_OSERR;
    }
    *s = (struct server){
        .file = plan->file, .advise = plan->advise, .bell = -1, .set = -1, .signals = -1,
        .requests = -1, .trial = -1, .admin_socket = -1, .metrics_socket = -1,
        .gate = GATE_INITIALIZER, .names_lock = PTHREAD_MUTEX_INITIALIZER,
        .events = {.context = s, .output_ended = on_output_ended, .slot_freed = on_slot_freed,
                   .snapshot_taken = on_snapshot_taken, .worker_ended = on_worker_ended},
    };
    s->snapshot = snapshot;
    s->snapshot->settings = plan->settings;
    memset(s->snapshot->listener_of_id, LISTENER_NONE, sizeof s->snapshot->listener_of_id);
    s->workers_count = count_workers(plan->settings);
    if (plan->config_fault != NULL)
        (void)snprintf(s->trouble, sizeof s->trouble, "%s", plan->config_fault);
    int error = start(s, plan);
    if (error < 0) {
        if (error != -EADDRINUSE && error != -EACCES && error != -EADDRNOTAVAIL)
            log_say(SEVERITY_ERR, "cannot start: %s", strerror(-error));
        status = status_of(error);
        for (unsigned i = 0; i < s->workers_count; i++)
            if (s->workers[i] != NULL)
                (void)worker_join(s->workers[i]);
    } else {
        s->started_ms = clock_mono_ms(); /* before scrapers are told */
        server_open_requests(s);
        server_note_listeners(s);
        server_open_admin(s);
        server_ready(s);
        server_advise(s, true);
        loop(s);
        server_close_admin(s);
        server_close_requests(s);
        server_end_trial(s);
        status = server_stop(s);
    }
    release(s);
    free(s);
    return status;
}
