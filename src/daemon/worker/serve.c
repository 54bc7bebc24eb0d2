/* SPDX-License-Identifier: MIT
 *
 * The worker at work: read, frame, deliver, close the round, end connections.
 */
#include "config.h"

#include "daemon/worker/private.h"

#include <stdlib.h>

#include "daemon/session/announce.h"
#include "daemon/session/conn.h"
#include "daemon/session/session.h"
#include "daemon/session/silence.h"
#include "os/clock.h"

/* Records of the batch are new: somebody may want to see them. */
static void trace_new(struct worker *w)
{
    if (w->trace != NULL && w->now_s - w->traced_at_s > TRACE_SILENCE_S) {
        free(w->trace);
        w->trace = NULL;
        round_note_ends(&w->round, false);
    }
    if (w->trace != NULL)
        trace_records(w->trace, w->round.batch, w->traced, w->round.ends);
    w->traced = w->round.batch->count;
}

/* The batch is delivered, and is empty from now on. */
static void close_batch(struct worker *w)
{
    uint32_t count = w->round.batch->count;

    if (count > 0) {
        uint64_t taken_us = clock_mono_us() - w->round.began_us;
        counter_add(w->counters, counters_place_of(taken_us), count);
        counter_add(w->counters, COUNTER_TAKEN_US, taken_us * count);
        counter_add(w->counters, COUNTER_BATCHES, 1);
    }
    round_delivered(&w->round);
    w->traced = 0;
}

/* Offer the batch to the output. Returns: true when all of it is delivered. */
static bool deliver(struct worker *w)
{
    struct batch *batch = w->round.batch;

    if (batch->delivered == batch->count) {
        close_batch(w);
        return true;
    }
    trace_new(w);
    atomic_store_explicit(&w->filled, w->round.fill, memory_order_relaxed);
    round_offer(&w->round);
    uint32_t delivered = batch->delivered;
    enum output_status status = output_push(w->output, batch);
    counter_add(w->counters, COUNTER_RECORDS, batch->delivered - delivered);
    atomic_store_explicit(&w->waiting, batch->count - batch->delivered,
                          memory_order_relaxed);
    if (status == OUTPUT_READY) {
        close_batch(w);
        return true;
    }
    round_withdraw(&w->round);
    if (status == OUTPUT_ENDED) {
        w->output->retry_at_ms = clock_mono_ms() + PAUSE_MAX_MS;
        w->plan.events->output_ended(w->plan.events->context);
    }
    return false;
}

bool worker_frame(struct worker *w)
{
    while (!round_frame(&w->round))
        if (!deliver(w) || w->round.starves)
            return false;
    return true;
}

void worker_tell_heard(struct worker *w, uint32_t slot_index, uint32_t since_s)
{
    const struct slot *slot = &w->plan.table->ledger->slots[slot_index];
    const struct conn *conn = &w->plan.table->conns[slot_index];
    const struct listener_settings *listener = snapshot_listener(w->round.snapshot, slot->listener);
    uint32_t at_s = conn->active_s;

    if (listener == NULL || listener->silent_after_s == 0 || slot->stream.sequence == 0)
        return;
    if (conn->state == CONN_SLOWED && conn_unread(w->plan.table, slot_index) > 0)
        at_s = w->now_s; /* it speaks, and is not read */
    if (at_s >= since_s)
        silence_heard(w->plan.silence, slot->listener, &slot->peer, at_s);
}

/* Its listener may want to have its end told. */
static void tell_end(struct worker *w, uint32_t slot_index)
{
    const struct slot *slot = &w->plan.table->ledger->slots[slot_index];
    const struct listener_settings *listener = snapshot_listener(w->round.snapshot, slot->listener);

    worker_tell_heard(w, slot_index, 0);
    if (listener != NULL && listener->announce != ANNOUNCE_NONE && !(slot->flags & SLOT_LOCAL))
        announce_end(w->plan.announcer, slot);
}

