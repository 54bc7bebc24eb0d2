/* SPDX-License-Identifier: MIT
 *
 * Announcing: lines, as many as there may be in an interval, and a count of those beyond.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/session/announce.h"
#include "os/clock.h"
#include "os/log.h"
#include "peerlog/limits.h"
#include "support/in_range.h"

static unsigned counted;

static void count(void *context)
{
    (void)context;
    counted++;
}

static void counts_what_has_no_line(void **state)
{
    const struct peer peer = {.family = PEER_IPV4};
    struct announcer *a;

    (void)state;
    assert_int_equal(announcer_new(count, NULL, &a), 0);
    uint64_t before_ms = clock_mono_ms();
    for (unsigned i = 0; i < PEERLOG_ANNOUNCE_LINES; i++)
        announce_begin(a, &peer, "here");
    assert_int_equal(counted, 0);
    assert_int_equal(announce_tick(a, clock_mono_ms()), 0);
    announce_begin(a, &peer, "here");
    announce_end(a, &(struct slot){.peer = peer});
    assert_int_equal(counted, 1); /* main is woken once */
    uint64_t due_ms = announce_tick(a, before_ms - 1); /* whose look at the clock is older */
    assert_int_in_range(due_ms, before_ms, clock_mono_ms() + PEERLOG_ANNOUNCE_S * 1000);
    assert_int_equal(announce_tick(a, due_ms - 1), due_ms);
    assert_int_equal(announce_tick(a, due_ms), 0);
    assert_null(announcer_free(a));
}

static void every_way_to_end_has_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= SLOT_ENDINGS; i++)
        assert_non_null(announce_describe(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_has_no_line),
        cmocka_unit_test(every_way_to_end_has_words),
    };

    log_init("test");
    log_set_level(SEVERITY_ERR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
