/* SPDX-License-Identifier: MIT
 *
 * Connections over their transports and the poller.
 */
#include "config.h"

#include "daemon/session/conn.h"

#include <errno.h>
#include <sys/socket.h>

#include "daemon/session/session.h"
#include "os/module.h"
#include "os/net.h"
#include "os/poller.h"

/* Others than plain come out of a module, before any connection can have them. */
static const struct transport_kind *transports[TRANSPORTS] = {
    [TRANSPORT_PLAIN] = &transport_plain,
};
static const struct transport_module *module;

const struct transport_kind *transport_of(const struct connections *table, uint32_t slot)
{
    return transports[table->ledger->slots[slot].transport];
}

const char *transport_name(unsigned id)
{
    return id < TRANSPORTS && transports[id] != NULL ? transports[id]->name : "?";
}

uint8_t transport_wanted(const struct listener_settings *listener)
{
    if (listener == NULL || listener->tls_mode == TLS_OFF)
        return TRANSPORT_PLAIN;
    return listener->tls_mode == TLS_REQUIRED ? TRANSPORT_TLS : TRANSPORT_AUTO;
}

void transport_tools_free(void *tools)
{
    if (tools != NULL)
        module->tools_free(tools); /* which has made them */
}

bool transport_exists(uint8_t id)
{
    const char *why;

    if (transports[id] == NULL && module == NULL) {
        module = module_symbol("tls", "transport_module", &why);
        transports[TRANSPORT_TLS] = module != NULL ? module->tls : NULL;
        transports[TRANSPORT_AUTO] = module != NULL ? module->automatic : NULL;
    }
    return transports[id] != NULL;
}

void transport_prepare(const struct settings *settings)
{
    for (size_t i = 0; i < settings->listeners_count; i++)
        if (settings->listeners[i].tls_mode != TLS_OFF)
            (void)transport_exists(TRANSPORT_TLS); /* settings with TLS have been read by it */
}

static uint32_t events_of(uint8_t wants)
{
    uint32_t events = 0;

    if (wants & CONN_WANTS_READ)
        events |= (uint32_t)(EPOLLIN | EPOLLRDHUP | EPOLLPRI);
    if (wants & CONN_WANTS_WRITE)
        events |= (uint32_t)EPOLLOUT;
    return events;
}

int conn_watch(struct connections *table, uint32_t slot, int set)
{
    const struct conn *conn = &table->conns[slot];

    return poller_add(set, conn->fd, events_of(conn->wants), slot);
}

int conn_unwatch(struct connections *table, uint32_t slot, int set)
{
    return poller_remove(set, table->conns[slot].fd);
}

int conn_want(struct connections *table, uint32_t slot, int set, uint8_t wants)
{
    struct conn *conn = &table->conns[slot];

    if (conn->wants == wants)
        return 0;
    conn->wants = wants & 3u;
    return poller_change(set, conn->fd, events_of(wants), slot);
}

struct conn_readiness conn_readiness(uint32_t events)
{
    const uint32_t ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

    return (struct conn_readiness){
        .writable = (events & EPOLLOUT) != 0,
        .said_goodbye = (events & ends) == EPOLLRDHUP && !(events & EPOLLPRI),
        .ended = (events & ends) != 0,
        .broken = (events & (EPOLLHUP | EPOLLERR)) != 0,
    };
}

bool conn_is_established(const struct connections *table, uint32_t slot)
{
    const struct transport_kind *kind = transport_of(table, slot);

    return kind->establish == NULL ||
           (kind->is_established != NULL && kind->is_established(table, slot));
}

enum established conn_establish(struct connections *table, uint32_t slot,
                                struct establishing *with)
{
    const struct transport_kind *kind = transport_of(table, slot);

    return kind->establish != NULL ? kind->establish(table, slot, with) : ESTABLISHED;
}

bool conn_inherit(struct connections *table, uint32_t slot, void **tools)
{
    const struct transport_kind *kind = transport_of(table, slot);

    return kind->survives(table, slot) &&
           (kind->inherit == NULL || kind->inherit(table, slot, tools));
}

enum received conn_receive(struct connections *table, uint32_t slot, void *dst, size_t room,
                           size_t *ret_len)
{
    return transport_of(table, slot)->receive(table, slot, dst, room, ret_len);
}

bool conn_pending(const struct connections *table, uint32_t slot)
{
    const struct transport_kind *kind = transport_of(table, slot);

    return kind->pending != NULL && kind->pending(table, slot);
}

void conn_answer(struct connections *table, uint32_t slot, int set)
{
    const struct transport_kind *kind = transport_of(table, slot);

    if (kind->committed == NULL || table->conns[slot].fd < 0)
        return;
    uint8_t wants = kind->committed(table, slot) == -EAGAIN ? CONN_WANTS_READ | CONN_WANTS_WRITE
                                                            : CONN_WANTS_READ;
    (void)conn_want(table, slot, set, wants); /* one that is not watched now is so later */
}

uint32_t conn_unread(const struct connections *table, uint32_t slot)
{
    return table->conns[slot].fd >= 0 ? net_unread(table->conns[slot].fd) : 0;
}

bool conn_at_end(const struct connections *table, uint32_t slot)
{
    return table->conns[slot].fd >= 0 && net_at_end(table->conns[slot].fd);
}

void conn_say_goodbye(struct connections *table, uint32_t slot)
{
    const struct transport_kind *kind = transport_of(table, slot);

    /* A session that answers says goodbye itself, behind its answers. */
    if (session_of(&table->ledger->slots[slot].stream)->committed != NULL)
        return;
    if (kind->say_goodbye != NULL)
        kind->say_goodbye(table, slot);
    (void)shutdown(table->conns[slot].fd, SHUT_WR); /* it may be gone already */
}

void conn_expect_end(struct connections *table, uint32_t slot)
{
    net_set_end(table->conns[slot].fd, END_FIN);
}

void conn_end(struct connections *table, uint32_t slot, int set, bool parked)
{
    const struct conn *conn = &table->conns[slot];

    /* A parked copy keeps the socket open, and so it would stay in the set. */
    if (parked)
        (void)conn_unwatch(table, slot, set); /* it is not in it while it is drained or slowed */
    transport_of(table, slot)->end(table, slot,
                                   conn->by_reset ? TRANSPORT_BREAKS : TRANSPORT_ENDS_WELL, parked);
}
