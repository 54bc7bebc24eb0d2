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

/* Bounds of the histogram of times. */
#define COUNTERS_WITHIN 12

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
    COUNTER_SPLIT,
    COUNTER_TRUNCATED,
    COUNTER_REPEATS,
    COUNTER_MISFIT, /* what is wrong with what peers send */
    COUNTER_ENDLESS,
    COUNTER_LATE_END,
    COUNTER_CUT,
    COUNTER_FAULT,
    COUNTER_BATCHES,
    COUNTER_OUTPUT_LOSSES, /* these three in the order of enum output_tally */
    COUNTER_OUTPUT_LOST_MS,
    COUNTER_OUTPUT_FAILED_OPENINGS,
    COUNTER_TLS_12,
    COUNTER_TLS_13,
    COUNTER_TLS_FAILED,
    COUNTER_TLS_TIMEOUT,
    COUNTER_HINT_TLS, /* these in the order of enum protocol */
    COUNTER_HINT_HTTP,
    COUNTER_HINT_SSH,
    COUNTER_HINT_RELP,
    COUNTER_HINT_PROXY,
    COUNTER_HINT_BEATS,
    COUNTER_HINT_GZIP,
    COUNTER_HINT_ZLIB,
    COUNTER_HINT_ZLIB_MESSAGES,
    COUNTER_HINT_UTF16,
    COUNTER_HINT_JAVA,
    COUNTER_HINT_LOG4CPLUS,
    COUNTER_HINT_PICKLE,
    COUNTER_HINT_MQTT,
    COUNTER_HINT_AMQP,
    COUNTER_HINT_REDIS,
    COUNTER_TAKEN_US,     /* time from receiving to taken by the log, over all records */
    COUNTER_TAKEN_WITHIN, /* and how many were taken within each of counters_within_us[] */
    COUNTER_TAKEN_LATER = COUNTER_TAKEN_WITHIN + COUNTERS_WITHIN,
    COUNTER_MOVED,
    COUNTERS,
};

/* Bounds of the histogram, the smallest first, in microseconds. */
extern const uint32_t counters_within_us[COUNTERS_WITHIN];

/* Where a time is counted in it. Pure; any thread. */
enum counter counters_place_of(uint64_t taken_us);

/* What a counter is called. */
struct counter_name {
    const char *metric; /* after Prometheus's conventions; those with the same name are a family;
                           NULL: what is told of it there is told otherwise */
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