/* Some clients do not say that they refuse our certificate: they just come again and again. */
static void tell_wordless(const struct worker *w, uint32_t slot_index)
{
    const struct slot *slot = &w->plan.table->ledger->slots[slot_index];
    bool is_syslog = slot->stream.session == SESSION_SYSLOG || slot->stream.session == SESSION_AUTO;

    if (slot->transport == TRANSPORT_TLS && conn_is_established(w->plan.table, slot_index) &&
        slot->stream.sequence == 0 && is_syslog && !(slot->flags & SLOT_LOCAL) &&
        (slot->ending == ENDING_GOODBYE || slot->ending == ENDING_RESET))
        preface_tell(w->plan.preface, &slot->peer, NEWS_WORDLESS,
                     "it left after the handshake of TLS and said nothing; rsyslog by GnuTLS, for "
                     "one, does so when it does not accept the listener's certificate");
}

/* Close a connection whose last byte was delivered. */
static void end_connection(struct worker *w, uint32_t slot_index)
{
    struct slot *slot = &w->plan.table->ledger->slots[slot_index];
    const struct conn *conn = &w->plan.table->conns[slot_index];
    uint16_t lot = atomic_exchange(&slot->lot, LOT_NONE);

    tell_end(w, slot_index);
    worker_wait_no_more(w, slot_index);
    tell_wordless(w, slot_index);
    if (slot->stream.received == 0)
        counter_add(w->counters, COUNTER_SILENT, 1);
    /* Before the peer can know: it may come again at once. */
    admission_leave(w->plan.admission, &slot->peer);
    if (conn->fd >= 0)
        conn_end(w->plan.table, slot_index, w->set, lot != LOT_NONE);
    if (lot != LOT_NONE)
        parking_leave(w->plan.parking, lot);
    if (conn->looping)
        round_end_loop(&w->round, slot_index);
    round_forget(&w->round, slot_index);
    connections_give(w->plan.table, slot_index);
    atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    counter_add(w->counters, COUNTER_CLOSED, 1);
    w->plan.events->slot_freed(w->plan.events->context);
}

/* A session is over, and that was said: FIN, when nothing is unread that would make it a reset. */
static void end_session(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];

    if (conn_unread(w->plan.table, slot) == 0) {
        end_connection(w, slot);
        return;
    }
    w->plan.table->ledger->slots[slot].flags |= SLOT_LEAVING;
    conn->active_s = w->now_s;
    worker_plan_sweep(w, true);
}

/* What became of a connection's answers decides what is wanted of it. */
static void heed(struct worker *w, uint32_t slot, enum session_answers answers)
{
    struct connections *table = w->plan.table;
    uint8_t wants = answers == ANSWERS_WAIT ? CONN_WANTS_WRITE : CONN_WANTS_READ;

    if (table->conns[slot].fd < 0 || w->draining)
        return;
    (void)conn_want(table, slot, w->set, wants); /* a slowed one is watched so later */
    if (answers == ANSWERS_WAIT)
        worker_plan_sweep(w, true); /* it has a deadline */
    else if (answers == ANSWERS_LAST)
        end_session(w, slot);
}

/* The round was committed: what became of the answers? */
static void heed_answers(struct worker *w)
{
    const struct round *r = &w->round;

    for (uint32_t i = 0; i < r->committed; i++)
        if (r->answers[i] != ANSWERS_OUT &&
            (r->answers[i] == ANSWERS_WAIT || !atomic_load(&r->inbox->segment[i].at_end)))
            heed(w, r->inbox->segment[i].slot, (enum session_answers)r->answers[i]);
}

bool worker_finish_round(struct worker *w)
{
    if (round_is_empty(&w->round))
        return true;
    if (!worker_frame(w) || !deliver(w))
        return false;
    uint32_t count = round_commit(&w->round, w->ended);
    atomic_store_explicit(&w->filled, 0, memory_order_relaxed);
    if (w->round.left_waiting)
        worker_expect_flush(w);
    heed_answers(w);
    for (uint32_t i = 0; i < count; i++)
        end_connection(w, w->ended[i]);
    return true;
}

void worker_answer(struct worker *w, uint32_t slot)
{
    heed(w, slot, session_committed(w->plan.table, slot));
}

bool worker_make_room(struct worker *w, uint32_t slot)
{
    return round_has_room(&w->round, slot) || worker_finish_round(w);
}

bool worker_end_stream(struct worker *w, uint32_t slot)
{
    round_end_stream(&w->round, slot);
    return worker_frame(w);
}

