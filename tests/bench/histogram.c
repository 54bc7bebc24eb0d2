/* SPDX-License-Identifier: MIT
 *
 * The histogram; see histogram.h. Values below HISTOGRAM_STEPS have a counter each;
 * from there every power of two has HISTOGRAM_STEPS of them.
 */
#include "config.h"

#include "histogram.h"

#define STEP_BITS 7u
#define COUNTERS (HISTOGRAM_STEPS * (HISTOGRAM_POWERS + 1))

static unsigned counter_of(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(ns) - STEP_BITS;
    unsigned at = power * HISTOGRAM_STEPS + (unsigned)(ns >> power);
    return at < COUNTERS ? at : COUNTERS - 1;
}

/* The largest value that is counted at AT. */
static uint64_t value_of(unsigned at)
{
    if (at < HISTOGRAM_STEPS)
        return at;
    unsigned power = at / HISTOGRAM_STEPS - 1;
    uint64_t step = at - power * HISTOGRAM_STEPS;
    return ((step + 1) << power) - 1;
}

void histogram_record(struct histogram *h, uint64_t ns)
{
    h->total++;
    if (ns > h->max_ns)
        h->max_ns = ns;
    h->counts[counter_of(ns)]++;
}

uint64_t histogram_at(const struct histogram *h, uint64_t per_million)
{
    uint64_t rank = (h->total * per_million + 999999) / 1000000;
    uint64_t seen = 0;

    for (unsigned at = 0; at < COUNTERS; at++) {
        seen += h->counts[at];
        if (seen >= rank && seen > 0)
            return value_of(at) < h->max_ns ? value_of(at) : h->max_ns;
    }
    return h->max_ns;
}
