/* SPDX-License-Identifier: MIT
 *
 * The worker and the clock: messages that wait, idle connections, those that were told goodbye,
 * those that exceed their rate, and an output to be opened again. Without any of these an idle
 * worker wakes for nothing.
 */
#include "config.h"

#include "daemon/worker/private.h"

#include "daemon/session/conn.h"
#include "daemon/session/session.h"
#include "daemon/session/silence.h"
#include "os/clock.h"

/* New settings that could not be taken up for lack of memory are tried again after this. */
#define AGAIN_MS 50

int worker_until(uint64_t moment_ms)
{
    uint64_t now = clock_mono_ms();

    if (moment_ms <= now)
        return 1;
    return moment_ms - now < WAIT_MAX_MS ? (int)(moment_ms - now) : WAIT_MAX_MS;
}

void worker_plan_sweep(struct worker *w, bool leaving)
{
    const struct settings *settings = w->round.snapshot->settings;
    uint64_t every_ms = leaving ? 1000 : (uint64_t)settings->limits.idle_timeout_s * 250;
    uint64_t tell_ms = silence_every_s(settings) * 1000ull;

    if (every_ms > 0 && every_ms < 1000)
        every_ms = 1000;
    if (every_ms > 30000)
        every_ms = 30000;
    if (tell_ms > 0 && (every_ms == 0 || tell_ms < every_ms))
        every_ms = tell_ms;
    w->sweep_at_ms = every_ms > 0 ? clock_mono_coarse_ms() + every_ms : 0;
}

void worker_expect_flush(struct worker *w)
{
    uint64_t next_ms = (w->now_s + 1ull) * 1000;

    w->round.left_waiting = false;
    if (w->sweep_at_ms == 0 || w->sweep_at_ms > next_ms)
        w->sweep_at_ms = next_ms;
}

/*
 * For how many seconds may what waits on this connection still do so? 0: it waits for nothing.
 * Seconds are counted by their beginnings, so one more of them makes sure that none is short.
 */
static uint32_t flush_after_s(const struct worker *w, uint32_t index)
{
    const struct slot *slot = &w->plan.table->ledger->slots[index];
    const struct listener_settings *listener = snapshot_listener(w->round.snapshot, slot->listener);
    const uint32_t timeout_s =
        listener != NULL ? listener->flush_timeout_s : PEERLOG_DEFAULT_FLUSH_TIMEOUT_S;
    const struct framer_rules rules = {
        .max_message_bytes = w->round.snapshot->settings->buffer_size, .framing = slot->framing,
        .multiline = listener != NULL ? listener->multiline : MULTILINE_NONE, .flushes = 1,
    };

    if (timeout_s == 0 || slot->stream.awaits_proxy || slot->stream.session == SESSION_RELP ||
        slot->stream.session == SESSION_FOREIGN)
        return 0;
    switch (framer_waits(&slot->stream.framer, &rules, ledger_tail(w->plan.table->ledger, index),
                         slot->stream.tail_bytes)) {
    case FRAMER_WAIT_NONE:
        return 0;
    case FRAMER_WAIT_PAUSE:
        return PEERLOG_PAUSE_S + 1;
    case FRAMER_WAIT_END:
        break;
    }
    return timeout_s + 1;
}

/*
 * Flush what has waited for long enough, unless more of it is here and only was not read yet.
 * Answers: was it flushed? It is in the round then.
 */
static bool flush_late(struct worker *w, uint32_t index, uint32_t silent_s)
{
    uint32_t after_s = flush_after_s(w, index);

    if (after_s == 0)
        return false;
    w->round.left_waiting = true;
    if (silent_s < after_s || conn_unread(w->plan.table, index) > 0)
        return false;
    round_flush(&w->round, index);
    return true;
}

/*
 * Is it shaking hands? Where both may come, silence is no handshake; bytes that are left where they
 * are, are the beginning of one.
 */
static bool is_shaking_hands(const struct worker *w, uint32_t slot)
{
    const struct connections *table = w->plan.table;

    return !conn_is_established(table, slot) &&
           (table->ledger->slots[slot].transport != TRANSPORT_AUTO || conn_unread(table, slot) > 0);
}

/* A handshake takes too long. Returns: false while the output blocks. */
static bool give_up_handshake(struct worker *w, uint32_t slot)
{
    w->plan.table->conns[slot].by_reset = 1;
    connections_note_ending(&w->plan.table->ledger->slots[slot], ENDING_HANDSHAKE);
    counter_add(w->counters, COUNTER_TLS_TIMEOUT, 1);
    preface_refuse_because(w->plan.preface, &w->plan.table->ledger->slots[slot].peer,
                           REFUSED_HANDSHAKE,
                           "its TLS handshake was not done within limits.handshake_timeout",
                           w->counters);
    return worker_end_stream(w, slot);
}

