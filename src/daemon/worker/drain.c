/* SPDX-License-Identifier: MIT
 *
 * The worker's end: what was in each socket when the stop was asked for is read and
 * delivered; what comes later stays in the sockets, for the next process if there is one.
 */
#include "config.h"

#include "daemon/worker/private.h"

#include "daemon/session/conn.h"

void worker_begin_draining(struct worker *w)
{
    struct connections *table = w->plan.table;

    w->draining = true;
    w->slowed = w->slowed_unread = CONNECTION_NONE; /* all are read now */
    for (uint32_t i = ledger_next_live(table->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(table->ledger, i + 1)) {
        if (!worker_owns(w, i))
            continue;
        /* Of one that is not established nothing was read, or it ends with us. */
        bool reads = conn_is_established(table, i);
        table->conns[i].drain_left = reads ? conn_unread(table, i) : 0;
        table->conns[i].state = reads ? CONN_OPEN : CONN_DRAINED;
    }
}

/* Read one connection; when all that was wanted has come, it is not watched any more. */
static void read_drained(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];
    const struct stream *stream = &w->plan.table->ledger->slots[slot].stream;
    uint32_t limit = conn->drain_left < ROUND_READ_BYTES ? conn->drain_left : ROUND_READ_BYTES;
    uint64_t before = stream->received;
    enum round_read result = ROUND_NOTHING;

    if (limit > 0)
        result = round_read(&w->round, slot, limit, false);
    uint32_t got = (uint32_t)(stream->received - before);
    conn->drain_left = got == 0 ? 0 : conn->drain_left - got; /* what was pending is no news */
    if (conn->drain_left > 0 || result == ROUND_ENDED)
        return;
    (void)conn_unwatch(w->plan.table, slot, w->set); /* it may have been slowed */
    bool parked = atomic_load(&w->plan.table->ledger->slots[slot].lot) != LOT_NONE;
    conn->state = w->stop_keep && parked ? CONN_DRAINED : CONN_TO_END;
}

/* One step with one connection. Returns: false while the output blocks. */
static bool drain(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];

    if (!worker_make_room(w, slot))
        return false;
    if (conn->state == CONN_TO_END) {
        conn->state = CONN_DRAINED;
        if (conn_at_end(w->plan.table, slot)) {
            (void)round_read(&w->round, slot, 1, false); /* the end itself */
            return worker_frame(w);
        }
        connections_note_ending(&w->plan.table->ledger->slots[slot], ENDING_STOP);
        if (w->plan.table->ledger->slots[slot].stream.tail_bytes > 0)
            counter_add(w->counters, COUNTER_UNFINISHED, 1);
        return worker_end_stream(w, slot);
    }
    read_drained(w, slot);
    return worker_frame(w);
}

bool worker_drain_turn(struct worker *w)
{
    const struct connections *table = w->plan.table;
    bool done = true;

    for (uint32_t i = ledger_next_live(table->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(table->ledger, i + 1)) {
        if (!worker_owns(w, i) || table->conns[i].state == CONN_DRAINED)
            continue;
        if (!drain(w, i))
            return false;
        done = false;
    }
    return worker_finish_round(w) && done;
}

void worker_end_all(struct worker *w)
{
    struct connections *table = w->plan.table;

    for (uint32_t i = ledger_next_live(table->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(table->ledger, i + 1)) {
        struct conn *conn = &table->conns[i];
        if (!worker_owns(w, i) || conn->fd < 0)
            continue;
        if (table->establishing[i] != NULL) {
            conn->by_reset = 1;
            conn_end(table, i, w->set, table->ledger->slots[i].lot != LOT_NONE);
            conn->fd = -1;
        } else if (!conn->in_hand && table->ledger->slots[i].stream.tail_bytes == 0) {
            conn_expect_end(table, i);
        }
    }
}
