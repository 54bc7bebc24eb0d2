/* SPDX-License-Identifier: MIT
 *
 * Lookup: from a host's name to its addresses. getaddrinfo(3) cannot be interrupted, so a name
 * that may need the network is looked up in a thread, which a signal leaves behind.
 */
#ifndef PEERLOG_CLIENT_LOOKUP_H
#define PEERLOG_CLIENT_LOOKUP_H

#include "client/options.h"

struct addrinfo;

/* What the resolver has answered. */
struct lookup {
    int answer;                 /* 0, or an EAI_ number */
    int system_error;           /* errno where it is EAI_SYSTEM */
    struct addrinfo *addresses; /* NULL unless the answer is 0 */
};

/*
 * Look up the host and the port of OPTIONS. INTERRUPT_FD being readable ends it.
 * Returns: 0 with *ret_lookup filled in, or -EINTR. Then a thread may still be at work, which
 *          reads OPTIONS: the program is expected to end.
 * Owns:    the caller owns the addresses, for freeaddrinfo(3).
 * Blocks:  as the resolver does.
 */
int lookup_host(const struct options *options, int interrupt_fd, struct lookup *ret_lookup);

#endif
