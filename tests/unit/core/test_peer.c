/* SPDX-License-Identifier: MIT
 *
 * Peers as text: what the log shows, and that it can be read back.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/peer.h"

struct text_case {
    const char *address;   /* as given */
    uint16_t port;
    const char *shown;     /* with its port */
    const char *plain;     /* without */
    enum peer_family family;
};

static const struct text_case texts[] = {
    {"127.0.0.1", 50929, "127.0.0.1:50929", "127.0.0.1", PEER_IPV4},
    {"0.0.0.0", 0, "0.0.0.0:0", "0.0.0.0", PEER_IPV4},
    {"255.255.255.255", 65535, "255.255.255.255:65535", "255.255.255.255", PEER_IPV4},
    {"192.0.2.10", 10, "192.0.2.10:10", "192.0.2.10", PEER_IPV4},
    {"1.20.99.100", 9, "1.20.99.100:9", "1.20.99.100", PEER_IPV4},
    {"2001:db8::1", 50929, "[2001:db8::1]:50929", "2001:db8::1", PEER_IPV6},
    {"2001:DB8:0:0:0:0:0:1", 1, "[2001:db8::1]:1", "2001:db8::1", PEER_IPV6},
    {"::", 8888, "[::]:8888", "::", PEER_IPV6},
    {"::1", 65535, "[::1]:65535", "::1", PEER_IPV6},
    {"fe80::1%7", 514, "[fe80::1%7]:514", "fe80::1%7", PEER_IPV6},
    {"fe80::1%4294967295", 514, "[fe80::1%4294967295]:514", "fe80::1%4294967295", PEER_IPV6},
    {"fe80::1%90", 514, "[fe80::1%90]:514", "fe80::1%90", PEER_IPV6},
    {"fe80::1%0", 514, "[fe80::1]:514", "fe80::1", PEER_IPV6},
    {"::ffff:192.0.2.1", 514, "192.0.2.1:514", "192.0.2.1", PEER_IPV4},
    {"::ffff:c000:201", 514, "192.0.2.1:514", "192.0.2.1", PEER_IPV4},
    {"::192.0.2.1", 514, "[::192.0.2.1]:514", "::192.0.2.1", PEER_IPV6},
    {"64:ff9b::192.0.2.1", 514, "[64:ff9b::c000:201]:514", "64:ff9b::c000:201", PEER_IPV6},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", PEER_IPV6},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295", 65535,
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295", PEER_IPV6},
};

static void shows_every_address_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const struct text_case *t = &texts[i];
        struct peer peer;
        char text[PEER_TEXT_BYTES];

        assert_int_equal(peer_parse(t->address, t->port, &peer), 0);
        assert_int_equal(peer.family, t->family);
        assert_int_equal(peer.port, t->port);
        assert_int_equal(peer_format(&peer, text), strlen(t->shown));
        assert_string_equal(text, t->shown);
        assert_int_equal(peer_format_address(&peer, text), strlen(t->plain));
        assert_string_equal(text, t->plain);
    }
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct peer peer, again;
        char text[PEER_TEXT_BYTES];

        assert_int_equal(peer_parse(texts[i].address, texts[i].port, &peer), 0);
        (void)peer_format_address(&peer, text); /* its length is tested above */
        assert_int_equal(peer_parse(text, texts[i].port, &again), 0);
        assert_true(peer_equal(&peer, &again));
        assert_memory_equal(&peer, &again, sizeof peer);
    }
}

static void shows_every_ipv4_octet_and_power_of_ten(void **state)
{
    (void)state;
    for (unsigned octet = 0; octet < 256; octet++) {
        struct peer peer = {.family = PEER_IPV4, .port = (uint16_t)(octet * 257)};
        char text[PEER_TEXT_BYTES], wanted[PEER_TEXT_BYTES];

        memset(peer.address, (int)octet, 4);
        (void)snprintf(wanted, sizeof wanted, "%u.%u.%u.%u:%u", octet, octet, octet, octet,
                       octet * 257); /* it fits */
        assert_int_equal(peer_format(&peer, text), strlen(wanted));
        assert_string_equal(text, wanted);
    }
}

static void refuses_what_is_not_a_numeric_address(void **state)
{
    static const char *const bad[] = {
        "", " ", "localhost", "127.0.0.1 ", " 127.0.0.1", "127.0.0", "127.0.0.256", "127.1",
        "0x7f.0.0.1", "127.0.0.1:80", "[::1]", "::1]", ":::", "1:2:3:4:5:6:7:8:9", "::g",
        "fe80::1%", "fe80::1%eth0", "fe80::1%-1", "fe80::1%+1", "fe80::1% 1", "fe80::1%1 ",
        "fe80::1%4294967296", "fe80::1%18446744073709551616", "%1", "127.0.0.1%1",
        "0ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:ffff:ffff:ffff:ffff:ffff",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct peer peer, before;
        memset(&peer, 0x5a, sizeof peer);
        before = peer;
        if (peer_parse(bad[i], 1, &peer) != -EINVAL)
            fail_msg("\"%s\" was taken for an address", bad[i]);
        assert_memory_equal(&peer, &before, sizeof peer);
    }
}

static void takes_ipv4_from_a_socket_address(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(50929)};
    char text[PEER_TEXT_BYTES];
    struct peer peer;

    (void)state;
    in.sin_addr.s_addr = htonl(0xc0000207);
    assert_int_equal(peer_from_sockaddr((struct sockaddr *)&in, &peer), 0);
    (void)peer_format(&peer, text); /* its length is tested above */
    assert_string_equal(text, "192.0.2.7:50929");
}

