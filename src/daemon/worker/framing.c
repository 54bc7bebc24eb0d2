/* SPDX-License-Identifier: MIT
 *
 * A round's framing: segments in, records of the batch out. What happens here happens once more
 * in the same way when a later process replays the round.
 */
#include "config.h"

#include "daemon/worker/round.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
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
    source->details = slot->flags & SLOT_DETAILED ? &r->ledger->details[slot_index] : NULL;
    source->tls_version = NULL;
    const struct transport_kind *transport = transport_of(r->table, slot_index);
    if (transport->describe != NULL)
        transport->describe(r->table, slot_index, &source->tls_version, &source->tls_cipher);
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

/* Its stream goes no further. */
static void note_cut(const struct round *r, struct slot *slot)
{
    counter_add(r->counters, COUNTER_CUT, 1);
    connections_note_ending(slot, ENDING_CUT);
    slot->problem = PROBLEM_CUT;
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
        .tools = r->tools, .state = connections_transport(r->table, segment->slot),
        .wire = input->bytes + tail, .wire_bytes = input->len - tail,
        .text = r->text + segment->from + tail,
        .room = input->len - tail + TRANSPORT_SLACK_BYTES,
    };

    bool established = conn_is_established(r->table, segment->slot);
    memcpy(r->text + segment->from, input->bytes, tail);
    enum opened opened = transport->open(&opening);
    if (opened != OPENED_SO_FAR)
        atomic_store_explicit(&segment->at_end, SEGMENT_ENDS, memory_order_relaxed);
    input->at_end = input->at_end || opened != OPENED_SO_FAR;
    input->bytes = r->text + segment->from;
    input->len = tail + opening.opened;
    r->wire_carry.wire = opening.wire + opening.taken;
    r->wire_carry.wire_len = input->at_end ? 0 : (uint32_t)(opening.wire_bytes - opening.taken);
    bool broken = opened == OPENED_BROKEN ||
             (opened == OPENED_SO_FAR && input->at_end && opening.wire_bytes > opening.taken);
    r->cut = r->cut || broken;
    if (broken && established)
        note_cut(r, &r->ledger->slots[segment->slot]);
    if (broken && established && r->table->conns[segment->slot].fd >= 0)
        preface_tell(r->preface, &r->ledger->slots[segment->slot].peer, NEWS_CUT,
                     "its stream was cut inside a record of TLS, or changed on its way; what came "
                     "whole before is logged");
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
        .flush = atomic_load_explicit(&segment->flush, memory_order_relaxed) != 0,
        .verdict = atomic_load_explicit(&segment->verdict, memory_order_relaxed),
        .rules = ledger_framer_rules(r->ledger, r->inbox, r->framed),
    };

    r->wire_carry = (struct round_carry){.wire_len = 0};
    r->cut = atomic_load_explicit(&segment->at_end, memory_order_relaxed) == SEGMENT_CUT;
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
    connections_note_ending(&r->ledger->slots[segment->slot], ENDING_REFUSED);
    atomic_store_explicit(&segment->at_end, SEGMENT_ENDS, memory_order_relaxed);
    finish_segment(r, NULL, 0);
}

/*
 * The stream is another protocol's: its client is told in its own words, if there are some, and
 * the connection ends.
 */
static void turn_away(struct round *r, struct segment *segment, enum protocol protocol)
{
    const struct transport_kind *transport = transport_of(r->table, segment->slot);
    size_t len;
    const unsigned char *words = protocol_refusal(protocol, &len);

    r->table->conns[segment->slot].by_reset = 1;
    connections_note_ending(&r->ledger->slots[segment->slot], ENDING_FOREIGN);
    r->ledger->slots[segment->slot].problem = PROBLEM_FOREIGN;
    atomic_store_explicit(&segment->at_end, SEGMENT_CUT, memory_order_relaxed);
    if (r->ledger->slots[segment->slot].transport != TRANSPORT_PLAIN ||
        r->table->conns[segment->slot].fd < 0 || words == NULL ||
        transport->room(r->table, segment->slot) < len)
        return;
    (void)transport->write(r->table, segment->slot, words, len); /* it may be gone already */
}

static_assert(COUNTER_HINT_REDIS - COUNTER_HINT_TLS == PROTOCOL_REDIS - PROTOCOL_TLS &&
              PROTOCOL_REDIS + 1 == PROTOCOLS, "each protocol has a counter");

