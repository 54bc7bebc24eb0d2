/* SPDX-License-Identifier: MIT
 *
 * The ledger's geometry, and the distrust with which an inherited one is read.
 */
#include "config.h"

#include "daemon/ledger/ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "os/memfd.h"
#include "peerlog/protocol_detect.h"
#include "peerlog/proxy.h"

#define PAGE 4096u

static_assert(sizeof(struct slot) == 120, "a slot is part of the layout");
static_assert(sizeof(struct segment) == 88, "a segment is part of the layout");
static_assert(sizeof(struct peer_details) == 768, "details are part of the layout");

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* Where everything lies. (A header has room for a whole configuration: none is on a stack.) */
struct places {
    uint64_t size, slots_at, inboxes_at, inbox_bytes, transports_at, sessions_at, details_at,
        tails_at, tail_stride;
};

static struct places lay_out(const struct ledger_geometry *geometry)
{
    const uint64_t slots = geometry->slots;
    struct places p = {
        .inbox_bytes = sizeof(struct inbox), .tail_stride = round_up(geometry->tail_bytes),
        .slots_at = round_up(sizeof(struct ledger_header)),
    };

    p.inboxes_at = round_up(p.slots_at + slots * sizeof(struct slot));
    p.transports_at = round_up(p.inboxes_at + geometry->inboxes * p.inbox_bytes);
    p.sessions_at = round_up(p.transports_at + slots * sizeof(struct transport_state));
    p.details_at = round_up(p.sessions_at + slots * sizeof(struct session_state));
    p.tails_at = round_up(p.details_at + slots * sizeof(struct peer_details));
    p.size = p.tails_at + slots * p.tail_stride;
    return p;
}

static void fill_header(struct ledger_header *h, const struct ledger_geometry *geometry,
                        const struct places *p)
{
    h->magic = LEDGER_MAGIC;
    h->layout = LEDGER_LAYOUT;
    h->header_bytes = sizeof *h;
    h->size = p->size;
    h->inboxes = geometry->inboxes;
    h->inboxes_at = p->inboxes_at;
    h->inbox_bytes = p->inbox_bytes;
    h->slots = geometry->slots;
    h->slots_at = p->slots_at;
    h->transports_at = p->transports_at;
    h->sessions_at = p->sessions_at;
    h->details_at = p->details_at;
    h->tails_at = p->tails_at;
    h->tail_stride = p->tail_stride;
    if (getrandom(&h->instance, sizeof h->instance, 0) < 0)
        h->instance = (uint64_t)getpid(); /* better than nothing */
}

static void point_into(struct ledger *ledger)
{
    unsigned char *base = (unsigned char *)ledger->header;

    ledger->slots = (struct slot *)(void *)(base + ledger->header->slots_at);
    ledger->inboxes = (struct inbox *)(void *)(base + ledger->header->inboxes_at);
    ledger->transports = (struct transport_state *)(void *)(base + ledger->header->transports_at);
    ledger->sessions = (struct session_state *)(void *)(base + ledger->header->sessions_at);
    ledger->details = (struct peer_details *)(void *)(base + ledger->header->details_at);
    ledger->tails = base + ledger->header->tails_at;
}

int ledger_new(const struct ledger_geometry *geometry, struct ledger **ret_ledger)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    const struct places places = lay_out(geometry);
    void *memory;

    if (ledger == NULL)
        return -ENOMEM;
    ledger->fd = memfd_make("peerlog-ledger", places.size);
    int error = ledger->fd < 0 ? ledger->fd : memfd_map(ledger->fd, &memory, &ledger->size);
    if (error < 0)
        goto fail;
    ledger->header = memory;
    fill_header(ledger->header, geometry, &places);
    point_into(ledger);
    *ret_ledger = ledger;
    return 0;
fail:
    if (ledger->fd >= 0)
        (void)close(ledger->fd); /* nothing was written */
    free(ledger);
    return error;
}

