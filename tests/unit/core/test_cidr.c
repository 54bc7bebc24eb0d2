/* SPDX-License-Identifier: MIT
 *
 * Address ranges: what is one, what is a typing mistake, and which range of a list
 * is the closest to a peer.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/cidr.h"
#include "peerlog/count.h"
#include "support/intake.h"

struct range_case {
    const char *text;
    enum peer_family family;
    unsigned bits;
    const char *first; /* the range's first address */
};

static const struct range_case ranges[] = {
    {"192.0.2.0/24", PEER_IPV4, 24, "192.0.2.0"},
    {"192.0.2.66", PEER_IPV4, 32, "192.0.2.66"},
    {"192.0.2.66/32", PEER_IPV4, 32, "192.0.2.66"},
    {"192.0.2.66/31", PEER_IPV4, 31, "192.0.2.66"},
    {"0.0.0.0/0", PEER_IPV4, 0, "0.0.0.0"},
    {"128.0.0.0/1", PEER_IPV4, 1, "128.0.0.0"},
    {"10.0.0.0/8", PEER_IPV4, 8, "10.0.0.0"},
    {"2001:db8::/32", PEER_IPV6, 32, "2001:db8::"},
    {"2001:db8::1", PEER_IPV6, 128, "2001:db8::1"},
    {"::/0", PEER_IPV6, 0, "::"},
    {"::1/128", PEER_IPV6, 128, "::1"},
    {"fe80::/10", PEER_IPV6, 10, "fe80::"},
    {"::ffff:192.0.2.0/120", PEER_IPV4, 24, "192.0.2.0"},
    {"::ffff:0:0/96", PEER_IPV4, 0, "0.0.0.0"},
    {"::ffff:192.0.2.7", PEER_IPV4, 32, "192.0.2.7"},
};

static void reads_every_range_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        struct cidr range;
        struct peer first;

        if (cidr_parse(ranges[i].text, &range) != 0)
            fail_msg("\"%s\" was refused", ranges[i].text);
        assert_int_equal(range.family, ranges[i].family);
        assert_int_equal(range.bits, ranges[i].bits);
        assert_int_equal(peer_parse(ranges[i].first, 0, &first), 0);
        assert_memory_equal(range.address, first.address, sizeof range.address);
    }
}

static void refuses_what_is_no_range(void **state)
{
    static const char *const bad[] = {
        "", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/024", "192.0.2.0/-1",
        "192.0.2.0/+8", "192.0.2.0/ 24", "192.0.2.0/24 ", "192.0.2.0/24/24", "192.0.2.0/1000",
        "192.0.2.0/4294967320", "0.0.0.0/00", "10.0.0.0/08", "0.0.0.0/:", "0.0.0.0/1/", "::/1:",
        "192.0.2/24", "192.0.2.0/255.255.255.0", "example.org",
        "example.org/24", "2001:db8::/129", "2001:db8::/0x20", "[2001:db8::]/32", "::ffff:0:0/95",
        "::ffff:192.0.2.0/129", "fe80::1%2", "fe80::%2/10", "*", "any",
        "123456789012345678901234567890123456789012345678901234567890123456789012",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct cidr range, before;
        memset(&range, 0x5a, sizeof range);
        before = range;
        if (cidr_parse(bad[i], &range) != -EINVAL)
            fail_msg("\"%s\" was taken for a range", bad[i]);
        assert_memory_equal(&range, &before, sizeof range);
    }
}

static void refuses_bits_behind_the_prefix(void **state)
{
    static const char *const bad[] = {
        "128.0.0.0/0", "8000::/0", "192.0.2.1/24", "192.0.2.1/31", "192.0.2.128/24",
        "0.0.0.1/0", "10.0.1.0/8",
        "2001:db8::1/32", "2001:db8:8000::/32", "::1/127", "::ffff:192.0.2.1/120",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct cidr range;
        if (cidr_parse(bad[i], &range) != -EINVAL)
            fail_msg("\"%s\" was taken for a range", bad[i]);
    }
}

struct match_case {
    const char *peer;
    int bits;
};

