/* SPDX-License-Identifier: MIT
 *
 * The checks.
 */
#include "config.h"

#include "daemon/ledger/check.h"

#include <stdio.h>
#include <stdlib.h>

static void insist(bool truth, const char *what)
{
    if (truth)
        return;
    (void)fprintf(stderr, "the ledger is not as it must be: %s\n", what);
    abort();
}

/* Returns: where its bytes end. */
static uint32_t check_segment(const struct connections *table, const struct segment *segment,
                              uint32_t from)
{
    uint32_t fresh = atomic_load(&segment->fresh);
    uint32_t carry = segment->start.tail_bytes;

    insist(segment->slot < table->capacity, "a segment is of a slot");
    insist(fresh <= segment->room, "a segment has a length, and room for it");
    insist(segment->from >= from && segment->from <= LEDGER_INBOX_BYTES &&
           carry <= LEDGER_INBOX_BYTES - segment->from &&
           fresh <= LEDGER_INBOX_BYTES - segment->from - carry, "a segment is inside of its inbox");
    insist(table->conns[segment->slot].in_hand, "a segment's connection is in hand");
    /* Had it two segments, this would not hold for the first one. */
    insist(table->ledger->slots[segment->slot].stream.received == segment->start.received + fresh,
           "a connection stands behind its bytes");
    return segment->from + carry + fresh;
}

void ledger_check_now(const struct connections *table, const struct inbox *inbox)
{
    uint32_t segments = atomic_load(&inbox->segments);
    uint32_t end = 0;

    insist(segments <= LEDGER_SEGMENTS, "there are no more segments than fit");
    insist(atomic_load(&inbox->delivered) <= atomic_load(&inbox->offered),
           "what is delivered was offered");
    for (uint32_t i = 0; i < segments; i++)
        end = check_segment(table, &inbox->segment[i], end);
}
