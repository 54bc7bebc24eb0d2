/* SPDX-License-Identifier: MIT
 *
 * The worker's thread: wait, read, frame, deliver, close the round; and in between what
 * main asks of it. Connections come in through worker_adopt() from the acceptor, and
 * by letters from other workers.
 */
#include "config.h"

#include "daemon/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/session/conn.h"
#include "daemon/session/session.h"
#include "daemon/worker/private.h"
#include "os/clock.h"
#include "os/gate.h"
#include "os/log.h"
#include "os/net.h"
#include "peerlog/count.h"

#define TAG_BELL UINT64_MAX
#define TAG_OUTPUT (UINT64_MAX - 1)

/* The worker whose thread this is. */
static _Thread_local struct worker *self;

/* --- making --- */

int worker_new(const struct worker_plan *plan, struct worker **ret_worker)
{
    struct worker *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    struct inbox *inbox = &plan->table->ledger->inboxes[plan->index];
    int error = -ENOMEM;

    if (w == NULL)
        return -ENOMEM;
    memset(w, 0, sizeof *w);
    w->plan = *plan;
    w->set = w->pause_set = w->bell = -1;
    w->slowed = w->slowed_unread = CONNECTION_NONE;
    w->snapshot_wanted = plan->snapshot;
    w->counters = inbox->counters;
    atomic_store(&w->snapshot_used, plan->snapshot);
    if (round_init(&w->round, plan->table, plan->snapshot, plan->preface, inbox) < 0)
        goto fail;
    error = output_new(&plan->snapshot->settings->output, plan->longest_message,
                       plan->health, plan->table->ledger->header->instance, &w->output);
    if (error < 0)
        goto fail;
    w->output->tally = &w->counters[COUNTER_OUTPUT_LOSSES];
    w->set = poller_new();
    w->round.set = w->set;
    w->pause_set = poller_new();
    w->bell = bell_new();
    error = w->set < 0 ? w->set : w->pause_set < 0 ? w->pause_set : w->bell;
    if (error < 0)
        goto fail;
    error = poller_add(w->set, w->bell, EPOLLIN, TAG_BELL);
    if (error == 0)
        error = poller_add(w->pause_set, w->bell, EPOLLIN, TAG_BELL);
    if (error < 0)
        goto fail;
    *ret_worker = w;
    return 0;
fail:
    (void)worker_free(w);
    return error;
}

struct worker *worker_free(struct worker *w)
{
    if (w == NULL)
        return NULL;
    const int fds[] = {w->set, w->pause_set, w->bell};
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]); /* none of them holds data */
    w->output = output_free(w->output);
    round_done(&w->round);
    free(w->trace);
    free(w);
    return NULL;
}

int worker_adopt(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];

    conn->state = CONN_OPEN;
    /* What its session owes from before goes out first, and what it has in hand is gone on with. */
    bool now = session_owes(w->plan.table, slot) || conn_pending(w->plan.table, slot);
    conn->wants = now ? CONN_WANTS_WRITE : CONN_WANTS_READ;
    conn->active_s = (uint32_t)(clock_mono_coarse_ms() / 1000);
    atomic_fetch_add_explicit(&w->load, 1, memory_order_relaxed);
    atomic_store_explicit(&conn->owner, (uint16_t)(w->plan.index + 1), memory_order_release);
    int error = conn->fd >= 0 ? conn_watch(w->plan.table, slot, w->set) : 0;
    if (error < 0) {
        atomic_store_explicit(&conn->owner, 0, memory_order_relaxed);
        atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    }
    return error;
}

/* --- what others ask --- */

void worker_post(struct worker *w, struct letter *letter)
{
    mailbox_post(&w->mailbox, letter);
    bell_ring(w->bell);
}

const struct snapshot *worker_snapshot(const struct worker *w)
{
    return atomic_load_explicit(&w->snapshot_used, memory_order_acquire);
}

void worker_ping(struct worker *w)
{
    (void)atomic_fetch_add(&w->pings, 1);
    bell_ring(w->bell);
}

bool worker_alive(const struct worker *w)
{
    return atomic_load_explicit(&w->pongs, memory_order_acquire) == atomic_load(&w->pings);
}

