/* SPDX-License-Identifier: MIT
 *
 * The acceptor's thread: accept, admit, park, hand over.
 */
#include "config.h"

#include "daemon/accept/acceptor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/accept/pressure.h"
#include "daemon/metrics/counters.h"
#include "daemon/parking/compact.h"
#include "daemon/session/announce.h"
#include "daemon/session/session.h"
#include "daemon/session/transport.h"
#include "daemon/worker/crew.h"
#include "os/clock.h"
#include "os/gate.h"
#include "os/log.h"
#include "os/net.h"
#include "os/poller.h"
#include "peerlog/count.h"

#define EVENTS 64
#define TAG_BELL UINT64_MAX

/* Accept at most this many of one socket in a turn. */
#define ACCEPTS_A_TURN 64

/* A crash waits so long for an accepted connection to be parked, in milliseconds. */
#define FREEZE_MOST_MS 200

/* Turns that follow each other faster than this are a storm; then connections may gather. */
#define STORM_US 300u
#define COALESCE_US 200u

struct acceptor {
    struct acceptor_plan plan;
    pthread_t thread;
    bool started;
    int set;
    int bell;
    int taken; /* rings for main when a set was taken up */
    struct pressure pressure;
    bool sweeping; /* there are more lots to be rewritten */
    uint64_t turned_us; /* end of the last turn, by the monotonic clock */
    struct listen_set *current;
    _Atomic uint64_t *counters; /* its block, in the ledger */
    uint32_t accepted[ACCEPTS_A_TURN]; /* slots that are not handed over yet */
    unsigned accepted_count;
    unsigned turn; /* whose it is to be given the next one */

    _Alignas(64) _Atomic(struct listen_set *) next;
    _Atomic(const struct listen_set *) used;
    _Atomic uint32_t pings;
    _Atomic uint32_t pongs;
    _Atomic uint32_t stop;
    _Atomic uint32_t wants_slot; /* paused until a slot is free */
    _Atomic uint32_t accepting;  /* a connection may be accepted and not yet parked */
    _Atomic uint32_t frozen;     /* we are crashing: nothing is accepted any more */
};

int acceptor_new(const struct acceptor_plan *plan, struct acceptor **ret_listener)
{
    struct acceptor *l = aligned_alloc(64, (sizeof *l + 63) / 64 * 64);

    if (l == NULL)
        return -ENOMEM;
    memset(l, 0, sizeof *l);
    l->plan = *plan;
    l->counters = plan->table->ledger->header->counters;
    l->set = poller_new();
    l->bell = bell_new();
    l->taken = bell_new();
    int error = l->set < 0 ? l->set : l->bell < 0 ? l->bell : l->taken < 0 ? l->taken : 0;
    if (error == 0)
        error = poller_add(l->set, l->bell, EPOLLIN, TAG_BELL);
    if (error < 0) {
        (void)acceptor_free(l);
        return error;
    }
    *ret_listener = l;
    return 0;
}

static struct listen_set *close_set(struct listen_set *listening)
{
    for (size_t i = 0; listening != NULL && i < listening->count; i++)
        (void)close(listening->sockets[i].fd); /* what still waits in it is reset by the kernel */
    free(listening);
    return NULL;
}

struct acceptor *acceptor_free(struct acceptor *l)
{
    if (l == NULL)
        return NULL;
    l->current = close_set(l->current);
    (void)close_set(atomic_exchange(&l->next, NULL));
    const int fds[] = {l->set, l->bell, l->taken};
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]); /* none of them holds data */
    free(l);
    return NULL;
}

/* --- one connection --- */

/* Park a copy, so that the connection outlives us. */
static void park(struct acceptor *l, struct slot *slot, int fd)
{
    uint16_t lot;
    int error = parking_park(l->plan.parking, fd, &lot);

    if (error == 0) {
        atomic_store_explicit(&slot->lot, lot, memory_order_relaxed);
        return;
    }
    if (error == -ENOTCONN)
        return;
    if (counter_get(l->counters, COUNTER_UNPARKED) == 0)
        log_say(SEVERITY_WARNING, "connections are not kept over a restart: %s", strerror(-error));
    counter_add(l->counters, COUNTER_UNPARKED, 1);
}

