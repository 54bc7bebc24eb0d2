/* SPDX-License-Identifier: MIT
 *
 * Takeover: slots and tails are copied from the old ledger, and its end is judged. What the old
 * ledger says is believed only as far as it was checked.
 */
#include "config.h"

#include "daemon/takeover/takeover.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ledger/names.h"
#include "daemon/session/session.h"
#include "daemon/session/transport.h"
#include "daemon/takeover/private.h"
#include "os/service_manager.h"

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

/* --- slots and tails --- */

/* What a slot has beyond itself, its tail included. Returns: bytes of the tail. */
static uint64_t copy_beyond(struct takeover *t, uint32_t i)
{
    struct slot *slot = &t->ledger->slots[i];
    uint64_t carried = slot->stream.tail_bytes;

    if (slot->transport != TRANSPORT_PLAIN) {
        t->ledger->transports[i] = t->old->transports[i];
        carried += t->ledger->transports[i].wire_bytes;
    }
    if (slot->stream.session != SESSION_SYSLOG)
        t->ledger->sessions[i] = t->old->sessions[i];
    if (slot->flags & SLOT_DETAILED)
        t->ledger->details[i] = t->old->details[i];
    if (carried > t->old->header->tail_stride) {
        slot->stream.tail_bytes = 0;
        t->ledger->transports[i] = (struct transport_state){.wire_bytes = 0};
        return 0;
    }
    memcpy(ledger_tail(t->ledger, i), ledger_tail(t->old, i), carried);
    return carried;
}

/* A slot as the old ledger has it; its stream may still be overruled by a segment. */
static void copy_slot(struct takeover *t, uint32_t i)
{
    const struct slot *from = &t->old->slots[i];
    struct slot *to = &t->ledger->slots[i];

    memcpy(to, from, sizeof *to);
    atomic_store(&to->lot, LOT_NONE); /* until it is found in one */
    uint64_t carried = copy_beyond(t, i);
    connections_claim(t->table, i);
    if (carried > 0)
        t->table->conns[i].dirty_tail = TAIL_DIRTY;
    if (to->cookie != 0)
        takeover_index_add(t, i);
}

static void copy_slots(struct takeover *t)
{
    for (uint32_t i = ledger_next_live(t->old, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(t->old, i + 1)) {
        if (ledger_slot_valid(&t->old->slots[i]) &&
            transport_exists(t->old->slots[i].transport))
            copy_slot(t, i);
        else
            t->report->damaged++;
    }
}

/* Streams that no open segment overrules must make sense; else they begin anew. */
static void check_streams(struct takeover *t)
{
    for (uint32_t i = ledger_next_live(t->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(t->ledger, i + 1)) {
        struct slot *slot = &t->ledger->slots[i];
        if (ledger_stream_valid(t->ledger, &slot->stream))
            continue;
        memset(&slot->stream.framer, 0, sizeof slot->stream.framer);
        slot->stream.tail_bytes = 0;
        slot->stream.before = 0;
        slot->stream.awaits_proxy = 0;
        slot->stream.detected = 1;
        slot->stream.session = SESSION_SYSLOG;
        t->report->damaged++;
    }
}

/* --- how the old process died --- */

/* A crash names the connections it may be due to; they are cleared by any other end. */
static void note_crashes(struct takeover *t)
{
    bool suspect[2 * PEERLOG_MAX_WORKERS] = {false};
    const struct ledger_header *old = t->old->header;

    if (t->report->signal == SIGKILL)
        return; /* it came from outside: it tells nothing about our connections */
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
    ledger_take_counts(t->ledger, t->old);
    t->report->signal = cause_of_death(old);
    if (t->report->signal != 0 && !atomic_load(&old->settled) && old->early_deaths < UINT32_MAX)
        h->early_deaths = old->early_deaths + 1;
    t->report->early_deaths = h->early_deaths;
}

/* --- all of it --- */

/*
 * What came over the wire is opened while it is taken over. Without memory for that a start fails
 * before it has done anything, and the next one finds all that this one did.
 */
static int equip(struct takeover *t)
{
    for (uint32_t i = ledger_next_live(t->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(t->ledger, i + 1)) {
        const struct transport_kind *transport = transport_of(t->table, i);
        if (transport->open == NULL)
            continue;
        if (t->text == NULL) /* costs nothing until used */
            t->text = malloc(LEDGER_INBOX_BYTES + TRANSPORT_SLACK_BYTES);
        if (t->text == NULL ||
            (transport->equip != NULL && transport->equip(&t->tools) == -ENOMEM))
            return -ENOMEM;
    }
    return 0;
}

static int take_ledger(struct takeover *t, struct inheritance *in, struct parking *parking)
{
    take_header(t);
    copy_slots(t);
    int error = equip(t);
    if (error < 0)
        return error;
    takeover_lots(t, in, parking);
    note_crashes(t);
    for (uint32_t i = 0; i < t->old->header->inboxes && i < t->ledger->header->inboxes; i++)
        takeover_inbox(t, i);
    check_streams(t);
    return 0;
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
    int error = takeover_index_init(&t);
    if (error < 0)
        return error;
    if (t.old != NULL)
        error = take_ledger(&t, in, parking);
    else
        takeover_lots(&t, in, parking);
    report->connections = connections_count(table) - report->dismissed;
    free(t.index.slots);
    free(t.text);
    transport_tools_free(t.tools);
    return error;
}

int takeover_commit(const struct inheritance *in, struct ledger *ledger)
{
    char name[NAME_BYTES];

    atomic_store(&ledger->header->life, LEDGER_LIVE);
    if (!service_manager_stores())
        return -ENOTCONN;
    (void)snprintf(name, sizeof name, NAME_LEDGER_FORMAT, /* always fits */
                   (unsigned long long)ledger->header->generation,
                   (unsigned long long)ledger->header->instance);
    int error = service_manager_store(name, ledger->fd);
    if (error < 0)
        return error;
    for (size_t i = 0; i < in->count; i++)
        if (in->items[i].kind == INHERITED_LEDGER && strcmp(in->items[i].name, name) != 0)
            service_manager_forget(in->items[i].name);
    return 0;
}
