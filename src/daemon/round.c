/* SPDX-License-Identifier: MIT
 *
 * The round, and with it the order of writes that the ledger's promise rests on.
 */
#include "config.h"

#include "daemon/round.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/message_ids.h"
#include "os/log.h"

int round_init(struct round *r, struct connections *table, const struct rulebook *rules,
               struct greeter *greeter, struct worker_stats *stats, struct inbox *inbox)
{
    memset(r, 0, offsetof(struct round, rests));
    r->ledger = table->ledger;
    r->table = table;
    r->rules = rules;
    r->stats = stats;
    r->greeter = greeter;
    r->inbox = inbox;
    r->batch = calloc(1, sizeof *r->batch);
    if (r->batch == NULL)
        return -ENOMEM;
    r->batch->cursor = &inbox->taken;
    r->batch->working = &inbox->working;
    return 0;
}

void round_done(struct round *r)
{
    free(r->batch);
    r->batch = NULL;
}

void round_replay(struct round *r, struct inbox *inbox)
{
    r->inbox = inbox;
    r->batch->cursor = &inbox->taken;
    r->batch->working = &inbox->working;
    r->framed = r->ordinal = 0;
    r->skip = atomic_load(&inbox->taken);
    r->repeat_until = atomic_load(&inbox->offered);
    uint32_t segments = atomic_load(&inbox->segments);
    for (uint32_t i = 0; i < segments; i++) {
        struct segment *segment = &inbox->segment[i];
        struct stream *stream = &r->ledger->slots[segment->slot].stream;
        *stream = segment->start;
        stream->taken += atomic_load(&segment->fresh);
    }
}

/* --- reading --- */

/* The bytes that are carried into the next segment of this connection. */
static uint32_t carry_of(const struct round *r, uint32_t slot)
{
    return r->ledger->slots[slot].stream.tail_bytes;
}

bool round_has_room(const struct round *r, uint32_t slot)
{
    return atomic_load_explicit(&r->inbox->segments, memory_order_relaxed) < LEDGER_SEGMENTS &&
           r->fill + carry_of(r, slot) + ROUND_MIN_ROOM_BYTES <= LEDGER_INBOX_BYTES;
}

bool round_is_empty(const struct round *r)
{
    return atomic_load_explicit(&r->inbox->segments, memory_order_relaxed) == 0;
}

/* The first segment of a round: nothing of the last one may be taken for true. */
static void open_inbox(struct round *r)
{
    struct inbox *inbox = r->inbox;

    inbox->max_message_bytes = r->rules->settings->buffer_size;
    inbox->oversize = r->rules->settings->oversize;
    r->fill = r->framed = r->ordinal = r->skip = r->repeat_until = 0;
}

/* Open a segment: its place, and the stream's state before it. The carry is copied in. */
static struct segment *open_segment(struct round *r, uint32_t slot, uint32_t limit)
{
    struct inbox *inbox = r->inbox;
    uint32_t n = atomic_load_explicit(&inbox->segments, memory_order_relaxed);

    assert(n < LEDGER_SEGMENTS && !r->table->conns[slot].in_hand);
    if (n == 0)
        open_inbox(r);
    r->table->conns[slot].in_hand = 1;
    struct segment *segment = &inbox->segment[n];
    segment->start = r->ledger->slots[slot].stream;
    segment->slot = slot;
    segment->from = r->fill;
    uint32_t carry = segment->start.tail_bytes;
    uint32_t free_bytes = LEDGER_INBOX_BYTES - r->fill - carry;
    segment->room = limit < free_bytes ? limit : free_bytes;
    atomic_store_explicit(&segment->fresh, SEGMENT_UNKNOWN, memory_order_relaxed);
    atomic_store_explicit(&segment->at_end, 0, memory_order_relaxed);
    if (carry > 0)
        memcpy(inbox->bytes + r->fill, ledger_tail(r->ledger, slot), carry);
    atomic_store_explicit(&inbox->segments, n + 1, memory_order_release);
    return segment;
}

