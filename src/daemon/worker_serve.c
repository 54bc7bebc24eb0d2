/* SPDX-License-Identifier: MIT
 *
 * The worker at work: read, frame, deliver, close the round, end connections.
 */
#include "config.h"

#include <unistd.h>

#include "daemon/worker_parts.h"
#include "os/clock.h"
#include "os/net.h"

/* Offer the batch to the output. Returns: true when all of it was taken. */
static bool deliver(struct worker *w)
{
    struct batch *batch = w->round.batch;

    if (batch->taken == batch->count) {
        round_taken(&w->round);
        return true;
    }
    round_offer(&w->round);
    uint32_t taken = batch->taken;
    enum output_wait wait = output_push(w->output, batch);
    stats_add(&w->stats.records, batch->taken - taken);
    atomic_store_explicit(&w->stats.waiting, batch->count - batch->taken, memory_order_relaxed);
    if (wait == OUTPUT_READY) {
        round_taken(&w->round);
        return true;
    }
    round_withdraw(&w->round, w->output->partial > 0);
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

/*
 * Close the socket of a connection that has ended: the peer takes FIN for a receipt.
 * A parked copy keeps the socket open, and so it would stay in the set.
 */
static void close_socket(const struct worker *w, const struct conn *conn, bool parked)
{
    if (parked)
        (void)poller_remove(w->set, conn->fd); /* it is not in it while it rests */
    if (conn->by_reset) {
        net_break_off(conn->fd);
    } else if (parked) {
        net_hang_up(conn->fd);
    } else {
        net_end_well(conn->fd, true);
        (void)close(conn->fd); /* everything was read; there is no copy elsewhere */
    }
}

/* Close a connection whose last byte was delivered. */
static void end_connection(struct worker *w, uint32_t slot_index)
{
    struct slot *slot = &w->plan.table->ledger->slots[slot_index];
    const struct conn *conn = &w->plan.table->conns[slot_index];
    uint16_t lot = atomic_exchange(&slot->lot, LOT_NONE);

    if (slot->stream.taken == 0)
        stats_add(&w->stats.silent, 1);
    /* Before the peer can know: it may come again at once. */
    admission_leave(w->plan.office, &slot->peer);
    if (conn->fd >= 0)
        close_socket(w, conn, lot != LOT_NONE);
    if (lot != LOT_NONE)
        parking_leave(w->plan.parking, lot);
    round_forget(&w->round, slot_index);
    connections_give(w->plan.table, slot_index);
    atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    stats_add(&w->stats.closed, 1);
    w->plan.events->slot_freed(w->plan.events->context);
}

bool worker_finish_round(struct worker *w)
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

bool worker_make_room(struct worker *w, uint32_t slot)
{
    return round_has_room(&w->round, slot) || worker_finish_round(w);
}

bool worker_end_stream(struct worker *w, uint32_t slot)
{
    if (!worker_make_room(w, slot))
        return false;
    round_end_stream(&w->round, slot);
    return frame(w);
}

bool worker_owns(const struct worker *w, uint32_t slot)
{
    return atomic_load_explicit(&w->plan.table->conns[slot].owner, memory_order_acquire) ==
           w->plan.index + 1;
}

/* Read in small bites, and count what came of it against the connection's rate. */
static bool read_slowly(struct worker *w, uint32_t slot, bool may_end)
{
    const struct stream *stream = &w->plan.table->ledger->slots[slot].stream;
    uint64_t before = stream->sequence;
    enum round_read result = round_read(&w->round, slot, PEERLOG_SLOW_READ_BYTES, may_end);
    bool done = frame(w);

    worker_slow_down(w, slot, stream->sequence - before, result == ROUND_GOT);
    return done;
}

/* How much to read of one connection: its share of the inbox, so that a lone one fills it. */
static uint32_t read_limit(const struct worker *w)
{
    uint32_t ready = w->events_count > 2 ? w->events_count : 2;
    uint32_t share = LEDGER_INBOX_BYTES / ready;

    return share > ROUND_READ_BYTES ? share : ROUND_READ_BYTES;
}

bool worker_read(struct worker *w, uint32_t slot, uint32_t events)
{
    const uint32_t said_goodbye = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    bool may_end = (events & said_goodbye) == EPOLLRDHUP && !(events & EPOLLPRI);

    if (!worker_make_room(w, slot))
        return false;
    if (w->draining) {
        worker_read_drained(w, slot);
        return frame(w);
    }
    w->plan.table->conns[slot].active_s = w->now_s;
    if (w->round.rules->settings->limits.messages_per_second > 0)
        return read_slowly(w, slot, may_end);
    (void)round_read(&w->round, slot, read_limit(w), may_end);
    return frame(w);
}
