/* SPDX-License-Identifier: MIT
 *
 * Pressure: too many connections, or too few descriptors.
 */
#include "config.h"

#include "daemon/accept/pressure.h"

#include <errno.h>
#include <string.h>

#include "daemon/metrics/counters.h"
#include "os/clock.h"
#include "os/log.h"

/* So many failures in a row are no longer about single connections. */
#define FAILURES_MOST 64u

void pressure_full(struct pressure *p, uint32_t limit, _Atomic uint64_t *counters)
{
    p->pause = PAUSED_FULL;
    if (p->full_said)
        return;
    p->full_said = true;
    counter_add(counters, COUNTER_FULL, 1);
    log_say(SEVERITY_WARNING,
            "limits.connections (%u) is reached; who connects now waits for a free place",
            (unsigned)limit);
}

static void starve(struct pressure *p, int error)
{
    bool starved_before = p->starved_by != 0;

    p->pause = PAUSED_STARVED;
    p->starved_by = error;
    p->retry_at_ms = clock_mono_ms() + PRESSURE_RETRY_MS;
    if (!starved_before)
        log_say(SEVERITY_WARNING, "cannot accept connections: %s; trying again every %u ms",
                strerror(-error), PRESSURE_RETRY_MS);
}

bool pressure_failed(struct pressure *p, int error, _Atomic uint64_t *counters)
{
    if (error == -EAGAIN) {
        p->failures = 0;
        if (p->starved_by != 0)
            log_say(SEVERITY_NOTICE, "accepting connections again");
        p->starved_by = 0;
        return false;
    }
    /* ECONNABORTED, EPROTO, EPERM, EINTR concern one connection, unless nothing else comes. */
    bool is_starved = error == -EMFILE || error == -ENFILE || error == -ENOMEM ||
                      error == -ENOBUFS;
    if (!is_starved && error != -EINTR)
        counter_add(counters, COUNTER_FAILED, 1);
    if (is_starved || ++p->failures >= FAILURES_MOST)
        starve(p, error);
    return p->pause == ACCEPTING;
}

void pressure_accepted(struct pressure *p)
{
    p->failures = 0;
}

void pressure_end(struct pressure *p, uint32_t in_use, uint32_t limit)
{
    p->pause = ACCEPTING;
    if (p->full_said && in_use < limit - limit / 10) {
        log_say(SEVERITY_NOTICE, "below limits.connections again");
        p->full_said = false;
    }
}
