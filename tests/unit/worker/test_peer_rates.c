/* SPDX-License-Identifier: MIT
 *
 * Rates of peers: what one has used up is added, whatever its size, and told of no other; what has
 * passed is forgotten, and so is what does not fit.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/worker/peer_rates.h"
#include "peerlog/count.h"

#define NOW 5000000000ull
#define SECOND 1000000000ull

static struct peer address(const char *text)
{
    struct peer peer;

    assert_int_equal(peer_parse(text, 514, &peer), 0);
    return peer;
}

static int begin(void **state)
{
    return peer_rates_new(64, (struct peer_rates **)state);
}

static int end(void **state)
{
    *state = peer_rates_free(*state);
    return 0;
}

static void adds_up_what_a_peer_uses(void **state)
{
    const struct peer peer = address("192.0.2.7");

    assert_int_equal(peer_rates_charge(*state, &peer, 0, NOW), NOW);
    assert_int_equal(peer_rates_charge(*state, &peer, 1000, NOW), NOW + 1000);
    assert_int_equal(peer_rates_charge(*state, &peer, SECOND, NOW), NOW + SECOND + 1000);
    assert_int_equal(peer_rates_charge(*state, &peer, 0, NOW + 500), NOW + SECOND + 1000);
}

static void forgets_what_has_passed(void **state)
{
    const struct peer peer = address("192.0.2.7");

    (void)peer_rates_charge(*state, &peer, 1000, NOW);
    assert_int_equal(peer_rates_charge(*state, &peer, 0, NOW + 2000), NOW + 2000);
    assert_int_equal(peer_rates_charge(*state, &peer, 1, NOW + 2000), NOW + 2001);
}

static void knows_peers_apart(void **state)
{
    static const struct {
        const char *one, *other;
        bool same;
    } pairs[] = {
        {"192.0.2.7", "192.0.2.8", false},
        {"192.0.2.7", "::ffff:192.0.2.7", true},
        {"2001:db8::1", "2001:db8::ffff", true}, /* one /64 */
        {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
        {"::1", "0.0.0.0", false},
        {"fe80::1", "254.128.0.0", false},
    };

    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct peer one = address(pairs[i].one), other = address(pairs[i].other);
        uint64_t now = NOW * (i + 1);
        (void)peer_rates_charge(*state, &one, SECOND, now);
        assert_int_equal(peer_rates_charge(*state, &other, 0, now),
                         pairs[i].same ? now + SECOND : now);
    }
}

static void has_places_for_as_many_as_it_was_made_for(void **state)
{
    struct peer peer = address("10.0.0.0");

    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned i = 0; i < 64; i++) {
            peer.address[3] = (unsigned char)i;
            (void)peer_rates_charge(*state, &peer, turn == 0 ? SECOND : 0, NOW);
            assert_int_equal(peer_rates_charge(*state, &peer, 0, NOW), NOW + SECOND);
        }
}

static void forgets_the_least_when_there_are_too_many(void **state)
{
    struct peer worst = address("192.0.2.7"), peer = address("10.0.0.0");

    (void)peer_rates_charge(*state, &worst, 100 * SECOND, NOW);
    for (unsigned i = 0; i < 65536; i++) {
        peer.address[2] = (unsigned char)(i >> 8);
        peer.address[3] = (unsigned char)i;
        /* It begins with nothing, whoever had the place before. */
        assert_int_equal(peer_rates_charge(*state, &peer, SECOND, NOW), NOW + SECOND);
    }
    assert_int_equal(peer_rates_charge(*state, &worst, 0, NOW), NOW + 100 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(adds_up_what_a_peer_uses, begin, end),
        cmocka_unit_test_setup_teardown(forgets_what_has_passed, begin, end),
        cmocka_unit_test_setup_teardown(knows_peers_apart, begin, end),
        cmocka_unit_test_setup_teardown(has_places_for_as_many_as_it_was_made_for, begin, end),
        cmocka_unit_test_setup_teardown(forgets_the_least_when_there_are_too_many, begin, end),
    };

    return cmocka_run_group_tests_name("peer_rates", tests, NULL, NULL);
}
