/* SPDX-License-Identifier: MIT
 *
 * Pump: compose, send, wait, and again. Patience is measured by what the other side's
 * kernel acknowledges.
 */
#include "config.h"

#include "client/pump.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "client/interrupt.h"
#include "os/clock.h"
#include "peerlog/limits.h"

/* How often acknowledgements are looked up while some are missing: no event tells of them. */
#define ACK_INTERVAL_MS 100u
/* The same when the goodbye of both sides is said and one acknowledgement is all that is left. */
#define LAST_ACK_INTERVAL_MS 5u

void pump_stamp(struct pump *p)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* this clock always exists */
    composer_stamp(&p->composer, &now);
}

/* --- input --- */

/* Read what is there and compose it. Returns: 0, or -ENOMEM. */
static int take_input(struct pump *p)
{
    struct source *source = &p->source;
    size_t taken = 0;

    int error = source_read(source);
    if (error == -ENOMEM)
        return error;
    if (error < 0) {
        p->source_error = -error;
        source->ended = true;
    }
    pump_stamp(p);
    error = composer_add_lines(&p->composer, source->bytes, source->len, source->scanned, &taken);
    if (error < 0)
        return error;
    source_consume(source, taken);
    if (!source->ended)
        return 0;
    error = composer_add_rest(&p->composer, source->bytes, source->len);
    source_consume(source, source->len);
    return error;
}

/* --- one connection --- */

static bool wants_input(const struct pump *p)
{
    uint64_t unsent = p->outbox.composed - p->outbox.sent;

    return !p->source.ended && unsent < PEERLOG_CLIENT_CHUNK_BYTES;
}

uint64_t pump_bytes_done(const struct pump *p)
{
    uint64_t waiting = p->outbox.composed - p->outbox.acked;

    return p->source.taken > waiting ? p->source.taken - waiting : 0;
}

/* Ask what has arrived. What has is progress. */
static void look(struct pump *p, uint64_t now)
{
    if (p->delivery->look(p) || !p->delivery->is_owed(p))
        p->progress_at_ms = now;
    progress_show(&p->progress, pump_bytes_done(p), now);
}

const char *pump_reason(const struct pump *p, int error)
{
    if (*p->session.problem != '\0')
        return p->session.problem;
    return *wire_problem(&p->wire) != '\0' ? wire_problem(&p->wire) : strerror(error);
}

bool pump_had_goodbye(const struct pump *p)
{
    return p->wire.peer_closed && p->outbox.acked == p->closed_at &&
           wire_on_the_way(&p->wire) > 0;
}

/* How long to wait, for poll(). */
static int next_wait_ms(const struct pump *p, uint64_t now)
{
    uint64_t limit = p->progress_at_ms + p->options->timeout_ms;
    uint64_t wait = p->wire.half_closed && p->wire.peer_closed ? LAST_ACK_INTERVAL_MS
                                                               : ACK_INTERVAL_MS;

    if (!p->delivery->is_owed(p))
        return p->progress.is_shown ? (int)PROGRESS_INTERVAL_MS : -1;
    if (p->options->timeout_ms != 0 && limit < now + wait)
        wait = limit > now ? limit - now : 0;
    return (int)wait;
}

static bool is_out_of_patience(const struct pump *p, uint64_t now)
{
    return p->options->timeout_ms != 0 && p->delivery->is_owed(p) &&
           now >= p->progress_at_ms + p->options->timeout_ms;
}

/*
 * Wait until something can be done, and do what does not touch the outbox.
 * Returns: 0, -EINTR when a signal came, or why the connection broke.
 */
static int wait_for_event(struct pump *p, uint64_t now, bool *ret_has_input)
{
    enum { INTERRUPT, WIRE, SOURCE, FDS };
    const struct wire *w = &p->wire;
    struct pollfd fds[FDS] = {
        [INTERRUPT] = {.fd = p->interrupt_fd, .events = POLLIN},
        [WIRE] = {.fd = w->fd},
        [SOURCE] = {.fd = wants_input(p) ? p->source.fd : -1, .events = POLLIN},
    };

    fds[WIRE].events = wire_events(w, p->delivery->has_output(p));
    if (w->peer_closed)
        fds[WIRE].events &= ~POLLIN;
    if (w->peer_closed && w->half_closed)
        fds[WIRE].fd = -1; /* poll() would answer POLLHUP without end */
    *ret_has_input = false;
    int n = poll(fds, FDS, next_wait_ms(p, now));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    *ret_has_input = fds[SOURCE].revents != 0;
    if (fds[INTERRUPT].revents != 0)
        return -EINTR;
    if (fds[WIRE].fd >= 0 && !wire_is_heard(w, fds[WIRE].revents))
        return 0;
    return p->delivery->hear(p);
}

/* Do what is due: compose and send. Returns: 0, or a negative errno. */
static int work(struct pump *p, bool has_input)
{
    /* Patience begins with the first thing that the other side owes us. */
    if (!p->delivery->is_owed(p))
        p->progress_at_ms = clock_mono_ms();
    int error = has_input ? take_input(p) : 0;
    return error == 0 ? p->delivery->send(p) : error;
}

/* How it ended with ERROR, a negative errno, or with 0. */
static enum pump_ending ending_of(int error, int *ret_error)
{
    switch (error) {
    case 0:
        return PUMP_DONE;
    case -EINTR:
        return PUMP_INTERRUPTED;
    case -ENOMEM:
        return PUMP_NO_MEMORY;
    case -EPROTO:
        return PUMP_MISUNDERSTOOD;
    default:
        *ret_error = -error;
        return PUMP_BROKEN;
    }
}

enum pump_ending pump_run(struct pump *p, int *ret_error)
{
    bool has_input = false, is_over = false;

    p->progress_at_ms = clock_mono_ms();
    int error = p->delivery->begin(p);
    while (error == 0 && !is_over) {
        error = work(p, has_input);
        uint64_t now = clock_mono_ms();
        look(p, now);
        if (error == 0)
            error = wait_for_event(p, now, &has_input);
        if (error == 0)
            is_over = p->delivery->is_over(p, &error);
        look(p, clock_mono_ms());
        /* It may be us who came late: what was there by NOW has been heard. */
        if (error == 0 && !is_over && is_out_of_patience(p, now))
            return p->delivery->is_certain(p) ? PUMP_DONE : PUMP_STALLED;
    }
    return ending_of(error, ret_error);
}

enum pump_ending pump_rehearse(struct pump *p)
{
    enum { INTERRUPT, SOURCE, FDS };
    struct pollfd fds[FDS] = {
        [INTERRUPT] = {.fd = p->interrupt_fd, .events = POLLIN},
        [SOURCE] = {.fd = p->source.fd, .events = POLLIN},
    };

    while (!p->source.ended) {
        (void)poll(fds, FDS, -1); /* a signal shows below */
        if (interrupt_signal() != 0)
            return PUMP_INTERRUPTED;
        if (fds[SOURCE].revents != 0 && take_input(p) < 0)
            return PUMP_NO_MEMORY;
        outbox_advance(&p->outbox, (size_t)(p->outbox.composed - p->outbox.sent));
        outbox_acknowledge(&p->outbox, 0);
    }
    return PUMP_DONE;
}
