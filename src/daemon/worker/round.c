/* SPDX-License-Identifier: MIT
 *
 * The round, and with it the order of writes that the ledger's promise carries on.
 */
#include "config.h"

#include "daemon/worker/round.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ledger/check.h"
#include "daemon/session/conn.h"
#include "os/clock.h"

int round_init(struct round *r, struct connections *table, const struct snapshot *snapshot,
               struct preface *preface, struct inbox *inbox)
{
    memset(r, 0, offsetof(struct round, carries));
    r->ledger = table->ledger;
    r->table = table;
    r->snapshot = snapshot;
    r->counters = inbox->counters;
    r->counts = inbox->counts;
    r->preface = preface;
    r->inbox = inbox;
    r->set = -1;
    r->batch_limit = BATCH_RECORDS;
    r->batch = calloc(1, sizeof *r->batch);
    r->text = malloc(LEDGER_INBOX_BYTES + TRANSPORT_SLACK_BYTES); /* costs nothing until used */
    r->tools = &table->tools[(inbox - table->ledger->inboxes) % PEERLOG_MAX_WORKERS];
    if (r->batch == NULL || r->text == NULL) {
        round_done(r);
        return -ENOMEM;
    }
    r->batch->cursor = &inbox->delivered;
    r->batch->working = &inbox->working;
    (void)snprintf(r->pid, sizeof r->pid, "%d", (int)getpid()); /* always fits */
    return 0;
}

void round_done(struct round *r)
{
    free(r->batch);
    free(r->text);
    r->batch = NULL;
    r->text = NULL;
}

void round_replay(struct round *r, struct inbox *inbox)
{
    r->inbox = inbox;
    r->batch->cursor = &inbox->delivered;
    r->batch->working = &inbox->working;
    r->framed = r->ordinal = 0;
    r->began_us = clock_mono_us();
    r->skip = atomic_load(&inbox->delivered);
    r->repeat_until = atomic_load(&inbox->offered);
    uint32_t segments = atomic_load(&inbox->segments);
    for (uint32_t i = 0; i < segments; i++) {
        struct segment *segment = &inbox->segment[i];
        struct stream *stream = &r->ledger->slots[segment->slot].stream;
        *stream = segment->start;
        stream->received += atomic_load(&segment->fresh);
        if (r->ledger->slots[segment->slot].transport != TRANSPORT_PLAIN)
            *connections_transport(r->table, segment->slot) = inbox->before[i];
    }
}

/* --- reading --- */

/* The bytes that are carried into the next segment of this connection. */
static uint32_t carry_of(const struct round *r, uint32_t slot)
{
    const struct slot *data = &r->ledger->slots[slot];

    return data->stream.tail_bytes +
           (data->transport != TRANSPORT_PLAIN ? connections_transport(r->table, slot)->wire_bytes
                                               : 0);
}

/* Segments that a successor cannot open stand in rounds of their own: it cannot count them. */
static bool is_mortal(const struct round *r, uint32_t slot)
{
    const struct slot *data = &r->ledger->slots[slot];

    return data->transport != TRANSPORT_PLAIN && (data->flags & SLOT_MORTAL);
}

bool round_has_room(const struct round *r, uint32_t slot)
{
    uint32_t n = atomic_load_explicit(&r->inbox->segments, memory_order_relaxed);

    return n < LEDGER_SEGMENTS &&
           (n == 0 || is_mortal(r, r->inbox->segment[0].slot) == is_mortal(r, slot)) &&
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

    inbox->max_message_bytes = r->snapshot->settings->buffer_size;
    inbox->oversize = r->snapshot->settings->oversize;
    r->fill = r->framed = r->ordinal = r->skip = r->repeat_until = 0;
    r->began_us = clock_mono_us();
}

/* What the framer obeys for this segment, beside the rules of the whole inbox. */
static void set_rules(const struct round *r, struct segment *segment)
{
    const struct listener_settings *listener =
        snapshot_listener(r->snapshot, r->ledger->slots[segment->slot].listener);

    segment->multiline = listener != NULL ? listener->multiline : MULTILINE_NONE;
    segment->flushes = listener == NULL || listener->flush_timeout_s > 0;
}

/* What a successor opens the segment by: of a mortal connection nothing but how much is carried. */
static void note_before(struct round *r, uint32_t index, uint32_t slot)
{
    const struct transport_state *state = connections_transport(r->table, slot);

    if (is_mortal(r, slot))
        r->inbox->before[index] = (struct transport_state){.wire_bytes = state->wire_bytes};
    else if (r->ledger->slots[slot].transport != TRANSPORT_PLAIN)
        r->inbox->before[index] = *state;
}