/* The stream was seen to be of another protocol. */
static void name_protocol(struct round *r, const struct peer *peer)
{
    if (r->view.protocol >= PROTOCOL_TLS)
        counter_add(r->counters,
                    (enum counter)(COUNTER_HINT_TLS + (r->view.protocol - PROTOCOL_TLS)), 1);
    preface_name(r->preface, peer, r->view.protocol);
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
    if (had_header && opening != SESSION_REFUSED && header.len > 0)
        preface_keep_details(r->ledger, segment->slot, &header);
    if (opening == SESSION_WAITS)
        finish_segment(r, input.bytes + header.len, (uint32_t)(input.len - header.len));
    else if (opening == SESSION_REFUSED)
        refuse(r, segment);
    if (opening != SESSION_OPEN)
        return false;
    if (r->view.protocol != PROTOCOL_NONE)
        name_protocol(r, &r->ledger->slots[segment->slot].peer);
    if (stream->session == SESSION_FOREIGN)
        turn_away(r, segment, r->view.protocol);
    round_watch_loop(r, segment->slot, r->view.framer.at,
                     (size_t)(r->view.framer.end - r->view.framer.at));
    fill_source(r, r->framed, segment->slot);
    r->view_open = true;
    return true;
}

/* Say once for a connection that its messages are too long. */
static void announce_oversize(struct round *r, struct slot *slot, const char *what)
{
    char peer[PEER_TEXT_BYTES];

    slot->problem = PROBLEM_TOO_LONG;
    if (slot->flags & SLOT_ANNOUNCED)
        return;
    slot->flags |= SLOT_ANNOUNCED;
    (void)peer_format(&slot->peer, peer);
    log_event(SEVERITY_NOTICE, MESSAGE_ID_OVERSIZE,
              "%s: message longer than buffer_size (%u bytes) is %s; said once for this connection",
              peer, (unsigned)r->inbox->max_message_bytes, what);
}

/* The flags of frames of which something may have to be said. */
#define WORTH_A_WORD \
    (FRAME_SPLIT | FRAME_TRUNCATED | FRAME_UNFINISHED | FRAME_MISFIT | FRAME_HINTS)

/* The count before this message does not fit it. */
static void tell_misfit(struct round *r, const struct slot *slot, const struct frame *frame)
{
    uint32_t have = frame->have_bytes, want = frame->want_bytes;
    char words[160];

    (void)snprintf(words, sizeof words, "the count before a message is %u, which is %u too %s; let "
                   "it count bytes, not characters, or end each message with an LF",
                   (unsigned)want, (unsigned)(have > want ? have - want : want - have),
                   have > want ? "few" : "many"); /* it fits */
    preface_tell(r->preface, &slot->peer, NEWS_MISFIT, words);
}

static void say_of_frame(struct round *r, struct slot *slot, const struct frame *frame)
{
    if (frame->part == 1 || (frame->flags & FRAME_TRUNCATED)) {
        counter_add(r->counters, COUNTER_OVERSIZE, 1);
        counter_add(r->counters, frame->part == 1 ? COUNTER_SPLIT : COUNTER_TRUNCATED, 1);
        announce_oversize(r, slot, frame->part == 1 ? "split" : "truncated");
    }
    if (frame->flags & FRAME_UNFINISHED) {
        counter_add(r->counters, COUNTER_LATE_END, 1);
        slot->problem = PROBLEM_UNFINISHED;
    }
    if (frame->flags & FRAME_MISFIT) {
        counter_add(r->counters, COUNTER_MISFIT, 1);
        slot->problem = PROBLEM_MISFIT;
    }
    if (frame->flags & FRAME_ENDLESS) {
        counter_add(r->counters, COUNTER_ENDLESS, 1);
        slot->problem = PROBLEM_ENDLESS;
        preface_tell(r->preface, &slot->peer, NEWS_ENDLESS,
                     "its messages have no end, so each is logged when it pauses; let it send an "
                     "LF behind each (winston-syslog: eol, pino-syslog: newline, log4js: endMsg, "
                     "Log4j: newLine)");
    }
    if (frame->flags & FRAME_FIRST_MISFIT)
        tell_misfit(r, slot, frame);
}

/* Would there have been more of this message, had its stream gone on? */
static bool is_unfinished(const struct round *r, const struct frame *frame)
{
    if (r->view.rules.framing == FRAMING_CLOSE)
        return !(frame->flags & FRAME_SPLIT) || (frame->flags & FRAME_LAST);
    return (frame->flags & (FRAME_UNTERMINATED | FRAME_INCOMPLETE)) != 0;
}