/* Take back a segment into which nothing came. */
static void drop_segment(struct round *r)
{
    uint32_t n = atomic_load_explicit(&r->inbox->segments, memory_order_relaxed);

    r->table->conns[r->inbox->segment[n - 1].slot].in_hand = 0;
    atomic_store_explicit(&r->inbox->segments, n - 1, memory_order_release);
}

/* Note what came: the bytes are part of the ledger from here on. */
static void note_segment(struct round *r, struct segment *segment, uint32_t fresh, bool at_end)
{
    if (at_end)
        atomic_store_explicit(&segment->at_end, 1, memory_order_relaxed);
    atomic_store_explicit(&segment->fresh, fresh, memory_order_release);
    r->ledger->slots[segment->slot].stream.taken += fresh;
    r->fill += segment->start.tail_bytes + fresh;
    stats_add(&r->stats->bytes, fresh);
}

enum round_read round_read(struct round *r, uint32_t slot, uint32_t limit, bool may_end)
{
    struct segment *segment = open_segment(r, slot, limit);
    unsigned char *at = r->inbox->bytes + segment->from + segment->start.tail_bytes;
    ssize_t n = recv(r->table->conns[slot].fd, at, segment->room, MSG_DONTWAIT);

    if (n > 0) {
        bool at_end = may_end && (uint32_t)n < segment->room;
        note_segment(r, segment, (uint32_t)n, at_end);
        return at_end ? ROUND_ENDED : ROUND_GOT;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        drop_segment(r);
        return ROUND_NOTHING;
    }
    if (n < 0)
        stats_add(&r->stats->resets, 1);
    note_segment(r, segment, 0, true);
    return ROUND_ENDED;
}

void round_end_stream(struct round *r, uint32_t slot)
{
    note_segment(r, open_segment(r, slot, 0), 0, true);
}

/* --- framing --- */

/* Who speaks in segment INDEX, for the outputs. */
static void fill_source(struct round *r, uint32_t index, uint32_t slot_index)
{
    const struct slot *slot = &r->ledger->slots[slot_index];
    struct source *source = &r->batch->sources[index];

    source->peer = slot->peer;
    source->connection = slot->connection;
    source->slot = slot_index;
    source->peer_len = (uint8_t)peer_format(&slot->peer, source->peer_text);
    source->label = rulebook_label(r->rules, slot->listener);
    source->listener = rulebook_listener_text(r->rules, slot->listener);
    uint8_t highest = r->rules->settings->highest_severity;
    uint8_t own = priority_make(source->label->facility, source->label->severity);
    r->record_rules = (struct record_rules){
        .mode = r->rules->settings->priority,
        .highest_severity = highest,
        .priority = priority_lower(own, highest),
    };
}

/* This segment is done with; LEN bytes from FROM on are carried. */
static void finish_segment(struct round *r, uint32_t from, uint32_t len)
{
    r->rests[r->framed++] = (struct round_rest){.from = from, .len = len};
}

/*
 * The first bytes of a connection are heard before they are framed.
 * Returns: true with the bytes to skip; false when there is nothing to frame.
 */
static bool hear_greeting(struct round *r, struct segment *segment, size_t len, size_t *ret_skip)
{
    struct slot *slot = &r->ledger->slots[segment->slot];
    bool at_end = atomic_load_explicit(&segment->at_end, memory_order_relaxed) != 0;

    *ret_skip = 0;
    if (len == 0 || (segment->start.taken > 0 && !slot->stream.awaits_proxy))
        return true;
    switch (greeter_hear(r->greeter, r->rules, slot, r->inbox->bytes + segment->from, len,
                         ret_skip)) {
    case GREETING_PASS:
        return true;
    case GREETING_WAIT:
        finish_segment(r, segment->from, at_end ? 0 : (uint32_t)len);
        return false;
    case GREETING_REFUSED:
        r->table->conns[segment->slot].by_reset = 1;
        break;
    }
    atomic_store_explicit(&segment->at_end, 1, memory_order_relaxed);
    finish_segment(r, segment->from, 0);
    return false;
}

