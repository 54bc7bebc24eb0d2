/* SPDX-License-Identifier: MIT
 *
 * Greeting: what the first bytes of a connection decide before any is framed. A PROXY header
 * names the true peer; a client that speaks another protocol is named in one friendly
 * line for each peer and hour.
 */
#ifndef PEERLOG_DAEMON_SESSION_PREFACE_H
#define PEERLOG_DAEMON_SESSION_PREFACE_H

#include <stddef.h>

#include "daemon/session/admission.h"
#include "daemon/ledger/ledger.h"
#include "daemon/settings/snapshot.h"

enum greeting {
    GREETING_PASS,    /* what follows is for the framer */
    GREETING_WAIT,    /* the header is not complete yet: carry the bytes */
    GREETING_REFUSED, /* the connection is to be closed, and its bytes dropped */
};

struct greeter;

/* Returns: 0, or -ENOMEM.  Owns: release it with greeter_free(). OFFICE must outlive it. */
int greeter_new(struct admission_office *office, struct greeter **ret_greeter);
struct greeter *greeter_free(struct greeter *greeter);

/*
 * Hear the first bytes of the connection in SLOT. A PROXY header moves its peer, and that is
 * what the access lists are asked about. *RET_SKIP: bytes that belong to the header.
 * Threads: any; the slot's worker.
 */
enum greeting greeter_hear(struct greeter *greeter, const struct rulebook *rules, struct slot *slot,
                           const unsigned char *bytes, size_t len, size_t *ret_skip);

#endif
