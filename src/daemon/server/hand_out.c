/* SPDX-License-Identifier: MIT
 *
 * The server hands out what it took over: each connection gets a worker, those of which no slot
 * told find their listener, and those that no listener wants any more are told goodbye.
 * Main's thread, while the workers wait at the gate.
 */
#include "config.h"

#include <string.h>

#include "daemon/server/private.h"
#include "daemon/session/conn.h"
#include "daemon/session/session.h"
#include "daemon/takeover/takeover.h"
#include "os/log.h"
#include "os/net.h"

/* What has bytes in hand follows its inbox; the others are the first worker's, as new ones are. */
static void assign_owners(struct server *s)
{
    struct ledger *ledger = s->ledger;

    for (uint32_t i = ledger_next_live(ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(ledger, i + 1))
        atomic_store(&s->table.conns[i].owner, 1);
    for (uint32_t k = 0; k < ledger->header->inboxes; k++)
        for (uint32_t i = 0; i < atomic_load(&ledger->inboxes[k].segments); i++)
            atomic_store(&s->table.conns[ledger->inboxes[k].segment[i].slot].owner,
                         (uint16_t)(k % s->workers_count + 1));
}

/* A connection of which no slot told: by its port it belongs to a listener. */
static void place_orphan(struct server *s, uint32_t i)
{
    struct slot *slot = &s->ledger->slots[i];

    slot->listener = takeover_listener_of(s->ledger, s->table.conns[i].fd);
    const struct listener_settings *settings = snapshot_listener(s->snapshot, slot->listener);
    if (settings != NULL) {
        slot->framing = settings->framing;
        slot->transport = transport_wanted(settings);
        slot->stream.awaits_proxy = settings->proxy_protocol && slot->stream.received == 0;
        if (slot->stream.received == 0)
            slot->stream.session = session_wanted(settings);
        s->ledger->sessions[i] = (struct session_state){.bytes = {0}};
    }
    if (slot->transport != TRANSPORT_PLAIN && slot->stream.received > 0) {
        net_abort(s->table.conns[i].fd); /* its secrets are gone with the process before */
        s->table.conns[i].fd = -1;       /* and its worker gives the slot back */
    }
}

void server_hand_out(struct server *s)
{
    assign_owners(s);
    for (uint32_t i = ledger_next_live(s->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(s->ledger, i + 1)) {
        struct slot *slot = &s->ledger->slots[i];
        struct conn *conn = &s->table.conns[i];
        if (slot->listener == LISTENER_NONE && conn->fd >= 0)
            place_orphan(s, i);
        (void)admission_enter(s->admission, &slot->peer, 0); /* it was admitted long ago */
        int error = worker_adopt(s->workers[atomic_load(&conn->owner) - 1], i);
        if (error < 0)
            log_say(SEVERITY_ERR, "a connection that was taken over cannot be served: %s",
                    strerror(-error));
    }
}

/* Is there a listening socket with this place in the ledger's table? */
static bool is_listened_on(const struct server *s, uint8_t id)
{
    const struct listen_set *now = acceptor_current(s->acceptor);

    for (size_t i = 0; i < now->count; i++)
        if (now->sockets[i].id == id)
            return true;
    return false;
}

void server_close_unwanted(struct server *s)
{
    for (uint32_t i = ledger_next_live(s->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(s->ledger, i + 1)) {
        struct slot *slot = &s->ledger->slots[i];
        if (s->table.conns[i].fd < 0 || is_listened_on(s, slot->listener))
            continue;
        slot->flags |= SLOT_LEAVING;
        connections_note_ending(slot, ENDING_UNWANTED);
        conn_say_goodbye(&s->table, i);
    }
}
