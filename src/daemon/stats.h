/* SPDX-License-Identifier: MIT
 *
 * Counters: each thread counts for itself on cache lines of its own; whoever asks adds
 * them up. One writer, relaxed atomics.
 */
#ifndef PEERLOG_DAEMON_STATS_H
#define PEERLOG_DAEMON_STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct worker_stats {
    _Alignas(64) _Atomic uint64_t records; /* delivered */
    _Atomic uint64_t bytes;                /* received */
    _Atomic uint64_t rounds;
    _Atomic uint64_t oversize;     /* messages split, truncated or discarded */
    _Atomic uint64_t discarded;    /* messages discarded as over-long */
    _Atomic uint64_t resets;       /* connections that ended with an error */
    _Atomic uint64_t silent;       /* connections that ended without a byte */
    _Atomic uint64_t closed;       /* connections that ended */
    _Atomic uint64_t idle_closed;  /* of these, closed as idle */
    _Atomic uint64_t slowed;       /* times that one was not read for messages_per_second */
    _Atomic uint64_t unfinished;   /* messages that a stop ended */
    _Atomic uint32_t waiting;      /* records in hand that the output did not take yet */
};

struct listener_stats {
    _Alignas(64) _Atomic uint64_t accepted;
    _Atomic uint64_t failed;  /* accept(2) and what follows it */
    _Atomic uint64_t full;    /* times that limits.connections was reached */
    _Atomic uint64_t unparked; /* connections that the service manager does not hold */
};

/* Add to a counter of one's own. */
static inline void stats_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t stats_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
