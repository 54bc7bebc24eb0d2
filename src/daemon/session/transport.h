/* SPDX-License-Identifier: MIT
 *
 * Transports: how the bytes of a stream travel through a socket. A kind receives the wire's
 * bytes into the ledger's inbox and, where wire and stream are not the same, opens them: a pure
 * function of its state before and of the bytes, so that a replay opens them to the same.
 *
 * Everything is called by the worker that owns the connection; nothing blocks.
 */
#ifndef PEERLOG_DAEMON_SESSION_TRANSPORT_H
#define PEERLOG_DAEMON_SESSION_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/ledger/connections.h"

enum received {
    RECEIVED_NOTHING, /* there is nothing to read now */
    RECEIVED_BYTES,   /* of the wire, *ret_len of them */
    RECEIVED_END,     /* the peer has ended its stream in good order */
    RECEIVED_RESET,   /* the connection is broken: what came before it is all there is */
};

/* How a connection ends, as its peer sees it. */
enum transport_end {
    TRANSPORT_ENDS_WELL, /* all that it said is logged: a receipt */
    TRANSPORT_BREAKS,    /* not all of it is */
};

struct transport_kind {
    const char *name;

    /* A parked copy of the socket is of use to the next process. */
    bool (*survives)(const struct connections *table, uint32_t slot);

    /* Read what has come, at most ROOM bytes. */
    enum received (*receive)(struct connections *table, uint32_t slot, void *dst, size_t room,
                             size_t *ret_len);

    /*
     * Write to the peer.
     * Returns: how many of LEN bytes were taken; -EAGAIN; or negative errno.
     */
    ssize_t (*write)(struct connections *table, uint32_t slot, const void *bytes, size_t len);

    /* Answers: is there something to receive although the poller is silent? NULL: never. */
    bool (*pending)(const struct connections *table, uint32_t slot);

    /*
     * Say the last word, and close the socket. PARKED: a copy of it is held elsewhere, so that
     * closing alone tells the peer nothing.
     */
    void (*end)(struct connections *table, uint32_t slot, enum transport_end how, bool parked);
};

extern const struct transport_kind transport_plain;

/* The kind of a connection. */
const struct transport_kind *transport_of(const struct connections *table, uint32_t slot);

#endif