/* It is not needed any more, and it has secrets in it. */
static void wipe_before(struct round *r, uint32_t index)
{
    if (r->ledger->slots[r->inbox->segment[index].slot].transport != TRANSPORT_PLAIN)
        explicit_bzero(&r->inbox->before[index], sizeof r->inbox->before[index]);
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
    set_rules(r, segment);
    note_before(r, n, slot);
    uint32_t carry = carry_of(r, slot);
    uint32_t free_bytes = LEDGER_INBOX_BYTES - r->fill - carry;
    segment->room = limit < free_bytes ? limit : free_bytes;
    atomic_store_explicit(&segment->fresh, SEGMENT_UNKNOWN, memory_order_relaxed);
    atomic_store_explicit(&segment->at_end, 0, memory_order_relaxed);
    atomic_store_explicit(&segment->verdict, VERDICT_NONE, memory_order_relaxed);
    atomic_store_explicit(&segment->flush, 0, memory_order_relaxed);
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
    wipe_before(r, n - 1);
}

/* Note what came: the bytes are part of the ledger from here on. */
static void note_segment(struct round *r, struct segment *segment, uint32_t fresh,
                         enum segment_end end)
{
    uint32_t carry = carry_of(r, segment->slot);

    if (end != SEGMENT_GOES_ON)
        atomic_store_explicit(&segment->at_end, end, memory_order_relaxed);
    atomic_store_explicit(&segment->fresh, fresh, memory_order_release);
    r->ledger->slots[segment->slot].stream.received += fresh;
    r->fill += carry + fresh;
    counter_add(r->counters, COUNTER_BYTES, fresh);
}

/* A balancer has looked whether we are there, and said nothing. */
static bool is_health_check(const struct slot *slot)
{
    return slot->flags & SLOT_LOCAL && slot->stream.sequence == 0;
}

enum round_read round_read(struct round *r, uint32_t slot, uint32_t limit, bool may_end)
{
    struct segment *segment = open_segment(r, slot, limit);
    unsigned char *at = r->inbox->bytes + segment->from + carry_of(r, slot);
    size_t n = 0;

    switch (conn_receive(r->table, slot, at, segment->room, &n)) {
    case RECEIVED_BYTES: {
        bool at_end = may_end && n < segment->room;
        note_segment(r, segment, (uint32_t)n, at_end ? SEGMENT_ENDS : SEGMENT_GOES_ON);
        return at_end ? ROUND_ENDED : ROUND_GOT;
    }
    case RECEIVED_NOTHING:
        if (conn_pending(r->table, slot)) {
            note_segment(r, segment, 0, SEGMENT_GOES_ON);
            return ROUND_GOT;
        }
        drop_segment(r);
        return ROUND_NOTHING;
    case RECEIVED_RESET:
        if (!is_health_check(&r->ledger->slots[slot]))
            counter_add(r->counters, COUNTER_RESETS, 1);
        connections_note_ending(&r->ledger->slots[slot], ENDING_RESET);
        note_segment(r, segment, 0, SEGMENT_CUT);
        break;
    case RECEIVED_END:
        note_segment(r, segment, 0, SEGMENT_ENDS);
        break;
    }
    return ROUND_ENDED;
}

void round_flush(struct round *r, uint32_t slot)
{
    struct segment *segment = open_segment(r, slot, 0);

    atomic_store_explicit(&segment->flush, 1, memory_order_relaxed);
    note_segment(r, segment, 0, SEGMENT_GOES_ON);
}

void round_end_stream(struct round *r, uint32_t slot)
{
    note_segment(r, open_segment(r, slot, 0), 0, SEGMENT_CUT);
}

/* --- delivering --- */

void round_offer(struct round *r)
{
    uint32_t delivered = atomic_load_explicit(&r->inbox->delivered, memory_order_relaxed);
    uint32_t until = delivered + (r->batch->count - r->batch->delivered);

    if (until > atomic_load_explicit(&r->inbox->offered, memory_order_relaxed))
        atomic_store_explicit(&r->inbox->offered, until, memory_order_release);
}

void round_withdraw(struct round *r)
{
    uint32_t delivered = atomic_load_explicit(&r->inbox->delivered, memory_order_relaxed);
    const struct batch *batch = r->batch;
    uint32_t out = batch->submitted > batch->risked ? batch->submitted : batch->risked;
    uint32_t until = out > batch->delivered ? delivered + (out - batch->delivered) : delivered;

    if (until < r->repeat_until)
        until = r->repeat_until;
    atomic_store_explicit(&r->inbox->offered, until, memory_order_release);
}

void round_delivered(struct round *r)
{
    r->batch->count = r->batch->submitted = r->batch->delivered = r->batch->risked = 0;
    round_note_ends(r, r->notes_ends);
}

/* --- committing --- */

