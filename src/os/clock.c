/* SPDX-License-Identifier: MIT
 *
 * Clocks through the vDSO: no system call, but for that of a thread.
 */
#include "config.h"

#include "os/clock.h"

static struct timespec now(clockid_t clock)
{
    struct timespec ts = {0};

    (void)clock_gettime(clock, &ts); /* these clocks always exist */
    return ts;
}

static uint64_t to_ms(struct timespec ts)
{
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

uint64_t clock_mono_ms(void)
{
    return to_ms(now(CLOCK_MONOTONIC));
}

uint64_t clock_mono_coarse_ms(void)
{
    return to_ms(now(CLOCK_MONOTONIC_COARSE));
}

static uint64_t to_us(struct timespec ts)
{
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t clock_mono_us(void)
{
    return to_us(now(CLOCK_MONOTONIC));
}

uint64_t clock_raw_us(void)
{
    return to_us(now(CLOCK_MONOTONIC_RAW));
}

void clock_rest_us(unsigned us)
{
    struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

    (void)nanosleep(&ts, NULL); /* a signal only makes it shorter */
}

time_t clock_wall_s(void)
{
    return now(CLOCK_REALTIME_COARSE).tv_sec;
}
