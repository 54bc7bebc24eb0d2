/* SPDX-License-Identifier: MIT
 *
 * Fuzz the PROXY header. The input is the start of a stream; what is said about it may
 * change only once as more of it comes, from "need more" to the word of a second
 * reading of the specification below.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "peerlog/proxy.h"
#include "unit/support.h"

#define LINE_BYTES 107u

/* Longer beginnings than this change nothing but the length of the extensions. */
#define SHORT_BEGINNING 128u

/* What a header says. */
struct saying {
    enum proxy_result result;
    size_t len;
    char peer[INET6_ADDRSTRLEN + 8]; /* "ADDRESS PORT" */
};

/* --- the second reading --- */

/* Note the peer; an IPv4-mapped address is one of IPv4. */
static void name_peer(const uint8_t *address, bool ipv6, unsigned port, struct saying *saying)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (ipv6 && memcmp(address, mapped, sizeof mapped) == 0) {
        ipv6 = false;
        address += sizeof mapped;
    }
    saying->result = PROXY_PEER;
    (void)inet_ntop(ipv6 ? AF_INET6 : AF_INET, address, saying->peer, INET6_ADDRSTRLEN);
    (void)snprintf(saying->peer + strlen(saying->peer), 8, " %u", port); /* both fit */
}

/* Five words of a line. */
struct words {
    char family[8], source[64], target[64], port[64], target_port[64];
};

/* Put together again, they must be the line that they were taken from. */
static bool same_line(const char *line, const struct words *w)
{
    char again[6 * 64];

    (void)snprintf(again, sizeof again, "PROXY %s %s %s %s %s", w->family, w->source, w->target,
                   w->port, w->target_port); /* it fits */
    return strcmp(line, again) == 0;
}

static bool is_port(const char *text)
{
    char again[24];
    long port = strtol(text, NULL, 10);

    (void)snprintf(again, sizeof again, "%ld", port > 65535 ? -1 : port); /* it fits, or differs */
    return port >= 0 && strcmp(text, again) == 0;
}

static void read_line(const char *line, struct saying *saying)
{
    struct words w = {"", "", "", "", ""};
    unsigned char address[16], target[16];

    if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0) {
        saying->result = PROXY_LOCAL;
        return;
    }
    int n = sscanf(line, "PROXY %7s %63s %63s %63s %63s", w.family, w.source, w.target, w.port,
                   w.target_port);
    bool ipv6 = strcmp(w.family, "TCP6") == 0;
    if (n != 5 || !same_line(line, &w) || (!ipv6 && strcmp(w.family, "TCP4") != 0))
        return;
    if (inet_pton(ipv6 ? AF_INET6 : AF_INET, w.source, address) == 1 &&
        inet_pton(ipv6 ? AF_INET6 : AF_INET, w.target, target) == 1 && is_port(w.port) &&
        is_port(w.target_port))
        name_peer(address, ipv6, (unsigned)strtoul(w.port, NULL, 10), saying);
}

/* A block that has come whole, with EXTRA bytes behind its first 16. */
static void read_address(const uint8_t *bytes, size_t extra, struct saying *saying)
{
    bool ipv4 = bytes[13] == 0x11, ipv6 = bytes[13] == 0x21;
    size_t port = ipv4 ? 24 : 48;

    if (bytes[12] == 0x20 || (!ipv4 && !ipv6))
        saying->result = PROXY_LOCAL;
    else if (extra >= (ipv4 ? 12 : 36))
        name_peer(bytes + 16, ipv6, (unsigned)bytes[port] * 256 + bytes[port + 1], saying);
}

static void read_block(const uint8_t *bytes, size_t len, struct saying *saying)
{
    size_t extra = len >= 16 ? (size_t)bytes[14] * 256 + bytes[15] : 0;

    if (len >= 16 && ((bytes[12] != 0x20 && bytes[12] != 0x21) || 16 + extra > PROXY_MAX_BYTES))
        return;
    if (len < 16 + extra)
        saying->result = PROXY_NEED_MORE;
    else
        read_address(bytes, extra, saying);
    saying->len = 16 + extra;
}

static struct saying second_reading(const uint8_t *bytes, size_t len)
{
    static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";
    struct saying saying = {.result = PROXY_BAD};
    char line[LINE_BYTES + 1] = "";

    if (memcmp(bytes, "PROXY ", len < 6 ? len : 6) == 0) {
        size_t n = 0;
        while (n < len && n < LINE_BYTES && bytes[n] != '\n')
            n++;
        if (n == len && n < LINE_BYTES) {
            saying.result = PROXY_NEED_MORE;
        } else if (n < LINE_BYTES && bytes[n - 1] == '\r') {
            memcpy(line, bytes, n - 1);
            if (strlen(line) == n - 1)
                read_line(line, &saying);
        }
        saying.len = n + 1;
    } else if (memcmp(bytes, signature, len < 12 ? len : 12) == 0) {
        read_block(bytes, len, &saying);
    }
    if (saying.result == PROXY_NEED_MORE || saying.result == PROXY_BAD)
        saying.len = 0;
    return saying;
}

/* --- the comparison --- */

static enum proxy_result check_beginning(const uint8_t *bytes, size_t len)
{
    unsigned char *exact = exact_copy(bytes, len);
    struct saying wanted = second_reading(exact, len);
    struct peer peer = {0};
    size_t header_len = 0;
    enum proxy_result result = proxy_parse(exact, len, &peer, &header_len);

    require(result == wanted.result, "both readings agree");
    require(header_len == wanted.len && header_len <= len, "a header has its length");
    if (result == PROXY_PEER) {
        char text[PEER_TEXT_BYTES + 8];
        size_t n = peer_format_address(&peer, text);
        (void)snprintf(text + n, 8, " %u", peer.port); /* it fits */
        require(strcmp(text, wanted.peer) == 0, "both readings name the same peer");
        require(peer.scope == 0 && peer.reserved == 0, "a peer is plain");
    }
    free(exact);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum proxy_result before = PROXY_NEED_MORE;

    for (size_t len = 0; len <= size; len++) {
        if (len > SHORT_BEGINNING && len < size)
            continue;
        enum proxy_result now = check_beginning(data, len);
        require(before == PROXY_NEED_MORE || now == before, "a decision stands");
        before = now;
    }
    return 0;
}
