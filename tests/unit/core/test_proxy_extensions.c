/* SPDX-License-Identifier: MIT
 *
 * Extensions of PROXY headers: the texts that are kept, the checksum, and everything else, which
 * is skipped however long it is.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/crc32c.h"
#include "support/intake.h"
#include "support/proxy.h"

/* As HAProxy 2.6 sent them with send-proxy-v2 and all its options: a checksum, the name that
 * the client asked for, an identifier, and what is known of TLS. */
struct real {
    const char *stream;
    size_t len;
    const char *unique_id, *client_name;
};

#define REAL(header, unique_id, client_name) {header, sizeof(header) - 1, unique_id, client_name}

static const struct real reals[] = {
    /* no certificate; one; one that was not verified, whose name HAProxy passes on all the same */
    REAL("\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a!\x11\x00u\x7f\x00\x00\x01\x7f\x00\x00\x01"
         "\xe5\x04\xae""c\x03\x00\x04&hE\x90\x02\x00\x10logs.example.org\x05\x00\x0aid-2"
         "6449-0 \x00\x3f\x01\x00\x00\x00\x00!\x00\x07TLSv1.3%\x00\x07RSA2048$\x00\x0aRS"
         "A-SHA256#\x00\x16TLS_AES_256_GCM_SHA384",
         "id-26449-0", ""),
    REAL("\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a!\x11\x00\x80\x7f\x00\x00\x01\x7f\x00\x00"
         "\x01\xe5\x14\xae""c\x03\x00\x04\x0f\x1eTt\x02\x00\x10logs.example.org\x05\x00"
         "\x0aid-26449-1 \x00J\x07\x00\x00\x00\x00!\x00\x07TLSv1.3\x22\x00\x08router-7%"
         "\x00\x07RSA2048$\x00\x0aRSA-SHA256#\x00\x16TLS_AES_256_GCM_SHA384",
         "id-26449-1", "router-7"),
    REAL("\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a!\x11\x00|\x7f\x00\x00\x01\x7f\x00\x00\x01"
         "\xe5\x22\xae""c\x03\x00\x04\xc4_\x0d""D\x02\x00\x10logs.example.org\x05\x00"
         "\x0aid-26449-2 \x00""F\x07\x00\x00\x00\x12!\x00\x07TLSv1.3\x22\x00\x04""evil%"
         "\x00\x07RSA2048$\x00\x0aRSA-SHA256#\x00\x16TLS_AES_256_GCM_SHA384",
         "id-26449-2", ""),
};

static void add_extension(struct bytes *stream, unsigned type, const void *value, size_t len)
{
    const unsigned char head[] = {(unsigned char)type, (unsigned char)(len >> 8),
                                  (unsigned char)len};

    bytes_add(stream, head, sizeof head);
    bytes_add(stream, value, len);
}

static void begin_block(struct bytes *stream)
{
    bytes_add(stream, SIGNATURE "\x21\x11\0\0" ADDRESSES4, 28);
}

/* Its length goes into the block, and a checksum behind it if asked for. */
static void end_block(struct bytes *stream, bool checked)
{
    if (checked)
        add_extension(stream, 0x03, "\0\0\0\0", 4);
    stream->data[14] = (unsigned char)((stream->len - 16) >> 8);
    stream->data[15] = (unsigned char)(stream->len - 16);
    uint32_t crc = crc32c_add(0, stream->data, stream->len);
    for (size_t i = 0; checked && i < 4; i++)
        stream->data[stream->len - 4 + i] = (unsigned char)(crc >> (24 - 8 * i));
}

static void assert_text(const struct proxy_saying *saying, enum proxy_text_kind kind,
                        const char *text)
{
    assert_int_equal(saying->header.texts[kind].len, strlen(text));
    assert_memory_equal(saying->header.texts[kind].bytes, text, strlen(text));
}

