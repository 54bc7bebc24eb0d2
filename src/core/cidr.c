/* SPDX-License-Identifier: MIT
 *
 * Address ranges: strict to read, so that a typing mistake in an access list is an
 * error and not a wider door. A range of IPv4-mapped IPv6 addresses is one of
 * IPv4, since that is what its peers are called.
 */
#include "config.h"

#include "peerlog/cidr.h"

#include <errno.h>
#include <string.h>

#define IPV4_BITS 32u
#define IPV6_BITS 128u
#define MAPPED_BITS (IPV6_BITS - IPV4_BITS)

/* "0" to "128": digits only, no leading zero. */
static int parse_bits(const char *text, unsigned *ret_bits)
{
    unsigned bits = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 3 || (len > 1 && text[0] == '0'))
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        bits = bits * 10 + (unsigned)(text[i] - '0');
    }
    *ret_bits = bits;
    return 0;
}

/* The bits of byte I that a prefix of BITS covers. */
static unsigned char prefix_mask(unsigned bits, size_t i)
{
    if (bits >= 8 * (i + 1))
        return 0xff;
    if (bits <= 8 * i)
        return 0;
    return (unsigned char)(0xff00u >> (bits - 8 * i));
}

int cidr_parse(const char *text, struct cidr *ret_cidr)
{
    char address[PEER_TEXT_BYTES];
    struct peer peer;
    unsigned bits = 0;
    size_t len = strcspn(text, "/");

    if (len >= sizeof address || memchr(text, '%', len) != NULL)
        return -EINVAL;
    memcpy(address, text, len);
    address[len] = '\0';
    if (peer_parse(address, 0, &peer) < 0)
        return -EINVAL;

    unsigned max_bits = peer.family == PEER_IPV4 ? IPV4_BITS : IPV6_BITS;
    if (text[len] == '\0') {
        bits = max_bits;
    } else {
        if (parse_bits(text + len + 1, &bits) < 0)
            return -EINVAL;
        if (peer.family == PEER_IPV4 && memchr(address, ':', len) != NULL) {
            if (bits < MAPPED_BITS)
                return -EINVAL;
            bits -= MAPPED_BITS;
        }
        if (bits > max_bits)
            return -EINVAL;
    }
    for (size_t i = 0; i < max_bits / 8; i++)
        if ((peer.address[i] & ~prefix_mask(bits, i)) != 0)
            return -EINVAL;

    *ret_cidr = (struct cidr){.family = peer.family, .bits = (uint8_t)bits};
    memcpy(ret_cidr->address, peer.address, sizeof ret_cidr->address);
    return 0;
}

static bool cidr_holds(const struct cidr *range, const struct peer *peer)
{
    size_t whole = range->bits / 8u;

    if (range->family != peer->family || memcmp(range->address, peer->address, whole) != 0)
        return false;
    if (range->bits % 8u == 0)
        return true;
    return ((range->address[whole] ^ peer->address[whole]) & prefix_mask(range->bits, whole)) == 0;
}

int cidr_longest_match(const struct cidr *list, size_t count, const struct peer *peer)
{
    int longest = -1;

    for (size_t i = 0; i < count; i++)
        if (list[i].bits > longest && cidr_holds(&list[i], peer))
            longest = list[i].bits;
    return longest;
}
