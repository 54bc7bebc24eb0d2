/* SPDX-License-Identifier: MIT
 *
 * Pump: drives one connection. Lines go from the source through the composer into the
 * outbox and over the wire; one loop waits for whichever is ready. Source, composer and outbox
 * outlive the connection, so that the next one goes on where this one ended.
 */
#ifndef PEERLOG_CLIENT_PUMP_H
#define PEERLOG_CLIENT_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "client/composer.h"
#include "client/delivery.h"
#include "client/outbox.h"
#include "client/progress.h"
#include "client/session.h"
#include "client/source.h"
#include "client/wire.h"

#define PUMP_NOT_SETTLED UINT64_MAX

struct pump {
    const struct options *options;
    struct source source;
    struct composer composer;
    struct outbox outbox;
    const struct delivery *delivery;
    struct session session; /* with RELP */
    struct progress progress;
    struct secure_context *context; /* for TLS; NULL: none */
    struct wire wire;
    int interrupt_fd;
    int source_error;        /* why reading stopped early; 0: it did not */
    uint64_t progress_at_ms; /* when the last progress was, on the monotonic clock */
    uint64_t closed_at;      /* acknowledged when the other side closed; or PUMP_NOT_SETTLED */
    uint64_t answers_before; /* with RELP: what was there at the last look */
    uint64_t in_flight_before;
};

/* How a connection ended. */
enum pump_ending {
    PUMP_DONE,        /* everything is delivered */
    PUMP_BROKEN,      /* reset, or unreachable */
    PUMP_STALLED,     /* no progress for too long */
    PUMP_MISUNDERSTOOD, /* the other side does not speak RELP or TLS, or does not want us */
    PUMP_INTERRUPTED, /* a signal came */
    PUMP_NO_MEMORY,
};

/*
 * Send what the outbox holds and the source gives, until all is delivered. p->wire must be
 * up; it is left open.
 * Returns: how it ended; with PUMP_BROKEN *ret_error is the errno.
 * Blocks:  until then.
 */
enum pump_ending pump_run(struct pump *p, int *ret_error);

/* Why the connection is of no more use, in words; ERROR is the errno. */
const char *pump_reason(const struct pump *p, int error);

/*
 * After PUMP_BROKEN, answers: had the other side closed before, with everything acknowledged,
 * so that the reset only answers to what was sent afterwards? Then nothing acknowledged is lost.
 */
bool pump_had_goodbye(const struct pump *p);

/*
 * Compose what the source gives and let it go, as if it had been sent; p->wire is not used.
 * Returns: PUMP_DONE, PUMP_INTERRUPTED or PUMP_NO_MEMORY.
 * Blocks:  until the source ends.
 */
enum pump_ending pump_rehearse(struct pump *p);

/* Bring the headers to the present time. */
void pump_stamp(struct pump *p);

/* Bytes of the source that are composed, sent and acknowledged; nearly, when headers are added. */
uint64_t pump_bytes_done(const struct pump *p);

#endif
