/* SPDX-License-Identifier: MIT
 *
 * Takeover: slots, tails and open segments are copied from the old ledger, and each parked
 * socket finds its slot by its cookie. What the old ledger says is believed only as far as it
 * was checked.
 */
#include "config.h"

#include "daemon/takeover.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "daemon/message_ids.h"
#include "os/log.h"
#include "os/net.h"
#include "peerlog/proxy.h"

/* A connection on which we crashed this often in a row is closed. */
#define POISON_CRASHES 2

/* Cookie to slot, by open addressing. */
struct index {
    uint32_t *slots; /* slot + 1, or 0 */
    uint32_t mask;
};

struct takeover {
    struct ledger *old; /* or NULL */
    struct ledger *ledger;
    struct connections *table;
    struct index index;
    struct takeover_report *report;
};

void takeover_grow(const struct inheritance *in, struct ledger_geometry *geometry)
{
    const struct ledger_header *old = in->ledger != NULL ? in->ledger->header : NULL;

    if (old == NULL)
        return;
    if (geometry->slots < old->slots)
        geometry->slots = old->slots;
    if (geometry->tail_bytes < old->tail_stride)
        geometry->tail_bytes = old->tail_stride;
    for (uint32_t i = old->inboxes; i > geometry->inboxes; i--) {
        if (atomic_load(&in->ledger->inboxes[i - 1].segments) > 0) {
            geometry->inboxes = i;
            break;
        }
    }
}

/* --- finding a slot by its cookie --- */

static uint32_t hash(uint64_t cookie)
{
    return (uint32_t)((cookie * 0x9e3779b97f4a7c15ull) >> 32);
}

static int index_init(struct takeover *t)
{
    uint32_t size = 64;

    while (size < 2 * t->ledger->header->slots)
        size *= 2;
    t->index.slots = calloc(size, sizeof *t->index.slots);
    t->index.mask = size - 1;
    return t->index.slots != NULL ? 0 : -ENOMEM;
}

static void index_add(struct takeover *t, uint32_t slot)
{
    uint32_t at = hash(t->ledger->slots[slot].cookie) & t->index.mask;

    while (t->index.slots[at] != 0)
        at = (at + 1) & t->index.mask;
    t->index.slots[at] = slot + 1;
}

static uint32_t index_find(const struct takeover *t, uint64_t cookie)
{
    uint32_t at = hash(cookie) & t->index.mask;

    for (; t->index.slots[at] != 0; at = (at + 1) & t->index.mask)
        if (t->ledger->slots[t->index.slots[at] - 1].cookie == cookie)
            return t->index.slots[at] - 1;
    return CONNECTION_NONE;
}

/* --- slots and tails --- */

/* A slot as the old ledger has it; its stream may still be overruled by a segment. */
static void copy_slot(struct takeover *t, uint32_t i)
{
    const struct slot *from = &t->old->slots[i];
    struct slot *to = &t->ledger->slots[i];

    memcpy(to, from, sizeof *to);
    atomic_store(&to->lot, LOT_NONE); /* until it is found in one */
    if (to->stream.tail_bytes > t->old->header->tail_stride)
        to->stream.tail_bytes = 0;
    if (to->stream.tail_bytes > 0)
        memcpy(ledger_tail(t->ledger, i), ledger_tail(t->old, i), to->stream.tail_bytes);
    connections_claim(t->table, i);
    if (to->stream.tail_bytes > 0)
        t->table->conns[i].dirty_tail = TAIL_DIRTY;
    if (to->cookie != 0)
        index_add(t, i);
}

static void copy_slots(struct takeover *t)
{
    for (uint32_t i = 0; i < ledger_slots_high(t->old); i++) {
        const struct slot *slot = &t->old->slots[i];
        if (atomic_load(&slot->use) != SLOT_LIVE)
            continue;
        if (ledger_slot_valid(slot))
            copy_slot(t, i);
        else
            t->report->damaged++;
    }
}

