/* SPDX-License-Identifier: MIT
 *
 * The worker's end: what was in each socket when the stop was asked for is read and
 * delivered; what comes later stays in the sockets, for the next process if there is one.
 */
#include "config.h"

#include "daemon/worker_parts.h"
#include "os/net.h"

void worker_begin_draining(struct worker *w)
{
    struct connections *table = w->plan.table;

    w->draining = true;
    for (uint32_t i = 0; i < ledger_slots_high(table->ledger); i++) {
        if (!worker_owns(w, i))
            continue;
        table->conns[i].drain_left = table->conns[i].fd >= 0 ? net_unread(table->conns[i].fd) : 0;
        table->conns[i].state = CONN_OPEN;
    }
}

/* Nothing more is wanted of this connection: it rests until the next process has it. */
static void rest(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];

    if (conn->state == CONN_OPEN)
        (void)poller_remove(w->set, conn->fd); /* it was added */
    conn->state = CONN_RESTING;
}

void worker_read_drained(struct worker *w, uint32_t slot)
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

bool worker_drain_turn(struct worker *w)
{
    struct connections *table = w->plan.table;
    bool done = true;

    for (uint32_t i = 0; i < ledger_slots_high(table->ledger); i++) {
        struct conn *conn = &table->conns[i];
        if (!worker_owns(w, i) || (conn->state == CONN_RESTING && conn->drain_left == 0))
            continue;
        if (conn->drain_left == UINT32_MAX) {
            if (!worker_make_room(w, i))
                return false;
            conn->drain_left = 0;
            if (table->ledger->slots[i].stream.tail_bytes > 0)
                stats_add(&w->stats.unfinished, 1);
            if (!worker_end_stream(w, i))
                return false;
        } else if (!worker_read(w, i, 0)) {
            return false;
        }
        done = false;
    }
    return worker_finish_round(w) && done;
}

void worker_part_well(struct worker *w)
{
    struct connections *table = w->plan.table;

    for (uint32_t i = 0; i < ledger_slots_high(table->ledger); i++) {
        const struct conn *conn = &table->conns[i];
        if (worker_owns(w, i) && conn->fd >= 0 && !conn->in_hand &&
            table->ledger->slots[i].stream.tail_bytes == 0)
            net_end_well(conn->fd, true);
    }
}
