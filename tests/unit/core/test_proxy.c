/* SPDX-License-Identifier: MIT
 *
 * PROXY headers: what names a peer, what is waited for, and what is refused. The streams
 * go on behind the header; every beginning of them is tried, and every way to cut them.
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
#include "support/intake.h"
#include "support/proxy.h"

/* A stream, and what its header says. */
struct header {
    const char *stream;
    size_t len;
    enum proxy_result result;
    size_t header_len;
    const char *peer;
    enum proxy_fault fault;
};

#define WHOLE(header, result, peer) \
    {header "<13>x", sizeof(header) + 4, result, sizeof(header) - 1, peer, PROXY_FAULT_NONE}
#define PEER(header, peer) WHOLE(header, PROXY_PEER, peer)
#define NO_PEER(header) WHOLE(header, PROXY_NO_PEER, NULL)
#define LOCAL(header) WHOLE(header, PROXY_LOCAL, NULL)
#define WITHOUT(stream, result, fault) {stream, sizeof(stream) - 1, result, 0, NULL, fault}
#define FAULTY(stream, fault) WITHOUT(stream, PROXY_FAULTY, PROXY_FAULT_##fault)
#define ABSENT(stream) WITHOUT(stream, PROXY_ABSENT, PROXY_FAULT_NONE)
#define MORE(stream) WITHOUT(stream, PROXY_NEED_MORE, PROXY_FAULT_NONE)

static const struct header lines[] = {
    PEER("PROXY TCP4 192.0.2.7 198.51.100.1 50929 514\r\n", "192.0.2.7:50929"),
    PEER("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"),
    PEER("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0"),
    PEER("PROXY TCP6 2001:db8::7 2001:db8::1 50929 514\r\n", "[2001:db8::7]:50929"),
    PEER("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 50929 514\r\n", "192.0.2.7:50929"),
    PEER("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
    NO_PEER("PROXY UNKNOWN\r\n"),
    NO_PEER("PROXY UNKNOWN \r\n"),
    NO_PEER("PROXY UNKNOWN what ever 1 2 3\r\n"),
    NO_PEER("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
    FAULTY("PROXY UNKNOWNS\r\n", PROTOCOL),
    FAULTY("PROXY \r\n", PROTOCOL),
    FAULTY("PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n", PROTOCOL),
    FAULTY("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n", PROTOCOL),
    FAULTY("PROXY tcp4 192.0.2.7 198.51.100.1 1 2\r\n", PROTOCOL),
    FAULTY("PROXY TCP 192.0.2.7 198.51.100.1 1 2\r\n", PROTOCOL),
    FAULTY("PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n", WORDS),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n", WORDS),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n", WORDS),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n", WORDS),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 4294967297 2\r\n", WORDS),
    FAULTY("PROXY \n", LINE_END),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n", LINE_END),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 1 \0\r\n", LINE_END),
    FAULTY("PROXY UNKNOWN \0", LINE_END),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\r\n", PORT),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n", PORT),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n", PORT),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n", PORT),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n", PORT),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n", PORT),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100.1 : 2\r\n", PORT),
    FAULTY("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n", ADDRESS),
    FAULTY("PROXY TCP4 192.0.2.7 198.51.100 1 2\r\n", ADDRESS),
    FAULTY("PROXY TCP4 2001:db8::7 198.51.100.1 1 2\r\n", ADDRESS),
    FAULTY("PROXY TCP4 192.0.2.7 2001:db8::1 1 2\r\n", ADDRESS),
    FAULTY("PROXY TCP6 192.0.2.7 2001:db8::1 1 2\r\n", ADDRESS),
    FAULTY("PROXY TCP6 2001:db8::7 198.51.100.1 1 2\r\n", ADDRESS),
    FAULTY("PROXY TCP6 fe80::7%2 2001:db8::1 1 2\r\n", ADDRESS),
    ABSENT("PROXY\r\n"),
    ABSENT("proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    ABSENT(" PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    ABSENT("<13>no header\n"),
    ABSENT("P<13>"),
    ABSENT("\n"),
    ABSENT("\0"),
    MORE(""),
    MORE("P"),
    MORE("PROXY "),
    MORE("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r"),
};

/* 36 bytes of addresses, and their words. */
#define ADDRESSES6 \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
    "\xc6\xf1\x02\x02"
#define PEER6 "[2001:db8::7]:50929"
#define TEN "0123456789"
#define TWO_SOCKETS \
    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "012345"

