/* SPDX-License-Identifier: MIT
 *
 * PROXY headers: what names a peer, what is waited for, and what is refused. The streams
 * go on behind the header, and every beginning of them is tried.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/proxy.h"
#include "unit/support.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* A stream, and what its header says. */
struct header {
    const char *stream;
    size_t len;
    enum proxy_result result;
    size_t header_len;
    const char *peer;
};

#define WHOLE(header, result, peer) \
    {header "<13>x", sizeof(header) + 4, result, sizeof(header) - 1, peer}
#define PEER(header, peer) WHOLE(header, PROXY_PEER, peer)
#define LOCAL(header) WHOLE(header, PROXY_LOCAL, NULL)
#define BAD(stream) {stream, sizeof(stream) - 1, PROXY_BAD, 0, NULL}
#define MORE(stream) {stream, sizeof(stream) - 1, PROXY_NEED_MORE, 0, NULL}

static const struct header lines[] = {
    PEER("PROXY TCP4 192.0.2.7 198.51.100.1 50929 514\r\n", "192.0.2.7:50929"),
    PEER("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"),
    PEER("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0"),
    PEER("PROXY TCP6 2001:db8::7 2001:db8::1 50929 514\r\n", "[2001:db8::7]:50929"),
    PEER("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 50929 514\r\n", "192.0.2.7:50929"),
    PEER("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
    LOCAL("PROXY UNKNOWN\r\n"),
    LOCAL("PROXY UNKNOWN \r\n"),
    LOCAL("PROXY UNKNOWN what ever 1 2 3\r\n"),
    LOCAL("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
    BAD("PROXY UNKNOWNS\r\n"),
    BAD("PROXY\r\n"),
    BAD("PROXY \r\n"),
    BAD("PROXY \n"),
    BAD("PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 1 \0\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 4294967297 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100.1 : 2\r\n"),
    BAD("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7 198.51.100 1 2\r\n"),
    BAD("PROXY TCP4 2001:db8::7 198.51.100.1 1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.7 2001:db8::1 1 2\r\n"),
    BAD("PROXY TCP6 192.0.2.7 2001:db8::1 1 2\r\n"),
    BAD("PROXY TCP6 2001:db8::7 198.51.100.1 1 2\r\n"),
    BAD("PROXY TCP6 fe80::7%2 2001:db8::1 1 2\r\n"),
    BAD("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    BAD("PROXY tcp4 192.0.2.7 198.51.100.1 1 2\r\n"),
    BAD("PROXY TCP 192.0.2.7 198.51.100.1 1 2\r\n"),
    BAD("proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    BAD(" PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    BAD("<13>no header\n"),
    BAD("P<13>"),
    BAD("\n"),
    BAD("\0"),
    MORE(""),
    MORE("P"),
    MORE("PROXY "),
    MORE("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r"),
};

static const struct header blocks[] = {
    PEER(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xc6\xf1\x02\x02",
         "192.0.2.7:50929"),
    PEER(SIGNATURE "\x21\x11\0\x0f\xc0\0\x02\x07\xc6\x33\x64\x01\xc6\xf1\x02\x02\x04\0\0",
         "192.0.2.7:50929"),
    PEER(SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
                   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xc6\xf1\x02\x02",
         "[2001:db8::7]:50929"),
    PEER(SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07"
                   "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01\xc6\xf1\x02\x02",
         "192.0.2.7:50929"),
    LOCAL(SIGNATURE "\x20\0\0\0"),
    LOCAL(SIGNATURE "\x20\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xc6\xf1\x02\x02"),
    LOCAL(SIGNATURE "\x20\x11\0\0"),                     /* LOCAL needs no address */
    LOCAL(SIGNATURE "\x21\0\0\0"),                       /* unspecified */
    LOCAL(SIGNATURE "\x21\x12\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0"), /* a datagram */
    LOCAL(SIGNATURE "\x21\x31\0\x02\0\0"),               /* a local socket */
    BAD(SIGNATURE "\x11\x11\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0"), /* version 1 */
    BAD(SIGNATURE "\x31\x11\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0"),
    BAD(SIGNATURE "\x22\x11\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0"), /* no such command */
    BAD(SIGNATURE "\x21\x11\0\x0b\0\0\0\0\0\0\0\0\0\0\0"),   /* too short for its family */
    BAD(SIGNATURE "\x21\x21\0\x23" "012345678901234567890123456789012345"),
    BAD(SIGNATURE "\x21\x11\x07\xf1"),                       /* 2,049 bytes with its block */
    BAD(SIGNATURE "\x21\x11\xff\xff"),
    BAD("\r\n\r\n\0\r\nQUIT\r\n\x21\x11\0\x0c"),
    BAD("\r\n<13>a\n"),
    MORE(SIGNATURE),
    MORE(SIGNATURE "\x21\x11\0"),
    MORE(SIGNATURE "\x21\x11\x07\xf0"),                      /* 2,048 */
    MORE(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xc6\xf1\x02"),
};

/* What the first LEN bytes of H say; nothing may be touched unless it is said so. */
static void check_beginning(const struct header *h, size_t len)
{
    unsigned char *bytes = exact_copy(h->stream, len);
    struct peer peer, untouched;
    size_t header_len = 77;

    memset(&untouched, 0x5a, sizeof untouched);
    peer = untouched;
    enum proxy_result result = proxy_parse(bytes, len, &peer, &header_len);
    if (result != h->result && (result != PROXY_NEED_MORE || len == h->len))
        fail_msg("%zu bytes of \"%s\" gave %d", len, h->stream, (int)result);
    if (result == PROXY_PEER || result == PROXY_LOCAL) {
        assert_true(len >= h->header_len);
        assert_int_equal(header_len, h->header_len);
    } else {
        assert_int_equal(header_len, 77);
    }
    if (result == PROXY_PEER) {
        char text[PEER_TEXT_BYTES];
        (void)peer_format(&peer, text); /* its length does not matter here */
        assert_string_equal(text, h->peer);
    } else {
        assert_memory_equal(&peer, &untouched, sizeof peer);
    }
    free(bytes);
}

static void check_headers(const struct header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t len = 0; len <= headers[i].len; len++)
            check_beginning(&headers[i], len);
}

static void reads_every_line_as_the_table_says_however_much_has_come(void **state)
{
    (void)state;
    check_headers(lines, COUNT_OF(lines));
}

static void reads_every_block_as_the_table_says_however_much_has_come(void **state)
{
    (void)state;
    check_headers(blocks, COUNT_OF(blocks));
}

static void knows_a_whole_header_with_its_last_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines) + COUNT_OF(blocks); i++) {
        const struct header *h = i < COUNT_OF(lines) ? &lines[i] : &blocks[i - COUNT_OF(lines)];
        struct peer peer;
        size_t len;
        if (h->header_len > 0)
            assert_int_equal(proxy_parse((const unsigned char *)h->stream, h->header_len, &peer,
                                         &len),
                             h->result);
    }
}

static void waits_for_107_bytes_of_a_line_and_no_more(void **state)
{
    (void)state;
    for (size_t len = 100; len <= 110; len++) {
        struct bytes stream = {0};
        struct peer peer;
        size_t header_len = 0;
        bytes_add_text(&stream, "PROXY UNKNOWN ");
        bytes_repeat(&stream, 'x', len - stream.len);
        assert_int_equal(proxy_parse(stream.data, len, &peer, &header_len),
                         len < 107 ? PROXY_NEED_MORE : PROXY_BAD);
        bytes_add_text(&stream, "\r\n<13>x");
        assert_int_equal(proxy_parse(stream.data, stream.len, &peer, &header_len),
                         len + 2 <= 107 ? PROXY_LOCAL : PROXY_BAD);
        bytes_done(&stream);
    }
}

static void waits_for_the_longest_block_and_skips_its_extensions(void **state)
{
    struct bytes stream = {0};
    struct peer peer;
    size_t len = 0;

    (void)state;
    bytes_add(&stream, SIGNATURE "\x21\x11\x07\xf0", 16);
    bytes_add(&stream, "\xc0\0\x02\x07\xc6\x33\x64\x01\xc6\xf1\x02\x02", 12);
    bytes_repeat(&stream, 'x', PROXY_MAX_BYTES - 28);
    assert_int_equal(proxy_parse(stream.data, PROXY_MAX_BYTES - 1, &peer, &len), PROXY_NEED_MORE);
    assert_int_equal(proxy_parse(stream.data, PROXY_MAX_BYTES, &peer, &len), PROXY_PEER);
    assert_int_equal(len, PROXY_MAX_BYTES);
    bytes_done(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_line_as_the_table_says_however_much_has_come),
        cmocka_unit_test(reads_every_block_as_the_table_says_however_much_has_come),
        cmocka_unit_test(knows_a_whole_header_with_its_last_byte),
        cmocka_unit_test(waits_for_107_bytes_of_a_line_and_no_more),
        cmocka_unit_test(waits_for_the_longest_block_and_skips_its_extensions),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