/* A connection begins: all of it that must outlive us is in its slot, then it is parked. */
static void open_connection(struct acceptor *l, uint32_t index, int fd, const struct peer *peer,
                            uint8_t listener_id)
{
    const struct listener_settings *settings = snapshot_listener(l->current->snapshot, listener_id);

    connections_open(l->plan.table, index, &(struct conn_birth){
        .fd = fd, .lot = LOT_NONE, .listener = listener_id, .peer = *peer,
        .framing = settings != NULL ? settings->framing : FRAMING_AUTO,
        .session = session_wanted(settings),
        .awaits_proxy = settings != NULL && settings->proxy_protocol,
        .transport = transport_wanted(settings),
        .mortal = settings != NULL && !settings->survive,
        .cookie = parking_available(l->plan.parking) ? net_cookie(fd) : 0,
    });
    if (settings == NULL || settings->survive)
        park(l, &l->plan.table->ledger->slots[index], fd);
    if (settings != NULL && settings->announce == ANNOUNCE_ALL && !settings->proxy_protocol)
        announce_begin(l->plan.announcer, peer, /* behind a balancer its header will tell */
                       snapshot_listener_text(l->current->snapshot, listener_id));
}

/* Ask admission; a refusal is counted and reported. */
static bool is_admitted(struct acceptor *l, const struct peer *peer, uint8_t listener_id)
{
    const struct listener_settings *settings = snapshot_listener(l->current->snapshot, listener_id);
    uint32_t limit = l->current->snapshot->settings->limits.connections_per_peer;
    enum admission_verdict result = ADMITTED;

    if (settings != NULL)
        result = admission_at_door(settings, peer);
    if (settings != NULL && settings->proxy_protocol)
        limit = 0; /* this peer is the balancer */
    if (result == ADMITTED)
        result = admission_enter(l->plan.admission, peer, limit);
    if (result == ADMITTED)
        return true;
    counter_add(l->counters, admission_counter(result), 1);
    admission_report(l->plan.admission, peer, result, clock_mono_ms());
    return false;
}

/* The connection cannot be served: close it as if it had not been accepted. */
static void abandon(struct acceptor *l, uint32_t slot, int error)
{
    uint16_t lot = atomic_exchange(&l->plan.table->ledger->slots[slot].lot, LOT_NONE);

    net_abort(l->plan.table->conns[slot].fd);
    admission_leave(l->plan.admission, &l->plan.table->ledger->slots[slot].peer);
    if (lot != LOT_NONE)
        parking_leave(l->plan.parking, lot);
    connections_give(l->plan.table, slot);
    counter_add(l->counters, COUNTER_FAILED, 1);
    log_say(SEVERITY_WARNING, "a connection could not be served: %s", strerror(-error));
}

/* --- pausing --- */

/* Watch the listening sockets, or not. */
static void watch_sockets(struct acceptor *l, uint32_t events)
{
    for (size_t i = 0; i < l->current->count; i++)
        (void)poller_change(l->set, l->current->sockets[i].fd, events, i); /* it was added */
}

/* All places are taken: nothing is accepted until one is free. */
static void pause_full(struct acceptor *l)
{
    pressure_full(&l->pressure, l->plan.table->limit, l->counters);
    watch_sockets(l, 0);
    atomic_store(&l->wants_slot, 1);
    if (connections_count(l->plan.table) < l->plan.table->limit)
        bell_ring(l->bell); /* one was freed in between */
}

/* Nothing was accepted. Answers: is it worth trying for another? */
static bool judge_failure(struct acceptor *l, int error)
{
    bool more = pressure_failed(&l->pressure, error, l->counters);

    if (l->pressure.pause != ACCEPTING)
        watch_sockets(l, 0);
    return more;
}

static void end_pause(struct acceptor *l)
{
    pressure_end(&l->pressure, connections_count(l->plan.table), l->plan.table->limit);
    watch_sockets(l, EPOLLIN);
    atomic_store(&l->wants_slot, 0);
}

