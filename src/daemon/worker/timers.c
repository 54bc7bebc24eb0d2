/* SPDX-License-Identifier: MIT
 *
 * The worker and the clock: idle connections, those that were told goodbye, those that
 * exceed their rate, and an output to be opened again. Without any of these an idle
 * worker wakes for nothing.
 */
#include "config.h"

#include "daemon/worker/private.h"

#include "daemon/session/conn.h"
#include "daemon/session/session.h"
#include "os/clock.h"

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

/* A handshake takes too long. Returns: false while the output blocks. */
static bool give_up_handshake(struct worker *w, uint32_t slot)
{
    w->plan.table->conns[slot].by_reset = 1;
    preface_refuse_because(w->plan.preface, &w->plan.table->ledger->slots[slot].peer,
                           REFUSED_HANDSHAKE,
                           "its TLS handshake was not done within limits.handshake_timeout",
                           w->counters);
    return worker_make_room(w, slot) && worker_end_stream(w, slot);
}

/* It does not read its answers. Returns: false while the output blocks. */
static bool give_up_writing(struct worker *w, uint32_t slot)
{
    w->plan.table->conns[slot].by_reset = 1;
    counter_add(w->counters, COUNTER_DEAF, 1);
    preface_report_deaf(w->plan.preface, &w->plan.table->ledger->slots[slot].peer);
    return worker_make_room(w, slot) && worker_end_stream(w, slot);
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

    for (uint32_t i = ledger_next_live(table->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(table->ledger, i + 1)) {
        struct slot *slot = &table->ledger->slots[i];
        struct conn *conn = &table->conns[i];
        if (!worker_owns(w, i) || conn->fd < 0 || conn->state != CONN_OPEN)
            continue;
        /* The acceptor may have set active_s a tick after now_s was read. */
        uint32_t silent_s = w->now_s > conn->active_s ? w->now_s - conn->active_s : 0;
        if (!conn_is_established(table, i) && slot->transport != TRANSPORT_AUTO) {
            leaving = true;
            if (silent_s >= w->round.snapshot->settings->limits.handshake_timeout_s &&
                !give_up_handshake(w, i))
                return false;
        } else if (conn->wants == CONN_WANTS_WRITE) {
            leaving = true;
            if (silent_s >= w->round.snapshot->settings->limits.write_timeout_s &&
                !give_up_writing(w, i))
                return false;
        } else if (slot->flags & SLOT_LEAVING) {
            if (!conn->in_hand && !conn->by_reset && session_owes(table, i)) {
                worker_answer(w, i);
                continue;
            }
            leaving = true;
            if (silent_s >= PEERLOG_LEAVE_S && (conn->by_reset || conn_unread(table, i) == 0) &&
                (!worker_make_room(w, i) || !worker_end_stream(w, i)))
                return false;
        } else if (idle_s > 0 && silent_s >= idle_s) {
            leaving = true;
            slot->flags |= SLOT_LEAVING;
            conn->active_s = w->now_s;
            counter_add(w->counters, COUNTER_IDLE_CLOSED, 1);
            conn_say_goodbye(table, i);
        }
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
    if (!w->output->is_open && output_ensure_open(w->output) < 0)
        timeout_ms = worker_until(w->output->retry_at_ms);
    if (w->slowed != CONNECTION_NONE) {
        int slowed_ms = worker_wake_slowed(w);
        if (slowed_ms >= 0 && (timeout_ms < 0 || slowed_ms < timeout_ms))
            timeout_ms = slowed_ms;
    }
    if (w->sweep_at_ms != 0) {
        int sweep_ms = worker_until(w->sweep_at_ms);
        timeout_ms = timeout_ms < 0 || sweep_ms < timeout_ms ? sweep_ms : timeout_ms;
    }
    return timeout_ms;
}