/* A frame becomes a record of the batch, unless it was delivered before a crash. */
static void add_record(struct round *r, const struct frame *frame)
{
    struct slot *slot = &r->ledger->slots[r->inbox->segment[r->framed].slot];
    struct record *record = &r->batch->records[r->batch->count];

    record_from_frame(frame, &r->record_rules, &slot->stream.before, record);
    slot->stream.sequence++;
    if (frame->flags & WORTH_A_WORD)
        say_of_frame(r, slot, frame);
    uint32_t ordinal = r->ordinal++;
    if (ordinal < r->skip)
        return;
    if (ordinal < r->repeat_until) {
        counter_add(r->counters, COUNTER_REPEATS, 1);
        record->flags |= RECORD_REPEAT;
    }
    if (r->cut && is_unfinished(r, frame))
        record->flags |= RECORD_CUT;
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

/* A session that has ended itself says why. */
static void say_fault(struct round *r)
{
    const struct segment *segment = &r->inbox->segment[r->framed];
    const struct session_kind *kind = r->view.kind;
    const char *words;

    unsigned fault = kind->fault != NULL ? kind->fault(r->view.stream, &words) : 0;
    if (fault == 0)
        return;
    const char *what = words;
    if (session_of(&segment->start) == kind && kind->fault(&segment->start, &words) != 0)
        return; /* it was said */
    counter_add(r->counters, COUNTER_FAULT, 1);
    connections_note_ending(&r->ledger->slots[segment->slot], ENDING_FAULT);
    r->ledger->slots[segment->slot].problem = PROBLEM_FAULT;
    preface_report_fault(r->preface, &r->ledger->slots[segment->slot].peer, fault, what);
}

/* What the view leaves undecided stays in the inbox until the round is closed. */
static void close_view(struct round *r)
{
    const unsigned char *from;
    size_t len = session_carry(&r->view, &from);

    if (r->view.kind == &session_foreign)
        counter_add(r->counters, COUNTER_FOREIGN_BYTES, (uint64_t)(r->view.framer.end - from));
    say_fault(r);
    finish_segment(r, from, (uint32_t)len);
    r->view_open = false;
}

/*
 * Answers: must the batch be delivered first? In a replay, what was offered before a crash is not
 * mixed with what was not: an output that packs records packs the same ones together again.
 */
static bool batch_is_full(const struct round *r)
{
    return r->batch->count == r->batch_limit ||
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

void round_note_ends(struct round *r, bool notes)
{
    r->notes_ends = notes;
    r->batch_limit = notes && r->batch->count < BATCH_RECORDS ? r->batch->count + 1 : BATCH_RECORDS;
}

/*
 * The view stands still because the batch is full. While ends are noted it takes one record at a
 * time, so that all others cost nothing for it. Answers: does it go on?
 */
static bool note_end(struct round *r)
{
    const struct stream *stream = r->view.stream;
    uint32_t last = r->batch->count - 1;

    if (!r->notes_ends || r->batch->count == 0)
        return false;
    if (r->batch->records[last].source == r->framed)
        r->ends[last] = stream->session == SESSION_RELP ? ROUND_ENDS_FRAME
                        : stream->session == SESSION_SYSLOG
                            ? (uint8_t)framer_last_end(&stream->framer) : 0;
    r->batch_limit = BATCH_RECORDS;
    bool goes_on = !batch_is_full(r);
    round_note_ends(r, true);
    return goes_on;
}

/*
 * Answers: is there what the next segment is opened with? Without memory for it nothing is given
 * up: what has come stays in hand. In what is not established there is nothing to open.
 */
static bool equip(struct round *r)
{
    uint32_t slot = r->inbox->segment[r->framed].slot;
    const struct transport_kind *transport = transport_of(r->table, slot);
    bool starved = r->starves;

    r->starves = transport->equip != NULL && conn_is_established(r->table, slot) &&
                 transport->equip(r->tools) == -ENOMEM;
    if (r->starves && !starved)
        log_say(SEVERITY_ERR, "out of memory; what came over TLS waits until there is some");
    return !r->starves;
}

bool round_frame(struct round *r)
{
    while (r->framed < atomic_load_explicit(&r->inbox->segments, memory_order_relaxed)) {
        if (!r->view_open && !equip(r))
            return false;
        if (!r->view_open && !open_view(r))
            continue;
        if (!frame_view(r) && !note_end(r))
            return false;
    }
    return true;
}