/* It does not read its answers. Returns: false while the output blocks. */
static bool give_up_writing(struct worker *w, uint32_t slot)
{
    w->plan.table->conns[slot].by_reset = 1;
    connections_note_ending(&w->plan.table->ledger->slots[slot], ENDING_DEAF);
    counter_add(w->counters, COUNTER_DEAF, 1);
    preface_report_deaf(w->plan.preface, &w->plan.table->ledger->slots[slot].peer);
    return worker_end_stream(w, slot);
}

/* Its time is over, whatever it sends or waits for. Returns: false while the output blocks. */
static bool cut_off(struct worker *w, uint32_t slot)
{
    w->plan.table->conns[slot].by_reset = 1;
    return worker_end_stream(w, slot);
}

/* Answers: is it time to end one that was told goodbye? It was silent, so it saw that. */
static bool is_to_end(const struct worker *w, uint32_t slot, uint32_t silent_s)
{
    const struct conn *conn = &w->plan.table->conns[slot];

    return silent_s >= PEERLOG_LEAVE_S &&
           (conn->by_reset || conn_unread(w->plan.table, slot) == 0);
}

/*
 * Look over one connection, for which there is room in the round. *RET_LEAVING becomes true
 * when it is to be ended soon.
 * Returns: false while the output blocks.
 */
static bool look_over(struct worker *w, uint32_t i, bool *ret_leaving)
{
    const struct limit_settings *limits = &w->round.snapshot->settings->limits;
    struct connections *table = w->plan.table;
    struct slot *slot = &table->ledger->slots[i];
    struct conn *conn = &table->conns[i];
    /* The acceptor may have set active_s a tick after now_s was read. */
    uint32_t silent_s = w->now_s > conn->active_s ? w->now_s - conn->active_s : 0;

    *ret_leaving = *ret_leaving || conn->sweeps_left > 0;
    if (conn->sweeps_left > 0 && --conn->sweeps_left == 0)
        return cut_off(w, i);
    if (flush_late(w, i, silent_s))
        return worker_frame(w);
    if (is_shaking_hands(w, i)) {
        *ret_leaving = true;
        if (silent_s >= limits->handshake_timeout_s)
            return give_up_handshake(w, i);
    } else if (conn->wants == CONN_WANTS_WRITE) {
        *ret_leaving = true;
        if (silent_s >= limits->write_timeout_s)
            return give_up_writing(w, i);
    } else if (slot->flags & SLOT_LEAVING) {
        *ret_leaving = true;
        if (!conn->in_hand && !conn->by_reset && session_owes(table, i))
            worker_answer(w, i);
        else if (is_to_end(w, i, silent_s))
            return worker_end_stream(w, i);
    } else if (limits->idle_timeout_s > 0 && silent_s >= limits->idle_timeout_s) {
        *ret_leaving = true;
        slot->flags |= SLOT_LEAVING;
        connections_note_ending(slot, ENDING_IDLE);
        conn->active_s = w->now_s;
        counter_add(w->counters, COUNTER_IDLE_CLOSED, 1);
        preface_tell(w->plan.preface, &slot->peer, NEWS_IDLE,
                     "closing its connection, on which nothing came for limits.idle_timeout");
        conn_say_goodbye(table, i);
    }
    return true;
}

/*
 * Look over all connections: what waits in vain is flushed, idle ones are told goodbye, and
 * those that were told long ago are ended. Returns: false when the output blocks.
 */
static bool sweep(struct worker *w)
{
    const struct connections *table = w->plan.table;
    bool leaving = false;

    for (uint32_t i = ledger_next_live(table->ledger, 0);
         i != LEDGER_NO_SLOT && atomic_load_explicit(&w->load, memory_order_relaxed) > 0;
         i = ledger_next_live(table->ledger, i + 1)) {
        if (!worker_owns(w, i) || table->conns[i].fd < 0)
            continue;
        worker_tell_heard(w, i, w->heard_s);
        /* One that is slowed waits for its rate alone, unless it was told to end. */
        if (table->conns[i].state != CONN_OPEN && table->conns[i].sweeps_left == 0) {
            leaving = leaving || table->ledger->slots[i].flags & SLOT_LEAVING;
            continue;
        }
        if (!worker_make_room(w, i) || !look_over(w, i, &leaving))
            return false; /* and from the first one on next time */
    }
    w->heard_s = w->now_s;
    worker_plan_sweep(w, leaving);
    if (w->round.left_waiting)
        worker_expect_flush(w);
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
    if (w->snapshot_wanted != w->round.snapshot && round_is_empty(&w->round) &&
        (timeout_ms < 0 || timeout_ms > AGAIN_MS))
        timeout_ms = AGAIN_MS;
    return timeout_ms;
}
