/* SPDX-License-Identifier: MIT
 *
 * Rates of peers: cells in sets of a few, found by a hash. A cell whose moment has passed is free.
 * Two threads that make the same peer known at the same time may give it two cells; one of them is
 * found from then on, and the other runs out.
 */
#include "config.h"

#include "daemon/worker/peer_rates.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "peerlog/hash.h"

/* Cells in a set: what one look-up goes through. */
#define WAYS 8u

/* So often a place is fought for; who gets none goes without a charge this once. */
#define ATTEMPTS 4

struct cell {
    _Atomic uint64_t key; /* peer_key() */
    _Atomic uint64_t until_ns;
};

struct peer_rates {
    uint32_t mask; /* of sets */
    struct cell *cells;
};

int peer_rates_new(uint32_t peers, struct peer_rates **ret_rates)
{
    struct peer_rates *rates = calloc(1, sizeof *rates);
    uint32_t sets = 8;

    if (rates == NULL)
        return -ENOMEM;
    while (sets < peers / (WAYS / 2))
        sets *= 2;
    rates->mask = sets - 1;
    rates->cells = calloc((size_t)sets * WAYS, sizeof *rates->cells);
    if (rates->cells == NULL) {
        free(rates);
        return -ENOMEM;
    }
    *ret_rates = rates;
    return 0;
}

struct peer_rates *peer_rates_free(struct peer_rates *rates)
{
    if (rates != NULL)
        free(rates->cells);
    free(rates);
    return NULL;
}

static uint64_t until_of(const struct cell *cell)
{
    return atomic_load_explicit(&cell->until_ns, memory_order_relaxed);
}

/* The cell of KEY in its set; or NULL, and the one that is worth least in *RET_OTHER. */
static struct cell *find(struct cell *set, uint64_t key, struct cell **ret_other)
{
    *ret_other = set;
    for (uint32_t i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&set[i].key, memory_order_relaxed) == key)
            return &set[i];
        if (until_of(&set[i]) < until_of(*ret_other))
            *ret_other = &set[i];
    }
    return NULL;
}

/* Take the place of a peer that is ahead least, or not at all. Returns: NULL: it was fought for. */
static struct cell *claim(struct cell *cell, uint64_t key, uint64_t now_ns)
{
    uint64_t before = atomic_load_explicit(&cell->key, memory_order_relaxed);

    if (!atomic_compare_exchange_strong(&cell->key, &before, key))
        return NULL;
    if (until_of(cell) > now_ns)
        atomic_store_explicit(&cell->until_ns, now_ns, memory_order_relaxed);
    return cell;
}

static uint64_t charge(struct cell *cell, uint64_t cost_ns, uint64_t now_ns)
{
    uint64_t until = until_of(cell), next;

    do
        next = (until > now_ns ? until : now_ns) + cost_ns;
    while (cost_ns > 0 && !atomic_compare_exchange_weak(&cell->until_ns, &until, next));
    return next;
}

uint64_t peer_rates_charge(struct peer_rates *rates, const struct peer *peer, uint64_t cost_ns,
                           uint64_t now_ns)
{
    uint64_t key = peer_key(peer);
    struct cell *set = &rates->cells[(size_t)(hash_key(key) & rates->mask) * WAYS];
    struct cell *other;

    for (int i = 0; i < ATTEMPTS; i++) {
        struct cell *cell = find(set, key, &other);
        if (cell == NULL && cost_ns == 0)
            return now_ns;
        if (cell == NULL)
            cell = claim(other, key, now_ns);
        if (cell != NULL)
            return charge(cell, cost_ns, now_ns);
    }
    return now_ns + cost_ns;
}
