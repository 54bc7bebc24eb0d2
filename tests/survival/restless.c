/* SPDX-License-Identifier: MIT
 *
 * A daemon whose workers know no rest: this is linked around worker_share(), and between any two
 * rounds of a worker all connections that it has just heard go to the next one.
 */
#include "config.h"

#include "daemon/worker/private.h"

void __real_worker_share(struct worker *w);
void __wrap_worker_share(struct worker *w);

void __wrap_worker_share(struct worker *w)
{
    const unsigned next = (w->plan.index + 1) % w->plan.crew->count;

    if (!w->draining && w->events_next == w->events_count && round_is_empty(&w->round))
        (void)worker_give(w, &(struct crew_decision){CREW_GIVE, next, CREW_WHOLE});
}
