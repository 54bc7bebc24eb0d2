/* SPDX-License-Identifier: MIT
 *
 * The ledger: all state that must outlive the process, in one shared mapping of a memfd
 * that the service manager keeps. Its bytes are described in layout.h; here it is
 * made, mapped again, and checked before it is believed.
 */
#ifndef PEERLOG_DAEMON_LEDGER_LEDGER_H
#define PEERLOG_DAEMON_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/ledger/layout.h"

#define LEDGER_NO_SLOT UINT32_MAX

struct ledger_geometry {
    uint32_t slots;
    uint32_t inboxes;
    uint64_t tail_bytes; /* at least max_message_bytes + PEERLOG_CARRY_BYTES, and the wire's */
};

/* A mapped ledger. */
struct ledger {
    int fd;
    size_t size;
    struct ledger_header *header;
    struct slot *slots;
    struct inbox *inboxes;
    struct transport_state *transports; /* one for each slot */
    struct session_state *sessions;     /* likewise */
    struct peer_details *details;       /* likewise */
    unsigned char *tails;

    /* Of one that was read from an older layout: that layout's mapping; see upgrade.h. */
    void *before;
    size_t before_size;
    void (*note_length)(struct ledger *ledger, uint32_t inbox, uint32_t segment, uint32_t fresh);
};

/* What every ledger begins with. */
#define LEDGER_MAGIC 0x7265676c72656570ull /* "peerlger" */

/*
 * Make an empty ledger, LEDGER_BUILDING.
 * Returns: 0, or negative errno.
 * Owns:    the caller releases it with ledger_free().
 */
int ledger_new(const struct ledger_geometry *geometry, struct ledger **ret_ledger);

/*
 * Map an inherited ledger and check that every index and length in its header lies
 * inside of it.
 * Returns: 0; -EPROTO when it is no ledger; -EPROTONOSUPPORT when its layout is
 *          another one (*ret_layout tells which); -EBADMSG when it is damaged; -EAGAIN when
 *          it was never finished; or negative errno.
 * Owns:    on success the ledger owns FD; otherwise the caller still does.
 */
int ledger_open(int fd, struct ledger **ret_ledger, uint32_t *ret_layout);

/*
 * How many open segments a ledger of another layout holds, as far as its header
 * can be believed. FD stays the caller's.
 */
uint32_t ledger_count_unreadable(int fd);

/* Unmap and close; the memory lives on where else its descriptor is held. Returns: NULL. */
struct ledger *ledger_free(struct ledger *ledger);

/*
 * Slots from here on were never used, nor their pages touched: there is nothing to be found.
 * Any thread.
 */
uint32_t ledger_slots_high(const struct ledger *ledger);

/* What is carried into segment INDEX of an inbox: bytes of the stream, then of the wire. */
uint32_t ledger_carry_bytes(const struct ledger *ledger, const struct inbox *inbox, uint32_t index);

/* The tail of a slot: header->tail_stride bytes. */
unsigned char *ledger_tail(const struct ledger *ledger, uint32_t slot);

/* Give the pages of a tail back. */
void ledger_forget_tail(const struct ledger *ledger, uint32_t slot);

/*
 * Keep the text of the last good configuration, for a successor that finds the file broken; one
 * that is too long is not kept. Threads: main.
 */
void ledger_keep_config(const struct ledger *ledger, const char *text, size_t len);

/* The text that was kept, *ret_len bytes in the ledger's memory. Returns: NULL when none is. */
const char *ledger_config(const struct ledger *ledger, size_t *ret_len);

/*
 * The next slot in use, from FROM on. Returns: its index, or LEDGER_NO_SLOT.
 * Threads: any; what is born or ends meanwhile may be among them or not.
 */
uint32_t ledger_next_live(const struct ledger *ledger, uint32_t from);

/*
 * Answers: can this slot, this stream be trusted? Of a hostile or torn ledger any bit may
 * be wrong. The stream of a slot with an open segment is allowed to be.
 */
bool ledger_slot_valid(const struct slot *slot);
bool ledger_stream_valid(const struct ledger *ledger, const struct stream *stream);

/* The framer's rules for segment INDEX of an inbox, as they were when it was opened. */
struct framer_rules ledger_framer_rules(const struct ledger *ledger, const struct inbox *inbox,
                                        uint32_t index);

/*
 * The kernel has told the length of the last segment of an inherited inbox: keep it, in case it
 * tells only once.
 */
void ledger_note_length(struct ledger *ledger, uint32_t inbox, uint32_t segment, uint32_t fresh);

/*
 * How many segments of this inbox can be trusted, from the first on; the
 * rest is damaged.
 */
uint32_t ledger_valid_segments(const struct ledger *ledger, const struct inbox *inbox);

/*
 * What came through the listener in place INDEX, below LEDGER_COUNTED, in all processes since the
 * place is its own. Threads: any.
 */
void ledger_sum_listener(const struct ledger *ledger, uint32_t index,
                         struct listener_sums *ret_sums);

/* Another listener gets the place: what was counted there is not its own. Threads: main. */
void ledger_begin_listener(struct ledger *ledger, uint32_t index);

/* What was counted in OLD goes on in LEDGER. Threads: main, at start. */
void ledger_take_counts(struct ledger *ledger, const struct ledger *old);

#endif
