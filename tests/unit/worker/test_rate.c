/* SPDX-License-Identifier: MIT
 *
 * A worker holds connections, and peers, to their rates: a single message counts however high the
 * rate is, who is ahead of it is not read, and all connections of a peer have their turns.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/clock.h"
#include "support/rig.h"

#define CONNECTIONS 3

/* A rig with connections of one peer. */
struct crowd {
    struct rig rig;
    uint32_t slots[CONNECTIONS];
    int clients[CONNECTIONS];
};

static void begin(struct crowd *crowd)
{
    static struct broker log_broker;

    log_broker = (struct broker){.room = BROKER_RECORDS};
    broker = &log_broker;
    rig_begin(&crowd->rig, &(struct rig_plan){.kind = &broker_prompt});
    for (unsigned i = 0; i < CONNECTIONS; i++)
        crowd->slots[i] = rig_connect(&crowd->rig, &crowd->clients[i]);
}

static void end(struct crowd *crowd)
{
    for (unsigned i = 0; i < CONNECTIONS; i++)
        (void)close(crowd->clients[i]); /* it has said all */
    rig_end(&crowd->rig);
}

static struct limit_settings *limits_of(struct crowd *crowd)
{
    return &crowd->rig.snapshot.settings->limits;
}

static struct conn *conn_of(struct crowd *crowd, unsigned i)
{
    return &crowd->rig.table.conns[crowd->slots[i]];
}

/* Say something on a connection, and let the worker read it in a round of its own, if it does. */
static void say_and_read(struct crowd *crowd, unsigned i, const char *text)
{
    rig_say(&crowd->rig, crowd->slots[i], crowd->clients[i], text, strlen(text));
    rig_read(&crowd->rig, crowd->slots[i], RIG_READABLE);
    assert_true(worker_finish_round(crowd->rig.worker));
}

static void a_single_message_counts_however_high_the_rate(void **state)
{
    struct crowd crowd;

    (void)state;
    begin(&crowd);
    limits_of(&crowd)->messages_per_second = 2000;
    for (int i = 0; i < 3; i++) {
        uint64_t now_ns = clock_mono_us() * 1000;
        say_and_read(&crowd, 0, "one\n");
        assert_true(conn_of(&crowd, 0)->allowed_at_ns >= now_ns + 500000);
    }
    end(&crowd);
}

static void a_peer_is_not_read_by_another_connection(void **state)
{
    struct crowd crowd;

    (void)state;
    begin(&crowd);
    limits_of(&crowd)->messages_per_second_per_peer = 1;
    say_and_read(&crowd, 0, "1\n2\n3\n");
    say_and_read(&crowd, 1, "4\n");
    assert_int_equal(conn_of(&crowd, 0)->state, CONN_SLOWED);
    assert_int_equal(conn_of(&crowd, 1)->state, CONN_SLOWED);
    assert_int_equal(crowd.rig.ledger->slots[crowd.slots[0]].stream.sequence, 3);
    assert_int_equal(crowd.rig.ledger->slots[crowd.slots[1]].stream.received, 0);
    int left_ms = worker_wake_slowed(crowd.rig.worker);
    assert_true(left_ms > 1000 && left_ms <= 2000); /* three seconds' worth, one may be owed */
    end(&crowd);
}

static void each_connection_of_a_peer_has_its_turn(void **state)
{
    struct crowd crowd;
    struct worker *w;

    (void)state;
    begin(&crowd);
    w = crowd.rig.worker;
    limits_of(&crowd)->messages_per_second_per_peer = 1;
    for (unsigned first = 0; first < CONNECTIONS; first++) {
        /* They are watched in this order, and told of in it; the first one is read. */
        for (unsigned i = 0; i < CONNECTIONS; i++)
            say_and_read(&crowd, (first + i) % CONNECTIONS, "1\n2\n3\n");
        uint32_t slot = w->slowed;
        for (unsigned i = 1; i <= CONNECTIONS; i++) {
            assert_int_equal(slot, crowd.slots[(first + i) % CONNECTIONS]);
            slot = crowd.rig.table.conns[slot].next;
        }
        assert_int_equal(slot, CONNECTION_NONE);
        limits_of(&crowd)->messages_per_second_per_peer = 0;
        assert_int_equal(worker_wake_slowed(w), -1);
        limits_of(&crowd)->messages_per_second_per_peer = 1;
        for (unsigned i = 0; i < CONNECTIONS; i++)
            assert_int_equal(conn_of(&crowd, i)->state, CONN_OPEN);
        crowd.rig.rates = peer_rates_free(crowd.rig.rates);
        assert_int_equal(peer_rates_new(RIG_SLOTS, &crowd.rig.rates), 0);
        w->plan.rates = crowd.rig.rates;
    }
    end(&crowd);
}

/* A session of RELP ends itself, with more messages than its rate allows at once. */
static void say_a_whole_session(struct crowd *crowd, unsigned i)
{
    crowd->rig.ledger->slots[crowd->slots[i]].stream.session = SESSION_AUTO;
    say_and_read(crowd, i, "1 open 14 relp_version=0\n2 syslog 1 a\n3 syslog 1 b\n"
                           "4 syslog 1 c\n5 close 0\n");
}

static void one_that_ends_waits_for_nothing(void **state)
{
    struct crowd crowd;

    (void)state;
    for (unsigned ends = 0; ends < CONNECTIONS; ends++) {
        begin(&crowd);
        limits_of(&crowd)->messages_per_second = 1;
        for (unsigned i = 0; i < CONNECTIONS; i++)
            if (i == ends)
                say_a_whole_session(&crowd, i);
            else
                say_and_read(&crowd, i, "1\n2\n3\n");
        assert_int_equal(crowd.rig.ledger->slots[crowd.slots[ends]].use, SLOT_FREE);
        uint32_t slot = crowd.rig.worker->slowed, last = CONNECTION_NONE;
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            if (i == ends)
                continue;
            assert_int_equal(slot, crowd.slots[i]);
            last = slot;
            slot = crowd.rig.table.conns[slot].next;
        }
        assert_int_equal(slot, CONNECTION_NONE);
        assert_int_equal(crowd.rig.worker->slowed_last, last);
        end(&crowd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_message_counts_however_high_the_rate),
        cmocka_unit_test(a_peer_is_not_read_by_another_connection),
        cmocka_unit_test(each_connection_of_a_peer_has_its_turn),
        cmocka_unit_test(one_that_ends_waits_for_nothing),
    };

    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