void worker_suspect(struct worker *w)
{
    struct inbox *inbox = w->round.inbox;

    atomic_store(&inbox->suspect, atomic_load(&inbox->working));
}

void worker_note_crash(void)
{
    if (self != NULL)
        worker_suspect(self);
}

/* --- the thread --- */

void worker_pause(struct worker *w)
{
    struct epoll_event events[2];
    struct output_wait wait = {.fd = -1};
    int timeout_ms = w->round.starves ? STARVING_MS : PAUSE_MAX_MS;

    if (!w->round.starves) /* it may well be ready */
        output_wait(w->output, &wait);
    if (wait.fd >= 0) {
        uint32_t wanted = wait.events | EPOLLONESHOT;
        if (poller_change(w->pause_set, wait.fd, wanted, TAG_OUTPUT) < 0 &&
            poller_add(w->pause_set, wait.fd, wanted, TAG_OUTPUT) < 0)
            timeout_ms = 10; /* it cannot be watched: look again soon */
    }
    if (wait.until_ms != 0 && worker_until(wait.until_ms) < timeout_ms)
        timeout_ms = worker_until(wait.until_ms);
    if (w->draining && worker_until(w->stop_at_ms) < timeout_ms)
        timeout_ms = worker_until(w->stop_at_ms);
    uint64_t from_us = clock_raw_us();
    int n = poller_wait(w->pause_set, events, 2, timeout_ms);
    /* While it is there and has no room, or has answers to give, another worker gets on. */
    if (wait.fd < 0 && w->round.batch->submitted <= w->round.batch->delivered)
        w->sharing.idle_us += clock_raw_us() - from_us;
    for (int i = 0; i < n; i++)
        if (events[i].data.u64 == TAG_BELL)
            worker_answer_bell(w);
}

/* Wait for connections that have something. Returns: false when the output blocks. */
static bool wait_for_events(struct worker *w)
{
    bool blocked = false;
    int timeout_ms = worker_keep_time(w, &blocked);

    if (blocked)
        return false;
    w->signatures = SIGNATURES_A_TURN;
    w->events_next = 0;
    uint64_t from_us = clock_raw_us();
    w->events_count = (uint32_t)poller_wait(w->set, w->events, WORKER_EVENTS, timeout_ms);
    w->sharing.idle_us += clock_raw_us() - from_us;
    w->turn_ms = clock_mono_coarse_ms();
    w->now_s = (uint32_t)(w->turn_ms / 1000);
    return true;
}

/*
 * Wait for connections and read them. What a turn left when the output blocked comes first in the
 * next one, or the same few would be read again and again and the others wait.
 * Returns: false when the output blocks.
 */
static bool turn(struct worker *w)
{
    if (w->events_next == w->events_count && !wait_for_events(w))
        return false;
    while (w->events_next < w->events_count) {
        const struct epoll_event *event = &w->events[w->events_next];
        if (event->data.u64 == TAG_BELL) {
            w->events_next++;
            worker_answer_bell(w);
            if (w->draining) /* it reads every connection, and a round reads none twice */
                return worker_finish_round(w);
            continue;
        }
        if (!worker_make_room(w, (uint32_t)event->data.u64))
            return false;
        w->events_next++;
        if (!worker_read(w, (uint32_t)event->data.u64, event->events))
            return false;
    }
    return worker_finish_round(w);
}

/* Finish the round, however long the output takes. Returns: false when stopped meanwhile. */
static bool finish_patiently(struct worker *w)
{
    while (!worker_finish_round(w)) {
        worker_pause(w);
        worker_take_snapshot(w); /* another output may be what it waits for */
        if (w->draining && clock_mono_ms() >= w->stop_at_ms)
            return false;
    }
    return true;
}

/* Go through what a dead process left in hand. Returns: false when stopped meanwhile. */
static bool replay(struct worker *w)
{
    struct ledger *ledger = w->plan.table->ledger;

    for (uint32_t i = w->plan.index; i < ledger->header->inboxes; i += w->stride) {
        round_replay(&w->round, &ledger->inboxes[i]);
        if (!finish_patiently(w))
            return false;
    }
    round_replay(&w->round, &ledger->inboxes[w->plan.index]);
    if (atomic_load(&w->plan.health->replaying) > 0)
        atomic_fetch_sub(&w->plan.health->replaying, 1);
    return true;
}

