/* SPDX-License-Identifier: MIT
 *
 * A round's framing: segments in, records of the batch out. What happens here happens once more
 * in the same way when a later process replays the round.
 */
#include "config.h"

#include "daemon/worker/round.h"

#include <string.h>

#include "daemon/message_ids.h"
#include "daemon/session/conn.h"
#include "os/log.h"

/* The connection of segment INDEX, for the outputs. */
static void fill_source(struct round *r, uint32_t index, uint32_t slot_index)
{
    const struct slot *slot = &r->ledger->slots[slot_index];
    struct source *source = &r->batch->sources[index];

    source->peer = slot->peer;
    source->connection = slot->connection;
    source->slot = slot_index;
    source->peer_len = (uint8_t)peer_format(&slot->peer, source->peer_text);
    source->label = snapshot_label(r->snapshot, slot->listener);
    source->listener = snapshot_listener_text(r->snapshot, slot->listener);
    const struct listener_settings *listener = snapshot_listener(r->snapshot, slot->listener);
    uint8_t highest = r->snapshot->settings->highest_severity;
    uint8_t own = priority_make(source->label->facility, source->label->severity);
    r->record_rules = (struct record_rules){
        .mode = r->snapshot->settings->priority,
        .highest_severity = highest,
        .priority = priority_lower(own, highest),
        .allow_kern = listener != NULL && listener->allow_kern,
    };
}

/* This segment is done with; LEN bytes from FROM on are carried. */
static void finish_segment(struct round *r, const unsigned char *from, uint32_t len)
{
    struct round_carry *carry = &r->carries[r->framed++];

    *carry = r->wire_carry;
    carry->from = from;
    carry->len = len;
}

/*
 * The transport opens what came over the wire, behind what was carried of the stream; what it
 * cannot open yet is carried itself.
 */
static void open_wire(struct round *r, const struct transport_kind *transport,
                      struct session_input *input)
{
    struct segment *segment = &r->inbox->segment[r->framed];
    uint32_t tail = segment->start.tail_bytes;
    struct transport_opening opening = {
        .tools = r->tools, .state = &r->ledger->transports[segment->slot],
        .wire = input->bytes + tail, .wire_bytes = input->len - tail,
        .text = r->text + segment->from + tail,
        .room = input->len - tail + TRANSPORT_SLACK_BYTES,
    };

    memcpy(r->text + segment->from, input->bytes, tail);
    enum opened opened = transport->open(&opening);
    if (opened != OPENED_SO_FAR)
        atomic_store_explicit(&segment->at_end, 1, memory_order_relaxed);
    input->at_end = input->at_end || opened != OPENED_SO_FAR;
    input->bytes = r->text + segment->from;
    input->len = tail + opening.opened;
    r->wire_carry.wire = opening.wire + opening.taken;
    r->wire_carry.wire_len = input->at_end ? 0 : (uint32_t)(opening.wire_bytes - opening.taken);
}

/* The bytes of the next segment, and all that its frames depend on. */
static struct session_input next_input(struct round *r)
{
    const struct segment *segment = &r->inbox->segment[r->framed];
    const struct transport_kind *transport = transport_of(r->table, segment->slot);
    struct session_input input = {
        .bytes = r->inbox->bytes + segment->from,
        .len = ledger_carry_bytes(r->ledger, r->inbox, r->framed) +
               (size_t)atomic_load_explicit(&segment->fresh, memory_order_relaxed),
        .at_end = atomic_load_explicit(&segment->at_end, memory_order_relaxed) != 0,
        .verdict = atomic_load_explicit(&segment->verdict, memory_order_relaxed),
        .rules = {
            .max_message_bytes = r->inbox->max_message_bytes,
            .framing = r->ledger->slots[segment->slot].framing,
            .oversize = (uint8_t)r->inbox->oversize,
        },
    };

