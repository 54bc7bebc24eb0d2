/* SPDX-License-Identifier: MIT
 *
 * Address ranges in CIDR form, and the question which of two lists an address matches
 * more closely. Pure functions; any thread.
 */
#ifndef PEERLOG_CIDR_H
#define PEERLOG_CIDR_H

#include <stddef.h>

#include "peerlog/peer.h"

struct cidr {
    unsigned char address[16]; /* as in struct peer; bits behind the prefix are zero */
    uint8_t family;            /* enum peer_family */
    uint8_t bits;              /* length of the prefix: 0 to 32, or 0 to 128 */
};

/*
 * Read "192.0.2.0/24", "2001:db8::/32", or a single address.
 * Returns: 0, or -EINVAL: not an address, a prefix out of range, or bits set
 *          behind the prefix (*ret_cidr is untouched).
 */
int cidr_parse(const char *text, struct cidr *ret_cidr);

/*
 * The longest prefix in LIST that holds this peer's address.
 * Returns: its bits, 0 to 128, or -1 when none does.
 */
int cidr_longest_match(const struct cidr *list, size_t count, const struct peer *peer);

#endif
