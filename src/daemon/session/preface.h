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

enum preface_verdict {
    PREFACE_PASS,    /* what follows is for the framer */
    PREFACE_WAIT,    /* the header is not complete yet: carry the bytes */
    PREFACE_REFUSED, /* the connection is to be closed, and its bytes dropped */
};

struct preface;

/* Returns: 0, or -ENOMEM.  Owns: release it with preface_free(). OFFICE must outlive it. */
int preface_new(struct admission *admission, struct preface **ret_greeter);
struct preface *preface_free(struct preface *preface);

/*
 * Hear the first bytes of the connection in SLOT. A PROXY header moves its peer, and that is
 * what the access lists are asked about. *RET_SKIP: bytes that belong to the header.
 * Threads: any; the slot's worker.
 */
enum preface_verdict preface_read(struct preface *preface, const struct snapshot *snapshot, struct slot *slot,
                           const unsigned char *bytes, size_t len, size_t *ret_skip);

#endif
