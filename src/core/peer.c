/* SPDX-License-Identifier: MIT
 *
 * Peers: from a socket address to text. IPv4 is written by hand, because every
 * round of every worker asks for it; IPv6 is the C library's work.
 */
#include "config.h"

#include "peerlog/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "peerlog/number.h"

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void fill_ipv4(const unsigned char address[4], uint16_t port, struct peer *ret_peer)
{
    *ret_peer = (struct peer){.family = PEER_IPV4, .port = port};
    memcpy(ret_peer->address, address, 4);
}

static void fill_ipv6(const struct in6_addr *address, uint32_t scope, uint16_t port,
                      struct peer *ret_peer)
{
    if (memcmp(address->s6_addr, mapped_prefix, sizeof mapped_prefix) == 0) {
        fill_ipv4(address->s6_addr + 12, port, ret_peer);
        return;
    }
    *ret_peer = (struct peer){.family = PEER_IPV6, .port = port, .scope = scope};
    memcpy(ret_peer->address, address->s6_addr, 16);
}

int peer_from_sockaddr(const struct sockaddr *sa, struct peer *ret_peer)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        unsigned char address[4];
        memcpy(address, &in.sin_addr, 4);
        fill_ipv4(address, ntohs(in.sin_port), ret_peer);
        return 0;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        fill_ipv6(&in6.sin6_addr, in6.sin6_scope_id, ntohs(in6.sin6_port), ret_peer);
        return 0;
    }
    return -EAFNOSUPPORT;
}

/* "%7" behind a link-local address: the interface's number. */
static int parse_scope(const char *text, uint32_t *ret_scope)
{
    char *end;

    errno = 0;
    unsigned long scope = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || scope > UINT32_MAX)
        return -EINVAL;
    *ret_scope = (uint32_t)scope;
    return 0;
}

int peer_parse(const char *text, uint16_t port, struct peer *ret_peer)
{
    struct in6_addr in6;
    struct in_addr in4;
    char address[INET6_ADDRSTRLEN];
    uint32_t scope = 0;

    if (inet_pton(AF_INET, text, &in4) == 1) {
        unsigned char bytes[4];
        memcpy(bytes, &in4, 4);
        fill_ipv4(bytes, port, ret_peer);
        return 0;
    }
    size_t len = strcspn(text, "%");
    if (len >= sizeof address)
        return -EINVAL;
    memcpy(address, text, len);
    address[len] = '\0';
    if (inet_pton(AF_INET6, address, &in6) != 1)
        return -EINVAL;
    if (text[len] == '%' && parse_scope(text + len + 1, &scope) < 0)
        return -EINVAL;
    fill_ipv6(&in6, scope, port, ret_peer);
    return 0;
}

size_t peer_format_address(const struct peer *peer, char dst[PEER_TEXT_BYTES])
{
    size_t n = 0;

    switch (peer->family) {
    case PEER_IPV4:
        for (size_t i = 0; i < 4; i++) {
            if (i > 0)
                dst[n++] = '.';
            n += number_format(dst + n, peer->address[i]);
        }
        break;
    case PEER_IPV6:
        (void)inet_ntop(AF_INET6, peer->address, dst, PEER_TEXT_BYTES); /* always fits */
        n = strlen(dst);
        if (peer->scope != 0) {
            dst[n++] = '%';
            n += number_format(dst + n, peer->scope);
        }
        break;
    default:
        memcpy(dst, "unknown", 7);
        n = 7;
        break;
    }
    dst[n] = '\0';
    return n;
}

size_t peer_format(const struct peer *peer, char dst[PEER_TEXT_BYTES])
{
    size_t n = 0;

    if (peer->family == PEER_IPV6) {
        char address[PEER_TEXT_BYTES];
        size_t len = peer_format_address(peer, address);
        dst[n++] = '[';
        memcpy(dst + n, address, len);
        n += len;
        dst[n++] = ']';
    } else {
        n = peer_format_address(peer, dst);
    }
    dst[n++] = ':';
    n += number_format(dst + n, peer->port);
    dst[n] = '\0';
    return n;
}

size_t peer_parse_text(const unsigned char *text, size_t len, struct peer *ret_peer)
{
    const unsigned char *space = memchr(text, ' ', len < PEER_TEXT_BYTES ? len : PEER_TEXT_BYTES);
    size_t n = space != NULL ? (size_t)(space - text) : len;
    char address[PEER_TEXT_BYTES], again[PEER_TEXT_BYTES];
    struct peer peer;

    if (n == 0 || n >= sizeof address)
        return 0;
    bool bracket = text[0] == '[';
    memcpy(address, text + bracket, n - bracket);
    address[n - bracket] = '\0';
    char *port = strrchr(address, ':');
    if (port == NULL || port == address)
        return 0;
    port[bracket ? -1 : 0] = '\0';
    /* What is no number, or none that fits, is written otherwise than it was read. */
    if (peer_parse(address, (uint16_t)strtoul(port + 1, NULL, 10), &peer) < 0 ||
        peer_format(&peer, again) != n || memcmp(text, again, n) != 0)
        return 0;
    *ret_peer = peer;
    return n;
}

uint64_t peer_key(const struct peer *peer)
{
    unsigned char bytes[8] = {0xff, 0xff}; /* multicast: no peer of IPv6 begins so */
    uint64_t key = 0;

    if (peer->family == PEER_IPV6)
        memcpy(bytes, peer->address, 8);
    else
        memcpy(bytes + 4, peer->address, 4);
    for (size_t i = 0; i < sizeof bytes; i++)
        key = key << 8 | bytes[i]; /* what differs most is in the lowest bits: hash_key() */
    return key;
}

bool peer_same_address(const struct peer *a, const struct peer *b)
{
    return a->family == b->family && a->scope == b->scope &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

bool peer_equal(const struct peer *a, const struct peer *b)
{
    return peer_same_address(a, b) && a->port == b->port;
}