/* Do the numbers of an inherited header describe exactly this mapping? */
static bool geometry_holds(const struct ledger_header *h, size_t size)
{
    if (h->slots == 0 || h->slots > PEERLOG_MAX_CONNECTIONS || h->inboxes == 0 ||
        h->inboxes > 2 * PEERLOG_MAX_WORKERS || h->tail_stride > 1u << 20 ||
        h->tail_stride % PAGE != 0 || h->config_bytes > sizeof h->config)
        return false;
    const struct places p = lay_out(&(struct ledger_geometry){
        .slots = h->slots, .inboxes = h->inboxes, .tail_bytes = h->tail_stride,
    });
    return h->size == size && p.size == size && h->slots_at == p.slots_at &&
           h->inboxes_at == p.inboxes_at && h->inbox_bytes == p.inbox_bytes &&
           h->transports_at == p.transports_at && h->sessions_at == p.sessions_at &&
           h->details_at == p.details_at && h->tails_at == p.tails_at;
}

/* What is wrong with this mapping, if anything? */
static int judge(const struct ledger_header *h, size_t size, uint32_t *ret_layout)
{
    if (size < 2 * sizeof h->magic || h->magic != LEDGER_MAGIC)
        return -EPROTO;
    *ret_layout = h->layout;
    if (h->layout != LEDGER_LAYOUT)
        return -EPROTONOSUPPORT;
    if (size < sizeof *h || h->header_bytes != sizeof *h || !geometry_holds(h, size))
        return -EBADMSG;
    if (atomic_load(&h->life) == LEDGER_BUILDING)
        return -EAGAIN;
    return 0;
}

int ledger_open(int fd, struct ledger **ret_ledger, uint32_t *ret_layout)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    void *memory = NULL;

    if (ledger == NULL)
        return -ENOMEM;
    int error = memfd_map(fd, &memory, &ledger->size);
    if (error == 0)
        error = judge(memory, ledger->size, ret_layout);
    if (error < 0) {
        memfd_unmap(memory, ledger->size);
        free(ledger);
        return error;
    }
    ledger->fd = fd;
    ledger->header = memory;
    point_into(ledger);
    *ret_ledger = ledger;
    return 0;
}

