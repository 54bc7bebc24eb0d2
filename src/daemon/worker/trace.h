/* SPDX-License-Identifier: MIT
 *
 * A trace: copies of what some peers say, for whoever asks a worker for them. There is none unless
 * somebody asks, and then the worker copies as much as fits; what does not is counted. Who asks
 * gives an empty one by a LETTER_TRACE and gets the one before, so no two threads share one.
 */
#ifndef PEERLOG_DAEMON_WORKER_TRACE_H
#define PEERLOG_DAEMON_WORKER_TRACE_H

#include <stdint.h>

#include "daemon/output/batch.h"
#include "peerlog/cidr.h"

#define TRACE_BYTES 65536u
#define TRACE_TEXT_BYTES 4096u

/* Addresses, or ranges of them, that one trace can be about. */
#define TRACE_PEERS 8u

/* A trace that was not asked for so long, in seconds, ends. */
#define TRACE_SILENCE_S 5u

/* One record; KEPT bytes of its text follow, and padding to a multiple of 8. */
struct trace_entry {
    struct peer peer;
    uint64_t connection; /* its number */
    uint64_t sequence;
    uint64_t cut_bytes;  /* these as in struct record */
    uint32_t len;
    uint32_t flags;
    uint32_t have_bytes;
    uint32_t want_bytes;
    uint32_t part;
    uint32_t kept; /* bytes of its text, up to TRACE_TEXT_BYTES */
    uint8_t priority;
    uint8_t end; /* enum round_ends */
    uint8_t reserved[6];
};

struct trace {
    struct cidr peers[TRACE_PEERS]; /* whom it is about */
    uint32_t peers_count;
    uint32_t used;
    uint32_t missed;  /* records that did not fit */
    _Alignas(8) unsigned char bytes[TRACE_BYTES];
};

/* Copy the records of BATCH from FROM on that the trace is about, and how each ENDS. */
void trace_records(struct trace *trace, const struct batch *batch, uint32_t from,
                   const uint8_t *ends);

/*
 * The entry at *AT bytes; *AT moves behind it, and *ret_text is its text.
 * Returns: NULL at the end.
 */
const struct trace_entry *trace_next(const struct trace *trace, uint32_t *at,
                                     const unsigned char **ret_text);

#endif
