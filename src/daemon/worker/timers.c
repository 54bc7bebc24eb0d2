/* SPDX-License-Identifier: MIT
 *
 * The worker and the clock: idle connections, those that were told goodbye, those that
 * exceed their rate, and an output to be opened again. Without any of these an idle
 * worker wakes for nothing.
 */
#include "config.h"

#include <sys/socket.h>

#include "daemon/worker/private.h"
#include "os/clock.h"
#include "os/net.h"

/* A connection that could not be watched is tried again after this. */
#define RETRY_MS 100

int worker_until(uint64_t moment_ms)
{
    uint64_t now = clock_mono_ms();

    if (moment_ms <= now)
        return 1;
    return moment_ms - now < WAIT_MAX_MS ? (int)(moment_ms - now) : WAIT_MAX_MS;
}

void worker_plan_sweep(struct worker *w, bool leaving)
{
    const uint32_t idle_s = w->round.snapshot->settings->limits.idle_timeout_s;
    uint64_t every_ms = leaving ? 1000 : (uint64_t)idle_s * 250;

    if (every_ms > 0 && every_ms < 1000)
        every_ms = 1000;
    if (every_ms > 30000)
        every_ms = 30000;
    w->sweep_at_ms = every_ms > 0 ? clock_mono_coarse_ms() + every_ms : 0;
}

void worker_slow_down(struct worker *w, uint32_t slot, uint64_t messages, bool more)
{
    const uint64_t rate = w->round.snapshot->settings->limits.messages_per_second;
    struct conn *conn = &w->plan.table->conns[slot];
    uint64_t now_ms = clock_mono_ms();

    if (conn->allowed_at_ms < now_ms)
        conn->allowed_at_ms = now_ms;
    conn->allowed_at_ms += messages * 1000 / rate;
    /* A second may be owed; beyond that it is not read until the debt is that small again. */
    if (more && conn->allowed_at_ms - now_ms > 1000 &&
        poller_remove(w->set, conn->fd) == 0) {
        conn->state = CONN_SLOWED;
        conn->next = w->slowed;
        w->slowed = slot;
        stats_add(&w->stats.slowed, 1);
    }
}

/* Watch those again whose debt is small enough. Returns: milliseconds to the next, or -1. */
static int wake_slowed(struct worker *w)
{
    struct conn *conns = w->plan.table->conns;
    uint64_t now_ms = clock_mono_ms();
    uint32_t *link = &w->slowed;
    int next = -1;

    while (*link != CONNECTION_NONE) {
        struct conn *conn = &conns[*link];
        if (conn->allowed_at_ms > now_ms + 1000) {
            int left = worker_until(conn->allowed_at_ms - 1000);
            next = next < 0 || left < next ? left : next;
            link = &conn->next;
            continue;
        }
        if (poller_add(w->set, conn->fd, WATCHED_EVENTS, *link) < 0) {
            conn->allowed_at_ms = now_ms + 1000 + RETRY_MS; /* no memory for it now */
            next = next < 0 || RETRY_MS < next ? RETRY_MS : next;
            link = &conn->next;
            continue;
        }
        *link = conn->next;
        conn->next = CONNECTION_NONE;
        conn->state = CONN_OPEN;
    }
    return next;
}

/*
 * Look over all connections: idle ones are told goodbye, and those that were told long ago
 * are ended. Returns: false when the output blocks.
 */
static bool sweep(struct worker *w)
{
    const uint32_t idle_s = w->round.snapshot->settings->limits.idle_timeout_s;
    struct connections *table = w->plan.table;
    bool leaving = false;

    for (uint32_t i = 0; i < ledger_slots_high(table->ledger); i++) {
        struct slot *slot = &table->ledger->slots[i];
        struct conn *conn = &table->conns[i];
        if (!worker_owns(w, i) || conn->fd < 0 || conn->state != CONN_OPEN)
            continue;
        /* The listener may have set active_s a tick after now_s was read. */
        uint32_t silent_s = w->now_s > conn->active_s ? w->now_s - conn->active_s : 0;
        if (slot->leaving && silent_s >= PEERLOG_LEAVE_S && net_unread(conn->fd) == 0) {
            if (!worker_end_stream(w, i))
                return false;
        } else if (!slot->leaving && idle_s > 0 && silent_s >= idle_s) {
            slot->leaving = 1;
            conn->active_s = w->now_s;
            stats_add(&w->stats.idle_closed, 1);
            (void)shutdown(conn->fd, SHUT_WR); /* it may be gone already */
        }
        leaving = leaving || slot->leaving;
    }
    worker_plan_sweep(w, leaving);
    return worker_finish_round(w);
}

int worker_keep_time(struct worker *w, bool *ret_blocked)
{
    uint64_t now_ms = clock_mono_coarse_ms();
    int timeout_ms = -1;

    w->now_s = (uint32_t)(now_ms / 1000);
    if (w->sweep_at_ms != 0 && now_ms >= w->sweep_at_ms)
        *ret_blocked = !sweep(w);
    if (w->output->fd < 0 && output_ensure_open(w->output) < 0)
        timeout_ms = worker_until(w->output->retry_at_ms);
    if (w->slowed != CONNECTION_NONE) {
        int slowed_ms = wake_slowed(w);
        if (slowed_ms >= 0 && (timeout_ms < 0 || slowed_ms < timeout_ms))
            timeout_ms = slowed_ms;
    }
    if (w->sweep_at_ms != 0) {
        int sweep_ms = worker_until(w->sweep_at_ms);
        timeout_ms = timeout_ms < 0 || sweep_ms < timeout_ms ? sweep_ms : timeout_ms;
    }
    return timeout_ms;
}