/* Accept one connection of a socket. Returns: is it worth trying for another? */
static bool accept_one(struct acceptor *l, const struct listen_socket *from)
{
    struct peer peer;
    uint32_t slot = connections_take(l->plan.table);

    if (slot == CONNECTION_NONE) {
        pause_full(l);
        return false;
    }
    int fd = net_accept(from->fd, &peer);
    if (fd < 0) {
        connections_give(l->plan.table, slot);
        return judge_failure(l, fd);
    }
    pressure_accepted(&l->pressure);
    if (!is_admitted(l, &peer, from->id)) {
        connections_give(l->plan.table, slot);
        (void)close(fd); /* refused: it is reset */
        return true;
    }
    open_connection(l, slot, fd, &peer, from->id);
    l->accepted[l->accepted_count++] = slot;
    return true;
}

/* Hand over what was accepted; all together, so that a worker is woken once for many. */
static void hand_over(struct acceptor *l)
{
    const uint64_t now_ms = clock_mono_coarse_ms();

    for (unsigned i = 0; i < l->accepted_count; i++) {
        int error = worker_adopt(crew_choose(l->plan.crew, &l->turn, now_ms), l->accepted[i]);
        if (error < 0)
            abandon(l, l->accepted[i], error);
        else
            counter_add(l->counters, COUNTER_ACCEPTED, 1);
    }
    l->accepted_count = 0;
}

/* Accept what waits in a socket, at most one turn's worth. Returns: may there be more? */
static bool accept_turn(struct acceptor *l, const struct listen_socket *from)
{
    bool more = true;

    for (int i = 0; more && i < ACCEPTS_A_TURN; i++) {
        atomic_store(&l->accepting, 1);
        more = !atomic_load(&l->frozen) && accept_one(l, from);
        atomic_store(&l->accepting, 0);
    }
    hand_over(l);
    return more;
}

void acceptor_freeze(struct acceptor *l)
{
    atomic_store(&l->frozen, 1);
    for (int ms = 0; ms < FREEZE_MOST_MS && atomic_load(&l->accepting); ms++)
        (void)poll(NULL, 0, 1); /* a rest that signal-safety(7) allows */
}

static void accept_all(struct acceptor *l, const struct listen_socket *from)
{
    for (int i = 0; i < PEERLOG_LISTEN_BACKLOG / ACCEPTS_A_TURN && accept_turn(l, from); i++)
        continue;
}

/* --- changing what is listened on --- */

/* Take up the next set; what is no longer in it is accepted empty and closed. */
static void take_next(struct acceptor *l)
{
    struct listen_set *next = atomic_exchange(&l->next, NULL);
    struct listen_set *before = l->current;

    if (next == NULL)
        return;
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        int fd = before->sockets[i].fd;
        (void)poller_remove(l->set, fd); /* it was added */
        if (listen_set_has(next, fd))
            continue;
        if (!before->sockets[i].guarded)
            accept_all(l, &before->sockets[i]);
        (void)close(fd); /* it is no longer wanted */
    }
    free(before);
    l->current = next;
    l->pressure.pause = ACCEPTING;
    atomic_store(&l->wants_slot, 0);
    for (size_t i = 0; i < next->count; i++) {
        int error = poller_add(l->set, next->sockets[i].fd, EPOLLIN, i);
        if (error < 0)
            log_say(SEVERITY_ERR, "cannot listen on %s: %s",
                    snapshot_listener_text(next->snapshot, next->sockets[i].id), strerror(-error));
    }
    atomic_store_explicit(&l->used, next, memory_order_release);
    bell_ring(l->taken);
}

const struct listen_set *acceptor_current(const struct acceptor *l)
{
    return atomic_load_explicit(&l->used, memory_order_acquire);
}

void acceptor_listen(struct acceptor *l, struct listen_set *next)
{
    struct listen_set *unseen = atomic_exchange(&l->next, next);

    free(unseen); /* there is none: each set is waited for */
    if (!l->started) {
        take_next(l);
        return;
    }
    bell_ring(l->bell);
    /* Until then the sets before are the thread's to free and to close. */
    while (acceptor_current(l) != next)
        bell_wait(l->taken, -1);
}

/* --- the thread --- */

