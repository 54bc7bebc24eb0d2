/* SPDX-License-Identifier: MIT
 *
 * Upgrade from layout 1: the same facts, member by member. What layout 1 did not know is as it is
 * of a new connection: plain, syslog.
 */
#include "config.h"

#include "daemon/ledger/upgrade.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ledger/layout1.h"
#include "os/memfd.h"
#include "peerlog/proxy.h"

#define PAGE 4096u

static_assert(sizeof(struct slot1) == 104 && sizeof(struct segment1) == 80, "layout 1 is fixed");
static_assert(sizeof(struct listener1) == sizeof(struct ledger_listener), "listeners are the same");
static_assert(LAYOUT1_SEGMENTS <= LEDGER_SEGMENTS && LAYOUT1_INBOX_BYTES <= LEDGER_INBOX_BYTES &&
              LAYOUT1_LISTENERS <= LEDGER_LISTENERS && LAYOUT1_CONFIG_BYTES <= LEDGER_CONFIG_BYTES,
              "what layout 1 holds fits into this one");

/* A mapped ledger of layout 1. */
struct old {
    const struct header1 *header;
    struct slot1 *slots;
    struct inbox1 *inboxes;
    const unsigned char *tails;
};

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* Is it one, and do its numbers describe exactly this mapping? */
static int judge(const struct header1 *h, size_t size)
{
    if (size < sizeof *h || h->magic != LEDGER_MAGIC)
        return -EPROTO;
    if (h->layout != LAYOUT1)
        return -EPROTONOSUPPORT;
    if (h->header_bytes != sizeof *h || h->slots == 0 || h->slots > PEERLOG_MAX_CONNECTIONS ||
        h->inboxes == 0 || h->inboxes > 2 * PEERLOG_MAX_WORKERS || h->tail_stride > 1u << 20 ||
        h->tail_stride % PAGE != 0 || h->config_bytes > sizeof h->config)
        return -EBADMSG;
    uint64_t slots_at = round_up(sizeof *h);
    uint64_t inboxes_at = round_up(slots_at + (uint64_t)h->slots * sizeof(struct slot1));
    uint64_t tails_at = round_up(inboxes_at + h->inboxes * sizeof(struct inbox1));
    if (h->size != size || h->slots_at != slots_at || h->inboxes_at != inboxes_at ||
        h->inbox_bytes != sizeof(struct inbox1) || h->tails_at != tails_at ||
        size != tails_at + (uint64_t)h->slots * h->tail_stride)
        return -EBADMSG;
    return atomic_load(&h->life) == LEDGER_BUILDING ? -EAGAIN : 0;
}

static void upgrade_stream(struct stream *to, const struct stream1 *from)
{
    *to = (struct stream){
        .framer = {
            .dropped = from->framer.dropped, .count = from->framer.count,
            .given = from->framer.given, .part = from->framer.part, .held = from->framer.held,
            .scanned = from->framer.scanned,
            .last_two = {from->framer.last_two[0], from->framer.last_two[1]},
        },
        .received = from->received, .sequence = from->sequence, .tail_bytes = from->tail_bytes,
        .before = from->framer.part > 0 ? (uint8_t)(from->priority + 1) : 0,
        .awaits_proxy = from->awaits_proxy,
        .detected = !from->awaits_proxy && (from->received > 0 || from->tail_bytes > 0),
    };
    if (to->awaits_proxy)
        return; /* the beginning of the header is carried, and is read once more */
    framer_state_upgrade(&to->framer, from->framer.phase, from->framer.after_nul != 0,
                         from->sequence > 0);
}

static void upgrade_slots(const struct ledger *to, const struct old *from)
{
    uint32_t high = atomic_load(&from->header->slots_high);

    for (uint32_t i = 0; i < high && i < from->header->slots; i++) {
        const struct slot1 *old = &from->slots[i];
        struct slot *slot = &to->slots[i];
        slot->cookie = old->cookie;
        slot->connection = old->connection;
        upgrade_stream(&slot->stream, &old->stream);
        slot->peer = old->peer;
        slot->framing = old->framing;
        slot->crashes = old->crashes;
        slot->flags = (uint8_t)((old->announced ? SLOT_ANNOUNCED : 0) |
                                (old->leaving ? SLOT_LEAVING : 0));
        atomic_store(&slot->lot, atomic_load(&old->lot));
        atomic_store(&slot->listener, atomic_load(&old->listener));
        atomic_store(&slot->use, atomic_load(&old->use));
        if (old->stream.tail_bytes > 0 && old->stream.tail_bytes <= from->header->tail_stride)
            memcpy(ledger_tail(to, i), from->tails + i * from->header->tail_stride,
                   old->stream.tail_bytes);
    }
}

