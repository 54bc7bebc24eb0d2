/* SPDX-License-Identifier: MIT
 *
 * Streams of PROXY headers in pieces, and the second reading.
 */
#include "config.h"

#include "support/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peerlog/utf8.h"
#include "support/oracle.h"

#define LINE_BYTES 107u

/* --- the second reading: version 1 --- */

/* Note the peer; an IPv4-mapped address is one of IPv4. */
static void name_peer(const unsigned char *address, bool ipv6, unsigned port,
                      struct proxy_saying *saying)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (ipv6 && memcmp(address, mapped, sizeof mapped) == 0) {
        ipv6 = false;
        address += sizeof mapped;
    }
    saying->result = PROXY_PEER;
    saying->header.peer.family = ipv6 ? 6 : 4;
    saying->header.peer.port = (uint16_t)port;
    memcpy(saying->header.peer.address, address, ipv6 ? 16 : 4);
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

static void read_line(const char *line, struct proxy_saying *saying)
{
    struct words w = {"", "", "", "", ""};
    unsigned char address[16], target[16];

    if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0) {
        saying->result = PROXY_NO_PEER;
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

static void find_line(struct span stream, struct proxy_saying *saying)
{
    char line[LINE_BYTES + 1] = "";
    size_t n = 0;

    while (n < stream.len && n < LINE_BYTES && stream.data[n] != '\n')
        n++;
    if (n == stream.len || n == LINE_BYTES || stream.data[n - 1] != '\r')
        return;
    memcpy(line, stream.data, n - 1);
    if (strlen(line) == n - 1)
        read_line(line, saying);
    saying->len = n + 1;
}

/* --- version 2 --- */

/* Extensions, one after the other. */
struct extensions {
    const unsigned char *bytes;
    size_t len;
};

/* The next one. Returns: its type, -1 at the end, or -2 when it does not fit. */
static int next_extension(struct extensions *e, struct span *ret_value)
{
    if (e->len == 0)
        return -1;
    if (e->len < 3 || (size_t)e->bytes[1] * 256 + e->bytes[2] > e->len - 3)
        return -2;
    int type = e->bytes[0];
    *ret_value = (struct span){
        .data = e->bytes + 3, .len = (size_t)e->bytes[1] * 256 + e->bytes[2],
    };
    e->bytes += 3 + ret_value->len;
    e->len -= 3 + ret_value->len;
    return type;
}

static void keep(struct proxy_header *header, enum proxy_text_kind kind, size_t limit,
                 struct span value)
{
    size_t len = value.len <= limit ? value.len : utf8_cut(value.data, limit);
    struct bytes safe = {0};

    if (header->texts[kind].len > 0)
        return;
    for (size_t at = 0; at < len;)
        at += oracle_escape(value.data + at, len - at, ESCAPE_LF, &safe);
    if (safe.len != len) {
        header->unfit |= (uint8_t)(1 << kind);
    } else if (len > 0) {
        header->texts[kind].len = (uint8_t)len;
        memcpy(header->texts[kind].bytes, value.data, len);
        header->cut |= (uint8_t)((len < value.len) << kind);
    }
    bytes_done(&safe);
}

static bool read_tls(struct span value, struct proxy_header *header)
{
    static const unsigned char verified[4];
    struct span inner;
    int type;

    if (value.len < 5)
        return false;
    if (memcmp(value.data + 1, verified, 4) != 0)
        return true;
    struct extensions e = {value.data + 5, value.len - 5};
    while ((type = next_extension(&e, &inner)) >= 0)
        if (type == 0x22)
            keep(header, PROXY_CLIENT_NAME, 128, inner);
    return type == -1;
}

/* The whole header is at hand. Returns: is its checksum, if there is one, right? */
static bool checksum_fits(struct span whole, const unsigned char *field)
{
    uint32_t crc = 0xffffffff, given = 0;

    for (size_t i = 0; i < whole.len; i++) {
        bool inside = whole.data + i >= field && whole.data + i < field + 4;
        crc ^= inside ? 0 : whole.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
        if (inside)
            given = given << 8 | whole.data[i];
    }
    return given == ~crc;
}

static bool read_extensions(struct span whole, size_t from, struct proxy_header *header)
{
    struct extensions e = {whole.data + from, whole.len - from};
    const unsigned char *checksum = NULL;
    struct span value;
    int type;

    while ((type = next_extension(&e, &value)) >= 0) {
        if (type == 0x02)
            keep(header, PROXY_AUTHORITY, 255, value);
        if (type == 0x05)
            keep(header, PROXY_UNIQUE_ID, 128, value);
        if (type == 0x20 && !read_tls(value, header))
            return false;
        if (type == 0x03 && (checksum != NULL || value.len != 4))
            return false;
        if (type == 0x03)
            checksum = value.data;
    }
    return type == -1 && (checksum == NULL || checksum_fits(whole, checksum));
}

static void find_block(struct span stream, struct proxy_saying *saying)
{
    static const struct {
        unsigned char code, bytes;
    } families[] = {{0x11, 12}, {0x12, 12}, {0x21, 36}, {0x22, 36}, {0x31, 216}, {0x32, 216}};
    const unsigned char *b = stream.data;
    size_t whole = stream.len >= 16 ? 16 + (size_t)b[14] * 256 + b[15] : 0, address = 0;

    if (stream.len < 16 || stream.len < whole || (b[12] != 0x20 && b[12] != 0x21))
        return;
    saying->len = whole;
    if (b[12] == 0x20 || b[13] == 0) {
        saying->result = b[12] == 0x20 ? PROXY_LOCAL : PROXY_NO_PEER;
        return;
    }
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (families[i].code == b[13])
            address = families[i].bytes;
    if (address == 0 || whole < 16 + address ||
        !read_extensions((struct span){.data = b, .len = whole}, 16 + address, &saying->header))
        return;
    saying->result = PROXY_NO_PEER;
    if (b[13] == 0x11)
        name_peer(b + 16, false, (unsigned)b[24] * 256 + b[25], saying);
    if (b[13] == 0x21)
        name_peer(b + 16, true, (unsigned)b[48] * 256 + b[49], saying);
}

struct proxy_saying proxy_oracle(struct span stream)
{
    static const unsigned char signature[] = "\r\n\r\n\0\r\nQUIT\n";
    struct proxy_saying saying = {.result = PROXY_FAULTY};

    if (stream.len >= 6 && memcmp(stream.data, "PROXY ", 6) == 0)
        find_line(stream, &saying);
    else if (stream.len >= 12 && memcmp(stream.data, signature, 12) == 0)
        find_block(stream, &saying);
    else
        saying.result = PROXY_ABSENT;
    if (saying.result == PROXY_FAULTY)
        saying.len = 0;
    return saying;
}

/* --- pieces --- */

struct proxy_saying proxy_feed(struct span stream, const size_t *cuts, size_t count, bool at_end)
{
    struct proxy_saying saying = {.result = PROXY_NEED_MORE};
    struct proxy_state state = {0};
    size_t from = 0;

    for (size_t i = 0; i <= count && saying.result == PROXY_NEED_MORE; i++) {
        size_t until = i < count ? cuts[i] : stream.len, used = SIZE_MAX;
        unsigned char *piece = exact_copy(stream.data + from, until - from);
        saying.result = proxy_read(&state, piece, until - from, at_end && i == count,
                                   &saying.header, &used);
        free(piece);
        if (saying.result == PROXY_ABSENT || saying.result == PROXY_FAULTY) {
            require(used == SIZE_MAX, "nothing is used of what is no header");
            break;
        }
        require(used <= until - from, "only what is there is used");
        require(proxy_state_valid(&state), "a state is valid");
        from += used;
        require(saying.result != PROXY_NEED_MORE || until - from < PROXY_CARRY_BYTES,
                "little is carried");
        saying.len = saying.result == PROXY_NEED_MORE ? 0 : from;
    }
    require((saying.result == PROXY_FAULTY) == (saying.header.fault != PROXY_FAULT_NONE),
            "what is wrong is said");
    return saying;
}

bool proxy_same(const struct proxy_saying *a, const struct proxy_saying *b)
{
    if (a->result != b->result)
        return false;
    if (a->result == PROXY_FAULTY || a->result == PROXY_ABSENT || a->result == PROXY_NEED_MORE)
        return true;
    for (size_t i = 0; i < PROXY_TEXTS; i++) {
        const struct proxy_text *x = &a->header.texts[i], *y = &b->header.texts[i];
        if (x->len != y->len || memcmp(x->bytes, y->bytes, x->len) != 0)
            return false;
    }
    return a->len == b->len && a->header.cut == b->header.cut &&
           a->header.unfit == b->header.unfit &&
           (a->result != PROXY_PEER || peer_equal(&a->header.peer, &b->header.peer));
}

static void check_cuts(struct span stream, const size_t *cuts, size_t count,
                       const struct proxy_saying *wanted)
{
    struct proxy_saying saying = proxy_feed(stream, cuts, count, false);

    require(proxy_same(&saying, wanted), "no cut changes what is said");
    require(saying.header.fault == wanted->header.fault, "nor what is wrong");
}

void proxy_check_cuts(struct span stream, const struct proxy_saying *wanted)
{
    size_t *all = calloc(stream.len + 1, sizeof *all);

    require(all != NULL, "memory for a test");
    for (size_t i = 0; i <= stream.len; i++) {
        check_cuts(stream, &i, 1, wanted);
        check_cuts(stream, (const size_t[]){i / 2, i}, 2, wanted);
        all[i] = i;
    }
    check_cuts(stream, all, stream.len, wanted);
    free(all);
}
