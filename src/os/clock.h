/* SPDX-License-Identifier: MIT
 *
 * The two clocks: one that never jumps, for intervals, and the one on the wall; what a thread has
 * used of a CPU; and a rest.
 * Any thread; none of these fails, and only the rest blocks.
 */
#ifndef PEERLOG_OS_CLOCK_H
#define PEERLOG_OS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC, exact. */
uint64_t clock_mono_ms(void);

/* The same, as cheap as it can be had: up to a tick of the kernel behind, 10 ms at most. */
uint64_t clock_mono_coarse_ms(void);

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t clock_mono_us(void);

/* Microseconds of CLOCK_MONOTONIC_RAW, which nobody sets right: for how long something took. */
uint64_t clock_raw_us(void);

/* Seconds since 1970 of the wall clock; cheap. */
time_t clock_wall_s(void);

/* Sleep this long. Blocks: yes. */
void clock_rest_us(unsigned us);

#endif