/* Streams that no open segment overrules must make sense; else they begin anew. */
static void check_streams(struct takeover *t)
{
    for (uint32_t i = 0; i < ledger_slots_high(t->ledger); i++) {
        struct slot *slot = &t->ledger->slots[i];
        if (atomic_load(&slot->use) != SLOT_LIVE ||
            ledger_stream_valid(t->ledger, &slot->stream))
            continue;
        memset(&slot->stream.framer, 0, sizeof slot->stream.framer);
        slot->stream.tail_bytes = 0;
        slot->stream.priority = 0;
        slot->stream.awaits_proxy = 0;
        t->report->damaged++;
    }
}

/* --- sockets --- */

uint8_t takeover_listener_of(const struct ledger *ledger, int fd)
{
    struct peer local;

    if (net_local_address(fd, &local) == 0)
        for (uint8_t i = 0; i < LEDGER_LISTENERS; i++)
            if (ledger->header->listeners[i].bound.family != PEER_UNKNOWN &&
                ledger->header->listeners[i].bound.port == local.port)
                return i;
    return LISTENER_NONE;
}

/* A socket that no slot tells of: it was parked, and then its process died. */
static bool adopt_stranger(struct takeover *t, int fd, uint16_t lot, uint64_t cookie)
{
    struct net_stream state;
    struct peer peer = {0};

    if (net_stream_state(fd, &state) < 0 || (!state.open && state.unread == 0))
        return false;
    uint32_t i = connections_take(t->table);
    if (i == CONNECTION_NONE)
        return false;
    (void)net_peer_address(fd, &peer); /* one that is gone has no name any more */
    struct slot *slot = &t->ledger->slots[i];
    slot->cookie = cookie;
    slot->peer = peer;
    slot->stream.taken = state.taken;
    slot->listener = LISTENER_NONE; /* until the listeners are known */
    slot->connection = atomic_fetch_add(&t->ledger->header->last_connection, 1) + 1;
    atomic_store(&slot->lot, lot);
    atomic_store(&slot->use, SLOT_LIVE);
    t->table->conns[i].fd = fd;
    index_add(t, i);
    t->report->adopted++;
    return true;
}

static bool found_socket(void *context, int fd, uint16_t lot, bool keep)
{
    struct takeover *t = context;
    uint64_t cookie = net_cookie(fd);
    uint32_t i = cookie != 0 ? index_find(t, cookie) : CONNECTION_NONE;

    if (!keep && (i == CONNECTION_NONE || t->table->conns[i].fd < 0)) {
        net_hang_up(fd);
        return false;
    }
    if (i == CONNECTION_NONE) {
        if (adopt_stranger(t, fd, lot, cookie))
            return true;
    } else if (t->table->conns[i].fd < 0) {
        t->table->conns[i].fd = fd;
        atomic_store(&t->ledger->slots[i].lot, lot);
        return true;
    }
    (void)close(fd); /* dead, or a second copy */
    return false;
}

static void take_lots(struct takeover *t, struct inheritance *in, struct parking *parking)
{
    for (size_t i = 0; i < in->count; i++) {
        struct inherited *item = &in->items[i];
        if (item->kind != INHERITED_LOT)
            continue;
        int found = parking_inherit(parking, item->fd, item->name, found_socket, t);
        if (found >= 0)
            item->fd = -1; /* the parking owns it */
        else
            log_say(SEVERITY_ERR, "parked connections cannot be read: %s", strerror(-found));
    }
}

/* Slots without a socket, because the descriptors were used up. */
static void count_dismissed(struct takeover *t, const struct parking *parking)
{
    if (!parking_dismissed(parking))
        return;
    for (uint32_t i = 0; i < ledger_slots_high(t->ledger); i++)
        if (atomic_load(&t->ledger->slots[i].use) == SLOT_LIVE && t->table->conns[i].fd < 0)
            t->report->dismissed++;
}

/* --- bytes in hand --- */

/* The length of the segment that was being read into when the process died. */
static uint32_t resolve_length(struct takeover *t, const struct segment *segment)
{
    struct net_stream state;
    int fd = t->table->conns[segment->slot].fd;

    if (fd < 0 || net_stream_state(fd, &state) < 0 || state.taken < segment->start.taken)
        return 0;
    uint64_t fresh = state.taken - segment->start.taken;
    return fresh < segment->room ? (uint32_t)fresh : segment->room;
}

/*
 * The bytes of a segment that are for the framer: a PROXY header is not.
 * Returns: where they begin, *ret_len is their number; none before the header is whole.
 */