static void takes_ipv6_and_its_scope_from_a_socket_address(void **state)
{
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(514), .sin6_scope_id = 3,
    };
    char text[PEER_TEXT_BYTES];
    struct peer peer;

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "fe80::42", &in6.sin6_addr), 1);
    assert_int_equal(peer_from_sockaddr((struct sockaddr *)&in6, &peer), 0);
    (void)peer_format(&peer, text); /* its length is tested above */
    assert_string_equal(text, "[fe80::42%3]:514");
}

static void takes_a_mapped_socket_address_for_ipv4(void **state)
{
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(514), .sin6_scope_id = 3,
    };
    struct peer mapped, plain;

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr), 1);
    assert_int_equal(peer_from_sockaddr((struct sockaddr *)&in6, &mapped), 0);
    assert_int_equal(peer_parse("192.0.2.7", 514, &plain), 0);
    assert_true(peer_equal(&mapped, &plain));
    assert_memory_equal(&mapped, &plain, sizeof plain);
}

static void refuses_other_families_and_touches_nothing(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct peer peer, before;

    (void)state;
    memset(&peer, 0x5a, sizeof peer);
    before = peer;
    assert_int_equal(peer_from_sockaddr((struct sockaddr *)&un, &peer), -EAFNOSUPPORT);
    assert_memory_equal(&peer, &before, sizeof peer);
}

static void shows_an_unknown_peer_without_reading_its_address(void **state)
{
    struct peer peer = {.family = PEER_UNKNOWN};
    char text[PEER_TEXT_BYTES];

    (void)state;
    size_t len = peer_format(&peer, text);
    assert_string_equal(text, "unknown:0");
    assert_int_equal(len, strlen(text));
    peer.family = 77;
    assert_int_equal(peer_format_address(&peer, text), strlen("unknown"));
    assert_string_equal(text, "unknown");
}

static void tells_peers_apart_by_each_field(void **state)
{
    struct peer a, b;

    (void)state;
    assert_int_equal(peer_parse("fe80::1%2", 514, &a), 0);
    b = a;
    assert_true(peer_equal(&a, &b));
    b.port = 515;
    assert_false(peer_equal(&a, &b));
    assert_true(peer_same_address(&a, &b));
    b = a;
    b.scope = 3;
    assert_false(peer_same_address(&a, &b) || peer_equal(&a, &b));
    b = a;
    b.address[15] = 2;
    assert_false(peer_same_address(&a, &b) || peer_equal(&a, &b));
    b = a;
    b.family = PEER_IPV4;
    assert_false(peer_same_address(&a, &b) || peer_equal(&a, &b));
}

static void finds_what_it_wrote_at_the_start_of_a_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct peer peer, found = {.family = PEER_UNKNOWN};
        char text[PEER_TEXT_BYTES + 8];
        assert_int_equal(peer_parse(texts[i].address, texts[i].port, &peer), 0);
        size_t n = peer_format(&peer, text);
        strcpy(text + n, " x:1 y");
        for (size_t len = n; len <= strlen(text); len += len == n ? 1 : 4) {
            assert_int_equal(peer_parse_text((unsigned char *)text, len, &found), n);
            assert_true(peer_equal(&found, &peer));
        }
    }
}

static void finds_no_peer_in_what_it_would_not_write(void **state)
{
    static const char *const none[] = {
        "", " ", ":", "[", "[]", "[]:1", "1", ":1", "192.0.2.7", "192.0.2.7:", "192.0.2.7:x",
        "192.0.2.7:01", "192.0.2.7:65536", "192.0.2.7:-1", "192.0.2.7:1x", "192.0.2.7:1\n",
        "192.0.2.07:1", "[192.0.2.7]:1", "::1:1", "[::1]", "[::1]:", "[::1:1", "::1]:1",
        "[::ffff:192.0.2.7]:1", "[2001:DB8::1]:1", "[fe80::1%0]:1", "unknown:1", "localhost:1",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        struct peer peer = {.port = 77}, untouched = peer;
        assert_int_equal(peer_parse_text((const unsigned char *)none[i], strlen(none[i]), &peer),
                         0);
        assert_memory_equal(&peer, &untouched, sizeof peer);
    }
    struct peer peer;
    unsigned char long_text[200];
    memset(long_text, '1', sizeof long_text);
    assert_int_equal(peer_parse_text(long_text, sizeof long_text, &peer), 0);
    assert_int_equal(peer_parse_text((const unsigned char *)"1.2.3.4:5\0", 10, &peer), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_every_address_as_the_table_says),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(shows_every_ipv4_octet_and_power_of_ten),
        cmocka_unit_test(refuses_what_is_not_a_numeric_address),
        cmocka_unit_test(takes_ipv4_from_a_socket_address),
        cmocka_unit_test(takes_ipv6_and_its_scope_from_a_socket_address),
        cmocka_unit_test(takes_a_mapped_socket_address_for_ipv4),
        cmocka_unit_test(refuses_other_families_and_touches_nothing),
        cmocka_unit_test(shows_an_unknown_peer_without_reading_its_address),
        cmocka_unit_test(finds_what_it_wrote_at_the_start_of_a_text),
        cmocka_unit_test(finds_no_peer_in_what_it_would_not_write),
        cmocka_unit_test(tells_peers_apart_by_each_field),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
