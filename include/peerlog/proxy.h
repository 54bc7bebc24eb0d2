/* SPDX-License-Identifier: MIT
 *
 * The PROXY header, versions 1 and 2, that a load balancer sends before the first byte of a
 * client (the specification is haproxy's proxy-protocol.txt). Pure functions; any thread.
 */
#ifndef PEERLOG_PROXY_H
#define PEERLOG_PROXY_H

#include <stddef.h>

#include "peerlog/peer.h"

/* A longer header is refused: it would have to carry a kilobyte of extensions. */
#define PROXY_MAX_BYTES 2048u

enum proxy_result {
    PROXY_NEED_MORE, /* it may become one */
    PROXY_PEER,      /* it names the peer */
    PROXY_LOCAL,     /* the balancer speaks for itself, or does not know the peer */
    PROXY_BAD,       /* it is none, or a broken one */
};

/*
 * Read the header at the start of a stream.
 * On PROXY_PEER and PROXY_LOCAL *ret_len is its length; on PROXY_PEER *ret_peer is
 * the client's address and port. Otherwise both are untouched.
 */
enum proxy_result proxy_parse(const unsigned char *bytes, size_t len, struct peer *ret_peer,
                              size_t *ret_len);

#endif
