/* SPDX-License-Identifier: MIT
 *
 * PROXY headers. Version 1 is a line of text; version 2 is a fixed block, an address and
 * extensions that are skipped. Every length is checked before it is used.
 */
#include "config.h"

#include "peerlog/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* "PROXY TCP6 " with the longest addresses and ports, CR LF: 107 by the specification. */
#define LINE_MAX_BYTES 107u

#define PREFIX "PROXY "
#define PREFIX_BYTES (sizeof PREFIX - 1)

#define BLOCK_BYTES 16u

static const unsigned char signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                            0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* --- version 1 --- */

/* Take one space and the word behind it from *LINE. */
static bool next_word(const char **line, char *dst, size_t room)
{
    if (**line != ' ')
        return false;
    size_t len = strcspn(*line + 1, " ");
    if (len == 0 || len >= room)
        return false;
    memcpy(dst, *line + 1, len);
    dst[len] = '\0';
    *line += 1 + len;
    return true;
}

/* Both addresses must look as the family says: '4' or '6', without an interface. */
static bool is_of_family(const char *address, char family)
{
    return (strchr(address, ':') != NULL) == (family == '6') && strchr(address, '%') == NULL;
}

/* A decimal port without sign or leading zeros. Returns: it, or -1. */
static int parse_port(const char *text)
{
    int port = 0;

    if (*text == '\0' || (*text == '0' && text[1] != '\0'))
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        port = port * 10 + (*text - '0');
        if (port > UINT16_MAX)
            return -1;
    }
    return port;
}

/* What follows "PROXY": the family, two addresses and two ports. */
static enum proxy_result parse_words(const char *line, struct peer *ret_peer)
{
    char family[8], source[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN], port[8], target_port[8];
    struct peer peer, ignored;

    if (!next_word(&line, family, sizeof family))
        return PROXY_BAD;
    if (strcmp(family, "UNKNOWN") == 0)
        return PROXY_LOCAL;
    if (strcmp(family, "TCP4") != 0 && strcmp(family, "TCP6") != 0)
        return PROXY_BAD;
    if (!next_word(&line, source, sizeof source) || !next_word(&line, target, sizeof target) ||
        !next_word(&line, port, sizeof port) ||
        !next_word(&line, target_port, sizeof target_port) || *line != '\0')
        return PROXY_BAD;
    if (parse_port(port) < 0 || parse_port(target_port) < 0 ||
        !is_of_family(source, family[3]) || !is_of_family(target, family[3]) ||
        peer_parse(source, (uint16_t)parse_port(port), &peer) < 0 ||
        peer_parse(target, 0, &ignored) < 0)
        return PROXY_BAD;
    *ret_peer = peer; /* a mapped one has become IPv4 */
    return PROXY_PEER;
}

static enum proxy_result parse_line(const unsigned char *bytes, size_t len, struct peer *ret_peer,
                                    size_t *ret_len)
{
    char line[LINE_MAX_BYTES + 1];
    const unsigned char *lf = memchr(bytes, '\n', len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);

    if (lf == NULL)
        return len < LINE_MAX_BYTES ? PROXY_NEED_MORE : PROXY_BAD;
    size_t n = (size_t)(lf - bytes);
    if (n < PREFIX_BYTES || bytes[n - 1] != '\r' || memchr(bytes, '\0', n) != NULL)
        return PROXY_BAD;
    memcpy(line, bytes, n - 1);
    line[n - 1] = '\0';
    enum proxy_result result = parse_words(line + PREFIX_BYTES - 1, ret_peer);
    if (result != PROXY_BAD)
        *ret_len = n + 1;
    return result;
}

/* --- version 2 --- */

static uint16_t read_16(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* The source address behind the block. */
static enum proxy_result parse_address(unsigned family, const unsigned char *address, size_t len,
                                       struct peer *ret_peer)
{
    if (family == 0x11 && len >= 12) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(read_16(address + 8))};
        memcpy(&in.sin_addr, address, 4);
        (void)peer_from_sockaddr((struct sockaddr *)&in, ret_peer); /* it is of IPv4 */
        return PROXY_PEER;
    }
    if (family == 0x21 && len >= 36) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                                   .sin6_port = htons(read_16(address + 32))};
        memcpy(&in6.sin6_addr, address, 16);
        (void)peer_from_sockaddr((struct sockaddr *)&in6, ret_peer); /* it is of IPv6 */
        return PROXY_PEER;
    }
    /* Unspecified, datagrams, local sockets: no peer that we could name. */
    return family == 0x11 || family == 0x21 ? PROXY_BAD : PROXY_LOCAL;
}

static enum proxy_result parse_block(const unsigned char *bytes, size_t len, struct peer *ret_peer,
                                     size_t *ret_len)
{
    enum proxy_result result = PROXY_LOCAL;

    if (len < BLOCK_BYTES)
        return PROXY_NEED_MORE;
    size_t all = BLOCK_BYTES + (size_t)read_16(bytes + 14);
    if (bytes[12] >> 4 != 2 || (bytes[12] & 15) > 1 || all > PROXY_MAX_BYTES)
        return PROXY_BAD;
    if (len < all)
        return PROXY_NEED_MORE;
    if ((bytes[12] & 15) == 1)
        result = parse_address(bytes[13], bytes + BLOCK_BYTES, all - BLOCK_BYTES, ret_peer);
    if (result != PROXY_BAD)
        *ret_len = all;
    return result;
}

/* --- both --- */

/* Are the LEN bytes at hand the beginning of EXPECTED? */
static bool begins(const unsigned char *bytes, size_t len, const void *expected,
                   size_t expected_len)
{
    return memcmp(bytes, expected, len < expected_len ? len : expected_len) == 0;
}

enum proxy_result proxy_parse(const unsigned char *bytes, size_t len, struct peer *ret_peer,
                              size_t *ret_len)
{
    if (len == 0)
        return PROXY_NEED_MORE;
    if (begins(bytes, len, PREFIX, PREFIX_BYTES))
        return parse_line(bytes, len, ret_peer, ret_len);
    if (begins(bytes, len, signature, sizeof signature))
        return parse_block(bytes, len, ret_peer, ret_len);
    return PROXY_BAD;
}
