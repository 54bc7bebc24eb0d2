/* SPDX-License-Identifier: MIT
 *
 * Whose turn it is to send a chain, and when there is none.
 */
#include "config.h"

#include "daemon/output/nats_chain.h"

#include <pthread.h>
#include <stdint.h>

#include "daemon/output/publisher.h"
#include "os/clock.h"

#define TURN_MS 1000u      /* that a publisher waits for its turn */
#define SLICE_MS 100u      /* of that, so that an end is seen */
#define SHORTEST_PAUSE 16u /* loads without a chain, after one was broken */
#define LONGEST_PAUSE 4096u

static pthread_mutex_t turns = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* With the mutex. */
static bool is_taken;
static uint32_t unchained; /* loads that are still to go out without a chain */
static uint32_t pause;     /* how many they were the last time; 0: the last chain was whole */

static void wait_for_turn(uint64_t until_us)
{
    const struct timespec until = {
        .tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000) * 1000,
    };

    (void)pthread_cond_clockwait(&changed, &turns, CLOCK_MONOTONIC, &until); /* or not in time */
}

bool nats_chain_begin(struct publisher *publisher)
{
    uint64_t until_us = clock_mono_us() + TURN_MS * 1000u;

    (void)pthread_mutex_lock(&turns); /* it is a plain one */
    while (unchained == 0 && is_taken && clock_mono_us() < until_us &&
           !publisher_is_closing(publisher))
        wait_for_turn(clock_mono_us() + SLICE_MS * 1000u);
    bool is_ours = unchained == 0 && !is_taken;
    if (is_ours)
        is_taken = true;
    else if (unchained > 0)
        unchained--;
    (void)pthread_mutex_unlock(&turns);
    return is_ours;
}

void nats_chain_end(bool is_broken)
{
    (void)pthread_mutex_lock(&turns); /* it is a plain one */
    is_taken = false;
    if (!is_broken)
        pause = 0;
    else if (pause == 0)
        pause = SHORTEST_PAUSE;
    else if (pause < LONGEST_PAUSE)
        pause *= 2;
    unchained = pause;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&turns);
}
