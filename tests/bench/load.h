/* SPDX-License-Identifier: MIT
 *
 * The load generator's rooms: the plan from the command line (load.c), what a
 * message looks like (load_shape.c), and the four ways to offer load: streams that
 * stay open, connections that come, speak and go, connections that are held, and
 * connections that trickle.
 * One thread.
 */
#ifndef PEERLOG_BENCH_LOAD_H
#define PEERLOG_BENCH_LOAD_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "system/wire.h"

struct mark;

enum load_framing { LOAD_LF, LOAD_NUL, LOAD_OCTET_COUNTING };

struct load_plan {
    struct sockaddr_in server;
    unsigned connections;
    unsigned sources;      /* loopback addresses they come from; 1: the default one */
    uint32_t first_id;     /* identifier of the first connection */
    enum load_framing framing;
    unsigned size;         /* bytes of a message with its terminator, without a count */
    unsigned batch;        /* messages a write */
    uint64_t rate;         /* messages (held: connections, trickling: bytes) a second, 0: any */
    uint64_t count;        /* messages in all, 0: no limit */
    uint64_t duration_ns;  /* until then, 0: no limit */
    uint64_t patience_ns;  /* for the last writes, and for a sink that lags behind */
    uint64_t lead;         /* messages that may be ahead of the sink */
    const char *progress;  /* the sink's page, or NULL */
    struct wire_rules wire; /* whether streams speak TLS */
    const char *seal_aside; /* certificate and key of those who only seal, or NULL */
};

/* Messages ready to be written; they are made anew for each write. */
struct load_shape {
    char *bytes;
    size_t unit;    /* bytes of one message as sent */
    size_t mark_at; /* its mark */
    unsigned batch; /* messages in bytes */
};

/* What came of it; printed as JSON. */
struct load_result {
    uint64_t sent;     /* messages the kernel took whole */
    uint64_t unsent;   /* begun and not finished */
    uint64_t broken;   /* connections that failed */
    uint64_t waits;    /* writes that found no room */
    uint64_t began_ns;
    uint64_t ended_ns;
};

/* Lay out plan->batch messages. Exits when memory is short. */
void shape_init(struct load_shape *s, const struct load_plan *plan);
void shape_done(struct load_shape *s);

/* Number the first N messages for connection ID from SEQUENCE on, all stamped SENT_NS. */
void shape_fill(struct load_shape *s, unsigned n, const struct mark *first);

/*
 * Connect the connection with this INDEX in the plan, without Nagle's delay; the plan's
 * patience bounds the connect and every write that blocks.
 * Returns: the descriptor, or a negative errno.
 */
int load_connect(const struct load_plan *plan, uint64_t index);

/*
 * A session of TLS with itself, which seals what a plain stream sends and throws it away. FILE:
 * certificate and key, in PEM. Exits when it cannot be.
 */
struct seal *seal_new(const char *file);
void seal_bytes(struct seal *seal, const void *bytes, size_t len);
void seal_free(struct seal *seal);

/* The ways. Each runs to its end or to a signal. */
void load_streams(const struct load_plan *plan, struct load_result *ret_result);
void load_churn(const struct load_plan *plan, struct load_result *ret_result);
void load_trickle(const struct load_plan *plan, struct load_result *ret_result);

/*
 * Open the connections and keep them. It speaks with its caller: a line "connected" once all
 * are open; for each line "speak" on standard input every connection says one
 * message, and "spoken" answers; the end of standard input ends it.
 */
void load_hold(const struct load_plan *plan, struct load_result *ret_result);

#endif
