/* SPDX-License-Identifier: MIT
 *
 * Takeover of bytes in hand: the open segments of an old inbox are copied, the length of the one
 * that was being read into is asked of the kernel, and the records in them are counted, so that
 * what may be in the log already is known.
 */
#include "config.h"

#include "daemon/takeover/private.h"

#include <stddef.h>
#include <string.h>

#include "daemon/message_ids.h"
#include "daemon/session/session.h"
#include "daemon/session/transport.h"
#include "os/log.h"
#include "os/net.h"

/* A connection on which we crashed this often in a row is closed. */
#define POISON_CRASHES 2

/* The length of the segment that was being read into when the process died. */
static uint32_t resolve_length(struct takeover *t, const struct segment *segment)
{
    struct net_stream state;
    int fd = t->table->conns[segment->slot].fd;

    if (fd < 0 || net_stream_state(fd, &state) < 0 || state.taken < segment->start.received)
        return 0;
    uint64_t fresh = state.taken - segment->start.received;
    return fresh < segment->room ? (uint32_t)fresh : segment->room;
}

/* The stream's bytes of a segment whose transport has to open them. */
static void open_wire(struct takeover *t, const struct inbox *inbox, uint32_t index,
                      struct session_input *input)
{
    const struct segment *segment = &inbox->segment[index];
    const struct transport_kind *transport = transport_of(t->table, segment->slot);
    struct transport_state state = inbox->before[index];
    uint32_t tail = segment->start.tail_bytes;

    if (transport->open == NULL)
        return;
    struct transport_opening opening = {
        .tools = &t->tools, .state = &state, .wire = input->bytes + tail,
        .wire_bytes = input->len - tail, .text = t->text + tail,
        .room = input->len - tail + TRANSPORT_SLACK_BYTES,
    };
    memcpy(t->text, input->bytes, tail);
    input->at_end = transport->open(&opening) != OPENED_SO_FAR || input->at_end;
    explicit_bzero(&state, sizeof state);
    input->bytes = t->text;
    input->len = tail + opening.opened;
}

/*
 * How many records a segment holds; transport and session are pure, nothing changes. Of a PROXY
 * header that was not judged yet nothing follows: no record behind it was offered either.
 */
static uint32_t count_records(struct takeover *t, const struct inbox *inbox, uint32_t index)
{
    const struct segment *segment = &inbox->segment[index];
    struct stream stream = segment->start;
    struct session_view view;
    struct session_input input = {
        .bytes = inbox->bytes + segment->from,
        .len = ledger_carry_bytes(t->ledger, inbox, index) +
               (size_t)atomic_load(&segment->fresh),
        .at_end = atomic_load(&segment->at_end) != 0,
        .flush = atomic_load(&segment->flush) != 0,
        .verdict = atomic_load(&segment->verdict),
        .rules = ledger_framer_rules(t->ledger, inbox, index),
    };
    struct preface_header header;
    struct frame frame;
    enum framer_result result;
    uint32_t count = 0;

    open_wire(t, inbox, index, &input);
    if (session_open(&view, &stream, &input, &header) != SESSION_OPEN)
        return 0;
    while ((result = session_next(&view, &frame)) != FRAMER_NEED_MORE)
        if (result == FRAMER_MESSAGE)
            count++;
    return count;
}

/* Leave out COUNT records that begin behind BEFORE from what was delivered or offered. */
static void uncount(_Atomic uint32_t *cursor, uint32_t before, uint32_t count)
{
    uint32_t value = atomic_load(cursor);

    if (value > before)
        atomic_store(cursor, value - (value - before < count ? value - before : count));
}

/* Crashed on twice in a row: its bytes go, and it is closed and named. */
static void neutralise(struct takeover *t, struct inbox *inbox, struct segment *segment,
                       uint32_t before, uint32_t records)
{
    const struct slot *slot = &t->ledger->slots[segment->slot];
    char peer[PEER_TEXT_BYTES];

    (void)peer_format(&slot->peer, peer);
    log_event(SEVERITY_ERR, MESSAGE_ID_POISON,
              "%s: connection closed, because peerlogd crashed on it twice in a row; "
              "%u bytes in hand are lost", peer,
              (unsigned)(segment->start.tail_bytes + atomic_load(&segment->fresh)));
    uncount(&inbox->delivered, before, records);
    uncount(&inbox->offered, before, records);
    memset(&segment->start.framer, 0, sizeof segment->start.framer);
    segment->start.tail_bytes = 0;
    inbox->before[segment - inbox->segment] = (struct transport_state){.wire_bytes = 0};
    atomic_store(&segment->fresh, 0);
    atomic_store(&segment->at_end, SEGMENT_CUT);
    t->table->conns[segment->slot].by_reset = 1;
}