/* Begin to frame the next segment. Returns: false when there is nothing in it to frame. */
static bool open_view(struct round *r)
{
    struct segment *segment = &r->inbox->segment[r->framed];
    struct slot *slot = &r->ledger->slots[segment->slot];
    size_t len = segment->start.tail_bytes +
                 (size_t)atomic_load_explicit(&segment->fresh, memory_order_relaxed);
    size_t skip;

    atomic_store_explicit(r->batch->working, segment->slot + 1, memory_order_relaxed);
    if (!hear_greeting(r, segment, len, &skip))
        return false;
    r->view_rules = (struct framer_rules){
        .max_message_bytes = r->inbox->max_message_bytes,
        .framing = slot->framing,
        .oversize = (uint8_t)r->inbox->oversize,
    };
    fill_source(r, r->framed, segment->slot);
    framer_begin(&r->view, &slot->stream.framer, &r->view_rules,
                 r->inbox->bytes + segment->from + skip, len - skip,
                 atomic_load_explicit(&segment->at_end, memory_order_relaxed) != 0);
    r->view_open = true;
    return true;
}

/* Say once for a connection that its messages are too long. */
static void announce_oversize(struct round *r, struct slot *slot, const char *what)
{
    char peer[PEER_TEXT_BYTES];

    if (slot->announced)
        return;
    slot->announced = 1;
    (void)peer_format(&slot->peer, peer);
    log_event(SEVERITY_NOTICE, MESSAGE_ID_OVERSIZE,
              "%s: message longer than buffer_size (%u bytes) is %s; said once for this connection",
              peer, (unsigned)r->inbox->max_message_bytes, what);
}

/* A frame becomes a record of the batch, unless it was delivered before a crash. */
static void add_record(struct round *r, const struct frame *frame)
{
    struct slot *slot = &r->ledger->slots[r->inbox->segment[r->framed].slot];
    struct record *record = &r->batch->records[r->batch->count];

    record_from_frame(frame, &r->record_rules, &slot->stream.before, record);
    slot->stream.sequence++;
    if (frame->part == 1 || (frame->flags & FRAME_TRUNCATED)) {
        stats_add(&r->stats->oversize, 1);
        announce_oversize(r, slot, frame->part == 1 ? "split" : "truncated");
    }
    uint32_t ordinal = r->ordinal++;
    if (ordinal < r->skip)
        return;
    if (ordinal < r->repeat_until)
        record->flags |= RECORD_REPEAT;
    record->sequence = slot->stream.sequence;
    record->source = r->framed;
    r->batch->count++;
}

static void discard_message(struct round *r)
{
    struct slot *slot = &r->ledger->slots[r->inbox->segment[r->framed].slot];

    stats_add(&r->stats->oversize, 1);
    stats_add(&r->stats->discarded, 1);
    announce_oversize(r, slot, "discarded");
}

/* What the view leaves undecided stays in the inbox until the round is closed. */
static void close_view(struct round *r)
{
    finish_segment(r, (uint32_t)(r->view.at - r->inbox->bytes), r->view.keep);
    r->view_open = false;
}

/* Frame the open view. Returns: true at its end, false when the batch is full. */
static bool frame_view(struct round *r)
{
    struct frame frame;

    while (r->batch->count < BATCH_RECORDS) {
        switch (framer_next(&r->view, &frame)) {
        case FRAMER_MESSAGE:
            add_record(r, &frame);
            break;
        case FRAMER_DISCARDED:
            discard_message(r);
            break;
        case FRAMER_NEED_MORE:
            close_view(r);
            return true;
        }
    }
    return false;
}

bool round_frame(struct round *r)
{
    while (r->framed < atomic_load_explicit(&r->inbox->segments, memory_order_relaxed)) {
        if (!r->view_open && !open_view(r))
            continue;
        if (!frame_view(r))
            return false;
    }
    return true;
}

