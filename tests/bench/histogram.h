/* SPDX-License-Identifier: MIT
 *
 * A histogram of durations with a fixed relative error: each power of two is divided
 * into 128 steps, so a value is known to better than 1 %. Recording is a few
 * instructions; there is no allocation. One thread.
 */
#ifndef PEERLOG_BENCH_HISTOGRAM_H
#define PEERLOG_BENCH_HISTOGRAM_H

#include <stdint.h>

/* Steps a power of two, and powers of two above the first: up to 2^48 ns, three days. */
#define HISTOGRAM_STEPS 128u
#define HISTOGRAM_POWERS 41u

/* Plain data, all zero when empty. */
struct histogram {
    uint64_t total;
    uint64_t max_ns;
    uint64_t counts[HISTOGRAM_STEPS * (HISTOGRAM_POWERS + 1)];
};

/* Record one duration; what is beyond the range counts as its end. */
void histogram_record(struct histogram *h, uint64_t ns);

/* The duration that PER_MILLION of the recorded ones do not exceed; 0 when empty. */
uint64_t histogram_at(const struct histogram *h, uint64_t per_million);

#endif
