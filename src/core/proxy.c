/* SPDX-License-Identifier: MIT
 *
 * PROXY headers. Version 1 is a line of text, read when it is whole. Version 2 is a fixed
 * block with an address, which is read at once, and extensions, which are read one after
 * the other as they come. Every length is checked before it is used.
 */
#include "config.h"

#include "peerlog/proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "peerlog/count.h"
#include "peerlog/crc32c.h"
#include "peerlog/escape.h"
#include "peerlog/utf8.h"

/* "PROXY TCP6 " with the longest addresses and ports, CR LF: 107 by the specification. */
#define LINE_MAX_BYTES 107u

#define PREFIX "PROXY "
#define PREFIX_BYTES (sizeof PREFIX - 1)

#define BLOCK_BYTES 16u

/* Of an extension: its type and its length. */
#define HEAD_BYTES 3u

/* The extensions that are looked into; NAME is one inside of TLS. */
#define TYPE_AUTHORITY 0x02u
#define TYPE_CRC32C 0x03u
#define TYPE_UNIQUE_ID 0x05u
#define TYPE_TLS 0x20u
#define TYPE_TLS_NAME 0x22u

#define CRC_BYTES 4u

/* Of the extension about TLS: some bits, and whether the certificate was verified. */
#define TLS_HEAD_BYTES 5u

static const unsigned char signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                            0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static const uint8_t text_limits[PROXY_TEXTS] = {
    [PROXY_AUTHORITY] = PROXY_AUTHORITY_BYTES,
    [PROXY_UNIQUE_ID] = PROXY_UNIQUE_ID_BYTES,
    [PROXY_CLIENT_NAME] = PROXY_CLIENT_NAME_BYTES,
};

static_assert(sizeof(struct proxy_state) == 16, "it lives in the ledger");
static_assert(PROXY_CARRY_BYTES > HEAD_BYTES + PROXY_AUTHORITY_BYTES + 1 &&
                  PROXY_CARRY_BYTES > LINE_MAX_BYTES,
              "what is waited for can be carried");

/* A header that is being read. */
struct reader {
    struct proxy_state *state;
    struct proxy_header *header;
    const unsigned char *bytes; /* not used up yet */
    size_t len;
};

static enum proxy_result say_fault(struct reader *r, enum proxy_fault fault)
{
    r->header->fault = (uint8_t)fault;
    return PROXY_FAULTY;
}

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

