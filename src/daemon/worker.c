/* SPDX-License-Identifier: MIT
 *
 * The worker's thread: wait, read, frame, deliver, close the round; and in between what
 * main asks of it. Connections come in through worker_adopt() from the listener.
 */
#include "config.h"

#include "daemon/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/round.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/net.h"
#include "os/poller.h"

#define EVENTS 256
#define TAG_BELL UINT64_MAX
#define TAG_OUTPUT (UINT64_MAX - 1)

/* A full log tells when it has room; should it forget to, look again after this. */
#define PAUSE_MAX_MS 1000

enum stopping { NOT_STOPPING, STOP_REQUESTED, STOP_DRAINING };

struct worker {
    struct worker_plan plan;
    pthread_t thread;
    bool started;
    unsigned stride; /* how many workers there are */
    int set;       /* connections and the bell */
    int pause_set; /* the output and the bell, for when the output takes nothing */
    int bell;
    struct output *output;
    struct round round;
    uint32_t ended[LEDGER_SEGMENTS];
    struct worker_stats stats;

    /* Written by others, read by the thread. */
    _Alignas(64) _Atomic uint32_t load;
    _Atomic(const struct rulebook *) rules_wanted;
    _Atomic(const struct rulebook *) rules_used;
    _Atomic uint32_t pings;
    _Atomic uint32_t pongs;
    _Atomic uint32_t stop; /* enum stopping */
    bool stop_keep;        /* set before stop is */
    uint64_t stop_at_ms;

    /* The thread's own. */
    bool draining;
    bool waits_writable;
    enum worker_end end;
};

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
    atomic_store(&w->rules_wanted, plan->rules);
    atomic_store(&w->rules_used, plan->rules);
    if (round_init(&w->round, plan->table, plan->rules, &w->stats, inbox) < 0)
        goto fail;
    error = output_new(&plan->rules->settings->output, plan->rules->settings->buffer_size,
                       plan->health, plan->table->ledger->header->instance, &w->output);
    if (error < 0)
        goto fail;
    w->set = poller_new();
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
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]); /* none of them holds data */
    w->output = output_free(w->output);
    round_done(&w->round);
    free(w);
    return NULL;
}

int worker_adopt(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];

    conn->worker = (uint16_t)w->plan.index;
    conn->state = CONN_OPEN;
    conn->active_s = (uint32_t)(clock_mono_coarse_ms() / 1000);
    atomic_fetch_add_explicit(&w->load, 1, memory_order_relaxed);
    int error = poller_add(w->set, conn->fd, EPOLLIN | EPOLLRDHUP | EPOLLPRI, slot);
    if (error < 0)
        atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    return error;
}

uint32_t worker_load(const struct worker *w)
{
    return atomic_load_explicit(&w->load, memory_order_relaxed);
}

/* --- delivering --- */

/* Offer the batch. Returns: true when all of it was taken. */
static bool deliver(struct worker *w)
{
    struct batch *batch = w->round.batch;

    if (batch->taken == batch->count) {
        round_taken(&w->round);
        return true;
    }
    round_offer(&w->round);
    enum output_wait wait = output_push(w->output, batch);
    atomic_store_explicit(&w->stats.waiting, batch->count - batch->taken, memory_order_relaxed);
    if (wait == OUTPUT_READY) {
        round_taken(&w->round);
        return true;
    }
    round_withdraw(&w->round);
    w->waits_writable = wait == OUTPUT_WAIT_WRITABLE;
    if (wait == OUTPUT_ENDED) {
        w->output->retry_at_ms = clock_mono_ms() + PAUSE_MAX_MS;
        w->plan.events->output_ended(w->plan.events->context);
    }
    return false;
}

/* Frame what was read; deliver only full batches. Returns: false while the output blocks. */
static bool frame(struct worker *w)
{
    while (!round_frame(&w->round))
        if (!deliver(w))
            return false;
    return true;
}

/* Close a connection whose last byte was delivered. */
static void end_connection(struct worker *w, uint32_t slot_index)
{
    struct slot *slot = &w->plan.table->ledger->slots[slot_index];
    struct conn *conn = &w->plan.table->conns[slot_index];
    uint16_t lot = atomic_exchange(&slot->lot, LOT_NONE);

    if (slot->stream.taken == 0)
        stats_add(&w->stats.silent, 1);
    if (conn->fd >= 0 && lot != LOT_NONE)
        net_hang_up(conn->fd);
    else if (conn->fd >= 0)
        (void)close(conn->fd); /* everything was read; there is no copy elsewhere */
    if (lot != LOT_NONE)
        parking_leave(w->plan.parking, lot);
    round_forget(&w->round, slot_index);
    connections_give(w->plan.table, slot_index);
    atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    stats_add(&w->stats.closed, 1);
    w->plan.events->slot_freed(w->plan.events->context);
}