static void reads_what_haproxy_sends_and_checks_its_checksum(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reals); i++) {
        struct span stream = {.data = (const unsigned char *)reals[i].stream, .len = reals[i].len};
        struct proxy_saying saying = proxy_feed(stream, NULL, 0, false);
        assert_int_equal(saying.result, PROXY_PEER);
        assert_int_equal(saying.len, stream.len);
        assert_text(&saying, PROXY_AUTHORITY, "logs.example.org");
        assert_text(&saying, PROXY_UNIQUE_ID, reals[i].unique_id);
        assert_text(&saying, PROXY_CLIENT_NAME, reals[i].client_name);
        proxy_check_cuts(stream, &saying);
        /* No bit of it may turn over; where it makes the header longer, the rest is missing. */
        for (size_t bit = 12 * 8; bit < 8 * stream.len; bit++) {
            unsigned char *damaged = exact_copy(stream.data, stream.len);
            damaged[bit / 8] ^= (unsigned char)(1u << bit % 8);
            struct span other = {.data = damaged, .len = stream.len};
            saying = proxy_feed(other, NULL, 0, true);
            bool unread = (bit / 8 == 12 && bit % 8 == 0) || damaged[13] == 0; /* LOCAL */
            bool unchecked = damaged[31 - 3] != 0x03;
            assert_true(saying.result == PROXY_FAULTY || unread || unchecked);
            free(damaged);
        }
    }
}

static void keeps_texts_up_to_their_limits_and_says_what_it_cut(void **state)
{
    static const unsigned types[] = {0x02, 0x05};
    static const size_t limits[] = {PROXY_AUTHORITY_BYTES, PROXY_UNIQUE_ID_BYTES};

    (void)state;
    for (size_t kind = 0; kind < COUNT_OF(types); kind++) {
        for (size_t len = limits[kind] - 2; len <= limits[kind] + 3; len++) {
            struct bytes stream = {0}, text = {0};
            bytes_repeat(&text, 'a', len - 2);
            bytes_add_text(&text, "\xc3\xa9");
            begin_block(&stream);
            add_extension(&stream, types[kind], text.data, text.len);
            end_block(&stream, true);
            struct proxy_saying saying = proxy_feed(bytes_span(&stream), NULL, 0, false);
            struct proxy_saying wanted = proxy_oracle(bytes_span(&stream));
            assert_true(proxy_same(&saying, &wanted));
            assert_int_equal(saying.header.cut, len > limits[kind] ? 1u << kind : 0);
            size_t kept = len <= limits[kind] ? len : len == limits[kind] + 1 ? len - 2
                                                                               : limits[kind];
            assert_int_equal(saying.header.texts[kind].len, kept);
            proxy_check_cuts(bytes_span(&stream), &saying);
            bytes_done(&text);
            bytes_done(&stream);
        }
    }
}

static void keeps_no_text_that_is_not_clean_utf8(void **state)
{
    static const char *const unfit[] = {"a\nb", "\xff", "\x1b[31m", "caf\xe9"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(unfit); i++) {
        struct bytes stream = {0};
        begin_block(&stream);
        add_extension(&stream, 0x02, unfit[i], strlen(unfit[i]));
        add_extension(&stream, 0x05, "id", 2);
        end_block(&stream, false);
        struct proxy_saying saying = proxy_feed(bytes_span(&stream), NULL, 0, false);
        assert_int_equal(saying.result, PROXY_PEER);
        assert_text(&saying, PROXY_AUTHORITY, "");
        assert_text(&saying, PROXY_UNIQUE_ID, "id");
        assert_int_equal(saying.header.unfit, 1u << PROXY_AUTHORITY);
        proxy_check_cuts(bytes_span(&stream), &saying);
        bytes_done(&stream);
    }
}

