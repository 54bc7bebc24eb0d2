/* SPDX-License-Identifier: MIT
 *
 * What the two halves of the TLS transport share: tls_shake.c makes a connection, tls.c reads and
 * answers it. For them alone; others see transport.h.
 */
#ifndef PEERLOG_DAEMON_SESSION_TLS_H
#define PEERLOG_DAEMON_SESSION_TLS_H

#include <assert.h>

#include "daemon/session/transport.h"
#include "tls/tls_record.h"

/* The answer that is on its way: whether it went out, the kernel knows. */
enum reply {
    REPLY_NONE = 0,
    REPLY_UPDATE, /* the KeyUpdate that is owed */
    REPLY_RECORD, /* any other */
};

/* What lies in a slot's transport_state. */
struct tls_slot {
    uint32_t wire_bytes; /* as in struct transport_state */
    uint8_t reply;       /* enum reply */
    uint8_t begun;       /* a handshake has taken bytes out of the socket */
    uint8_t reserved[2];
    uint64_t written;    /* bytes that were written before the reply */
    struct tls_state state;
};
static_assert(sizeof(struct tls_slot) <= sizeof(struct transport_state), "it fits into a slot");
static_assert(TLS_MAX_RECORD_BYTES <= LEDGER_WIRE_BYTES, "an incomplete record fits into a tail");
static_assert(TLS_ROOM_BYTES <= TRANSPORT_SLACK_BYTES, "opening always gets on");

static inline struct tls_slot *tls_slot_of(const struct connections *table, uint32_t slot)
{
    return (struct tls_slot *)(void *)connections_transport(table, slot);
}

/* Those of the connection's worker. Returns: NULL without memory. */
struct tls_tools *tls_tools_of(struct connections *table, uint32_t slot);

/* What transport_kind.establish says. */
enum established tls_shake(struct connections *table, uint32_t slot, struct establishing *with);

/* Let go of a handshake, if one goes on. */
void tls_shake_free(struct connections *table, uint32_t slot);

#endif