/* Frame and deliver all that is in hand. Returns: false while the output blocks. */
static bool finish_round(struct worker *w)
{
    if (round_is_empty(&w->round))
        return true;
    if (!frame(w) || !deliver(w))
        return false;
    uint32_t count = round_close(&w->round, w->ended);
    for (uint32_t i = 0; i < count; i++)
        end_connection(w, w->ended[i]);
    return true;
}

/* --- reading --- */

/* Nothing more is wanted of this connection: it rests until the next process has it. */
static void rest(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];

    if (conn->state == CONN_OPEN)
        (void)poller_remove(w->set, conn->fd); /* it was added */
    conn->state = CONN_RESTING;
}

/* While stopping, each connection is read up to what it held when the stop began. */
static void read_drained(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];
    uint32_t limit = conn->drain_left < ROUND_READ_BYTES ? conn->drain_left : ROUND_READ_BYTES;
    uint64_t before = w->plan.table->ledger->slots[slot].stream.taken;
    enum round_read result = ROUND_NOTHING;

    if (limit > 0)
        result = round_read(&w->round, slot, limit, false);
    uint64_t got = w->plan.table->ledger->slots[slot].stream.taken - before;
    conn->drain_left = result == ROUND_NOTHING ? 0 : conn->drain_left - (uint32_t)got;
    if (conn->drain_left > 0 || result == ROUND_ENDED)
        return;
    rest(w, slot);
    if (!w->stop_keep)
        conn->drain_left = UINT32_MAX; /* its stream is ended in the next round */
}

/* Read one connection that has something. Returns: false when the output blocks. */
static bool read_connection(struct worker *w, uint32_t slot, uint32_t events)
{
    const uint32_t said_goodbye = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    bool may_end = (events & said_goodbye) == EPOLLRDHUP && !(events & EPOLLPRI);

    if (!round_has_room(&w->round, slot) && !finish_round(w))
        return false;
    if (w->draining)
        read_drained(w, slot);
    else
        (void)round_read(&w->round, slot, ROUND_READ_BYTES, may_end);
    return frame(w);
}

/* --- what main asks --- */

static void take_rules(struct worker *w)
{
    const struct rulebook *wanted = atomic_load_explicit(&w->rules_wanted, memory_order_acquire);

    if (wanted == w->round.rules)
        return;
    /* The output may be what keeps the round from ending: it changes first. */
    if (w->output->partial == 0)
        (void)output_change(w->output, &wanted->settings->output); /* a loss announces itself */
    if (!round_is_empty(&w->round))
        return;
    w->round.rules = wanted;
    atomic_store_explicit(&w->rules_used, wanted, memory_order_release);
}

/* A stop was asked for: what is in each socket now is what will be read. */
static void begin_draining(struct worker *w)
{
    struct connections *table = w->plan.table;

    w->draining = true;
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (atomic_load_explicit(&table->ledger->slots[i].use, memory_order_acquire) != SLOT_LIVE ||
            table->conns[i].worker != w->plan.index)
            continue;
        table->conns[i].drain_left = table->conns[i].fd >= 0 ? net_unread(table->conns[i].fd) : 0;
    }
}

/* One turn over what is to be drained. Returns: true when nothing is left to read. */
static bool drain_turn(struct worker *w)
{
    struct connections *table = w->plan.table;
    bool done = true;

    for (uint32_t i = 0; i < table->capacity; i++) {
        struct conn *conn = &table->conns[i];
        if (atomic_load_explicit(&table->ledger->slots[i].use, memory_order_acquire) != SLOT_LIVE ||
            conn->worker != w->plan.index || (conn->state == CONN_RESTING && conn->drain_left == 0))
            continue;
        if (conn->drain_left == UINT32_MAX) {
            if (!round_has_room(&w->round, i) && !finish_round(w))
                return false;
            conn->drain_left = 0;
            round_end_stream(&w->round, i);
            if (!frame(w))
                return false;
        } else if (!read_connection(w, i, 0)) {
            return false;
        }
        done = false;
    }
    return finish_round(w) && done;
}

static void hear_bell(struct worker *w)
{
    bell_hush(w->bell);
    atomic_store_explicit(&w->pongs, atomic_load(&w->pings), memory_order_release);
    if (!w->draining && atomic_load_explicit(&w->stop, memory_order_acquire) == STOP_REQUESTED)
        begin_draining(w);
}

void worker_set_rules(struct worker *w, const struct rulebook *rules)
{
    atomic_store_explicit(&w->rules_wanted, rules, memory_order_release);
    bell_ring(w->bell);
}

