/* SPDX-License-Identifier: MIT
 *
 * What is due by the clock: connections that leave are looked at until they have left, and those
 * that were told to end do so in time, whatever they wait for.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/session/conn.h"
#include "os/clock.h"
#include "support/rig.h"

static struct broker log_broker;
static struct rig rig;
static uint32_t slot;
static int client;

static int begin(void **state)
{
    (void)state;
    log_broker = (struct broker){.room = BROKER_RECORDS};
    broker = &log_broker;
    rig_begin(&rig, &(struct rig_plan){.kind = &broker_prompt});
    slot = rig_connect(&rig, &client);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)close(client); /* the test is over */
    rig_end(&rig);
    return 0;
}

/* It was read, and is to leave. */
static void let_leave(const char *text)
{
    rig_say(&rig, slot, client, text, strlen(text));
    rig_read(&rig, slot, RIG_READABLE);
    assert_true(worker_finish_round(rig.worker));
    rig.ledger->slots[slot].flags |= SLOT_LEAVING;
    rig.table.conns[slot].active_s = (uint32_t)(clock_mono_coarse_ms() / 1000);
}

/* Look over the connections now. */
static void sweep(void)
{
    bool blocked = false;

    rig.worker->sweep_at_ms = 1;
    (void)worker_keep_time(rig.worker, &blocked);
    assert_false(blocked);
}

static void one_that_leaves_is_looked_at_again_when_it_is_slowed(void **state)
{
    (void)state;
    rig.snapshot.settings->limits.messages_per_second = 1;
    let_leave("1\n2\n3\n");
    assert_int_equal(rig.table.conns[slot].state, CONN_SLOWED);
    sweep();
    assert_true(rig.worker->sweep_at_ms > 1);
}

static void one_that_does_not_read_ends_when_it_was_told(void **state)
{
    (void)state;
    let_leave("1\n");
    assert_int_equal(conn_want(&rig.table, slot, rig.worker->set, CONN_WANTS_WRITE), 0);
    rig.table.conns[slot].sweeps_left = 2;
    sweep();
    assert_int_equal(rig.ledger->slots[slot].use, SLOT_LIVE);
    assert_true(rig.worker->sweep_at_ms > 1);
    sweep();
    assert_int_equal(rig.ledger->slots[slot].use, SLOT_FREE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_leaves_is_looked_at_again_when_it_is_slowed,
                                        begin, end),
        cmocka_unit_test_setup_teardown(one_that_does_not_read_ends_when_it_was_told, begin, end),
    };

    return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
