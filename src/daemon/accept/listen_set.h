/* SPDX-License-Identifier: MIT
 *
 * Listening sockets: from the settings to descriptors, keeping every socket that is open
 * already, whether this process opened it, the one before, or a socket unit.
 * Main's thread.
 */
#ifndef PEERLOG_DAEMON_ACCEPT_LISTEN_SET_H
#define PEERLOG_DAEMON_ACCEPT_LISTEN_SET_H

#include "daemon/takeover/inheritance.h"
#include "daemon/ledger/ledger.h"
#include "daemon/accept/acceptor.h"
#include "daemon/settings/snapshot.h"

/* What could not be listened on. */
struct listen_fault {
    struct peer address;
    int error; /* negative errno */
};

/*
 * The inherited listening sockets as a set, with a snapshot that knows none of them.
 * Returns: 0, or -ENOMEM.
 * Owns:    the caller owns *ret_listening; the items' descriptors move into it.
 */
int listen_set_inherit(struct inheritance *inheritance, struct ledger *ledger,
                               const struct snapshot *snapshot, struct listen_set **ret_listening);

/*
 * What SNAPSHOT wants to be listened on: sockets of BEFORE where they fit, new ones else. New
 * ones are stored with the service manager. Completes SNAPSHOT's listener tables.
 * When a socket unit passed sockets, these are all, and the settings only say how to treat
 * them: the listener whose tag is the socket's FileDescriptorName=, else the one with its
 * address, else the only one with its port. A socket without such a listener is warned of.
 * Returns: 0; or negative errno with *ret_fault: nothing was changed but the ledger's table.
 * Owns:    the caller owns *ret_listening (one malloc block); sockets of BEFORE are
 *          in both, new ones in the new one alone.
 */
int listen_set_build(struct snapshot *snapshot, const struct listen_set *before,
                     struct ledger *ledger, struct listen_set **ret_listening,
                     struct listen_fault *ret_fault);

/* Close the sockets that are in LISTENING alone and not in BEFORE, and free it. */
void listen_set_undo(struct listen_set *listening, const struct listen_set *before);

/* Places of sockets that are no longer listened on. */
struct listen_leavers {
    uint8_t ids[LEDGER_LISTENERS];
    size_t count;
};

/* Those of BEFORE that the service manager keeps for us and that are not in NEXT. */
struct listen_leavers listen_set_compare(const struct listen_set *before,
                                           const struct listen_set *next);

/* Tell the service manager to forget them, once no connection waits in them any more. */
void listen_set_forget(const struct listen_leavers *leavers);

#endif
