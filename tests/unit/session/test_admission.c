/* SPDX-License-Identifier: MIT
 *
 * Admission: the longest match decides, and peers are counted rightly however they come and
 * go: the table is compared with a plain list over many random steps.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/session/admission.h"
#include "os/log.h"
#include "peerlog/cidr.h"
#include "peerlog/count.h"
#include "support/intake.h"

static struct peer address(const char *text)
{
    struct peer peer;

    assert_int_equal(peer_parse(text, 514, &peer), 0);
    return peer;
}

/* --- lists --- */

#define RANGES 3

static const struct {
    const char *allow[RANGES], *deny[RANGES];
    const char *peer;
    enum admission_verdict result;
} lists[] = {
    {{NULL}, {NULL}, "192.0.2.7", ADMITTED},
    {{NULL}, {"192.0.2.7"}, "192.0.2.7", REFUSED_DENIED},
    {{NULL}, {"192.0.2.7"}, "192.0.2.8", ADMITTED},
    {{"192.0.2.0/24"}, {NULL}, "192.0.2.8", ADMITTED},
    {{"192.0.2.0/24"}, {NULL}, "192.0.3.8", REFUSED_DENIED},
    {{"192.0.2.0/24"}, {NULL}, "2001:db8::1", REFUSED_DENIED},
    {{"192.0.2.0/24"}, {"192.0.2.64/26"}, "192.0.2.66", REFUSED_DENIED},
    {{"192.0.2.66"}, {"192.0.2.64/26"}, "192.0.2.66", ADMITTED},
    {{"192.0.2.66"}, {"192.0.2.66"}, "192.0.2.66", REFUSED_DENIED}, /* deny wins a tie */
    {{"0.0.0.0/0"}, {NULL}, "192.0.2.66", ADMITTED},
    {{"0.0.0.0/0"}, {NULL}, "2001:db8::1", REFUSED_DENIED},
    {{"::/0"}, {"2001:db8::/32"}, "2001:db8::1", REFUSED_DENIED},
    {{"::/0", "2001:db8:1::/48"}, {"2001:db8::/32"}, "2001:db8:1::1", ADMITTED},
    {{"192.0.2.0/24"}, {NULL}, "::ffff:192.0.2.1", ADMITTED},
};

static void fill_list(const char *const *texts, struct cidr *ranges, struct cidr_list *list)
{
    list->ranges = ranges;
    for (list->count = 0; list->count < RANGES && texts[list->count] != NULL; list->count++)
        assert_int_equal(cidr_parse(texts[list->count], &ranges[list->count]), 0);
}

static void the_longest_match_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct listener_settings listener = {.framing = 0};
        struct cidr allow[RANGES], deny[RANGES];
        struct peer peer = address(lists[i].peer);
        fill_list(lists[i].allow, allow, &listener.allow);
        fill_list(lists[i].deny, deny, &listener.deny);
        assert_int_equal(admission_by_list(&listener, &peer), lists[i].result);
    }
}

static void a_balancer_is_not_judged_by_the_lists(void **state)
{
    static const struct {
        const char *peer;
        bool proxy;
        enum admission_verdict result;
    } rows[] = {
        {"192.0.2.7", false, ADMITTED},
        {"198.51.100.1", false, REFUSED_DENIED},
        {"198.51.100.1", true, ADMITTED},
        {"192.0.2.7", true, REFUSED_NO_BALANCER},
    };
    static const char *const allow[RANGES] = {"192.0.2.0/24"}, *const from[RANGES] = {
        "198.51.100.0/24"};
    struct listener_settings listener = {.framing = 0};
    struct cidr ranges[2][RANGES];

    (void)state;
    fill_list(allow, ranges[0], &listener.allow);
    fill_list(from, ranges[1], &listener.proxy_from);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct peer peer = address(rows[i].peer);
        listener.proxy_protocol = rows[i].proxy;
        assert_int_equal(admission_at_door(&listener, &peer), rows[i].result);
    }
    listener.proxy_from.count = 0; /* everyone is believed */
    struct peer peer = address("203.0.113.1");
    assert_int_equal(admission_at_door(&listener, &peer), ADMITTED);
}

/* --- counting --- */