/* An address of the family that the protocol names, '4' or '6', without an interface. */
static bool parse_address(const char *text, char family, uint16_t port, struct peer *ret_peer)
{
    return (strchr(text, ':') != NULL) == (family == '6') && strchr(text, '%') == NULL &&
           peer_parse(text, port, ret_peer) == 0;
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

/* What follows "PROXY": the protocol, two addresses and two ports. */
static enum proxy_result parse_words(struct reader *r, const char *line)
{
    char protocol[8], source[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN], port[8], target_port[8];
    struct peer peer, ignored;

    if (!next_word(&line, protocol, sizeof protocol))
        return say_fault(r, PROXY_FAULT_PROTOCOL);
    if (strcmp(protocol, "UNKNOWN") == 0)
        return PROXY_NO_PEER;
    if (strcmp(protocol, "TCP4") != 0 && strcmp(protocol, "TCP6") != 0)
        return say_fault(r, PROXY_FAULT_PROTOCOL);
    if (!next_word(&line, source, sizeof source) || !next_word(&line, target, sizeof target) ||
        !next_word(&line, port, sizeof port) ||
        !next_word(&line, target_port, sizeof target_port) || *line != '\0')
        return say_fault(r, PROXY_FAULT_WORDS);
    if (parse_port(port) < 0 || parse_port(target_port) < 0)
        return say_fault(r, PROXY_FAULT_PORT);
    if (!parse_address(source, protocol[3], (uint16_t)parse_port(port), &peer) ||
        !parse_address(target, protocol[3], 0, &ignored))
        return say_fault(r, PROXY_FAULT_ADDRESS);
    r->header->peer = peer; /* a mapped one has become IPv4 */
    return PROXY_PEER;
}

static enum proxy_result read_line(struct reader *r)
{
    char line[LINE_MAX_BYTES + 1];
    size_t len = r->len < LINE_MAX_BYTES ? r->len : LINE_MAX_BYTES;
    const unsigned char *lf = memchr(r->bytes, '\n', len);
    size_t n = lf != NULL ? (size_t)(lf - r->bytes) : len;

    if (memchr(r->bytes, '\0', n) != NULL)
        return say_fault(r, PROXY_FAULT_LINE_END);
    if (lf == NULL)
        return len < LINE_MAX_BYTES ? PROXY_NEED_MORE : say_fault(r, PROXY_FAULT_LONG_LINE);
    if (n < PREFIX_BYTES || r->bytes[n - 1] != '\r')
        return say_fault(r, PROXY_FAULT_LINE_END);
    memcpy(line, r->bytes, n - 1);
    line[n - 1] = '\0';
    enum proxy_result result = parse_words(r, line + PREFIX_BYTES - 1);
    r->bytes += n + 1;
    r->len -= n + 1;
    return result;
}

/* --- version 2: the block --- */

static uint16_t read_16(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_32(const unsigned char *bytes)
{
    return (uint32_t)read_16(bytes) << 16 | read_16(bytes + 2);
}

/* N bytes are used up; for the checksum they are as those at AS. */
static void pass_as(struct reader *r, const unsigned char *as, size_t n)
{
    r->state->crc = crc32c_add(r->state->crc, as, n);
    r->bytes += n;
    r->len -= n;
}

/* N bytes behind the block are used up. */
static void pass(struct reader *r, size_t n)
{
    pass_as(r, r->bytes, n);
    r->state->left = (uint16_t)(r->state->left - n);
    if (r->state->inner > 0)
        r->state->inner = (uint16_t)(r->state->inner - n);
}

/* Families with their transport, and how many bytes two addresses of them have. */
struct family {
    uint8_t code;
    uint8_t bytes;
};

static const struct family families[] = {
    {0x00, 0},                  /* unspecified */
    {0x11, 12}, {0x12, 12},     /* IPv4: TCP, UDP */
    {0x21, 36}, {0x22, 36},     /* IPv6 */
    {0x31, 216}, {0x32, 216},   /* local sockets: streams, datagrams */
};

static const struct family *find_family(unsigned code)
{
    for (size_t i = 0; i < COUNT_OF(families); i++)
        if (families[i].code == code)
            return &families[i];
    return NULL;
}

/* The source address at ADDRESS, of TCP over IPv4 or IPv6. */
static void take_address(struct reader *r, const struct family *family,
                         const unsigned char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (family->code == 0x11) {
        memcpy(&in.sin_addr, address, 4);
        in.sin_port = htons(read_16(address + 8));
        (void)peer_from_sockaddr((struct sockaddr *)&in, &r->header->peer); /* it is of IPv4 */
    } else {
        memcpy(&in6.sin6_addr, address, 16);
        in6.sin6_port = htons(read_16(address + 32));
        (void)peer_from_sockaddr((struct sockaddr *)&in6, &r->header->peer); /* it is of IPv6 */
    }
}

/* The block and the addresses: read together, so that a peer is there at once or not at all. */
static enum proxy_result read_block(struct reader *r)
{
    struct proxy_state *state = r->state;

    if (r->len < BLOCK_BYTES)
        return PROXY_NEED_MORE;
    unsigned command = r->bytes[12] & 15u;
    uint16_t left = read_16(r->bytes + 14);
    if (r->bytes[12] >> 4 != 2)
        return say_fault(r, PROXY_FAULT_VERSION);
    if (command > 1)
        return say_fault(r, PROXY_FAULT_COMMAND);
    /* A balancer's own header has no addresses that count. */
    const struct family *family = command == 1 ? find_family(r->bytes[13]) : NULL;
    if (command == 1 && family == NULL)
        return say_fault(r, PROXY_FAULT_FAMILY);
    uint16_t addresses = family != NULL ? family->bytes : 0;
    if (left < addresses)
        return say_fault(r, PROXY_FAULT_LENGTH);
    bool names_peer = family != NULL && (family->code == 0x11 || family->code == 0x21);
    if (names_peer && r->len < BLOCK_BYTES + (size_t)addresses)
        return PROXY_NEED_MORE;

    if (names_peer)
        take_address(r, family, r->bytes + BLOCK_BYTES);
    pass_as(r, r->bytes, BLOCK_BYTES);
    state->left = left;
    /* Of a balancer's own header and an unspecified one, nothing is said about what is in it. */
    state->skip = family != NULL && family->code != 0 ? addresses : left;
    state->answer = command == 0 ? PROXY_LOCAL : names_peer ? PROXY_PEER : PROXY_NO_PEER;
    return PROXY_NEED_MORE;
}

/* --- version 2: extensions --- */

/* Keep what is at VALUE, of VALUE_BYTES; at most one byte more than is kept must be there. */
static void keep_text(struct reader *r, enum proxy_text_kind kind, const unsigned char *value,
                      size_t value_bytes)
{
    struct proxy_text *text = &r->header->texts[kind];
    size_t limit = text_limits[kind];
    size_t len = value_bytes <= limit ? value_bytes : utf8_cut(value, limit);

    if (text->len > 0)
        return; /* the first one counts */
    if (escape_clean_bytes(value, len, ESCAPE_LF) < len) {
        r->header->unfit |= (uint8_t)(1u << kind);
        return;
    }
    if (len < value_bytes)
        r->header->cut |= (uint8_t)(1u << kind);
    memcpy(text->bytes, value, len);
    text->len = (uint8_t)len;
}

/* Which text an extension holds; PROXY_TEXTS when it is another. */
static enum proxy_text_kind text_of(const struct proxy_state *state, unsigned type)
{
    if (state->inner > 0)
        return type == TYPE_TLS_NAME ? PROXY_CLIENT_NAME : PROXY_TEXTS;
    if (type == TYPE_AUTHORITY)
        return PROXY_AUTHORITY;
    return type == TYPE_UNIQUE_ID ? PROXY_UNIQUE_ID : PROXY_TEXTS;
}

static enum proxy_result read_checksum(struct reader *r, size_t value_bytes)
{
    static const unsigned char zeros[CRC_BYTES];

    if (value_bytes != CRC_BYTES || r->state->has_crc)
        return say_fault(r, PROXY_FAULT_EXTENSION);
    if (r->len < HEAD_BYTES + CRC_BYTES)
        return PROXY_NEED_MORE;
    pass(r, HEAD_BYTES);
    r->state->has_crc = 1;
    r->state->given_crc = read_32(r->bytes);
    pass_as(r, zeros, CRC_BYTES);
    r->state->left = (uint16_t)(r->state->left - CRC_BYTES);
    return PROXY_NEED_MORE;
}

/* A certificate that was not verified may carry any name: what is in there is skipped then. */
static enum proxy_result read_tls(struct reader *r, size_t value_bytes)
{
    if (value_bytes < TLS_HEAD_BYTES)
        return say_fault(r, PROXY_FAULT_EXTENSION);
    if (r->len < HEAD_BYTES + TLS_HEAD_BYTES)
        return PROXY_NEED_MORE;
    bool verified = read_32(r->bytes + HEAD_BYTES + 1) == 0;
    pass(r, HEAD_BYTES + TLS_HEAD_BYTES);
    *(verified ? &r->state->inner : &r->state->skip) = (uint16_t)(value_bytes - TLS_HEAD_BYTES);
    return PROXY_NEED_MORE;
}

/* The head of the next extension, and as much of its value as is looked at. */
static enum proxy_result read_extension(struct reader *r)
{
    struct proxy_state *state = r->state;
    size_t room = state->inner > 0 ? state->inner : state->left;

    if (room < HEAD_BYTES)
        return say_fault(r, PROXY_FAULT_EXTENSION);
    if (r->len < HEAD_BYTES)
        return PROXY_NEED_MORE;
    unsigned type = r->bytes[0];
    size_t value_bytes = read_16(r->bytes + 1);
    if (value_bytes > room - HEAD_BYTES)
        return say_fault(r, PROXY_FAULT_EXTENSION);
    if (state->inner == 0 && type == TYPE_CRC32C)
        return read_checksum(r, value_bytes);
    if (state->inner == 0 && type == TYPE_TLS)
        return read_tls(r, value_bytes);

    enum proxy_text_kind kind = text_of(state, type);
    if (kind < PROXY_TEXTS) {
        size_t enough = text_limits[kind] + 1u;
        if (r->len < HEAD_BYTES + (value_bytes < enough ? value_bytes : enough))
            return PROXY_NEED_MORE;
        keep_text(r, kind, r->bytes + HEAD_BYTES, value_bytes);
    }
    pass(r, HEAD_BYTES);
    state->skip = (uint16_t)value_bytes;
    return PROXY_NEED_MORE;
}

/* What is left of a block whose address was read. */
static enum proxy_result read_extensions(struct reader *r)
{
    struct proxy_state *state = r->state;

    for (;;) {
        size_t skip = state->skip < r->len ? state->skip : r->len;
        if (skip > 0)
            pass(r, skip);
        state->skip = (uint16_t)(state->skip - skip);
        if (state->skip > 0)
            return PROXY_NEED_MORE;
        if (state->left == 0)
            break;
        size_t before = r->len;
        enum proxy_result result = read_extension(r);
        if (result == PROXY_FAULTY || r->len == before)
            return result;
    }
    if (state->has_crc && state->crc != state->given_crc)
        return say_fault(r, PROXY_FAULT_CHECKSUM);
    return (enum proxy_result)state->answer;
}

/* --- both --- */

/* Are the bytes at hand the beginning of EXPECTED? */
static bool begins(const struct reader *r, const void *expected, size_t expected_len)
{
    return memcmp(r->bytes, expected, r->len < expected_len ? r->len : expected_len) == 0;
}

/* Nothing was used up yet. *RET_BEGUN: it can be nothing else than a header any more. */
static enum proxy_result read_beginning(struct reader *r, bool *ret_begun)
{
    *ret_begun = false;
    if (r->len == 0)
        return PROXY_NEED_MORE;
    if (begins(r, PREFIX, PREFIX_BYTES)) {
        *ret_begun = r->len >= PREFIX_BYTES;
        return read_line(r);
    }
    if (!begins(r, signature, sizeof signature))
        return PROXY_ABSENT;
    *ret_begun = r->len >= sizeof signature;
    return read_block(r);
}

enum proxy_result proxy_read(struct proxy_state *state, const unsigned char *bytes, size_t len,
                             bool at_end, struct proxy_header *header, size_t *ret_used)
{
    struct reader r = {.state = state, .header = header, .bytes = bytes, .len = len};
    enum proxy_result result = PROXY_NEED_MORE;
    bool begun = true;

    if (state->answer == 0)
        result = read_beginning(&r, &begun);
    if (state->answer != 0)
        result = read_extensions(&r);
    if (result == PROXY_NEED_MORE && at_end)
        return begun ? say_fault(&r, PROXY_FAULT_TRUNCATED) : PROXY_ABSENT;
    if (result != PROXY_ABSENT && result != PROXY_FAULTY)
        *ret_used = len - r.len;
    return result;
}

bool proxy_state_valid(const struct proxy_state *state)
{
    static const struct proxy_state untouched;

    if (state->answer == 0)
        return memcmp(state, &untouched, sizeof untouched) == 0;
    return (state->answer == PROXY_PEER || state->answer == PROXY_NO_PEER ||
            state->answer == PROXY_LOCAL) &&
           state->inner <= state->left && state->has_crc <= 1 &&
           state->skip <= (state->inner > 0 ? state->inner : state->left);
}

enum proxy_result proxy_parse(const unsigned char *bytes, size_t len, struct peer *ret_peer,
                              size_t *ret_len)
{
    struct proxy_state state = {0};
    struct proxy_header header = {.fault = PROXY_FAULT_NONE};
    size_t used = 0;
    enum proxy_result result = proxy_read(&state, bytes, len, false, &header, &used);

    if (result == PROXY_ABSENT || result == PROXY_FAULTY)
        return result;
    if (used + state.left > PROXY_MAX_BYTES)
        return PROXY_FAULTY;
    if (result == PROXY_NEED_MORE)
        return result;
    if (result == PROXY_PEER)
        *ret_peer = header.peer;
    *ret_len = used;
    return result;
}

const char *proxy_describe(enum proxy_fault fault)
{
    static const char *const words[PROXY_FAULTS] = {
        [PROXY_FAULT_NONE] = "nothing is wrong",
        [PROXY_FAULT_TRUNCATED] = "the connection ended inside it",
        [PROXY_FAULT_LONG_LINE] = "its line is longer than 107 bytes",
        [PROXY_FAULT_LINE_END] = "its line does not end with CR LF",
        [PROXY_FAULT_PROTOCOL] = "its protocol is neither TCP4 nor TCP6 nor UNKNOWN",
        [PROXY_FAULT_WORDS] = "it needs two addresses and two ports, with one space before each",
        [PROXY_FAULT_ADDRESS] = "an address is none of its protocol",
        [PROXY_FAULT_PORT] = "a port is no number from 0 to 65535",
        [PROXY_FAULT_VERSION] = "its version is not 2",
        [PROXY_FAULT_COMMAND] = "its command is neither LOCAL nor PROXY",
        [PROXY_FAULT_FAMILY] = "there is no such address family and transport",
        [PROXY_FAULT_LENGTH] = "it is too short for its address family",
        [PROXY_FAULT_EXTENSION] = "an extension does not fit",
        [PROXY_FAULT_CHECKSUM] = "its checksum (CRC32C) is wrong",
    };

    return words[fault];
}