void round_offer(struct round *r)
{
    uint32_t taken = atomic_load_explicit(&r->inbox->taken, memory_order_relaxed);
    uint32_t until = taken + (r->batch->count - r->batch->taken);

    if (until > atomic_load_explicit(&r->inbox->offered, memory_order_relaxed))
        atomic_store_explicit(&r->inbox->offered, until, memory_order_release);
}

void round_withdraw(struct round *r, bool begun)
{
    uint32_t taken = atomic_load_explicit(&r->inbox->taken, memory_order_relaxed);
    uint32_t until = taken + (begun ? 1 : 0);

    if (until < r->repeat_until)
        until = r->repeat_until;
    atomic_store_explicit(&r->inbox->offered, until, memory_order_release);
}

void round_taken(struct round *r)
{
    r->batch->count = r->batch->taken = 0;
}

/* --- closing --- */

/* Remember a tail whose page is in use; give back that of the oldest if it is empty. */
static void remember_dirty(struct round *r, uint32_t slot)
{
    if (r->table->conns[slot].dirty_tail == TAIL_LISTED)
        return;
    r->table->conns[slot].dirty_tail = TAIL_LISTED;
    if (r->dirty_count == ROUND_DIRTY_TAILS) {
        uint32_t oldest = r->dirty[r->dirty_next];
        if (oldest != CONNECTION_NONE) {
            bool in_use = r->ledger->slots[oldest].stream.tail_bytes > 0;
            r->table->conns[oldest].dirty_tail = in_use ? TAIL_DIRTY : TAIL_CLEAN;
            if (!in_use)
                ledger_forget_tail(r->ledger, oldest);
        }
    } else {
        r->dirty_count++;
    }
    r->dirty[r->dirty_next] = slot;
    r->dirty_next = (r->dirty_next + 1) % ROUND_DIRTY_TAILS;
}

void round_forget(struct round *r, uint32_t slot)
{
    if (r->table->conns[slot].dirty_tail == TAIL_CLEAN)
        return;
    for (uint32_t i = 0; i < r->dirty_count; i++)
        if (r->dirty[i] == slot)
            r->dirty[i] = CONNECTION_NONE;
    ledger_forget_tail(r->ledger, slot);
}

/* What is left of a stream goes to its tail. */
static void settle(struct round *r, uint32_t index)
{
    uint32_t slot = r->inbox->segment[index].slot;
    const struct round_rest *rest = &r->rests[index];

    if (rest->len > 0) {
        memcpy(ledger_tail(r->ledger, slot), r->inbox->bytes + rest->from, rest->len);
        remember_dirty(r, slot);
    } else if (r->table->conns[slot].dirty_tail == TAIL_DIRTY) {
        remember_dirty(r, slot); /* empty now: its pages are given back in time */
    }
    r->ledger->slots[slot].stream.tail_bytes = rest->len;
    r->table->conns[slot].in_hand = 0;
}

uint32_t round_close(struct round *r, uint32_t *ended)
{
    struct inbox *inbox = r->inbox;
    uint32_t segments = atomic_load_explicit(&inbox->segments, memory_order_relaxed);
    uint32_t count = 0;

    for (uint32_t i = 0; i < segments; i++) {
        settle(r, i);
        if (atomic_load_explicit(&inbox->segment[i].at_end, memory_order_relaxed))
            ended[count++] = inbox->segment[i].slot;
    }
    /* The one store that makes the slots and tails true again. */
    atomic_store_explicit(&inbox->segments, 0, memory_order_release);
    atomic_store_explicit(&inbox->offered, 0, memory_order_release);
    atomic_store_explicit(&inbox->taken, 0, memory_order_release);
    atomic_store_explicit(&inbox->working, 0, memory_order_relaxed);
    r->fill = r->framed = r->ordinal = r->skip = r->repeat_until = 0;
    stats_add(&r->stats->rounds, 1);
    return count;
}
