/* SPDX-License-Identifier: MIT
 *
 * Plain delivery: the bytes of the outbox as they are. What the other side's kernel has
 * acknowledged counts as arrived; that its program has read all is known when it closes.
 */
#include "config.h"

#include <errno.h>

#include "client/delivery.h"
#include "client/pump.h"
#include "client/say.h"
#include "os/clock.h"

static int begin(struct pump *p)
{
    (void)p; /* the wire is all that it needs */
    return 0;
}

static bool has_output(const struct pump *p)
{
    return p->outbox.sent < p->outbox.composed;
}

static bool is_owed(const struct pump *p)
{
    return p->outbox.acked < p->outbox.composed || p->wire.half_closed;
}

/* The wire takes nothing more: TLS may have been told why. Returns: ERROR, or -EPROTO. */
static int ask_why(struct pump *p, int error)
{
    ssize_t n = 0;

    if (p->wire.secure == NULL)
        return error;
    do
        n = wire_drain(&p->wire);
    while (n > 0);
    return n == -EPROTO ? -EPROTO : error;
}

/* Give the kernel what it takes. */
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

static int send_out(struct pump *p)
{
    int error = flush(p);

    if (error == 0 && p->source.ended && !has_output(p) && !p->wire.half_closed)
        error = wire_half_close(&p->wire);
    return error < 0 ? ask_why(p, error) : 0;
}

static bool look(struct pump *p)
{
    uint64_t before = p->outbox.acked;

    outbox_acknowledge(&p->outbox, wire_in_flight(&p->wire));
    return p->outbox.acked > before;
}

/*
 * The other side has closed. What comes back later only matters with what was acknowledged
 * until now: a closed socket acknowledges nothing more, a half-closed one may.
 */
static void note_close(struct pump *p)
{
    p->progress_at_ms = clock_mono_ms();
    (void)look(p); /* it is progress anyway */
    p->closed_at = p->outbox.acked == p->outbox.sent ? p->outbox.acked : PUMP_NOT_SETTLED;
    if (!p->options->verbose || p->wire.half_closed)
        return;
    progress_clear(&p->progress);
    say("%s has closed its side; it may not read what is sent from now on", p->wire.peer);
}

/* What it says is thrown away and is no progress. */
static int hear(struct pump *p)
{
    bool was_closed = p->wire.peer_closed;
    ssize_t drained = wire_drain(&p->wire);

    if (p->wire.peer_closed && !was_closed)
        note_close(p);
    return drained < 0 ? (int)drained : 0;
}

static bool is_over(struct pump *p, int *ret_error)
{
    if (!p->wire.half_closed || !p->wire.peer_closed || wire_in_flight(&p->wire) > 0)
        return false;
    *ret_error = (int)wire_drain(&p->wire); /* it was a reset */
    return true;
}

/* Before it closes, it may not have read what its kernel has. */
static bool is_certain(const struct pump *p)
{
    (void)p;
    return false;
}

static uint64_t settled(const struct pump *p)
{
    return outbox_settled(&p->outbox);
}

static void rewind_outbox(struct pump *p)
{
    outbox_rewind(&p->outbox);
}

const struct delivery delivery_plain = {
    .begin = begin,
    .send = send_out,
    .hear = hear,
    .look = look,
    .is_owed = is_owed,
    .has_output = has_output,
    .is_over = is_over,
    .is_certain = is_certain,
    .settled = settled,
    .rewind = rewind_outbox,
};
