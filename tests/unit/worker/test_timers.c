/* SPDX-License-Identifier: MIT
 *
 * What is due by the clock: connections that leave are looked at until they have left, and those
 * that were told to end do so in time, whatever they wait for. Who was heard is told, though the
 * output blocks meanwhile.
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
#include "daemon/session/silence.h"
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

/* What waits for its end is flushed, and has to be delivered before a mortal one is looked over. */
static void who_was_heard_is_told_behind_an_output_that_blocked(void **state)
{
    struct silence *silence;
    bool blocked = false;
    int clients[2];
    uint32_t mortal = rig_connect(&rig, &clients[0]), last = rig_connect(&rig, &clients[1]);

    (void)state;
    assert_int_equal(silence_new(&silence), 0);
    rig.worker->plan.silence = silence;
    rig.snapshot.settings->listeners[0].silent_after_s = 10;
    rig.ledger->slots[last].peer.address[0] ^= 1; /* another peer */
    rig_say(&rig, slot, client, "1\nhalf", 6);
    rig_read(&rig, slot, RIG_READABLE);
    assert_true(worker_finish_round(rig.worker));
    rig_say(&rig, last, clients[1], "1\n", 2);
    rig_read(&rig, last, RIG_READABLE);
    assert_true(worker_finish_round(rig.worker));
    rig.table.conns[slot].active_s = 0; /* that is long ago */
    rig.ledger->slots[mortal].flags |= SLOT_MORTAL;
    rig.ledger->slots[mortal].transport = TRANSPORT_TLS;
    log_broker.room = 0;
    rig.worker->sweep_at_ms = 1;
    (void)worker_keep_time(rig.worker, &blocked);
    assert_true(blocked);
    rig.ledger->slots[mortal].transport = TRANSPORT_PLAIN;
    rig.table.conns[last].active_s = rig.worker->now_s - 1; /* before that */
    log_broker.room = BROKER_RECORDS;
    assert_true(worker_finish_round(rig.worker));
    sweep();
    silence_look(silence, &rig.snapshot, rig.worker->now_s + 100, false);
    assert_int_equal(silence_count(silence), 2);
    (void)silence_free(silence);
    (void)close(clients[0]); /* the test is over */
    (void)close(clients[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_leaves_is_looked_at_again_when_it_is_slowed,
                                        begin, end),
        cmocka_unit_test_setup_teardown(one_that_does_not_read_ends_when_it_was_told, begin, end),
        cmocka_unit_test_setup_teardown(who_was_heard_is_told_behind_an_output_that_blocked, begin,
                                        end),
    };

    return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
