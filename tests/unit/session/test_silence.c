/* SPDX-License-Identifier: MIT
 *
 * Silence: said once when its time is over, over again when it has ended, and to nobody's surprise
 * while the log takes nothing. All by a clock of the test's own.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/session/silence.h"
#include "os/log.h"
#include "support/intake.h"

/* With 8 s of silence it is looked for every 2 s; what is not told yet may be 3 s late. */
#define AFTER_S 8u
#define TELLS_S (AFTER_S + 3)

static struct settings settings = {.listeners_count = 2,
                                   .listeners = {{.silent_after_s = AFTER_S}}};
static struct snapshot snapshot = {.settings = &settings, .listener_of_id = {[3] = 0, [4] = 1}};
static struct silence *silence;

static int begin(void **state)
{
    (void)state;
    return silence_new(&silence);
}

static int end(void **state)
{
    (void)state;
    silence = silence_free(silence);
    return 0;
}

static struct peer address(unsigned number)
{
    struct peer peer = {.family = PEER_IPV4, .address = {192, 0, (unsigned char)(number >> 8),
                                                         (unsigned char)number}};

    return peer;
}

static void hear(unsigned number, uint32_t at_s)
{
    const struct peer peer = address(number);

    silence_heard(silence, 3, &peer, at_s);
}

static uint32_t look(uint32_t now_s)
{
    silence_look(silence, &snapshot, now_s, false);
    return silence_count(silence);
}

static void is_seen_when_its_time_is_over_and_ends_when_it_speaks(void **state)
{
    struct silent_peer list[4];

    (void)state;
    hear(7, 100);
    hear(8, 105);
    assert_int_equal(look(100 + TELLS_S - 1), 0);
    assert_int_equal(look(100 + TELLS_S), 1);
    assert_int_equal(look(100 + TELLS_S), 1);
    assert_int_equal(silence_list(silence, list, 4), 1);
    assert_int_equal(list[0].peer.address[3], 7);
    assert_int_equal(list[0].listener, 3);
    assert_int_equal(list[0].for_s, TELLS_S);
    assert_int_equal(look(105 + TELLS_S), 2);
    assert_int_equal(silence_list(silence, list, 1), 1);
    hear(7, 117);
    assert_int_equal(look(118), 1);
    assert_int_equal(look(117 + TELLS_S), 2);
}

static void what_is_told_late_changes_nothing(void **state)
{
    (void)state;
    hear(7, 110);
    hear(7, 100);
    assert_int_equal(look(109 + TELLS_S), 0);
    assert_int_equal(look(110 + TELLS_S), 1);
}

static void nobody_is_silent_while_the_log_takes_nothing(void **state)
{
    (void)state;
    hear(7, 100);
    silence_look(silence, &snapshot, 200, true);
    assert_int_equal(silence_count(silence), 0);
    assert_int_equal(look(200 + TELLS_S - 1), 0);
    assert_int_equal(look(200 + TELLS_S), 1);
    silence_look(silence, &snapshot, 300, true);
    assert_int_equal(silence_count(silence), 1);
}

static void a_listener_that_does_not_ask_for_it_is_forgotten(void **state)
{
    const struct peer peer = address(7);

    (void)state;
    silence_heard(silence, 4, &peer, 100); /* the other listener has none */
    hear(7, 100);
    assert_int_equal(look(1000), 1);
    settings.listeners[0].silent_after_s = 0;
    assert_int_equal(silence_every_s(&settings), 0);
    assert_int_equal(look(1001), 0);
    settings.listeners[0].silent_after_s = AFTER_S;
    assert_int_equal(look(2000), 0);
}

static void is_looked_for_at_a_fraction_of_its_time(void **state)
{
    static const uint32_t pairs[][2] = {{1, 1}, {3, 1}, {8, 2}, {20, 5}, {2678400, 5}};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        settings.listeners[0].silent_after_s = pairs[i][0];
        assert_int_equal(silence_every_s(&settings), pairs[i][1]);
    }
    settings.listeners[0].silent_after_s = AFTER_S;
}

static void of_too_many_the_longest_is_forgotten(void **state)
{
    struct silent_peer first;

    (void)state;
    for (unsigned i = 0; i < PEERLOG_SILENT_PEERS; i++)
        hear(i, 1000 + i);
    hear(60000, 500000);
    hear(60001, 500000);
    assert_int_equal(look(1000000), PEERLOG_SILENT_PEERS);
    hear(2, 1000001);
    hear(0, 1000001);
    assert_int_equal(look(1000002), PEERLOG_SILENT_PEERS - 2);
    assert_int_equal(silence_list(silence, &first, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_seen_when_its_time_is_over_and_ends_when_it_speaks,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_is_told_late_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(nobody_is_silent_while_the_log_takes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_listener_that_does_not_ask_for_it_is_forgotten, begin,
                                        end),
        cmocka_unit_test(is_looked_for_at_a_fraction_of_its_time),
        cmocka_unit_test_setup_teardown(of_too_many_the_longest_is_forgotten, begin, end),
    };

    log_init("test");
    log_set_level(SEVERITY_ERR); /* thousands of lines are of no use here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