static const unsigned char *framed_bytes(const struct inbox *inbox, const struct segment *segment,
                                         size_t *ret_len)
{
    const unsigned char *bytes = inbox->bytes + segment->from;
    size_t len = segment->start.tail_bytes + (size_t)atomic_load(&segment->fresh);
    size_t header = 0;
    struct peer peer;

    if (segment->start.awaits_proxy) {
        enum proxy_result result = proxy_parse(bytes, len, &peer, &header);
        if (result != PROXY_PEER && result != PROXY_LOCAL)
            header = len;
    }
    *ret_len = len - header;
    return bytes + header;
}

/* How many records the framer makes of a segment; the framer is pure, nothing changes. */
static uint32_t count_records(const struct takeover *t, const struct inbox *inbox,
                              const struct segment *segment)
{
    struct framer_state state = segment->start.framer;
    struct framer_rules rules = {
        .max_message_bytes = inbox->max_message_bytes,
        .oversize = (uint8_t)inbox->oversize,
        .framing = t->ledger->slots[segment->slot].framing,
    };
    struct framer framer;
    struct frame frame;
    enum framer_result result;
    uint32_t count = 0;
    size_t len;
    const unsigned char *bytes = framed_bytes(inbox, segment, &len);

    framer_begin(&framer, &state, &rules, bytes, len, atomic_load(&segment->at_end) != 0);
    while ((result = framer_next(&framer, &frame)) != FRAMER_NEED_MORE)
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
    uncount(&inbox->taken, before, records);
    uncount(&inbox->offered, before, records);
    memset(&segment->start.framer, 0, sizeof segment->start.framer);
    segment->start.tail_bytes = 0;
    atomic_store(&segment->fresh, 0);
    atomic_store(&segment->at_end, 1);
    t->report->poisoned++;
}

/* One segment of a copied inbox: complete it, and count what is in it. */
static uint32_t take_segment(struct takeover *t, struct inbox *inbox, struct segment *segment,
                             uint32_t before)
{
    struct slot *slot = &t->ledger->slots[segment->slot];

    if (atomic_load(&slot->use) != SLOT_LIVE) {
        /* Its slot is damaged, but not its bytes. */
        memset(slot, 0, sizeof *slot);
        atomic_store(&slot->lot, LOT_NONE);
        slot->listener = LISTENER_NONE;
        atomic_store(&slot->use, SLOT_LIVE);
        connections_claim(t->table, segment->slot);
        t->table->conns[segment->slot].in_hand = 1;
    }
    slot->stream = segment->start;
    if (atomic_load(&segment->fresh) == SEGMENT_UNKNOWN)
        atomic_store(&segment->fresh, resolve_length(t, segment));
    if (t->table->conns[segment->slot].fd < 0)
        atomic_store(&segment->at_end, 1);
    uint32_t records = count_records(t, inbox, segment);
    if (slot->crashes >= POISON_CRASHES) {
        neutralise(t, inbox, segment, before, records);
        return 0;
    }
    return records;
}