const struct rulebook *worker_rules(const struct worker *w)
{
    return atomic_load_explicit(&w->rules_used, memory_order_acquire);
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

void worker_stop(struct worker *w, bool keep, uint32_t time_ms)
{
    w->stop_keep = keep;
    w->stop_at_ms = clock_mono_ms() + time_ms;
    atomic_store_explicit(&w->stop, STOP_REQUESTED, memory_order_release);
    bell_ring(w->bell);
}

/* --- the thread --- */

/* The output takes nothing: wait for it, and for the bell, alone. */
static void pause_for_output(struct worker *w, int timeout_ms)
{
    struct epoll_event events[2];

    if (w->waits_writable) {
        uint32_t wanted = EPOLLOUT | EPOLLONESHOT;
        if (poller_change(w->pause_set, w->output->fd, wanted, TAG_OUTPUT) < 0 &&
            poller_add(w->pause_set, w->output->fd, wanted, TAG_OUTPUT) < 0 && timeout_ms > 10)
            timeout_ms = 10; /* it cannot be watched: look again soon */
    }
    int n = poller_wait(w->pause_set, events, 2, timeout_ms);
    for (int i = 0; i < n; i++)
        if (events[i].data.u64 == TAG_BELL)
            hear_bell(w);
}

/* Milliseconds until MOMENT_MS, at least 1 and at most PAUSE_MAX_MS. */
static int until(uint64_t moment_ms)
{
    uint64_t now = clock_mono_ms();

    if (moment_ms <= now)
        return 1;
    return moment_ms - now < PAUSE_MAX_MS ? (int)(moment_ms - now) : PAUSE_MAX_MS;
}

/* Wait for connections and read them. Returns: false when the output blocks. */
static bool turn(struct worker *w)
{
    struct epoll_event events[EVENTS];
    int timeout_ms = -1;

    if (w->output->fd < 0 && output_ensure_open(w->output) < 0)
        timeout_ms = until(w->output->retry_at_ms);
    int n = poller_wait(w->set, events, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 == TAG_BELL) {
            hear_bell(w);
            if (w->draining)
                return true;
        } else if (!read_connection(w, (uint32_t)events[i].data.u64, events[i].events)) {
            return false;
        }
    }
    return finish_round(w);
}

/* Go through what a dead process left in hand. Returns: false when stopped meanwhile. */
static bool replay(struct worker *w)
{
    struct ledger *ledger = w->plan.table->ledger;

    for (uint32_t i = w->plan.index; i < ledger->header->inboxes; i += w->stride) {
        round_replay(&w->round, &ledger->inboxes[i]);
        while (!finish_round(w)) {
            pause_for_output(w, w->waits_writable ? PAUSE_MAX_MS : until(w->output->retry_at_ms));
            if (w->draining && clock_mono_ms() >= w->stop_at_ms)
                return false;
        }
    }
    round_replay(&w->round, &ledger->inboxes[w->plan.index]);
    return true;
}

/* Answers: has the stop come to its end, one way or the other? */
static bool has_stopped(struct worker *w, bool blocked)
{
    if (!w->draining)
        return false;
    if (!blocked && drain_turn(w)) {
        w->end = w->stop_keep ? WORKER_ENDED_PARKED : WORKER_ENDED_EMPTY;
        return true;
    }
    if (clock_mono_ms() < w->stop_at_ms)
        return false;
    w->end = w->stop_keep ? WORKER_ENDED_PARKED : WORKER_ENDED_LOST;
    return true;
}

/* Connections whose socket was not found end with what their tails hold. */
static void end_orphans(struct worker *w)
{
    struct connections *table = w->plan.table;

    for (uint32_t i = 0; i < table->capacity; i++) {
        if (atomic_load_explicit(&table->ledger->slots[i].use, memory_order_acquire) != SLOT_LIVE ||
            table->conns[i].worker != w->plan.index || table->conns[i].fd >= 0)
            continue;
        if (!round_has_room(&w->round, i))
            break; /* the others end at the next start; there are never so many */
        round_end_stream(&w->round, i);
    }
}

static void work(struct worker *w)
{
    bool blocked = false;

    (void)output_ensure_open(w->output); /* a loss announces itself */
    if (!replay(w)) {
        w->end = w->stop_keep ? WORKER_ENDED_PARKED : WORKER_ENDED_LOST;
        return;
    }
    end_orphans(w);
    blocked = !finish_round(w);
    while (!has_stopped(w, blocked)) {
        if (blocked) {
            pause_for_output(w, w->waits_writable ? PAUSE_MAX_MS : until(w->output->retry_at_ms));
            blocked = !finish_round(w);
        } else if (!w->draining) {
            blocked = !turn(w);
        } else {
            blocked = !round_is_empty(&w->round) && !finish_round(w);
        }
        take_rules(w);
    }
}

static void *run(void *argument)
{
    struct worker *w = argument;

    (void)pthread_mutex_lock(w->plan.gate); /* a plain mutex of ours cannot fail */
    (void)pthread_mutex_unlock(w->plan.gate);
    if (w->stride > 0)
        work(w);
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

const struct worker_stats *worker_stats(const struct worker *w)
{
    return &w->stats;
}
