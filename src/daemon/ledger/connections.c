/* SPDX-License-Identifier: MIT
 *
 * The table of connections: a chain of free slots behind a lock that is taken once
 * when a connection begins and once when it ends.
 */
#include "config.h"

#include "daemon/ledger/connections.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"

static_assert(sizeof(struct conn) + sizeof(struct slot) == 144, "what an idle connection costs");

int connections_init(struct connections *table, struct ledger *ledger, uint32_t limit)
{
    *table = (struct connections){
        .ledger = ledger, .capacity = ledger->header->slots, .limit = limit,
        .first_free = CONNECTION_NONE,
    };
    /* calloc: pages of slots that are never used are never touched. */
    table->conns = calloc(table->capacity, sizeof *table->conns);
    table->establishing = calloc(table->capacity, sizeof *table->establishing);
    table->mortal = calloc(table->capacity, sizeof *table->mortal);
    int error = ENOMEM;
    if (table->conns != NULL && table->establishing != NULL && table->mortal != NULL)
        error = pthread_mutex_init(&table->lock, NULL);
    if (error != 0) {
        free(table->mortal);
        free(table->establishing);
        free(table->conns);
        table->conns = NULL;
    }
    return -error;
}

void connections_done(struct connections *table)
{
    if (table->conns != NULL) {
        free(table->mortal);
        free(table->establishing);
        free(table->conns);
        (void)pthread_mutex_destroy(&table->lock); /* no thread is left to hold it */
        table->conns = NULL;
    }
}

/* From now on slots below END may be in use. */
static void raise_high(struct connections *table, uint32_t end)
{
    if (end > ledger_slots_high(table->ledger))
        atomic_store_explicit(&table->ledger->header->slots_high, end, memory_order_release);
}

/* Skip what connections_claim() took out of the untouched range. */
static uint32_t next_untouched(struct connections *table)
{
    while (table->untouched < table->capacity) {
        uint32_t slot = table->untouched++;
        const struct slot *untouched = &table->ledger->slots[slot];
        raise_high(table, slot + 1);
        if (atomic_load_explicit(&untouched->use, memory_order_relaxed) == SLOT_FREE)
            return slot;
    }
    return CONNECTION_NONE;
}

/* All but its use; field by field, because others may look at the atomic ones. */
static void clear_slot(struct slot *slot)
{
    slot->cookie = slot->connection = 0;
    slot->stream = (struct stream){.received = 0};
    slot->peer = (struct peer){.family = PEER_UNKNOWN};
    atomic_store_explicit(&slot->lot, LOT_NONE, memory_order_relaxed);
    atomic_store_explicit(&slot->listener, LISTENER_NONE, memory_order_relaxed);
    slot->framing = slot->crashes = slot->flags = slot->transport = 0;
    slot->ending = slot->problem = 0;
}

/* No worker owns it, so none looks at it but at its owner, which stays as it is. */
static void clear_conn(struct conn *conn)
{
    conn->fd = -1;
    conn->next = CONNECTION_NONE;
    conn->active_s = 0;
    conn->allowed_at_ns = 0;
    conn->dirty_tail = TAIL_CLEAN;
    conn->in_hand = conn->by_reset = 0;
    conn->state = CONN_OPEN;
    conn->wants = 0;
    conn->sweeps_left = 0;
}

uint32_t connections_take(struct connections *table)
{
    uint32_t slot = CONNECTION_NONE;

    (void)pthread_mutex_lock(&table->lock); /* a plain mutex of ours cannot fail */
    if (connections_count(table) < table->limit) {
        slot = table->first_free;
        if (slot != CONNECTION_NONE)
            table->first_free = table->conns[slot].next;
        else
            slot = next_untouched(table);
    }
    if (slot != CONNECTION_NONE)
        atomic_fetch_add_explicit(&table->in_use, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&table->lock);
    if (slot != CONNECTION_NONE) {
        clear_slot(&table->ledger->slots[slot]);
        clear_conn(&table->conns[slot]);
    }
    return slot;
}

void connections_open(struct connections *table, uint32_t index, const struct conn_birth *birth)
{
    struct ledger *ledger = table->ledger;
    struct slot *slot = &ledger->slots[index];

    slot->peer = birth->peer;
    slot->framing = birth->framing;
    slot->transport = birth->transport;
    if (birth->mortal)
        slot->flags |= SLOT_MORTAL;
    if (birth->transport != TRANSPORT_PLAIN)
        *connections_transport(table, index) = (struct transport_state){.wire_bytes = 0};
    slot->stream.session = birth->session;
    if (birth->session != SESSION_SYSLOG)
        ledger->sessions[index] = (struct session_state){.bytes = {0}};
    slot->cookie = birth->cookie;
    slot->since_s = (uint32_t)clock_wall_s();
    slot->stream.received = birth->received;
    slot->stream.awaits_proxy = birth->awaits_proxy;
    slot->connection = atomic_fetch_add_explicit(&ledger->header->last_connection, 1,
                                                 memory_order_relaxed) + 1;
    atomic_store_explicit(&slot->listener, birth->listener, memory_order_relaxed);
    atomic_store_explicit(&slot->lot, birth->lot, memory_order_relaxed);
    table->conns[index].fd = birth->fd;
    atomic_store_explicit(&slot->use, SLOT_LIVE, memory_order_release);
}

void connections_claim(struct connections *table, uint32_t slot)
{
    raise_high(table, slot + 1);
    clear_conn(&table->conns[slot]);
    atomic_fetch_add_explicit(&table->in_use, 1, memory_order_relaxed);
}

/* Nothing that its transport knew stays behind. */
static void wipe(struct connections *table, uint32_t slot)
{
    const struct slot *data = &table->ledger->slots[slot];

    if (data->transport != TRANSPORT_PLAIN)
        explicit_bzero(connections_transport(table, slot), sizeof table->mortal[slot]);
    if (data->flags & SLOT_DETAILED)
        explicit_bzero(&table->ledger->details[slot], sizeof table->ledger->details[slot]);
}

void connections_give(struct connections *table, uint32_t slot)
{
    wipe(table, slot);
    atomic_store_explicit(&table->conns[slot].owner, 0, memory_order_relaxed);
    table->conns[slot].fd = -1;
    (void)pthread_mutex_lock(&table->lock);
    /* Free and in the chain at once, or next_untouched() would take it for one that never was. */
    atomic_store_explicit(&table->ledger->slots[slot].use, SLOT_FREE, memory_order_release);
    table->conns[slot].next = table->first_free;
    table->first_free = slot;
    atomic_fetch_sub_explicit(&table->in_use, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&table->lock);
}

void connections_set_limit(struct connections *table, uint32_t limit)
{
    atomic_store_explicit(&table->limit, limit, memory_order_relaxed);
}

uint32_t connections_count(const struct connections *table)
{
    return atomic_load_explicit(&table->in_use, memory_order_relaxed);
}
