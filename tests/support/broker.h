/* SPDX-License-Identifier: MIT
 *
 * A broker: what an output can be connected to, as bad as a test likes. It takes records when it
 * has room, says later which of them are safe, forgets those it has not said it of when it dies,
 * or does not forget them. Two kinds of output speak to it: one whose records are safe when they
 * are taken, and one that has to be told.
 *
 * It is made of plain memory, so that it can lie in a mapping that outlives a process.
 */
#ifndef PEERLOG_TESTS_BROKER_H
#define PEERLOG_TESTS_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/output/kind.h"

#define BROKER_RECORDS 8192u

/* A record as it came: which one it is, and what it says of itself. */
struct broker_record {
    uint64_t connection;
    uint64_t sequence;
    bool repeat;     /* it says that it may be here already */
    uint32_t number; /* the digits that its text ends with */
    uint32_t session; /* how often the output had been opened */
};

struct broker {
    /* What the test decides. */
    uint32_t room;    /* records that it takes from now on; less one for each */
    uint32_t a_time;  /* and of these so many in one call, at most; 0: all */
    uint32_t acks;    /* records of this session that it says are safe, when asked */
    int open_error;   /* negative errno: it cannot be reached */
    int submit_error; /* negative errno: it is gone when records are handed over */
    int collect_error; /* the same when it is asked what is safe */

    /* What came of it. */
    uint32_t opened;
    uint32_t acked; /* records of this session that it has said are safe */
    uint32_t count; /* moves last, once for each call */
    struct broker_record records[BROKER_RECORDS];
};

/* The one that both kinds speak to. */
extern struct broker *broker;

/* Taken is safe: an output without collect(). */
extern const struct output_kind broker_prompt;

/* Safe is what was acknowledged. */
extern const struct output_kind broker_late;

/* The same, and a record that comes twice is there once. */
extern const struct output_kind broker_exact;

#endif
