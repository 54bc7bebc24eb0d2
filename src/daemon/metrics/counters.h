/* SPDX-License-Identifier: MIT
 *
 * Counters: one list of all of them, and one table that says what each is called; the line of
 * SIGUSR1, the STATUS line and Prometheus's text follow from it. Each thread counts for itself in a
 * block of its own, which lies in the ledger and so outlives it; main adds the blocks up.
 * One writer, relaxed atomics.
 */
#ifndef PEERLOG_DAEMON_METRICS_COUNTERS_H
#define PEERLOG_DAEMON_METRICS_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of the line; places in the ledger go by it, so a new one goes to the end. */
enum counter {
    COUNTER_RECORDS,
    COUNTER_BYTES,
    COUNTER_ACCEPTED,
    COUNTER_REFUSED_DENIED, /* these six in the order of enum admission_verdict */
    COUNTER_REFUSED_TOO_MANY,
    COUNTER_REFUSED_NO_BALANCER,
    COUNTER_REFUSED_NO_HEADER,
    COUNTER_REFUSED_PLAIN,
    COUNTER_REFUSED_HANDSHAKE,
    COUNTER_FAILED,
    COUNTER_UNPARKED,
    COUNTER_SILENT,
    COUNTER_RESETS,
    COUNTER_IDLE_CLOSED,
    COUNTER_FULL,
    COUNTER_SLOWED,
    COUNTER_OVERSIZE,
    COUNTER_DISCARDED,
    COUNTER_CLOSED,
    COUNTER_ROUNDS,
    COUNTER_UNFINISHED,
    COUNTER_FOREIGN_BYTES,
    COUNTER_DEAF,
    COUNTERS,
};

/* What a counter is called. */
struct counter_name {
    const char *metric; /* after Prometheus's conventions; those with the same name are a family */
    const char *label;  /* what tells it from its family: name="value"; NULL: it has none */
    const char *help;
    const char *words; /* before its number in the line; NULL: it is not in it */
    uint8_t family;    /* the line has the sum of this one and so many behind it, and then it */
};

extern const struct counter_name counter_names[COUNTERS];

/* Add to a counter of one's own block. */
static inline void counter_add(_Atomic uint64_t *block, enum counter which, uint64_t n)
{
    atomic_store_explicit(&block[which],
                          atomic_load_explicit(&block[which], memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t counter_get(const _Atomic uint64_t *block, enum counter which)
{
    return atomic_load_explicit(&block[which], memory_order_relaxed);
}

/* Add a block to TOTALS, counter by counter. Threads: any. */
void counters_sum(uint64_t totals[COUNTERS], const _Atomic uint64_t *block);

/*
 * "messages 3, bytes 12; connections accepted 1, ...".
 * Returns: the length without the NUL; what does not fit is left out.
 */
size_t counters_format_line(char *dst, size_t room, const uint64_t totals[COUNTERS]);

/* Room for that line and its NUL. */
#define COUNTERS_LINE_BYTES 1024u

#endif