/*
 * Layout 1 kept no verdict on a PROXY header. One was let in if the peer that it names is the
 * slot's by now; records behind it may be in the log, so it must not be judged anew.
 */
static enum segment_verdict verdict_of(const struct old *old, const struct inbox1 *inbox,
                                       const struct segment1 *segment)
{
    uint64_t len = (uint64_t)segment->start.tail_bytes + atomic_load(&segment->fresh);
    struct peer peer;
    size_t header_len;

    if (!segment->start.awaits_proxy || segment->slot >= old->header->slots ||
        segment->from > sizeof inbox->bytes || len > sizeof inbox->bytes - segment->from)
        return VERDICT_NONE;
    switch (proxy_parse(inbox->bytes + segment->from, len, &peer, &header_len)) {
    case PROXY_PEER:
        return peer_equal(&peer, &old->slots[segment->slot].peer) ? VERDICT_PASSED : VERDICT_NONE;
    case PROXY_LOCAL:
        return VERDICT_PASSED; /* no list is asked */
    default:
        return VERDICT_NONE;
    }
}

static void upgrade_inbox(struct inbox *to, const struct inbox1 *from, const struct old *old)
{
    uint32_t segments = atomic_load(&from->segments);

    atomic_store(&to->suspect, atomic_load(&from->suspect));
    if (segments == 0 || segments > LAYOUT1_SEGMENTS)
        return;
    atomic_store(&to->delivered, atomic_load(&from->delivered));
    atomic_store(&to->offered, atomic_load(&from->offered));
    to->max_message_bytes = from->max_message_bytes;
    to->oversize = from->oversize;
    for (uint32_t i = 0; i < segments; i++) {
        const struct segment1 *before = &from->segment[i];
        struct segment *segment = &to->segment[i];
        upgrade_stream(&segment->start, &before->start);
        segment->slot = before->slot;
        segment->from = before->from;
        segment->room = before->room;
        atomic_store(&segment->fresh, atomic_load(&before->fresh));
        atomic_store(&segment->at_end, atomic_load(&before->at_end));
        atomic_store(&segment->verdict, verdict_of(old, from, before));
    }
    memcpy(to->bytes, from->bytes, sizeof from->bytes);
    atomic_store(&to->segments, segments);
}

static void upgrade_header(struct ledger_header *to, const struct header1 *from)
{
    to->instance = from->instance;
    to->generation = from->generation;
    atomic_store(&to->last_connection, atomic_load(&from->last_connection));
    atomic_store(&to->slots_high, atomic_load(&from->slots_high));
    atomic_store(&to->life, atomic_load(&from->life));
    atomic_store(&to->crash_signal, atomic_load(&from->crash_signal));
    to->early_deaths = from->early_deaths;
    atomic_store(&to->settled, atomic_load(&from->settled));
    memcpy(to->listeners, from->listeners, sizeof from->listeners);
    to->has_config = from->has_config;
    to->config_bytes = from->config_bytes;
    memcpy(to->config, from->config, from->config_bytes);
}

/* A length that the old one lacked is known now; the kernel may not tell it twice. */
static void note_length(struct ledger *ledger, uint32_t index, uint32_t segment, uint32_t fresh)
{
    struct header1 *h = ledger->before;
    struct inbox1 *inboxes = (struct inbox1 *)(void *)((unsigned char *)h + h->inboxes_at);

    atomic_store(&inboxes[index].segment[segment].fresh, fresh);
}

int ledger_upgrade(int fd, struct ledger **ret_ledger)
{
    struct ledger *ledger;
    void *memory = NULL;
    size_t size = 0;
    int error = memfd_map(fd, &memory, &size);

    if (error < 0)
        return error;
    struct header1 *h = memory;
    error = judge(h, size);
    if (error == 0)
        error = ledger_new(&(struct ledger_geometry){
            .slots = h->slots, .inboxes = h->inboxes, .tail_bytes = h->tail_stride,
        }, &ledger);
    if (error < 0) {
        memfd_unmap(memory, size);
        return error;
    }
    unsigned char *base = memory;
    const struct old old = {
        .header = h, .slots = (struct slot1 *)(void *)(base + h->slots_at),
        .inboxes = (struct inbox1 *)(void *)(base + h->inboxes_at), .tails = base + h->tails_at,
    };
    upgrade_slots(ledger, &old);
    for (uint32_t i = 0; i < h->inboxes; i++)
        upgrade_inbox(&ledger->inboxes[i], &old.inboxes[i], &old);
    upgrade_header(ledger->header, h);
    ledger->before = memory;
    ledger->before_size = size;
    ledger->note_length = note_length;
    (void)close(fd); /* it is mapped, and the service manager holds it */
    *ret_ledger = ledger;
    return 0;
}
