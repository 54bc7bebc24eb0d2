/* SPDX-License-Identifier: MIT
 *
 * Inheritance: what the service manager hands to a new process, sorted into the ledger, the
 * lots of parked connections, and listening sockets.
 * Main's thread, before any other exists.
 */
#ifndef PEERLOG_DAEMON_TAKEOVER_INHERITANCE_H
#define PEERLOG_DAEMON_TAKEOVER_INHERITANCE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/ledger/ledger.h"

enum inherited_kind {
    INHERITED_LEDGER,
    INHERITED_LOT,
    INHERITED_LISTENER,  /* one of our own listening sockets */
    INHERITED_ACTIVATED, /* a listening socket of a socket unit */
    INHERITED_NONE,      /* used up, or nothing we know: closed */
};

struct inherited {
    int fd;
    char *name;
    enum inherited_kind kind;
    uint32_t number; /* of a listener: its index in the old ledger's listeners */
};

/* Everything that was handed over. */
struct inheritance {
    struct inherited *items;
    size_t count;
    struct ledger *ledger;   /* the newest readable one, or NULL */
    uint32_t unknown_layout; /* of a ledger that could not be read; 0: none */
    uint32_t unreadable;     /* open segments in it */
};

/*
 * Sort what was handed over. Without a service manager everything is empty.
 * Returns: 0, or -ENOMEM.  Owns: release it with inheritance_done().
 */
int inheritance_collect(struct inheritance *in);
void inheritance_done(struct inheritance *in);

#endif
