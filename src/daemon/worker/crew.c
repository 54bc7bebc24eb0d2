/* SPDX-License-Identifier: MIT
 *
 * The crew's rules, and the little that its workers have in common.
 */
#include "config.h"

#include "daemon/worker/crew.h"

#include <assert.h>
#include <string.h>

/* A worker that has published nothing for so long sleeps, in milliseconds. */
#define SLEEPS_AFTER_MS 300u

/* What is published in one word: the moment, and the use. */
#define USE_BITS 16u
#define USE_MASK 0xffffu

/* --- the rules --- */

bool crew_is_calm(const struct crew_view *view)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < view->size; i++)
        sum += view->use[i];
    return view->size > 1 && sum <= CREW_CALM * (view->size - 1);
}

/* The one of the crew that uses least, apart from SELF; SELF when there is no other. */
static unsigned least_used(const struct crew_view *view)
{
    unsigned best = view->self;

    for (unsigned i = 0; i < view->size; i++)
        if (i != view->self && (best == view->self || view->use[i] < view->use[best]))
            best = i;
    return best;
}

/* It is too much for one: who takes some of it? */
static struct crew_decision relieve(const struct crew_view *view)
{
    const unsigned own = view->use[view->self], to = least_used(view);

    if (to != view->self && view->use[to] + CREW_EVEN <= own)
        return (struct crew_decision){CREW_GIVE, to,
                                      (own - view->use[to]) * CREW_WHOLE / (2 * own)};
    if (view->size < view->count)
        return (struct crew_decision){CREW_GROW, view->size, CREW_WHOLE / 2};
    return (struct crew_decision){CREW_STAY, 0, 0};
}

struct crew_decision crew_decide(const struct crew_view *view)
{
    if (view->self >= view->size)
        return (struct crew_decision){CREW_GIVE, least_used(view), CREW_WHOLE};
    if (view->busy_ms >= CREW_BUSY_MS)
        return relieve(view);
    if (view->size > 1 && view->calm_ms >= CREW_CALM_MS)
        return (struct crew_decision){CREW_SHRINK, 0, 0};
    return (struct crew_decision){CREW_STAY, 0, 0};
}

/* --- what they have in common --- */

int crew_init(struct crew *crew, struct worker *const *workers, unsigned count)
{
    memset(crew, 0, sizeof *crew);
    crew->workers = workers;
    crew->count = count;
    atomic_store_explicit(&crew->size, 1, memory_order_relaxed);
    return -pthread_mutex_init(&crew->moving, NULL);
}

void crew_done(struct crew *crew)
{
    if (crew->workers != NULL)
        (void)pthread_mutex_destroy(&crew->moving); /* no thread is left to hold it */
    crew->workers = NULL;
}

static uint16_t use_of(const struct crew *crew, unsigned index, uint64_t now_ms)
{
    uint64_t word = atomic_load_explicit(&crew->use[index], memory_order_relaxed);

    return (word >> USE_BITS) + SLEEPS_AFTER_MS >= now_ms ? (uint16_t)(word & USE_MASK) : 0;
}

void crew_look(const struct crew *crew, unsigned self, uint64_t now_ms, struct crew_view *ret_view)
{
    ret_view->self = self;
    ret_view->size = atomic_load_explicit(&crew->size, memory_order_relaxed);
    ret_view->count = crew->count;
    for (unsigned i = 0; i < crew->count; i++)
        ret_view->use[i] = use_of(crew, i, now_ms);
}

void crew_publish(struct crew *crew, unsigned index, unsigned use, uint64_t now_ms)
{
    atomic_store_explicit(&crew->use[index],
                          now_ms << USE_BITS | (use < CREW_WHOLE ? use : CREW_WHOLE),
                          memory_order_relaxed);
}

bool crew_has(const struct crew *crew, unsigned index)
{
    return index < atomic_load_explicit(&crew->size, memory_order_relaxed);
}

bool crew_resize(struct crew *crew, unsigned size, unsigned next)
{
    uint32_t expected = size;

    return atomic_compare_exchange_strong_explicit(&crew->size, &expected, next,
                                                   memory_order_relaxed, memory_order_relaxed);
}

struct worker *crew_choose(const struct crew *crew, unsigned *turn, uint64_t now_ms)
{
    const unsigned size = atomic_load_explicit(&crew->size, memory_order_relaxed);
    const unsigned from = *turn;

    assert(size > 0);
    for (unsigned i = 0; i < size; i++) {
        *turn = (from + i + 1) % size;
        if (use_of(crew, (from + i) % size, now_ms) < CREW_BUSY)
            return crew->workers[(from + i) % size];
    }
    *turn = (from + 1) % size;
    return crew->workers[from % size];
}

/* --- moves --- */

bool crew_begin_move(struct crew *crew)
{
    if (pthread_mutex_trylock(&crew->moving) != 0)
        return false;
    if (!crew->closed)
        return true;
    crew_end_move(crew);
    return false;
}

void crew_end_move(struct crew *crew)
{
    (void)pthread_mutex_unlock(&crew->moving); /* it is held */
}

void crew_hold(struct crew *crew)
{
    (void)pthread_mutex_lock(&crew->moving); /* a plain mutex of ours cannot fail */
}

void crew_release(struct crew *crew)
{
    (void)pthread_mutex_unlock(&crew->moving); /* it is held */
}

void crew_close(struct crew *crew)
{
    crew_hold(crew);
    crew->closed = true;
    crew_release(crew);
}