/* Copy what is open; the pages behind it stay untouched. */
static void copy_inbox(struct inbox *to, const struct inbox *from, uint32_t segments)
{
    const struct segment *last = &from->segment[segments - 1];

    memcpy(to, from, offsetof(struct inbox, bytes));
    memcpy(to->bytes, from->bytes, last->from + last->start.tail_bytes + last->room);
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

static void take_inbox(struct takeover *t, uint32_t index)
{
    struct inbox *from = &t->old->inboxes[index];
    struct inbox *to = &t->ledger->inboxes[index];
    uint32_t open = atomic_load(&from->segments);
    uint32_t segments = claim_segments(t, from);
    uint32_t records = 0;

    t->report->damaged += open - segments;
    if (segments == 0)
        return;
    copy_inbox(to, from, segments);
    for (uint32_t i = 0; i < segments; i++)
        records += take_segment(t, to, &to->segment[i], records);
    /* The kernel may tell a length only once: net_stream_state() takes a socket's error. */
    atomic_store(&from->segment[segments - 1].fresh, atomic_load(&to->segment[segments - 1].fresh));
    uint32_t taken = atomic_load(&to->taken);
    uint32_t offered = atomic_load(&to->offered);
    if (taken > records)
        atomic_store(&to->taken, taken = records);
    if (offered > records)
        atomic_store(&to->offered, offered = records);
    if (offered > taken)
        t->report->repeats += offered - taken;
    t->report->messages += records - taken;
    atomic_store(&to->segments, segments);
}

/* --- how the old process died --- */

/* A crash names the connections it may be due to; they are cleared by any other end. */
static void note_crashes(struct takeover *t)
{
    bool suspect[2 * PEERLOG_MAX_WORKERS] = {false};
    const struct ledger_header *old = t->old->header;

    if (t->report->signal == SIGKILL)
        return; /* somebody else's doing: it tells nothing about our connections */
    for (uint32_t i = 0; i < ledger_slots_high(t->ledger); i++) {
        uint8_t crashes = 0;
        for (uint32_t k = 0; k < old->inboxes; k++) {
            bool was_suspect = atomic_load(&t->old->inboxes[k].suspect) == i + 1;
            if (was_suspect && t->report->signal != 0 && !suspect[k]) {
                suspect[k] = true;
                crashes = (uint8_t)(t->ledger->slots[i].crashes + 1);
            }
        }
        t->ledger->slots[i].crashes = crashes;
    }
}

static int cause_of_death(const struct ledger_header *old)
{
    uint32_t noted = atomic_load(&old->crash_signal);

    if (atomic_load(&old->life) == LEDGER_CLEAN)
        return 0;
    return noted != 0 && noted < NSIG ? (int)noted : SIGKILL;
}

static bool is_address(const struct peer *peer)
{
    return peer->family == PEER_IPV4 || peer->family == PEER_IPV6;
}

static void take_header(struct takeover *t)
{
    const struct ledger_header *old = t->old->header;
    struct ledger_header *h = t->ledger->header;

    h->instance = old->instance;
    h->generation = old->generation + 1;
    atomic_store(&h->last_connection, atomic_load(&old->last_connection));
    for (uint32_t i = 0; i < LEDGER_LISTENERS; i++)
        if (is_address(&old->listeners[i].configured) && is_address(&old->listeners[i].bound))
            h->listeners[i] = old->listeners[i];
    t->report->signal = cause_of_death(old);
    if (t->report->signal != 0 && !atomic_load(&old->settled) && old->early_deaths < UINT32_MAX)
        h->early_deaths = old->early_deaths + 1;
    t->report->early_deaths = h->early_deaths;
}

/* --- all of it --- */

static void take_ledger(struct takeover *t, struct inheritance *in, struct parking *parking)
{
    take_header(t);
    copy_slots(t);
    take_lots(t, in, parking);
    note_crashes(t);
    for (uint32_t i = 0; i < t->old->header->inboxes && i < t->ledger->header->inboxes; i++)
        take_inbox(t, i);
    check_streams(t);
}

int takeover_run(struct inheritance *in, struct connections *table, struct parking *parking,
                 struct takeover_report *report)
{
    struct takeover t = {
        .old = in->ledger, .ledger = table->ledger, .table = table, .report = report,
    };

    *report = (struct takeover_report){0};
    if (in->count == 0)
        return 0;
    int error = index_init(&t);
    if (error < 0)
        return error;
    if (t.old != NULL)
        take_ledger(&t, in, parking);
    else
        take_lots(&t, in, parking);
    count_dismissed(&t, parking);
    report->connections = connections_count(table) - report->dismissed;
    free(t.index.slots);
    return 0;
}

int takeover_commit(struct inheritance *in, struct ledger *ledger)
{
    char name[48];

    atomic_store(&ledger->header->life, LEDGER_LIVE);
    if (!notify_stores())
        return -ENOTCONN;
    (void)snprintf(name, sizeof name, "ledger-%llu-%016llx", /* always fits */
                   (unsigned long long)ledger->header->generation,
                   (unsigned long long)ledger->header->instance);
    int error = notify_store(name, ledger->fd);
    if (error < 0)
        return error;
    for (size_t i = 0; i < in->count; i++)
        if (in->items[i].kind == INHERITED_LEDGER && strcmp(in->items[i].name, name) != 0)
            notify_forget(in->items[i].name);
    return 0;
}