static void takes_the_first_of_two_texts_and_no_name_from_outside_of_tls(void **state)
{
    struct bytes stream = {0};

    (void)state;
    begin_block(&stream);
    add_extension(&stream, 0x22, "outside", 7);
    add_extension(&stream, 0x02, "", 0);
    add_extension(&stream, 0x02, "first", 5);
    add_extension(&stream, 0x02, "second", 6);
    add_extension(&stream, 0x20, "\x07\0\0\0\0" "\x02\0\x05inner" "\x22\0\x04name", 20);
    add_extension(&stream, 0x05, "id", 2);
    end_block(&stream, true);
    struct proxy_saying saying = proxy_feed(bytes_span(&stream), NULL, 0, false);
    assert_int_equal(saying.result, PROXY_PEER);
    assert_text(&saying, PROXY_AUTHORITY, "first");
    assert_text(&saying, PROXY_CLIENT_NAME, "name");
    assert_text(&saying, PROXY_UNIQUE_ID, "id");
    proxy_check_cuts(bytes_span(&stream), &saying);
    bytes_done(&stream);
}

static void refuses_two_checksums(void **state)
{
    struct bytes stream = {0};

    (void)state;
    begin_block(&stream);
    add_extension(&stream, 0x03, "\0\0\0\0", 4);
    end_block(&stream, true);
    struct proxy_saying saying = proxy_feed(bytes_span(&stream), NULL, 0, false);
    assert_int_equal(saying.header.fault, PROXY_FAULT_EXTENSION);
    bytes_done(&stream);
}

/* As long as a block can be, in pieces of which nothing is carried. */
static void skips_extensions_of_any_length(void **state)
{
    struct bytes stream = {0}, filler = {0};

    (void)state;
    begin_block(&stream);
    bytes_repeat(&filler, '!', 65535 - 12 - 3 - 3 - 2 - 7);
    add_extension(&stream, 0xe0, filler.data, filler.len);
    add_extension(&stream, 0x05, "id", 2);
    end_block(&stream, true);
    assert_int_equal(stream.len, 16 + 65535);
    bytes_add_text(&stream, "<13>x");
    for (size_t step = 1; step < 20000; step = step * 3 + 1) {
        static size_t cuts[65536];
        size_t count = 0;
        for (size_t at = step; at < stream.len && count < COUNT_OF(cuts); at += step)
            cuts[count++] = at;
        struct proxy_saying saying = proxy_feed(bytes_span(&stream), cuts, count, false);
        assert_int_equal(saying.result, PROXY_PEER);
        assert_int_equal(saying.len, 16 + 65535);
        assert_text(&saying, PROXY_UNIQUE_ID, "id");
    }
    bytes_done(&filler);
    bytes_done(&stream);
}

static void parses_no_header_as_a_whole_that_is_longer_than_2048_bytes(void **state)
{
    (void)state;
    for (size_t len = PROXY_MAX_BYTES; len <= PROXY_MAX_BYTES + 1; len++) {
        struct bytes stream = {0}, filler = {0};
        struct peer peer;
        size_t header_len = 0;
        begin_block(&stream);
        bytes_repeat(&filler, 0, len - stream.len - 3);
        add_extension(&stream, 0x04, filler.data, filler.len);
        end_block(&stream, false);
        for (size_t n = 28; n <= len; n++)
            assert_int_equal(proxy_parse(stream.data, n, &peer, &header_len),
                             len > PROXY_MAX_BYTES ? PROXY_FAULTY
                             : n < len             ? PROXY_NEED_MORE
                                                   : PROXY_PEER);
        bytes_done(&filler);
        bytes_done(&stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_haproxy_sends_and_checks_its_checksum),
        cmocka_unit_test(keeps_texts_up_to_their_limits_and_says_what_it_cut),
        cmocka_unit_test(keeps_no_text_that_is_not_clean_utf8),
        cmocka_unit_test(takes_the_first_of_two_texts_and_no_name_from_outside_of_tls),
        cmocka_unit_test(refuses_two_checksums),
        cmocka_unit_test(skips_extensions_of_any_length),
        cmocka_unit_test(parses_no_header_as_a_whole_that_is_longer_than_2048_bytes),
    };

    return cmocka_run_group_tests_name("proxy_extensions", tests, NULL, NULL);
}
