/* SPDX-License-Identifier: MIT
 *
 * The preface: a header is read whole or not at all, and judged by the lists and limits of the
 * moment; peers are counted as who they are.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/session/preface.h"

static struct {
    struct admission *admission;
    struct preface *preface;
    struct settings *settings;
    _Atomic uint64_t counters[COUNTERS];
    struct snapshot snapshot;
    struct cidr denied;
    struct slot slot;
} t;

static struct peer peer_of(const char *address, uint16_t port)
{
    struct peer peer;

    assert_int_equal(peer_parse(address, port, &peer), 0);
    return peer;
}

/* A connection from the balancer 198.51.100.1, that was counted. */
static int begin(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    assert_int_equal(admission_new(100, &t.admission), 0);
    assert_int_equal(preface_new(t.admission, &t.preface), 0);
    assert_int_equal(settings_new_default(&t.settings), 0);
    t.snapshot.settings = t.settings;
    memset(t.snapshot.listener_of_id, PEERLOG_NO_LISTENER, sizeof t.snapshot.listener_of_id);
    t.snapshot.listener_of_id[3] = 0;
    t.slot.listener = 3;
    t.slot.peer = peer_of("198.51.100.1", 1234);
    assert_int_equal(admission_enter(t.admission, &t.slot.peer, 0), ADMITTED);
    return 0;
}

static int end(void **state)
{
    (void)state;
    t.settings->listeners[0].deny = (struct cidr_list){NULL, 0}; /* the test's own */
    (void)settings_free(t.settings);
    (void)preface_free(t.preface);
    (void)admission_free(t.admission);
    return 0;
}

/* Answers: is exactly one connection of ADDRESS counted? Leaves it so. */
static bool is_counted_once(const char *address)
{
    struct peer peer = peer_of(address, 1);

    if (admission_enter(t.admission, &peer, 1) == ADMITTED) {
        admission_leave(t.admission, &peer);
        return false;
    }
    if (admission_enter(t.admission, &peer, 2) != ADMITTED)
        return false;
    admission_leave(t.admission, &peer);
    return true;
}

static enum segment_verdict judge(const char *bytes, size_t len)
{
    struct preface_header header;

    assert_true(preface_parse((const unsigned char *)bytes, len, &header));
    return preface_judge(t.preface, &t.snapshot, &t.slot, &header, t.counters);
}

#define HEADER "PROXY TCP4 192.0.2.7 198.51.100.1 4711 514\r\n"
#define UNKNOWN "PROXY UNKNOWN\r\n"
#define JUDGE(bytes) judge(bytes, sizeof(bytes) - 1)

static void a_header_is_whole_or_not_there(void **state)
{
    const unsigned char *bytes = (const unsigned char *)HEADER "text";
    struct preface_header header;

    (void)state;
    for (size_t len = 0; len < sizeof HEADER - 1; len++)
        assert_false(preface_parse(bytes, len, &header));
    for (size_t len = sizeof HEADER - 1; len <= sizeof HEADER + 3; len++) {
        assert_true(preface_parse(bytes, len, &header));
        assert_int_equal(header.result, PROXY_PEER);
        assert_int_equal(header.len, sizeof HEADER - 1);
    }
}

static void a_faulty_one_has_no_length(void **state)
{
    struct preface_header header;

    (void)state;
    assert_true(preface_parse((const unsigned char *)"<13>text\n", 9, &header));
    assert_int_equal(header.result, PROXY_ABSENT);
    assert_int_equal(header.len, 0);
}

static void the_named_peer_takes_the_place_of_the_balancer(void **state)
{
    struct peer named = peer_of("192.0.2.7", 4711);

    (void)state;
    assert_int_equal(JUDGE(HEADER), VERDICT_PASSED);
    assert_true(peer_equal(&t.slot.peer, &named));
    assert_true(is_counted_once("192.0.2.7"));
    assert_false(is_counted_once("198.51.100.1"));
}

static void a_balancer_that_speaks_for_itself_stays(void **state)
{
    struct peer balancer = t.slot.peer;

    (void)state;
    assert_int_equal(JUDGE(UNKNOWN), VERDICT_PASSED);
    assert_true(peer_equal(&t.slot.peer, &balancer));
    assert_true(is_counted_once("198.51.100.1"));
}

static void without_a_header_it_is_refused(void **state)
{
    (void)state;
    assert_int_equal(JUDGE("GET / HTTP/1.0\r\n"), VERDICT_REFUSED);
    assert_int_equal(counter_get(t.counters, admission_counter(REFUSED_NO_HEADER)), 1);
    assert_true(is_counted_once("198.51.100.1"));
}

static void the_list_is_asked_about_the_named_peer(void **state)
{
    struct peer balancer = t.slot.peer;

    (void)state;
    assert_int_equal(cidr_parse("192.0.2.0/24", &t.denied), 0);
    t.settings->listeners[0].deny = (struct cidr_list){&t.denied, 1};
    assert_int_equal(JUDGE(HEADER), VERDICT_REFUSED);
    assert_int_equal(counter_get(t.counters, admission_counter(REFUSED_DENIED)), 1);
    /* Until it is closed, it is the balancer's. */
    assert_true(peer_equal(&t.slot.peer, &balancer));
    assert_true(is_counted_once("198.51.100.1"));
    assert_false(is_counted_once("192.0.2.7"));
}

static void a_listener_that_is_gone_has_no_list(void **state)
{
    (void)state;
    assert_int_equal(cidr_parse("192.0.2.0/24", &t.denied), 0);
    t.settings->listeners[0].deny = (struct cidr_list){&t.denied, 1};
    t.slot.listener = 4;
    assert_int_equal(JUDGE(HEADER), VERDICT_PASSED);
}

static void the_limit_is_the_named_peers(void **state)
{
    struct peer named = peer_of("192.0.2.7", 1);

    (void)state;
    t.settings->limits.connections_per_peer = 1;
    assert_int_equal(JUDGE(HEADER), VERDICT_PASSED);
    admission_leave(t.admission, &named);
    assert_int_equal(admission_enter(t.admission, &named, 0), ADMITTED);
    /* A second one of the same peer. */
    t.slot.peer = peer_of("198.51.100.1", 1235);
    assert_int_equal(admission_enter(t.admission, &t.slot.peer, 0), ADMITTED);
    assert_int_equal(JUDGE(HEADER), VERDICT_REFUSED);
    assert_int_equal(counter_get(t.counters, admission_counter(REFUSED_TOO_MANY)), 1);
    assert_true(is_counted_once("192.0.2.7"));
    assert_true(is_counted_once("198.51.100.1"));
}

static void it_can_be_judged_again_after_a_death_before_the_verdict(void **state)
{
    (void)state;
    assert_int_equal(JUDGE(HEADER), VERDICT_PASSED);
    assert_int_equal(JUDGE(HEADER), VERDICT_PASSED);
    assert_true(is_counted_once("192.0.2.7"));
    assert_false(is_counted_once("198.51.100.1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_header_is_whole_or_not_there),
        TEST(a_faulty_one_has_no_length),
        TEST(the_named_peer_takes_the_place_of_the_balancer),
        TEST(a_balancer_that_speaks_for_itself_stays),
        TEST(without_a_header_it_is_refused),
        TEST(the_list_is_asked_about_the_named_peer),
        TEST(a_listener_that_is_gone_has_no_list),
        TEST(the_limit_is_the_named_peers),
        TEST(it_can_be_judged_again_after_a_death_before_the_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
