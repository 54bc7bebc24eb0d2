/* SPDX-License-Identifier: MIT
 *
 * Entries lie one behind the other.
 */
#include "config.h"

#include "daemon/worker/trace.h"

#include <string.h>

static uint32_t entry_bytes(uint32_t kept)
{
    return (uint32_t)sizeof(struct trace_entry) + ((kept + 7u) & ~7u);
}

static void add(struct trace *trace, const struct record *record, const struct source *source,
                uint8_t end)
{
    uint32_t kept = record->len < TRACE_TEXT_BYTES ? record->len : TRACE_TEXT_BYTES;
    const struct trace_entry entry = {
        .peer = source->peer, .connection = source->connection, .sequence = record->sequence,
        .cut_bytes = record->cut_bytes, .len = record->len, .flags = record->flags,
        .have_bytes = record->have_bytes, .want_bytes = record->want_bytes,
        .part = record->part, .kept = kept, .priority = record->priority,
        .end = end,
    };

    if (entry_bytes(kept) > TRACE_BYTES - trace->used) {
        trace->missed++;
        return;
    }
    memcpy(trace->bytes + trace->used, &entry, sizeof entry);
    memcpy(trace->bytes + trace->used + sizeof entry, record->text, kept);
    trace->used += entry_bytes(kept);
}

void trace_records(struct trace *trace, const struct batch *batch, uint32_t from,
                   const uint8_t *ends)
{
    for (uint32_t i = from; i < batch->count; i++) {
        const struct source *source = &batch->sources[batch->records[i].source];
        if (cidr_longest_match(trace->peers, trace->peers_count, &source->peer) >= 0)
            add(trace, &batch->records[i], source, ends[i]);
    }
}

const struct trace_entry *trace_next(const struct trace *trace, uint32_t *at,
                                     const unsigned char **ret_text)
{
    if (*at >= trace->used)
        return NULL;
    const struct trace_entry *entry = (const void *)(trace->bytes + *at);
    *ret_text = trace->bytes + *at + sizeof *entry;
    *at += entry_bytes(entry->kept);
    return entry;
}