/* Tidy the parking up; what is left to do is done when others had their turn. */
static void sweep(struct acceptor *l)
{
    l->sweeping = compact_sweep(l->plan.parking, l->plan.table->ledger);
    if (l->sweeping)
        bell_ring(l->bell);
}

static void answer_bell(struct acceptor *l)
{
    bell_hush(l->bell);
    atomic_store_explicit(&l->pongs, atomic_load(&l->pings), memory_order_release);
    take_next(l);
    if (l->pressure.pause == PAUSED_FULL && connections_count(l->plan.table) < l->plan.table->limit)
        end_pause(l);
}

/*
 * When turns follow each other at once, waking up costs more than accepting: wait a moment,
 * so that several connections are accepted together. A connection loses no more than this moment.
 */
static void coalesce(const struct acceptor *l)
{
    if (clock_mono_us() - l->turned_us < STORM_US)
        clock_rest_us(COALESCE_US);
}

static void *run(void *argument)
{
    struct acceptor *l = argument;
    struct epoll_event events[EVENTS];

    if (!gate_pass(l->plan.gate))
        return NULL;
    while (!atomic_load_explicit(&l->stop, memory_order_acquire)) {
        int timeout_ms = admission_tick(l->plan.admission, clock_mono_ms());
        if (l->pressure.pause == PAUSED_STARVED &&
            (timeout_ms < 0 || timeout_ms > PRESSURE_RETRY_MS))
            timeout_ms = PRESSURE_RETRY_MS;
        int n = poller_wait(l->set, events, EVENTS, timeout_ms);
        if (l->pressure.pause == PAUSED_STARVED && clock_mono_ms() >= l->pressure.retry_at_ms)
            end_pause(l);
        if (n > 0)
            coalesce(l);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == TAG_BELL)
                answer_bell(l);
            else if (l->pressure.pause == ACCEPTING && events[i].data.u64 < l->current->count)
                (void)accept_turn(l, &l->current->sockets[events[i].data.u64]); /* or next time */
        }
        l->turned_us = clock_mono_us();
        if (parking_wants_sweep(l->plan.parking) || l->sweeping)
            sweep(l);
    }
    return NULL;
}

int acceptor_start(struct acceptor *l)
{
    int error = pthread_create(&l->thread, NULL, run, l);

    if (error != 0)
        return -error;
    l->started = true;
    (void)pthread_setname_np(l->thread, "listener"); /* a name is only a help */
    return 0;
}

void acceptor_nudge(struct acceptor *l)
{
    if (atomic_load_explicit(&l->wants_slot, memory_order_relaxed) ||
        parking_wants_sweep(l->plan.parking))
        bell_ring(l->bell);
}

void acceptor_ping(struct acceptor *l)
{
    (void)atomic_fetch_add(&l->pings, 1);
    bell_ring(l->bell);
}

bool acceptor_alive(const struct acceptor *l)
{
    return atomic_load_explicit(&l->pongs, memory_order_acquire) == atomic_load(&l->pings);
}

/*
 * End one that is listened on. The service manager may hold a copy of it for a moment yet, so that
 * closing alone would leave the port taken; what a socket unit listens on is that one's to end.
 */
static void close_socket(const struct listen_socket *socket)
{
    if (!socket->activated)
        (void)shutdown(socket->fd, SHUT_RD); /* its queue was emptied */
    (void)close(socket->fd);
}

/*
 * Connections that wait were told by the kernel that we are here: they are let in. When no process
 * comes after us, those from here on are refused.
 */
static void drain_backlog(struct acceptor *l, bool keep)
{
    for (size_t i = 0; i < l->current->count; i++) {
        accept_all(l, &l->current->sockets[i]);
        if (!keep)
            close_socket(&l->current->sockets[i]);
    }
    if (!keep)
        l->current->count = 0;
}

void acceptor_stop(struct acceptor *l, bool keep)
{
    atomic_store_explicit(&l->stop, 1, memory_order_release);
    bell_ring(l->bell);
    if (l->started)
        (void)pthread_join(l->thread, NULL); /* it was created, and joined once */
    l->started = false;
    take_next(l); /* the thread may never have run */
    if (l->current != NULL)
        drain_backlog(l, keep);
}