uint32_t ledger_count_unreadable(int fd)
{
    const struct ledger_header *h;
    void *memory;
    size_t size;
    uint64_t count = 0;

    if (memfd_map(fd, &memory, &size) < 0)
        return 0;
    h = memory;
    if (size >= offsetof(struct ledger_header, slots) && h->magic == LEDGER_MAGIC) {
        for (uint64_t i = 0; i < h->inboxes && i < 2 * PEERLOG_MAX_WORKERS; i++) {
            uint64_t at = h->inboxes_at + i * h->inbox_bytes;
            uint32_t segments;
            if (h->inboxes_at > size || h->inbox_bytes > size || at > size - sizeof segments)
                break;
            memcpy(&segments, (const char *)memory + at, sizeof segments);
            count += segments;
        }
    }
    memfd_unmap(memory, size);
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

struct ledger *ledger_free(struct ledger *ledger)
{
    if (ledger != NULL) {
        memfd_unmap(ledger->header, ledger->size);
        memfd_unmap(ledger->before, ledger->before_size);
        (void)close(ledger->fd); /* a memfd has nothing to flush */
        free(ledger);
    }
    return NULL;
}

uint32_t ledger_slots_high(const struct ledger *ledger)
{
    uint32_t high = atomic_load_explicit(&ledger->header->slots_high, memory_order_acquire);

    return high < ledger->header->slots ? high : ledger->header->slots;
}

unsigned char *ledger_tail(const struct ledger *ledger, uint32_t slot)
{
    return ledger->tails + (uint64_t)slot * ledger->header->tail_stride;
}

void ledger_forget_tail(const struct ledger *ledger, uint32_t slot)
{
    memfd_punch(ledger->fd, ledger->header->tails_at + (uint64_t)slot * ledger->header->tail_stride,
                ledger->header->tail_stride);
}

uint32_t ledger_next_live(const struct ledger *ledger, uint32_t from)
{
    uint32_t high = ledger_slots_high(ledger);

    for (uint32_t i = from; i < high; i++)
        if (atomic_load_explicit(&ledger->slots[i].use, memory_order_acquire) == SLOT_LIVE)
            return i;
    return LEDGER_NO_SLOT;
}

void ledger_keep_config(const struct ledger *ledger, const char *text, size_t len)
{
    struct ledger_header *h = ledger->header;

    h->has_config = 0;
    if (text == NULL || len > sizeof h->config)
        return;
    memcpy(h->config, text, len);
    h->config_bytes = (uint32_t)len;
    h->has_config = 1;
}

const char *ledger_config(const struct ledger *ledger, size_t *ret_len)
{
    if (!ledger->header->has_config)
        return NULL;
    *ret_len = ledger->header->config_bytes;
    return ledger->header->config;
}

/* Layout 1 carried the whole beginning of a header; now it is PROXY_CARRY_BYTES at most. */
static bool header_valid(const struct stream *stream)
{
    const struct peer *peer = &stream->proxy.peer;

    return stream->tail_bytes <= PROXY_MAX_BYTES && proxy_state_valid(&stream->proxy.state) &&
           (peer->family == PEER_UNKNOWN || peer->family == PEER_IPV4 ||
            peer->family == PEER_IPV6);
}

/* Nothing is framed before it is known what the stream is: these are all that is there. */
static bool is_untouched(const struct stream *stream)
{
    static const struct framer_state untouched;
    const uint32_t most = PROTOCOL_DETECT_BYTES > RELP_GUESS_BYTES ? PROTOCOL_DETECT_BYTES
                                                                   : RELP_GUESS_BYTES;

    return stream->tail_bytes <= most &&
           memcmp(&stream->framer, &untouched, sizeof untouched) == 0;
}

bool ledger_stream_valid(const struct ledger *ledger, const struct stream *stream)
{
    const uint8_t session = stream->session;

    if (stream->tail_bytes > ledger->header->tail_stride || stream->before > PEERLOG_MAX_PRI + 1 ||
        stream->awaits_proxy > 1 || stream->detected > 1 || session >= SESSIONS)
        return false;
    if (stream->awaits_proxy)
        return header_valid(stream);
    switch (session) {
    case SESSION_RELP:
        return relp_stream_valid(&stream->relp, stream->tail_bytes);
    case SESSION_AUTO:
        return is_untouched(stream);
    case SESSION_SYSLOG:
        if (!stream->detected)
            return is_untouched(stream);
        break;
    default:
        break;
    }
    return framer_state_valid(&stream->framer, stream->tail_bytes);
}

bool ledger_slot_valid(const struct slot *slot)
{
    return slot->framing <= FRAMING_CLOSE && slot->transport < TRANSPORTS &&
           (slot->listener < LEDGER_LISTENERS || slot->listener == LISTENER_NONE);
}

uint32_t ledger_carry_bytes(const struct ledger *ledger, const struct inbox *inbox, uint32_t index)
{
    const struct segment *segment = &inbox->segment[index];
    uint32_t carry = segment->start.tail_bytes;

    if (ledger->slots[segment->slot].transport != TRANSPORT_PLAIN)
        carry += inbox->before[index].wire_bytes;
    return carry;
}

/* Where the bytes of a segment end that can be trusted and is not the last one. */
static uint32_t segment_end(const struct ledger *ledger, const struct inbox *inbox, uint32_t index)
{
    return inbox->segment[index].from + ledger_carry_bytes(ledger, inbox, index) +
           atomic_load(&inbox->segment[index].fresh);
}

/* Answers: can it be trusted, when all before it can? */
static bool segment_valid(const struct ledger *ledger, const struct inbox *inbox, uint32_t index,
                          bool last)
{
    const struct segment *segment = &inbox->segment[index];
    uint32_t fresh = atomic_load(&segment->fresh);

    if (segment->slot >= ledger->header->slots || !ledger_stream_valid(ledger, &segment->start) ||
        (ledger->slots[segment->slot].transport != TRANSPORT_PLAIN &&
         inbox->before[index].wire_bytes > LEDGER_WIRE_BYTES))
        return false;
    uint32_t carry = ledger_carry_bytes(ledger, inbox, index);
    if (index > 0 && segment->from < segment_end(ledger, inbox, index - 1))
        return false;
    if (segment->from > LEDGER_INBOX_BYTES || carry > LEDGER_INBOX_BYTES - segment->from ||
        segment->room > LEDGER_INBOX_BYTES - segment->from - carry)
        return false;
    if (atomic_load(&segment->verdict) > VERDICT_REFUSED || atomic_load(&segment->flush) > 1 ||
        segment->multiline > MULTILINE_NO_PRIORITY || segment->flushes > 1 ||
        atomic_load(&segment->at_end) > SEGMENT_CUT)
        return false;
    return fresh <= segment->room || (fresh == SEGMENT_UNKNOWN && last);
}

struct framer_rules ledger_framer_rules(const struct ledger *ledger, const struct inbox *inbox,
                                        uint32_t index)
{
    const struct segment *segment = &inbox->segment[index];

    return (struct framer_rules){
        .max_message_bytes = inbox->max_message_bytes,
        .framing = ledger->slots[segment->slot].framing,
        .oversize = (uint8_t)inbox->oversize,
        .multiline = segment->multiline,
        .flushes = segment->flushes,
    };
}

void ledger_note_length(struct ledger *ledger, uint32_t inbox, uint32_t segment, uint32_t fresh)
{
    atomic_store(&ledger->inboxes[inbox].segment[segment].fresh, fresh);
    if (ledger->note_length != NULL)
        ledger->note_length(ledger, inbox, segment, fresh);
}

uint32_t ledger_valid_segments(const struct ledger *ledger, const struct inbox *inbox)
{
    uint32_t count = atomic_load(&inbox->segments);

    if (count > LEDGER_SEGMENTS || inbox->oversize > OVERSIZE_DISCARD ||
        inbox->max_message_bytes < PEERLOG_MIN_MESSAGE_BYTES ||
        inbox->max_message_bytes > PEERLOG_MAX_MESSAGE_BYTES ||
        inbox->max_message_bytes + PEERLOG_CARRY_BYTES > ledger->header->tail_stride)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        if (!segment_valid(ledger, inbox, i, i + 1 == count))
            return i;
    return count;
}

/* --- counters --- */

/* Add what workers have counted since the ledger was made. */
static void add_counts(const struct ledger *ledger, uint32_t index, struct listener_sums *sums)
{
    for (uint32_t k = 0; k < ledger->header->inboxes; k++) {
        const struct listener_counts *counts = &ledger->inboxes[k].counts[index];
        for (int i = 0; i < SESSIONS; i++)
            sums->messages[i] += atomic_load_explicit(&counts->messages[i], memory_order_relaxed);
        sums->bytes += atomic_load_explicit(&counts->bytes, memory_order_relaxed);
    }
}

void ledger_sum_listener(const struct ledger *ledger, uint32_t index,
                         struct listener_sums *ret_sums)
{
    const struct listener_counts *base = &ledger->header->counts_base[index];

    *ret_sums = ledger->header->counts_before[index];
    add_counts(ledger, index, ret_sums);
    for (int i = 0; i < SESSIONS; i++)
        ret_sums->messages[i] -= atomic_load_explicit(&base->messages[i], memory_order_relaxed);
    ret_sums->bytes -= atomic_load_explicit(&base->bytes, memory_order_relaxed);
}

void ledger_begin_listener(struct ledger *ledger, uint32_t index)
{
    struct listener_counts *base = &ledger->header->counts_base[index];
    struct listener_sums sums = ledger->header->counts_before[index];

    add_counts(ledger, index, &sums);
    for (int i = 0; i < SESSIONS; i++)
        atomic_store_explicit(&base->messages[i], sums.messages[i], memory_order_relaxed);
    atomic_store_explicit(&base->bytes, sums.bytes, memory_order_relaxed);
}

void ledger_take_counts(struct ledger *ledger, const struct ledger *old)
{
    struct ledger_header *h = ledger->header;

    for (uint32_t i = 0; i < LEDGER_COUNTERS; i++) {
        h->counted[i] = old->header->counted[i] + atomic_load(&old->header->counters[i]);
        for (uint32_t k = 0; k < old->header->inboxes; k++)
            h->counted[i] += atomic_load(&old->inboxes[k].counters[i]);
    }
    for (uint32_t i = 0; i < LEDGER_COUNTED; i++) {
        for (int k = 0; k < SESSIONS; k++)
            atomic_store(&h->counts_base[i].messages[k],
                         atomic_load(&old->header->counts_base[i].messages[k]));
        atomic_store(&h->counts_base[i].bytes, atomic_load(&old->header->counts_base[i].bytes));
        h->counts_before[i] = old->header->counts_before[i];
        add_counts(old, i, &h->counts_before[i]);
    }
}
