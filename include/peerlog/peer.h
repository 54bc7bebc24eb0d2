/* SPDX-License-Identifier: MIT
 *
 * Who speaks: the numeric address and port of the other end of a connection.
 * Names are never looked up. An IPv4-mapped IPv6 address is IPv4 here.
 */
#ifndef PEERLOG_PEER_H
#define PEERLOG_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

enum peer_family {
    PEER_UNKNOWN = 0,
    PEER_IPV4 = 4,
    PEER_IPV6 = 6,
};

/* Plain data without padding, for the ledger; peer_equal() and peer_same_address() compare it. */
struct peer {
    unsigned char address[16]; /* network order; IPv4 uses the first four */
    uint32_t scope;            /* interface of a link-local address, or 0 */
    uint16_t port;             /* host order */
    uint8_t family;            /* enum peer_family */
    uint8_t reserved;          /* 0 */
};

/* Room for "[address%scope]:port" and its NUL. */
#define PEER_TEXT_BYTES 72u

/*
 * Fill *RET_PEER from a socket address of IPv4 or IPv6.
 * Returns: 0, or -EAFNOSUPPORT for another family (*ret_peer is untouched).
 */
int peer_from_sockaddr(const struct sockaddr *sa, struct peer *ret_peer);

/*
 * Read a numeric address, IPv4 or IPv6 (with %INTERFACE-NUMBER if link-local).
 * The family of "::ffff:192.0.2.1" is IPv4. PORT is in host order.
 * Returns: 0, or -EINVAL when TEXT is no such address.
 */
int peer_parse(const char *text, uint16_t port, struct peer *ret_peer);

/*
 * Write "192.0.2.7:514" or "[2001:db8::1]:514" and a NUL to DST.
 * Returns: the length without the NUL, below PEER_TEXT_BYTES.
 */
size_t peer_format(const struct peer *peer, char dst[PEER_TEXT_BYTES]);

/* The same without port and brackets: "192.0.2.7", "2001:db8::1". */
size_t peer_format_address(const struct peer *peer, char dst[PEER_TEXT_BYTES]);

/*
 * Read what peer_format() writes from the start of TEXT, LEN bytes long: exactly that, up to
 * a space or the end.
 * Returns: its length, or 0 when TEXT begins otherwise (*ret_peer is untouched).
 */
size_t peer_parse_text(const unsigned char *text, size_t len, struct peer *ret_peer);

/* What counts as one peer where peers are counted: an address of IPv4, or a /64 of IPv6. */
uint64_t peer_key(const struct peer *peer);

/* Answers: are family, address and scope the same, whatever the ports? */
bool peer_same_address(const struct peer *a, const struct peer *b);

/* Answers: are family, address, scope and port the same? */
bool peer_equal(const struct peer *a, const struct peer *b);

#endif
