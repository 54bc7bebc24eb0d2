/* SPDX-License-Identifier: MIT
 *
 * What the parts of a takeover share: takeover.c copies the old ledger's slots and judges its
 * end, sockets.c finds each slot's socket, bytes.c takes the bytes in hand.
 * Main's thread; for this folder alone.
 */
#ifndef PEERLOG_DAEMON_TAKEOVER_PRIVATE_H
#define PEERLOG_DAEMON_TAKEOVER_PRIVATE_H

#include <stdint.h>

#include "daemon/takeover/takeover.h"

/* Cookie to slot, by open addressing. */
struct cookie_index {
    uint32_t *slots; /* slot + 1, or 0 */
    uint32_t mask;
};

struct takeover {
    struct ledger *old; /* or NULL */
    struct ledger *ledger;
    struct connections *table;
    struct cookie_index index;
    struct takeover_report *report;
    void *tools;         /* of transports, if one of them needs some */
    unsigned char *text; /* what they open; likewise */
};

/* --- sockets.c --- */

/* Make the index, empty, with room for all slots. Returns: 0, or -ENOMEM. */
int takeover_index_init(struct takeover *t);

/* Let a slot be found by its cookie. */
void takeover_index_add(struct takeover *t, uint32_t slot);

/* Take on the parked sockets: each finds its slot, or gets one. */
void takeover_lots(struct takeover *t, struct inheritance *in, struct parking *parking);

/* --- bytes.c --- */

/* Take over what the old process had in hand in its inbox of this index. */
void takeover_inbox(struct takeover *t, uint32_t index);

#endif
