/* SPDX-License-Identifier: MIT
 *
 * The worker holds connections, and all those of a peer together, to their rates of messages: the
 * generic cell rate algorithm (ITU-T I.371, annex A). Each message moves the time from which on the
 * next one is allowed; a connection that is more than a second ahead of it is not watched, so its
 * peer waits, and nothing is lost.
 */
#include "config.h"

#include "daemon/worker/private.h"

#include "daemon/session/conn.h"
#include "os/clock.h"

#define SECOND_NS 1000000000ull
#define MS_NS 1000000ull

/* How far a connection may run ahead of its rate. */
#define AHEAD_NS SECOND_NS

/* A connection that could not be watched is tried again after this. */
#define RETRY_MS 100

static uint64_t now_ns(void)
{
    return clock_mono_us() * 1000;
}

bool worker_holds_rate(const struct worker *w, uint32_t slot)
{
    const struct limit_settings *limits = &w->round.snapshot->settings->limits;

    return (limits->messages_per_second | limits->messages_per_second_per_peer) > 0 ||
           w->plan.table->conns[slot].looping;
}

/*
 * MESSAGES more have come. Returns: when the next one is allowed, of this connection and of its
 * peer; NOW at least.
 */
static uint64_t charge(struct worker *w, uint32_t slot, uint64_t messages, uint64_t now)
{
    const struct limit_settings *limits = &w->round.snapshot->settings->limits;
    struct conn *conn = &w->plan.table->conns[slot];
    const uint64_t rate = conn->looping ? 1 : limits->messages_per_second;
    const uint64_t of_peer = limits->messages_per_second_per_peer;
    uint64_t until = now;

    if (rate > 0) {
        uint64_t from = conn->allowed_at_ns > now ? conn->allowed_at_ns : now;
        until = conn->allowed_at_ns = from + messages * SECOND_NS / rate;
    }
    if (of_peer > 0) {
        uint64_t together =
            peer_rates_charge(w->plan.rates, &w->plan.table->ledger->slots[slot].peer,
                              messages * SECOND_NS / of_peer, now);
        until = together > until ? together : until;
    }
    return until;
}

/* --- those that wait --- */

/* Behind all others: it was read. */
static void append(struct worker *w, uint32_t slot)
{
    struct conn *conns = w->plan.table->conns;

    conns[slot].next = CONNECTION_NONE;
    if (w->slowed == CONNECTION_NONE)
        w->slowed = slot;
    else
        conns[w->slowed_last].next = slot;
    w->slowed_last = slot;
}

/* Before those that were read, so that all connections of a peer have their turn. */
static void insert(struct worker *w, uint32_t slot)
{
    struct conn *conns = w->plan.table->conns;
    uint32_t *link =
        w->slowed_unread == CONNECTION_NONE ? &w->slowed : &conns[w->slowed_unread].next;

    conns[slot].next = *link;
    if (*link == CONNECTION_NONE)
        w->slowed_last = slot;
    *link = w->slowed_unread = slot;
}

static bool put_to_rest(struct worker *w, uint32_t slot)
{
    if (conn_unwatch(w->plan.table, slot, w->set) < 0)
        return false;
    w->plan.table->conns[slot].state = CONN_SLOWED;
    counter_add(w->counters, COUNTER_SLOWED, 1);
    return true;
}

void worker_slow_down(struct worker *w, uint32_t slot, uint64_t messages, bool more)
{
    uint64_t now = now_ns();

    if (charge(w, slot, messages, now) > now + AHEAD_NS && more && put_to_rest(w, slot))
        append(w, slot);
}

bool worker_rate_allows(struct worker *w, uint32_t slot)
{
    uint64_t now = now_ns();

    if (charge(w, slot, 0, now) <= now + AHEAD_NS || !put_to_rest(w, slot))
        return true;
    insert(w, slot);
    return false;
}

void worker_watch_later(struct worker *w, uint32_t slot)
{
    w->plan.table->conns[slot].state = CONN_SLOWED;
    append(w, slot);
}

void worker_wait_no_more(struct worker *w, uint32_t slot)
{
    struct conn *conns = w->plan.table->conns;
    uint32_t before = CONNECTION_NONE;

    if (conns[slot].state != CONN_SLOWED)
        return;
    for (uint32_t i = w->slowed; i != slot; i = conns[i].next)
        before = i;
    if (before == CONNECTION_NONE)
        w->slowed = conns[slot].next;
    else
        conns[before].next = conns[slot].next;
    if (w->slowed_last == slot)
        w->slowed_last = before;
    if (w->slowed_unread == slot)
        w->slowed_unread = before;
    conns[slot].state = CONN_OPEN;
}

/*
 * Watch one again, if its rate allows.
 * Returns: 0, or for how many milliseconds it has to wait.
 */
static int wake(struct worker *w, uint32_t slot, uint64_t now)
{
    uint64_t until = charge(w, slot, 0, now);

    if (until > now + AHEAD_NS) {
        uint64_t left_ms = (until - AHEAD_NS - now + MS_NS - 1) / MS_NS;
        return left_ms < WAIT_MAX_MS ? (int)left_ms : WAIT_MAX_MS;
    }
    struct conn *conn = &w->plan.table->conns[slot];
    if (conn_pending(w->plan.table, slot))
        conn->wants = CONN_WANTS_WRITE; /* the poller would not tell of it otherwise */
    if (conn_watch(w->plan.table, slot, w->set) < 0)
        return RETRY_MS; /* no memory for it now */
    conn->state = CONN_OPEN;
    return 0;
}

int worker_wake_slowed(struct worker *w)
{
    struct conn *conns = w->plan.table->conns;
    uint64_t now = now_ns();
    uint32_t *link = &w->slowed;
    int next_ms = -1;

    w->slowed_unread = CONNECTION_NONE;
    while (*link != CONNECTION_NONE) {
        struct conn *conn = &conns[*link];
        int left_ms = wake(w, *link, now);
        if (left_ms > 0) {
            next_ms = next_ms < 0 || left_ms < next_ms ? left_ms : next_ms;
            w->slowed_last = *link;
            link = &conn->next;
        } else {
            *link = conn->next;
            conn->next = CONNECTION_NONE;
        }
    }
    return next_ms;
}