bool worker_owns(const struct worker *w, uint32_t slot)
{
    return atomic_load_explicit(&w->plan.table->conns[slot].owner, memory_order_acquire) ==
           w->plan.index + 1;
}

/* Read, and note how much it was. */
static enum round_read read_some(struct worker *w, uint32_t slot, uint32_t limit, bool may_end)
{
    const struct stream *stream = &w->plan.table->ledger->slots[slot].stream;
    uint64_t before = stream->received;
    enum round_read result = round_read(&w->round, slot, limit, may_end);

    worker_weigh(w, slot, stream->received - before);
    return result;
}

/* Read in small bites, and count what came of it against the connection's rate. */
static bool read_slowly(struct worker *w, uint32_t slot, bool may_end)
{
    const struct stream *stream = &w->plan.table->ledger->slots[slot].stream;
    uint64_t before = stream->sequence;
    enum round_read result = read_some(w, slot, PEERLOG_SLOW_READ_BYTES, may_end);
    bool done = worker_frame(w);

    worker_slow_down(w, slot, stream->sequence - before, result == ROUND_GOT);
    return done;
}

/* How much to read of one connection: its share of the inbox; a lone one leaves half of it. */
static uint32_t read_limit(const struct worker *w)
{
    uint32_t ready = w->events_count > 2 ? w->events_count : 2;
    uint32_t share = LEDGER_INBOX_BYTES / ready;

    return share > ROUND_READ_BYTES ? share : ROUND_READ_BYTES;
}

/*
 * Go on with what comes before the stream of a connection. Answers: can it be read now? One that
 * failed is ended with the round.
 */
static bool establish(struct worker *w, uint32_t slot, bool ended)
{
    struct connections *table = w->plan.table;
    struct establishing with = {
        .snapshot = w->round.snapshot, .preface = w->plan.preface, .counters = w->counters,
        .ended = ended, .signatures = w->signatures,
    };

    if (table->ledger->slots[slot].transport == TRANSPORT_AUTO)
        table->conns[slot].active_s = w->now_s; /* until now it may have been one in clear */
    enum established state = conn_establish(table, slot, &with);
    w->signatures = with.signatures;
    if (state == ESTABLISH_FAILED) {
        connections_note_ending(&table->ledger->slots[slot], ENDING_HANDSHAKE);
        round_end_stream(&w->round, slot);
        return false;
    }
    (void)conn_want(table, slot, w->set, state == ESTABLISHES_WRITES
                                             ? CONN_WANTS_READ | CONN_WANTS_WRITE
                                             : CONN_WANTS_READ); /* it is watched */
    if (state != ESTABLISHED)
        worker_plan_sweep(w, true); /* it has a deadline */
    else
        table->conns[slot].active_s = w->now_s;
    return state == ESTABLISHED;
}

/*
 * One whose session owes answers is not read before they are out; what its transport owes keeps
 * nothing waiting. Answers: can it be read now?
 */
static bool may_read(struct worker *w, uint32_t slot, const struct conn_readiness *ready)
{
    struct conn *conn = &w->plan.table->conns[slot];

    if (conn->wants != CONN_WANTS_WRITE || ready->broken) {
        if (ready->writable)
            conn_answer(w->plan.table, slot, w->set);
        return true;
    }
    if (!ready->writable)
        return false;
    conn->active_s = w->now_s;
    worker_answer(w, slot);
    return worker_owns(w, slot) && conn->wants == CONN_WANTS_READ &&
           conn_pending(w->plan.table, slot);
}

bool worker_read(struct worker *w, uint32_t slot, uint32_t events)
{
    struct conn_readiness ready = conn_readiness(events);
    bool may_end = ready.said_goodbye;

    if (!conn_is_established(w->plan.table, slot) && !establish(w, slot, ready.ended))
        return worker_frame(w);
    if (!may_read(w, slot, &ready))
        return true;
    w->plan.table->conns[slot].active_s = w->now_s;
    if (worker_holds_rate(w, slot))
        return !worker_rate_allows(w, slot) || read_slowly(w, slot, may_end);
    (void)read_some(w, slot, read_limit(w), may_end);
    return worker_frame(w);
}
