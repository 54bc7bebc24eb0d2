/* SPDX-License-Identifier: MIT
 *
 * Takeover of sockets: each parked socket finds its slot by its cookie; what no slot tells of
 * was accepted just before the end, and gets one.
 */
#include "config.h"

#include "daemon/takeover/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/session/conn.h"
#include "daemon/session/session.h"
#include "os/log.h"
#include "os/net.h"
#include "peerlog/hash.h"

int takeover_index_init(struct takeover *t)
{
    uint32_t size = 64;

    while (size < 2 * t->ledger->header->slots)
        size *= 2;
    t->index.slots = calloc(size, sizeof *t->index.slots);
    t->index.mask = size - 1;
    return t->index.slots != NULL ? 0 : -ENOMEM;
}

void takeover_index_add(struct takeover *t, uint32_t slot)
{
    uint32_t at = hash_key(t->ledger->slots[slot].cookie) & t->index.mask;

    while (t->index.slots[at] != 0)
        at = (at + 1) & t->index.mask;
    t->index.slots[at] = slot + 1;
}

static uint32_t index_find(const struct takeover *t, uint64_t cookie)
{
    uint32_t at = hash_key(cookie) & t->index.mask;

    for (; t->index.slots[at] != 0; at = (at + 1) & t->index.mask)
        if (t->ledger->slots[t->index.slots[at] - 1].cookie == cookie)
            return t->index.slots[at] - 1;
    return CONNECTION_NONE;
}

/* --- parked sockets --- */

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
static bool adopt_orphan(struct takeover *t, int fd, uint16_t lot, uint64_t cookie)
{
    struct net_stream state;
    struct peer peer = {0};

    if (net_stream_state(fd, &state) < 0 || (!state.open && state.unread == 0))
        return false;
    uint32_t i = connections_take(t->table);
    if (i == CONNECTION_NONE)
        return false;
    (void)net_peer_address(fd, &peer); /* one that is gone has no name any more */
    connections_open(t->table, i, &(struct conn_birth){
        .fd = fd, .lot = lot, .cookie = cookie, .peer = peer, .received = state.taken,
        .listener = LISTENER_NONE, /* until the listeners are known */
    });
    takeover_index_add(t, i);
    return true;
}

static bool found_socket(void *context, int fd, uint16_t lot, bool keep)
{
    struct takeover *t = context;
    uint64_t cookie = net_cookie(fd);
    uint32_t i = cookie != 0 ? index_find(t, cookie) : CONNECTION_NONE;

    if (!keep && (i == CONNECTION_NONE || t->table->conns[i].fd < 0)) {
        net_abort(fd);
        return false;
    }
    net_set_end(fd, END_RESET); /* the process before may have said otherwise */
    if (i == CONNECTION_NONE) {
        if (adopt_orphan(t, fd, lot, cookie))
            return true;
    } else if (t->table->conns[i].fd < 0) {
        t->table->conns[i].fd = fd;
        if (conn_inherit(t->table, i, &t->tools)) {
            session_inherit(t->table, i);
            atomic_store(&t->ledger->slots[i].lot, lot);
            return true;
        }
        t->table->conns[i].fd = -1; /* it was in its handshake, which is gone */
        net_abort(fd);
        return false;
    }
    (void)close(fd); /* dead, or a second copy */
    return false;
}

/* Slots without a socket, because the descriptors were used up. */
static void count_dismissed(struct takeover *t, const struct parking *parking)
{
    if (!parking_dismissed(parking))
        return;
    for (uint32_t i = ledger_next_live(t->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(t->ledger, i + 1))
        if (t->table->conns[i].fd < 0)
            t->report->dismissed++;
}

void takeover_lots(struct takeover *t, struct inheritance *in, struct parking *parking)
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
    count_dismissed(t, parking);
}