/* Remember a tail whose page is in use; give back that of the oldest if it is empty. */
static void remember_dirty(struct round *r, uint32_t slot)
{
    if (r->table->conns[slot].dirty_tail == TAIL_LISTED)
        return;
    r->table->conns[slot].dirty_tail = TAIL_LISTED;
    if (r->dirty_count == ROUND_DIRTY_TAILS) {
        uint32_t oldest = r->dirty[r->dirty_next];
        if (oldest != CONNECTION_NONE) {
            bool in_use = carry_of(r, oldest) > 0;
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

/* The list does not name it any more. */
static void strike_dirty(struct round *r, uint32_t slot)
{
    for (uint32_t i = 0; i < r->dirty_count; i++)
        if (r->dirty[i] == slot)
            r->dirty[i] = CONNECTION_NONE;
}

void round_forget(struct round *r, uint32_t slot)
{
    if (r->table->conns[slot].dirty_tail == TAIL_CLEAN)
        return;
    strike_dirty(r, slot);
    ledger_forget_tail(r->ledger, slot);
}

void round_let_go(struct round *r, uint32_t slot)
{
    assert(!r->table->conns[slot].in_hand);
    if (carry_of(r, slot) == 0) {
        round_forget(r, slot);
        r->table->conns[slot].dirty_tail = TAIL_CLEAN;
    } else {
        strike_dirty(r, slot);
        r->table->conns[slot].dirty_tail = TAIL_DIRTY;
    }
}

static void add_count(_Atomic uint64_t *count, uint64_t n)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* What came in a segment counts for its listener; once, however often it was gone through. */
static void count_for_listener(struct round *r, const struct segment *segment)
{
    const struct slot *slot = &r->ledger->slots[segment->slot];
    uint8_t id = atomic_load_explicit(&slot->listener, memory_order_relaxed);
    struct listener_counts *counts = &r->counts[id < LEDGER_LISTENERS ? id : LEDGER_LISTENERS];

    add_count(&counts->messages[slot->stream.session],
              slot->stream.sequence - segment->start.sequence);
    add_count(&counts->bytes, atomic_load_explicit(&segment->fresh, memory_order_relaxed));
}

/* What is left of a stream goes to its tail. */
static void settle(struct round *r, uint32_t index)
{
    uint32_t slot = r->inbox->segment[index].slot;
    const struct round_carry *carry = &r->carries[index];

    if (r->ledger->slots[slot].transport != TRANSPORT_PLAIN) {
        if (carry->wire_len > 0)
            memcpy(ledger_tail(r->ledger, slot) + carry->len, carry->wire, carry->wire_len);
        connections_transport(r->table, slot)->wire_bytes = carry->wire_len;
    }
    if (carry->len + carry->wire_len > 0) {
        memcpy(ledger_tail(r->ledger, slot), carry->from, carry->len);
        remember_dirty(r, slot);
    } else if (r->table->conns[slot].dirty_tail == TAIL_DIRTY) {
        remember_dirty(r, slot); /* empty now: its pages are given back in time */
    }
    struct stream *stream = &r->ledger->slots[slot].stream;
    count_for_listener(r, &r->inbox->segment[index]);
    stream->tail_bytes = carry->len;
    if (carry->len > 0 || (stream->session == SESSION_SYSLOG && stream->framer.dropped > 0))
        r->left_waiting |= r->inbox->segment[index].flushes;
    r->table->conns[slot].in_hand = 0;
}

/* Sessions that answer are told that their records are in the log. */
static void tell_sessions(struct round *r, uint32_t segments)
{
    for (uint32_t i = 0; i < segments; i++) {
        uint32_t slot = r->inbox->segment[i].slot;
        conn_answer(r->table, slot, r->set);
        r->answers[i] = (uint8_t)session_committed(r->table, slot);
        wipe_before(r, i);
    }
}

/* Is it over with the connection of this committed segment? */
static bool has_ended(const struct round *r, uint32_t index)
{
    const struct segment *segment = &r->inbox->segment[index];

    return r->answers[index] != ANSWERS_WAIT &&
           atomic_load_explicit(&segment->at_end, memory_order_relaxed);
}

uint32_t round_commit(struct round *r, uint32_t *ended)
{
    struct inbox *inbox = r->inbox;
    uint32_t segments = atomic_load_explicit(&inbox->segments, memory_order_relaxed);
    uint32_t count = 0;

    ledger_check(r->table, inbox);
    for (uint32_t i = 0; i < segments; i++)
        settle(r, i);
    /* The one store that makes the slots and tails true again. */
    atomic_store_explicit(&inbox->segments, 0, memory_order_release);
    atomic_store_explicit(&inbox->offered, 0, memory_order_release);
    atomic_store_explicit(&inbox->delivered, 0, memory_order_release);
    atomic_store_explicit(&inbox->working, 0, memory_order_relaxed);
    tell_sessions(r, segments);
    for (uint32_t i = 0; i < segments; i++)
        if (has_ended(r, i))
            ended[count++] = inbox->segment[i].slot;
    r->committed = segments;
    r->fill = r->framed = r->ordinal = r->skip = r->repeat_until = 0;
    counter_add(r->counters, COUNTER_ROUNDS, 1);
    return count;
}
