/* SPDX-License-Identifier: MIT
 *
 * A batch: the records a worker offers to its output at once, and the connections that
 * said them. Its text lies in the worker's inbox and stays there until it was taken.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_BATCH_H
#define PEERLOG_DAEMON_OUTPUT_BATCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "daemon/ledger/ledger.h"
#include "daemon/settings/settings.h"
#include "peerlog/record.h"

/* The kernel's own limit for one sendmmsg(2). */
#define BATCH_RECORDS 1024u

/* One connection of this round; record.source is its index. */
struct source {
    struct peer peer;
    uint64_t connection;                /* its number */
    uint32_t slot;
    uint8_t peer_len;                   /* of peer_text */
    char peer_text[PEER_TEXT_BYTES];    /* "192.0.2.7:514" */
    const struct label_settings *label; /* of its listener */
    const char *listener;               /* the listener's address in text */
    const char *tls_version;            /* "TLSv1.3"; NULL: it is not encrypted */
    const char *tls_cipher;             /* IANA's name of the suite */
    const struct peer_details *details; /* what else is known of the peer; NULL: nothing */
};

struct batch {
    uint32_t count;     /* records */
    uint32_t submitted; /* of these, the first ones: they are, or may be, out */
    uint32_t delivered; /* of these, the first ones: they are safe */
    uint32_t risked;    /* the first ones that may be in a log that was lost since */
    _Atomic uint32_t *cursor;  /* the inbox's: moves with delivered */
    _Atomic uint32_t *working; /* the inbox's: whose record is being worked on */
    struct record records[BATCH_RECORDS];
    struct source sources[LEDGER_SEGMENTS];
};

/* The next COUNT records are on their way; whether they arrive is told later. */
static inline void batch_submit(struct batch *batch, uint32_t count)
{
    batch->submitted += count;
}

/* The next COUNT records are delivered, whether they were submitted before or not. */
static inline void batch_deliver(struct batch *batch, uint32_t count)
{
    batch->delivered += count;
    if (batch->submitted < batch->delivered)
        batch->submitted = batch->delivered;
    atomic_store_explicit(batch->cursor,
                          atomic_load_explicit(batch->cursor, memory_order_relaxed) + count,
                          memory_order_release);
}

/* Note whose record is being worked on, should it be the last thing we do. */
static inline const struct source *batch_source(struct batch *batch, const struct record *record)
{
    const struct source *source = &batch->sources[record->source];

    atomic_store_explicit(batch->working, source->slot + 1, memory_order_relaxed);
    return source;
}

#endif