static const struct header blocks[] = {
    PEER(SIGNATURE "\x21\x11\0\x0c" ADDRESSES4, PEER4),
    PEER(SIGNATURE "\x21\x21\0\x24" ADDRESSES6, PEER6),
    PEER(SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07"
                   "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01\xc6\xf1\x02\x02", PEER4),
    PEER(SIGNATURE "\x21\x11\0\x0f" ADDRESSES4 "\x04\0\0", PEER4),
    PEER(SIGNATURE "\x21\x11\0\x15" ADDRESSES4 "\xea\0\x03" "aws\x04\0\0", PEER4),
    LOCAL(SIGNATURE "\x20\0\0\0"),
    LOCAL(SIGNATURE "\x20\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xc6\xf1\x02\x02"),
    LOCAL(SIGNATURE "\x20\x11\0\0"),           /* it needs no address */
    LOCAL(SIGNATURE "\x20\xff\0\x05" "what?"), /* nor a family that exists */
    NO_PEER(SIGNATURE "\x21\0\0\0"),
    NO_PEER(SIGNATURE "\x21\0\0\x05" "what?"),
    NO_PEER(SIGNATURE "\x21\x12\0\x0c" ADDRESSES4),
    NO_PEER(SIGNATURE "\x21\x22\0\x24" ADDRESSES6),
    NO_PEER(SIGNATURE "\x21\x31\0\xd8" TWO_SOCKETS),
    NO_PEER(SIGNATURE "\x21\x32\0\xdb" TWO_SOCKETS "\x04\0\0"),
    FAULTY(SIGNATURE "\x11\x11\0\x0c" ADDRESSES4, VERSION),
    FAULTY(SIGNATURE "\x31\x11\0\x0c", VERSION),
    FAULTY(SIGNATURE "\x22\x11\0\x0c" ADDRESSES4, COMMAND),
    FAULTY(SIGNATURE "\x21\x41\0\x0c" ADDRESSES4, FAMILY),
    FAULTY(SIGNATURE "\x21\x13\0\x0c" ADDRESSES4, FAMILY),
    FAULTY(SIGNATURE "\x21\x10\0\x0c" ADDRESSES4, FAMILY), /* a family without a transport */
    FAULTY(SIGNATURE "\x21\x01\0\0", FAMILY),
    FAULTY(SIGNATURE "\x21\x11\0\x0b", LENGTH),
    FAULTY(SIGNATURE "\x21\x21\0\x23" ADDRESSES6, LENGTH),
    FAULTY(SIGNATURE "\x21\x31\0\x02\0\0", LENGTH),
    FAULTY(SIGNATURE "\x21\x11\0\x0d" ADDRESSES4 "\x04", EXTENSION),
    FAULTY(SIGNATURE "\x21\x11\0\x0e" ADDRESSES4 "\x04\0", EXTENSION),
    FAULTY(SIGNATURE "\x21\x11\0\x10" ADDRESSES4 "\x04\0\x02x", EXTENSION),
    FAULTY(SIGNATURE "\x21\x11\0\x12" ADDRESSES4 "\x20\0\x04xxxx", EXTENSION),
    FAULTY(SIGNATURE "\x21\x11\0\x15" ADDRESSES4 "\x20\0\x06\x07\0\0\0\0!", EXTENSION),
    FAULTY(SIGNATURE "\x21\x11\0\x18" ADDRESSES4 "\x20\0\x09\x07\0\0\0\0\x22\0\x02x", EXTENSION),
    FAULTY(SIGNATURE "\x21\x11\0\x1b" ADDRESSES4 "\x20\0\x09\x07\0\0\0\0\x22\0\x02x\x04\0\0",
           EXTENSION),
    FAULTY(SIGNATURE "\x21\x11\0\x12" ADDRESSES4 "\x03\0\x03\0\0\0", EXTENSION),
    FAULTY(SIGNATURE "\x21\x11\0\x13" ADDRESSES4 "\x03\0\x04\0\0\0\0", CHECKSUM),
    ABSENT("\r\n\r\n\0\r\nQUIT\r\n\x21\x11\0\x0c"),
    ABSENT("\r\n<13>a\n"),
    MORE(SIGNATURE),
    MORE(SIGNATURE "\x21\x11\0"),
    MORE(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xc6\xf1\x02"),
    MORE(SIGNATURE "\x21\x11\1\x0c" ADDRESSES4 "\x04\0\xfdxxxx"),
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
    if (result == PROXY_PEER || result == PROXY_NO_PEER || result == PROXY_LOCAL) {
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

static void check_pieces(const struct header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct span stream = {
            .data = (const unsigned char *)headers[i].stream, .len = headers[i].len,
        };
        struct proxy_saying saying = proxy_feed(stream, NULL, 0, false);
        assert_int_equal(saying.result, headers[i].result);
        assert_int_equal(saying.len, headers[i].header_len);
        if (saying.header.fault != headers[i].fault)
            fail_msg("\"%s\": %s", headers[i].stream,
                     proxy_describe((enum proxy_fault)saying.header.fault));
        proxy_check_cuts(stream, &saying);
    }
}

static void says_the_same_and_what_is_wrong_in_any_pieces(void **state)
{
    (void)state;
    check_pieces(lines, COUNT_OF(lines));
    check_pieces(blocks, COUNT_OF(blocks));
}

static void agrees_with_a_second_reading_of_what_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines) + COUNT_OF(blocks); i++) {
        const struct header *h = i < COUNT_OF(lines) ? &lines[i] : &blocks[i - COUNT_OF(lines)];
        for (size_t len = 0; len <= h->len; len++) {
            struct span stream = {.data = (const unsigned char *)h->stream, .len = len};
            struct proxy_saying saying = proxy_feed(stream, NULL, 0, true);
            struct proxy_saying wanted = proxy_oracle(stream);
            assert_true(proxy_same(&saying, &wanted));
        }
    }
}

