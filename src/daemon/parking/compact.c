/* SPDX-License-Identifier: MIT
 *
 * Moving: one pass over the slots for each lot that is rewritten, not for each socket in it.
 */
#include "config.h"

#include "daemon/parking/compact.h"

#include <stdatomic.h>
#include <stdint.h>

#include "os/net.h"

/* More sockets than fit into a lot, as a rule. */
#define MOVER_SLOTS 1024u

/* The slots whose sockets are in the lot that is being rewritten. */
struct mover {
    struct ledger *ledger;
    uint16_t lot;
    bool complete; /* they are all here */
    uint32_t count;
    uint32_t slots[MOVER_SLOTS];
};

static void find_movers(struct mover *m, uint16_t lot)
{
    uint32_t high = ledger_slots_high(m->ledger);

    m->lot = lot;
    m->count = 0;
    m->complete = true;
    for (uint32_t i = 0; i < high && m->complete; i++) {
        if (atomic_load_explicit(&m->ledger->slots[i].lot, memory_order_relaxed) != lot)
            continue;
        m->complete = m->count < MOVER_SLOTS;
        if (m->complete)
            m->slots[m->count++] = i;
    }
}

/* Where a rewritten lot's living socket belongs now. */
static bool move_slot(void *context, int fd, uint16_t from, uint16_t to)
{
    struct mover *m = context;
    uint64_t cookie = net_cookie(fd);

    if (m->lot != from)
        find_movers(m, from);
    uint32_t count = m->complete ? m->count : ledger_slots_high(m->ledger);
    for (uint32_t i = 0; i < count; i++) {
        struct slot *slot = &m->ledger->slots[m->complete ? m->slots[i] : i];
        uint16_t expected = from;
        if (atomic_load_explicit(&slot->lot, memory_order_relaxed) == from &&
            slot->cookie == cookie)
            return to == LOT_NONE || atomic_compare_exchange_strong(&slot->lot, &expected, to);
    }
    return false;
}

bool compact_sweep(struct parking *parking, struct ledger *ledger)
{
    struct mover m = {.ledger = ledger, .lot = LOT_NONE};

    return parking_sweep(parking, move_slot, &m);
}
