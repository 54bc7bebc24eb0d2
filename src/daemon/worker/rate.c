/* SPDX-License-Identifier: MIT
 *
 * The worker holds connections to their rate of messages: the generic cell rate algorithm (ITU-T
 * I.371, annex A). Each message moves the time from which on the next one is allowed; a connection
 * that is more than a second ahead of it is not watched, so its peer waits, and nothing is lost.
 */
#include "config.h"

#include "daemon/worker/private.h"

#include "daemon/session/conn.h"
#include "os/clock.h"

/* How far a connection may run ahead of its rate, in milliseconds. */
#define AHEAD_MS 1000u

/* A connection that could not be watched is tried again after this. */
#define RETRY_MS 100

void worker_slow_down(struct worker *w, uint32_t slot, uint64_t messages, bool more)
{
    struct conn *conn = &w->plan.table->conns[slot];
    const uint64_t rate =
        conn->looping ? 1 : w->round.snapshot->settings->limits.messages_per_second;
    uint64_t now_ms = clock_mono_ms();

    if (rate == 0)
        return; /* its loop has just ended */
    if (conn->allowed_at_ms < now_ms)
        conn->allowed_at_ms = now_ms;
    conn->allowed_at_ms += messages * 1000 / rate;
    if (more && conn->allowed_at_ms - now_ms > AHEAD_MS &&
        conn_unwatch(w->plan.table, slot, w->set) == 0) {
        conn->state = CONN_SLOWED;
        conn->next = w->slowed;
        w->slowed = slot;
        counter_add(w->counters, COUNTER_SLOWED, 1);
    }
}

/*
 * Watch one again, if its rate allows.
 * Returns: 0, or for how many milliseconds it has to wait.
 */
static int wake(struct worker *w, uint32_t slot, uint64_t now_ms)
{
    struct conn *conn = &w->plan.table->conns[slot];

    if (conn->allowed_at_ms > now_ms + AHEAD_MS)
        return worker_until(conn->allowed_at_ms - AHEAD_MS);
    if (conn_watch(w->plan.table, slot, w->set) < 0) {
        conn->allowed_at_ms = now_ms + AHEAD_MS + RETRY_MS; /* no memory for it now */
        return RETRY_MS;
    }
    conn->state = CONN_OPEN;
    return 0;
}

int worker_wake_slowed(struct worker *w)
{
    struct conn *conns = w->plan.table->conns;
    uint64_t now_ms = clock_mono_ms();
    uint32_t *link = &w->slowed;
    int next_ms = -1;

    while (*link != CONNECTION_NONE) {
        struct conn *conn = &conns[*link];
        int left_ms = wake(w, *link, now_ms);
        if (left_ms > 0) {
            next_ms = next_ms < 0 || left_ms < next_ms ? left_ms : next_ms;
            link = &conn->next;
        } else {
            *link = conn->next;
            conn->next = CONNECTION_NONE;
        }
    }
    return next_ms;
}