/* One segment of a copied inbox: complete it, and count what is in it. */
static uint32_t take_segment(struct takeover *t, struct inbox *inbox, uint32_t index,
                             uint32_t before)
{
    struct segment *segment = &inbox->segment[index];
    struct slot *slot = &t->ledger->slots[segment->slot];

    if (atomic_load(&slot->use) != SLOT_LIVE) {
        /* Its slot is damaged, but not its bytes. */
        memset(slot, 0, sizeof *slot);
        connections_claim(t->table, segment->slot);
        connections_open(t->table, segment->slot, &(struct conn_birth){
            .fd = -1, .lot = LOT_NONE, .listener = LISTENER_NONE,
        });
        t->table->conns[segment->slot].in_hand = 1;
    }
    slot->stream = segment->start;
    if (atomic_load(&segment->fresh) == SEGMENT_UNKNOWN)
        atomic_store(&segment->fresh, resolve_length(t, segment));
    if (t->table->conns[segment->slot].fd < 0)
        atomic_store(&segment->at_end, SEGMENT_CUT);
    uint32_t records = count_records(t, inbox, index);
    if (slot->crashes >= POISON_CRASHES) {
        neutralise(t, inbox, segment, before, records);
        return 0;
    }
    return records;
}

/* Copy what is open; the pages behind it stay untouched. */
static void copy_inbox(const struct takeover *t, struct inbox *to, const struct inbox *from,
                       uint32_t segments)
{
    const struct segment *last = &from->segment[segments - 1];
    uint32_t carry = ledger_carry_bytes(t->old, from, segments - 1);

    memcpy(to, from, offsetof(struct inbox, counters)); /* these are summed up already */
    memcpy(to->segment, from->segment, segments * sizeof to->segment[0]);
    memcpy(to->bytes, from->bytes, last->from + carry + last->room);
    for (uint32_t i = 0; i < segments; i++)
        if (t->old->slots[from->segment[i].slot].transport != TRANSPORT_PLAIN)
            to->before[i] = from->before[i];
    atomic_store(&to->working, 0);
    atomic_store(&to->suspect, 0);
}

/*
 * How many segments of an old inbox are taken over: as many as can be trusted and are each of
 * a connection of its own. They are in hand from now on.
 */
static uint32_t claim_segments(struct takeover *t, const struct inbox *from)
{
    uint32_t segments = ledger_valid_segments(t->old, from);

    for (uint32_t i = 0; i < segments; i++) {
        struct conn *conn = &t->table->conns[from->segment[i].slot];
        if (conn->in_hand)
            return i;
        conn->in_hand = 1;
    }
    return segments;
}

/* Its secrets are gone with its process, and so are its bytes. Such a round has no others. */
static bool is_mortal(const struct takeover *t, const struct inbox *from)
{
    uint32_t slot = from->segment[0].slot;

    return slot < t->old->header->slots && (t->old->slots[slot].flags & SLOT_MORTAL) &&
           t->old->slots[slot].transport != TRANSPORT_PLAIN;
}

void takeover_inbox(struct takeover *t, uint32_t index)
{
    const struct inbox *from = &t->old->inboxes[index];
    struct inbox *to = &t->ledger->inboxes[index];
    uint32_t open = atomic_load(&from->segments);
    if (open > 0 && is_mortal(t, from))
        return;
    uint32_t segments = claim_segments(t, from);
    uint32_t records = 0;

    t->report->damaged += open - segments;
    if (segments == 0)
        return;
    copy_inbox(t, to, from, segments);
    for (uint32_t i = 0; i < segments; i++)
        records += take_segment(t, to, i, records);
    /* The kernel may tell a length only once: net_stream_state() takes a socket's error. */
    ledger_note_length(t->old, index, segments - 1, atomic_load(&to->segment[segments - 1].fresh));
    uint32_t delivered = atomic_load(&to->delivered);
    uint32_t offered = atomic_load(&to->offered);
    if (delivered > records)
        atomic_store(&to->delivered, delivered = records);
    if (offered > records)
        atomic_store(&to->offered, offered = records);
    if (offered < delivered) /* of a torn ledger */
        atomic_store(&to->offered, offered = delivered);
    if (offered > delivered)
        t->report->repeats += offered - delivered;
    t->report->messages += records - delivered;
    atomic_store(&to->segments, segments);
}