static void ipv6_peers_are_counted_by_their_64(void **state)
{
    struct admission *admission;
    struct peer one = address("2001:db8::1"), other = address("2001:db8::ffff:1");
    struct peer elsewhere = address("2001:db8:0:1::1");

    (void)state;
    assert_int_equal(admission_new(10, &admission), 0);
    assert_int_equal(admission_enter(admission, &one, 2), ADMITTED);
    assert_int_equal(admission_enter(admission, &other, 2), ADMITTED);
    assert_int_equal(admission_enter(admission, &one, 2), REFUSED_TOO_MANY);
    assert_int_equal(admission_enter(admission, &elsewhere, 2), ADMITTED);
    admission_leave(admission, &other);
    assert_int_equal(admission_enter(admission, &one, 2), ADMITTED);
    assert_null(admission_free(admission));
}

static void ipv4_peers_and_ports_are_told_apart_rightly(void **state)
{
    struct admission *admission;
    struct peer one = address("192.0.2.1"), other = address("192.0.2.2"), again = one;

    (void)state;
    again.port = 1;
    assert_int_equal(admission_new(10, &admission), 0);
    assert_int_equal(admission_enter(admission, &one, 1), ADMITTED);
    assert_int_equal(admission_enter(admission, &again, 1), REFUSED_TOO_MANY);
    assert_int_equal(admission_enter(admission, &other, 1), ADMITTED);
    assert_null(admission_free(admission));
}

#define PEERS 150u
#define CAPACITY 200u
#define STEPS 200000u
#define LIMIT 3u

/* Addresses without a pattern: the hash spreads those of a pattern too well to meet. */
static void counts_like_a_plain_list_over_many_steps(void **state)
{
    struct admission *admission;
    unsigned counts[PEERS] = {0}, all = 0;
    struct peer peers[PEERS];
    uint64_t seed = 1122;

    (void)state;
    for (unsigned i = 0; i < PEERS; i++) {
        peers[i] = (struct peer){.family = PEER_IPV4, .address[0] = (unsigned char)i};
        for (unsigned k = 1; k < 4; k++)
            peers[i].address[k] = (unsigned char)draw(&seed, 256);
    }
    assert_int_equal(admission_new(CAPACITY, &admission), 0);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = draw(&seed, PEERS);
        if (draw(&seed, 2) == 0 && counts[i] > 0) {
            admission_leave(admission, &peers[i]);
            counts[i]--;
            all--;
        } else if (all < CAPACITY) {
            enum admission_verdict wanted = counts[i] < LIMIT ? ADMITTED : REFUSED_TOO_MANY;
            assert_int_equal(admission_enter(admission, &peers[i], LIMIT), wanted);
            counts[i] += wanted == ADMITTED;
            all += wanted == ADMITTED;
        }
    }
    assert_null(admission_free(admission));
}

/* --- reports --- */

static void reports_are_due_after_a_minute_and_end(void **state)
{
    struct admission *admission;
    struct peer peer = address("192.0.2.66");
    const uint64_t minute = PEERLOG_REPORT_S * 1000;

    (void)state;
    assert_int_equal(admission_new(10, &admission), 0);
    assert_int_equal(admission_tick(admission, 5), -1);
    admission_report(admission, &peer, REFUSED_DENIED, 1000);
    assert_int_equal(admission_tick(admission, 1000), minute);
    admission_report(admission, &peer, REFUSED_DENIED, 2000);
    assert_int_equal(admission_tick(admission, 1000 + minute - 1), 1);
    assert_int_equal(admission_tick(admission, 1000 + minute), minute); /* one more came: go on */
    assert_int_equal(admission_tick(admission, 1000 + 2 * minute), -1); /* none came: the end */
    assert_null(admission_free(admission));
}

static void more_peers_than_places_are_only_counted(void **state)
{
    struct admission *admission;

    (void)state;
    assert_int_equal(admission_new(10, &admission), 0);
    for (unsigned i = 0; i < 3 * PEERLOG_REPORTED_PEERS; i++) {
        struct peer peer = {.family = PEER_IPV4, .address = {10, 0, (unsigned char)i, 1}};
        admission_report(admission, &peer, REFUSED_TOO_MANY, 1000);
    }
    assert_int_equal(admission_tick(admission, 1000), PEERLOG_REPORT_S * 1000);
    assert_null(admission_free(admission));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_match_decides),
        cmocka_unit_test(a_balancer_is_not_judged_by_the_lists),
        cmocka_unit_test(ipv6_peers_are_counted_by_their_64),
        cmocka_unit_test(ipv4_peers_and_ports_are_told_apart_rightly),
        cmocka_unit_test(counts_like_a_plain_list_over_many_steps),
        cmocka_unit_test(reports_are_due_after_a_minute_and_end),
        cmocka_unit_test(more_peers_than_places_are_only_counted),
    };
    log_set_level(SEVERITY_EMERG);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