    r->wire_carry = (struct round_carry){.wire_len = 0};
    if (transport->open != NULL)
        open_wire(r, transport, &input);
    return input;
}

/* The header is whole: what is made of it is kept before any record follows from it. */
static void judge(struct round *r, struct segment *segment, const struct preface_header *header)
{
    struct slot *slot = &r->ledger->slots[segment->slot];
    uint8_t verdict = (uint8_t)preface_judge(r->preface, r->snapshot, slot, header, r->counters);

    atomic_store_explicit(&segment->verdict, verdict, memory_order_release);
}

/* The connection is refused: its bytes are dropped, and it ends by a reset. */
static void refuse(struct round *r, struct segment *segment)
{
    r->table->conns[segment->slot].by_reset = 1;
    atomic_store_explicit(&segment->at_end, 1, memory_order_relaxed);
    finish_segment(r, NULL, 0);
}

/* The first bytes of a stream may be another protocol's. */
static void look_at_first_bytes(struct round *r, const struct segment *segment, bool had_header)
{
    const struct framer *bytes = &r->view.framer;

    if ((segment->start.received == 0 || had_header) && bytes->end > bytes->at)
        preface_detect(r->preface, &r->ledger->slots[segment->slot].peer, bytes->at,
                       (size_t)(bytes->end - bytes->at));
}

/* Begin to frame the next segment. Returns: false when there is nothing in it to frame. */
static bool open_view(struct round *r)
{
    struct segment *segment = &r->inbox->segment[r->framed];
    struct stream *stream = &r->ledger->slots[segment->slot].stream;
    struct session_input input = next_input(r);
    struct preface_header header;
    bool had_header = stream->awaits_proxy;

    atomic_store_explicit(r->batch->working, segment->slot + 1, memory_order_relaxed);
    enum session_opening opening = session_open(&r->view, stream, &input, &header);
    if (opening == SESSION_JUDGE) {
        judge(r, segment, &header);
        input.verdict = atomic_load_explicit(&segment->verdict, memory_order_relaxed);
        opening = session_open(&r->view, stream, &input, &header);
    }
    if (opening == SESSION_WAITS)
        finish_segment(r, input.bytes, input.at_end ? 0 : (uint32_t)input.len);
    else if (opening == SESSION_REFUSED)
        refuse(r, segment);
    if (opening != SESSION_OPEN)
        return false;
    look_at_first_bytes(r, segment, had_header);
    fill_source(r, r->framed, segment->slot);
    r->view_open = true;
    return true;
}

/* Say once for a connection that its messages are too long. */
static void announce_oversize(struct round *r, struct slot *slot, const char *what)
{
    char peer[PEER_TEXT_BYTES];

    if (slot->flags & SLOT_ANNOUNCED)
        return;
    slot->flags |= SLOT_ANNOUNCED;
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
        counter_add(r->counters, COUNTER_OVERSIZE, 1);
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

    counter_add(r->counters, COUNTER_OVERSIZE, 1);
    counter_add(r->counters, COUNTER_DISCARDED, 1);
    announce_oversize(r, slot, "discarded");
}

/* What the view leaves undecided stays in the inbox until the round is closed. */
static void close_view(struct round *r)
{
    const unsigned char *from;
    size_t len = session_carry(&r->view, &from);

    finish_segment(r, from, (uint32_t)len);
    r->view_open = false;
}

/*
 * Answers: must the batch be delivered first? In a replay, what was offered before a crash is not
 * mixed with what was not: an output that packs records packs the same ones together again.
 */
static bool batch_is_full(const struct round *r)
{
    return r->batch->count == BATCH_RECORDS ||
           (r->batch->count > 0 && r->ordinal == r->repeat_until);
}

/* Frame the open view. Returns: true at its end, false when the batch is full. */
static bool frame_view(struct round *r)
{
    struct frame frame;

    while (!batch_is_full(r)) {
        switch (session_next(&r->view, &frame)) {
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

