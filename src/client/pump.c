/* SPDX-License-Identifier: MIT
 *
 * Pump: compose, send, wait, and again. Patience is measured by what the other side's
 * kernel acknowledges.
 */
#include "config.h"

#include "client/pump.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "client/interrupt.h"
#include "client/say.h"
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

static uint64_t unsent(const struct pump *p)
{
    return p->outbox.composed - p->outbox.sent;
}

/* Is there anything that the other side owes us? */
static bool is_waiting_for_peer(const struct pump *p)
{
    return p->outbox.acked < p->outbox.composed || p->wire.half_closed;
}

static bool wants_input(const struct pump *p)
{
    return !p->source.ended && unsent(p) < PEERLOG_CLIENT_CHUNK_BYTES;
}

/* Give the kernel what it takes. Returns: 0, or a negative errno. */
static int flush(struct pump *p)
{
    const unsigned char *bytes;
    size_t len;

    while ((len = outbox_next(&p->outbox, &bytes)) > 0) {
        ssize_t n = wire_send(&p->wire, bytes, len);
        if (n < 0)
            return (int)n;
        outbox_advance(&p->outbox, (size_t)n);
        if ((size_t)n < len)
            break;
    }
    return 0;
}

uint64_t pump_bytes_done(const struct pump *p)
{
    uint64_t waiting = p->outbox.composed - p->outbox.acked;

    return p->source.taken > waiting ? p->source.taken - waiting : 0;
}

/* Ask what has arrived. What has is progress. */
static void look_at_acks(struct pump *p, uint64_t now)
{
    uint64_t before = p->outbox.acked;

    outbox_acknowledge(&p->outbox, wire_in_flight(&p->wire));
    if (p->outbox.acked > before || !is_waiting_for_peer(p))
        p->progress_at_ms = now;
    progress_show(&p->progress, pump_bytes_done(p), now);
}

/*
 * The other side has closed. What comes back later only matters with what was acknowledged
 * until now: a closed socket acknowledges nothing more, a half-closed one may.
 */
static void note_close(struct pump *p)
{
    p->progress_at_ms = clock_mono_ms();
    outbox_acknowledge(&p->outbox, wire_in_flight(&p->wire));
    p->closed_at = p->outbox.acked == p->outbox.sent ? p->outbox.acked : PUMP_NOT_SETTLED;
    if (!p->options->verbose || p->wire.half_closed)
        return;
    progress_clear(&p->progress);
    say("%s has closed its side; it may not read what is sent from now on", p->wire.peer);
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

    if (!is_waiting_for_peer(p))
        return p->progress.is_shown ? (int)PROGRESS_INTERVAL_MS : -1;
    if (p->options->timeout_ms != 0 && limit - now < wait)
        wait = limit - now;
    return (int)wait;
}

static bool is_out_of_patience(const struct pump *p, uint64_t now)
{
    return p->options->timeout_ms != 0 && is_waiting_for_peer(p) &&
           now - p->progress_at_ms >= p->options->timeout_ms;
}

/*
 * Wait until something can be done, and do what does not touch the outbox.
 * Returns: 0, -EINTR when a signal came, or why the connection broke.
 */
static int wait_for_event(struct pump *p, uint64_t now, bool *ret_has_input)
{
    enum { INTERRUPT, WIRE, SOURCE, FDS };
    struct wire *w = &p->wire;
    struct pollfd fds[FDS] = {
        [INTERRUPT] = {.fd = p->interrupt_fd, .events = POLLIN},
        [WIRE] = {.fd = w->fd},
        [SOURCE] = {.fd = wants_input(p) ? p->source.fd : -1, .events = POLLIN},
    };

    fds[WIRE].events = (short)((w->peer_closed ? 0 : POLLIN) | (unsent(p) > 0 ? POLLOUT : 0));
    if (w->peer_closed && w->half_closed)
        fds[WIRE].fd = -1; /* poll() would answer POLLHUP without end */
    *ret_has_input = false;
    int n = poll(fds, FDS, next_wait_ms(p, now));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    *ret_has_input = fds[SOURCE].revents != 0;
    if (fds[INTERRUPT].revents != 0)
        return -EINTR;
    if ((fds[WIRE].revents & ~POLLOUT) == 0 && fds[WIRE].fd >= 0)
        return 0;
    bool was_closed = w->peer_closed;
    ssize_t drained = wire_drain(w); /* what it says is thrown away and is no progress */
    if (w->peer_closed && !was_closed)
        note_close(p);
    return drained < 0 ? (int)drained : 0;
}

/* Do what is due: compose, send, say goodbye. Returns: 0, -ENOMEM or what wire_send() says. */
static int work(struct pump *p, bool has_input)
{
    /* Patience begins with the first thing that the other side owes us. */
    if (!is_waiting_for_peer(p))
        p->progress_at_ms = clock_mono_ms();
    int error = has_input ? take_input(p) : 0;
    if (error == 0)
        error = flush(p);
    if (error == 0 && p->source.ended && unsent(p) == 0 && !p->wire.half_closed)
        error = wire_half_close(&p->wire);
    return error;
}

enum pump_ending pump_run(struct pump *p, int *ret_error)
{
    bool has_input = false, is_over = false;

    p->progress_at_ms = clock_mono_ms();
    while (!is_over) {
        int error = work(p, has_input);
        uint64_t now = clock_mono_ms();
        look_at_acks(p, now);
        if (error == 0 && is_out_of_patience(p, now))
            return PUMP_STALLED;
        if (error == 0)
            error = wait_for_event(p, now, &has_input);
        if (error == 0 && p->wire.half_closed && p->wire.peer_closed &&
            wire_in_flight(&p->wire) == 0) {
            is_over = true; /* unless that was a reset */
            error = (int)wire_drain(&p->wire);
        }
        look_at_acks(p, clock_mono_ms());
        if (error == -EINTR)
            return PUMP_INTERRUPTED;
        if (error == -ENOMEM)
            return PUMP_NO_MEMORY;
        if (error < 0) {
            *ret_error = -error;
            return PUMP_BROKEN;
        }
    }
    return PUMP_DONE;
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
        outbox_advance(&p->outbox, (size_t)unsent(p));
        outbox_acknowledge(&p->outbox, 0);
    }
    return PUMP_DONE;
}