static void tells_a_header_that_is_cut_short_from_none(void **state)
{
    static const char *const streams[] = {"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
                                          SIGNATURE "\x21\x11\1\x01" ADDRESSES4 "\x04\0\xf2xx"};
    static const size_t lens[] = {39, 16 + 12 + 5}, none_below[] = {6, 12};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        for (size_t len = 0; len < lens[i]; len++) {
            struct span stream = {.data = (const unsigned char *)streams[i], .len = len};
            struct proxy_saying saying = proxy_feed(stream, NULL, 0, true);
            assert_int_equal(saying.result, len < none_below[i] ? PROXY_ABSENT : PROXY_FAULTY);
            assert_int_equal(saying.header.fault, len < none_below[i] ? PROXY_FAULT_NONE
                                                                      : PROXY_FAULT_TRUNCATED);
        }
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
                         len < 107 ? PROXY_NEED_MORE : PROXY_FAULTY);
        bytes_add_text(&stream, "\r\n<13>x");
        assert_int_equal(proxy_parse(stream.data, stream.len, &peer, &header_len),
                         len + 2 <= 107 ? PROXY_NO_PEER : PROXY_FAULTY);
        struct proxy_saying saying = proxy_feed(bytes_span(&stream), NULL, 0, true);
        assert_int_equal(saying.header.fault,
                         len + 2 <= 107 ? PROXY_FAULT_NONE : PROXY_FAULT_LONG_LINE);
        bytes_done(&stream);
    }
}

static void goes_on_from_no_state_that_cannot_be(void **state)
{
    struct proxy_state s = {.left = 10, .skip = 10, .answer = PROXY_PEER};

    (void)state;
    assert_true(proxy_state_valid(&s));
    s.inner = 9;
    assert_false(proxy_state_valid(&s));
    s.skip = 9;
    assert_true(proxy_state_valid(&s));
    s.inner = 11;
    assert_false(proxy_state_valid(&s));
    s = (struct proxy_state){.left = 10, .skip = 11, .answer = PROXY_LOCAL};
    assert_false(proxy_state_valid(&s));
    s = (struct proxy_state){.answer = PROXY_FAULTY};
    assert_false(proxy_state_valid(&s));
    s = (struct proxy_state){.crc = 1};
    assert_false(proxy_state_valid(&s));
    s = (struct proxy_state){.answer = PROXY_NO_PEER, .has_crc = 2};
    assert_false(proxy_state_valid(&s));
}

static void has_words_of_its_own_for_each_fault(void **state)
{
    (void)state;
    for (int a = 0; a < PROXY_FAULTS; a++)
        for (int b = a + 1; b < PROXY_FAULTS; b++)
            assert_string_not_equal(proxy_describe((enum proxy_fault)a),
                                    proxy_describe((enum proxy_fault)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_line_as_the_table_says_however_much_has_come),
        cmocka_unit_test(reads_every_block_as_the_table_says_however_much_has_come),
        cmocka_unit_test(says_the_same_and_what_is_wrong_in_any_pieces),
        cmocka_unit_test(agrees_with_a_second_reading_of_what_ends),
        cmocka_unit_test(tells_a_header_that_is_cut_short_from_none),
        cmocka_unit_test(waits_for_107_bytes_of_a_line_and_no_more),
        cmocka_unit_test(goes_on_from_no_state_that_cannot_be),
        cmocka_unit_test(has_words_of_its_own_for_each_fault),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