static void finds_the_longest_prefix_of_a_list(void **state)
{
    static const char *const texts[] = {
        "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.0/23", "192.0.2.64/26",
        "2001:db8::/32", "2001:db8:0:1::/64", "::/0",
    };
    static const struct match_case matches[] = {
        {"10.9.9.9", 8},        {"10.1.9.9", 16},           {"10.1.3.1", 23},
        {"10.1.2.3", 32},       {"10.1.2.4", 23},           {"11.0.0.0", -1},
        {"192.0.2.63", -1},     {"192.0.2.64", 26},         {"192.0.2.127", 26},
        {"192.0.2.128", -1},    {"::ffff:10.1.2.3", 32},    {"2001:db8::1", 32},
        {"2001:db8:0:1::9", 64}, {"2001:db8:0:2::9", 32},   {"2001:db9::", 0},
        {"fe80::1%3", 0},       {"::", 0},
    };
    struct cidr list[COUNT_OF(texts)];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(cidr_parse(texts[i], &list[i]), 0);
    for (size_t i = 0; i < COUNT_OF(matches); i++) {
        struct peer peer;
        assert_int_equal(peer_parse(matches[i].peer, 514, &peer), 0);
        if (cidr_longest_match(list, COUNT_OF(list), &peer) != matches[i].bits)
            fail_msg("%s was matched wrongly", matches[i].peer);
    }
}

static void an_empty_list_matches_nobody(void **state)
{
    struct peer peer;

    (void)state;
    assert_int_equal(peer_parse("127.0.0.1", 1, &peer), 0);
    assert_int_equal(cidr_longest_match(NULL, 0, &peer), -1);
}

static void an_unknown_peer_is_in_no_range(void **state)
{
    const struct peer unknown = {.family = PEER_UNKNOWN};
    struct cidr list[2];

    (void)state;
    assert_int_equal(cidr_parse("0.0.0.0/0", &list[0]), 0);
    assert_int_equal(cidr_parse("::/0", &list[1]), 0);
    assert_int_equal(cidr_longest_match(list, 2, &unknown), -1);
}

/* Bit by bit: is the peer in the range? */
static bool holds(const struct cidr *range, const struct peer *peer)
{
    for (unsigned bit = 0; bit < range->bits; bit++) {
        unsigned shift = 7 - bit % 8;
        if ((range->address[bit / 8] >> shift & 1) != (peer->address[bit / 8] >> shift & 1))
            return false;
    }
    return range->family == peer->family;
}

/* A peer that differs in one bit is in the range exactly when the bit is behind the prefix. */
static void every_bit_of_a_prefix_counts_and_no_other(void **state)
{
    (void)state;
    for (unsigned all = 32; all <= 128; all += 96) {
        for (unsigned bits = 0; bits <= all; bits++) {
            struct cidr range = {.family = all == 32 ? PEER_IPV4 : PEER_IPV6,
                                 .bits = (uint8_t)bits};
            for (unsigned bit = 0; bit < all; bit++) {
                struct peer peer = {.family = range.family};
                peer.address[bit / 8] = (unsigned char)(0x80 >> bit % 8);
                assert_int_equal(holds(&range, &peer), bit >= bits);
                assert_int_equal(cidr_longest_match(&range, 1, &peer),
                                 bit >= bits ? (int)bits : -1);
            }
        }
    }
}

static void agrees_with_the_oracle_on_random_ranges(void **state)
{
    uint64_t seed = 4632;

    (void)state;
    for (unsigned n = 0; n < 200000; n++) {
        struct cidr range = {.family = draw(&seed, 2) ? PEER_IPV4 : PEER_IPV6};
        unsigned bytes = range.family == PEER_IPV4 ? 4 : 16;
        struct peer peer = {.family = range.family};

        range.bits = (uint8_t)draw(&seed, bytes * 8 + 1);
        for (unsigned i = 0; i < bytes; i++)
            peer.address[i] = (unsigned char)draw(&seed, 256);
        for (unsigned bit = 0; bit < range.bits; bit++)
            range.address[bit / 8] |= (unsigned char)(peer.address[bit / 8] & 0x80 >> bit % 8);
        peer.address[draw(&seed, bytes)] ^= (unsigned char)(1u << draw(&seed, 8));
        assert_int_equal(cidr_longest_match(&range, 1, &peer),
                         holds(&range, &peer) ? range.bits : -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_range_as_the_table_says),
        cmocka_unit_test(refuses_what_is_no_range),
        cmocka_unit_test(refuses_bits_behind_the_prefix),
        cmocka_unit_test(finds_the_longest_prefix_of_a_list),
        cmocka_unit_test(an_empty_list_matches_nobody),
        cmocka_unit_test(an_unknown_peer_is_in_no_range),
        cmocka_unit_test(every_bit_of_a_prefix_counts_and_no_other),
        cmocka_unit_test(agrees_with_the_oracle_on_random_ranges),
    };

    return cmocka_run_group_tests_name("cidr", tests, NULL, NULL);
}