/* Answers: has the stop come to its end, one way or the other? */
static bool has_stopped(struct worker *w, bool blocked)
{
    if (!w->draining)
        return false;
    if (!blocked && worker_drain_turn(w)) {
        w->end = w->stop_keep ? WORKER_ENDED_PARKED : WORKER_ENDED_EMPTY;
        return true;
    }
    if (clock_mono_ms() < w->stop_at_ms)
        return false;
    w->end = w->stop_keep ? WORKER_ENDED_PARKED : WORKER_ENDED_LOST;
    return true;
}

/*
 * Connections whose socket was not found end with what their tails hold.
 * Returns: false when stopped meanwhile.
 */
static bool end_orphans(struct worker *w)
{
    const struct connections *table = w->plan.table;

    for (uint32_t i = ledger_next_live(table->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(table->ledger, i + 1)) {
        if (!worker_owns(w, i) || table->conns[i].fd >= 0)
            continue;
        if (!round_has_room(&w->round, i) && !finish_patiently(w))
            return false;
        round_end_stream(&w->round, i);
    }
    return finish_patiently(w);
}

/*
 * What a dead process had received, and not yet opened, may be all that ever comes.
 * Returns: false when stopped meanwhile.
 */
static bool read_pending(struct worker *w)
{
    const struct connections *table = w->plan.table;

    for (uint32_t i = ledger_next_live(table->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(table->ledger, i + 1)) {
        if (!worker_owns(w, i) || !conn_pending(table, i))
            continue;
        if (!round_has_room(&w->round, i) && !finish_patiently(w))
            return false;
        (void)round_read(&w->round, i, ROUND_READ_BYTES, false);
    }
    return finish_patiently(w);
}

static void work(struct worker *w)
{
    bool blocked = false;

    (void)output_ensure_open(w->output); /* a loss announces itself */
    if (!replay(w) || !end_orphans(w) || !read_pending(w)) {
        w->end = w->stop_keep ? WORKER_ENDED_PARKED : WORKER_ENDED_LOST;
        return;
    }
    worker_plan_sweep(w, true);
    while (!has_stopped(w, blocked)) {
        if (blocked) {
            worker_pause(w);
            blocked = !worker_finish_round(w);
        } else if (!w->draining) {
            blocked = !turn(w);
        } else {
            blocked = !round_is_empty(&w->round) && !worker_finish_round(w);
        }
        worker_share(w);
        worker_take_snapshot(w);
    }
}

static void *run(void *argument)
{
    struct worker *w = self = argument;

    if (gate_pass(w->plan.gate)) {
        work(w);
        worker_end_all(w);
        w->output = output_free(w->output); /* its last words may take a while: all at once */
    }
    w->plan.events->worker_ended(w->plan.events->context);
    return NULL;
}

void worker_set_stride(struct worker *w, unsigned workers)
{
    w->stride = workers;
}

int worker_start(struct worker *w)
{
    char name[16];
    int error = pthread_create(&w->thread, NULL, run, w);

    if (error != 0)
        return -error;
    w->started = true;
    (void)snprintf(name, sizeof name, "worker/%u", w->plan.index);
    (void)pthread_setname_np(w->thread, name); /* a name is only a help */
    return 0;
}

enum worker_end worker_join(struct worker *w)
{
    if (w->started)
        (void)pthread_join(w->thread, NULL); /* it was created, and joined once */
    w->started = false;
    return w->end;
}

uint32_t worker_load(const struct worker *w)
{
    return atomic_load_explicit(&w->load, memory_order_relaxed);
}

uint32_t worker_waiting(const struct worker *w)
{
    return atomic_load_explicit(&w->waiting, memory_order_relaxed);
}

uint32_t worker_filled(const struct worker *w)
{
    return atomic_load_explicit(&w->filled, memory_order_relaxed);
}
