/* SPDX-License-Identifier: MIT
 *
 * Connections change their worker: between two rounds, with the half of a message that they have
 * said, and only those of which nothing is left behind. What they say on the way is heard.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/session/conn.h"
#include "daemon/session/silence.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/poller.h"
#include "peerlog/count.h"
#include "support/intake.h"
#include "support/rig.h"

#define CONNECTIONS 4u

static struct broker log_broker;
static struct rig rig;
static int clients[CONNECTIONS];
static uint64_t now_ms; /* of both workers */

static void begin(void)
{
    log_broker = (struct broker){.room = UINT32_MAX};
    broker = &log_broker;
    now_ms = 1000000;
    rig_begin(&rig, &(struct rig_plan){.kind = &broker_prompt, .crew = true});
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        assert_int_equal(rig_connect(&rig, &clients[i]), i);
}

static void end(void)
{
    worker_answer_bell(rig.second); /* what is on its way arrives */
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        (void)close(clients[i]); /* the test is over */
    rig_end(&rig);
}

static struct worker *owner_of(uint32_t slot)
{
    unsigned owner = atomic_load(&rig.table.conns[slot].owner);

    return owner > 0 ? rig.workers[owner - 1] : NULL;
}

/* A connection says something, and its worker reads it. */
static void hear(uint32_t slot, const char *text)
{
    struct worker *w = owner_of(slot);

    w->now_s = (uint32_t)(now_ms / 1000);
    rig_say(&rig, slot, clients[slot], text, strlen(text));
    rig_read(&rig, slot, RIG_READABLE);
}

static void hear_all(const char *text)
{
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        hear(i, text);
        assert_true(worker_finish_round(owner_of(i)));
    }
}

/* It is a while later, and all of it this worker has worked, or slept. */
static void pass(struct worker *w, bool busy)
{
    struct sharing *s = &w->sharing;
    const uint64_t a_while_us = 1000000000;

    s->busy_from_ms = s->calm_from_ms = now_ms;
    now_ms += CREW_CALM_MS;
    w->turn_ms = now_ms;
    s->looked_at_us = clock_mono_us() - a_while_us;
    s->idle_us = busy ? 0 : a_while_us;
    s->size = atomic_load(&rig.crew.size);
}

static void work_too_much(struct worker *w)
{
    pass(w, true);
    worker_share(w);
}

/* On their way to this worker. */
static uint32_t count_coming(const struct worker *w)
{
    const struct letter *letter = atomic_load(&w->mailbox.latest);
    uint32_t count = 0;

    for (; letter != NULL; letter = letter->next)
        count += letter->kind == LETTER_ADOPT ? letter->adopt.count : 0;
    return count;
}

static uint32_t count_owned(const struct worker *w)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < CONNECTIONS; i++)
        count += owner_of(i) == w;
    assert_int_equal(worker_load(w), count + count_coming(w));
    return count;
}

/* Answers: does this worker's poller tell of the connection? */
static bool is_told_of(const struct worker *w, uint32_t slot)
{
    struct epoll_event events[CONNECTIONS + 1];
    int n = poller_wait(w->set, events, COUNT_OF(events), 0);

    for (int i = 0; i < n; i++)
        if (events[i].data.u64 == slot)
            return true;
    return false;
}

static void half_of_them_go_on_with_the_next_worker(void **state)
{
    (void)state;
    begin();
    hear_all("one 1\nhalf 1");
    work_too_much(rig.worker);
    assert_int_equal(atomic_load(&rig.crew.size), 2);
    assert_int_equal(count_owned(rig.worker), 2);
    assert_int_equal(count_owned(rig.second), 0); /* they are on their way */
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        rig_say(&rig, i, clients[i], "2\n", 2);
    worker_answer_bell(rig.second);
    assert_int_equal(count_owned(rig.second), 2);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        assert_int_equal(is_told_of(rig.worker, i), owner_of(i) == rig.worker);
        assert_int_equal(is_told_of(rig.second, i), owner_of(i) == rig.second);
        rig_read(&rig, i, RIG_READABLE);
        assert_true(worker_finish_round(owner_of(i)));
    }
    assert_int_equal(broker->count, 2 * CONNECTIONS);
    for (uint32_t i = 0; i < broker->count; i++) {
        assert_int_equal(broker->records[i].sequence, i < CONNECTIONS ? 1 : 2);
        assert_int_equal(broker->records[i].number, i < CONNECTIONS ? 1 : 12);
        assert_false(broker->records[i].repeat);
    }
    assert_int_equal(counter_get(rig.worker->counters, COUNTER_MOVED), 2);
    end();
}

static void a_tail_that_is_given_is_listed_by_the_new_worker_alone(void **state)
{
    (void)state;
    begin();
    hear_all("1\nhalf");
    hear_all("\n"); /* their pages are in use, and they are empty */
    hear(0, "half");
    assert_true(worker_finish_round(rig.worker));
    work_too_much(rig.worker);
    worker_answer_bell(rig.second);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        bool moved = owner_of(i) == rig.second;
        for (uint32_t k = 0; moved && k < rig.worker->round.dirty_count; k++)
            assert_true(rig.worker->round.dirty[k] != i);
        assert_int_equal(rig.table.conns[i].dirty_tail,
                         !moved ? TAIL_LISTED : i == 0 ? TAIL_DIRTY : TAIL_CLEAN);
    }
    assert_int_equal(count_owned(rig.second), 2);
    end();
}

static void they_come_back_when_they_are_heard_and_one_is_enough(void **state)
{
    (void)state;
    begin();
    hear_all("1\n");
    work_too_much(rig.worker);
    worker_answer_bell(rig.second);
    pass(rig.worker, false);
    worker_share(rig.worker);
    assert_int_equal(atomic_load(&rig.crew.size), 1);
    rig.second->turn_ms = now_ms;
    worker_share(rig.second); /* nobody was heard: it stays as it is */
    worker_answer_bell(rig.worker);
    assert_int_equal(count_owned(rig.second), 2);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        hear(i, "2\nha");
        assert_true(worker_finish_round(owner_of(i)));
        worker_share(rig.second);
        worker_answer_bell(rig.worker);
        assert_ptr_equal(owner_of(i), rig.worker);
    }
    assert_int_equal(count_owned(rig.second), 0);
    assert_int_equal(count_owned(rig.worker), CONNECTIONS);
    hear_all("lf 3\n");
    assert_int_equal(broker->count, 3 * CONNECTIONS);
    end();
}

static void what_is_in_hand_stays(void **state)
{
    (void)state;
    begin();
    hear_all("1\n");
    broker->room = 0;
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        hear(i, "2\n");
    assert_false(worker_finish_round(rig.worker));
    work_too_much(rig.worker);
    worker_answer_bell(rig.second);
    assert_int_equal(count_owned(rig.worker), CONNECTIONS);
    broker->room = UINT32_MAX;
    rig.worker->output->retry_at_ms = 0;
    assert_true(worker_finish_round(rig.worker));
    rig.worker->events_count = 1; /* one that was told of, and is not read yet */
    work_too_much(rig.worker);
    worker_answer_bell(rig.second);
    assert_int_equal(count_owned(rig.worker), CONNECTIONS);
    assert_int_equal(broker->count, 2 * CONNECTIONS);
    end();
}

static void make_slowed(uint32_t slot)
{
    rig.table.conns[slot].state = CONN_SLOWED;
}

static void make_leaving(uint32_t slot)
{
    rig.ledger->slots[slot].flags |= SLOT_LEAVING;
}

static void make_owed(uint32_t slot)
{
    rig.table.conns[slot].wants = CONN_WANTS_WRITE;
}

static void make_looping(uint32_t slot)
{
    rig.table.conns[slot].looping = 1;
}

static void make_broken(uint32_t slot)
{
    rig.table.conns[slot].by_reset = 1;
}

/* The acceptor may still be about to have it watched. */
static void make_new(uint32_t slot)
{
    rig.ledger->slots[slot].stream.received = 0;
}

static void make_silent(uint32_t slot)
{
    rig.table.conns[slot].active_s -= 60;
}

static void those_of_which_something_is_left_stay(void **state)
{
    static void (*const make[])(uint32_t) = {make_slowed, make_leaving, make_owed, make_looping,
                                             make_broken, make_new, make_silent};

    (void)state;
    for (size_t k = 0; k < COUNT_OF(make); k++) {
        begin();
        hear_all("1\n");
        for (uint32_t i = 0; i < CONNECTIONS; i++)
            make[k](i);
        work_too_much(rig.worker);
        worker_answer_bell(rig.second);
        assert_int_equal(atomic_load(&rig.crew.size), 1); /* there is no work for another one */
        assert_int_equal(count_owned(rig.worker), CONNECTIONS);
        for (uint32_t i = 0; i < CONNECTIONS; i++)
            rig.table.conns[i].wants = CONN_WANTS_READ;
        end();
    }
}

static void one_that_says_most_stays_where_it_is(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 5; i++) {
        hear_all("1\n");
        hear(1, "a long message, longer than those of all the others together 2\n");
        assert_true(worker_finish_round(rig.worker));
        work_too_much(rig.worker);
        worker_answer_bell(rig.second);
    }
    assert_ptr_equal(owner_of(1), rig.worker);
    assert_true(count_owned(rig.second) > 0);
    end();
}

static void a_storm_of_short_ones_needs_no_gift(void **state)
{
    (void)state;
    begin();
    counter_add(rig.worker->counters, COUNTER_CLOSED, 5);
    work_too_much(rig.worker);
    assert_int_equal(atomic_load(&rig.crew.size), 2); /* the acceptor knows the next one now */
    pass(rig.worker, false);
    worker_share(rig.worker);
    assert_int_equal(atomic_load(&rig.crew.size), 1);
    work_too_much(rig.worker);
    assert_int_equal(atomic_load(&rig.crew.size), 1);
    end();
}

static void whoever_is_not_idle_is_busy(void **state)
{
    (void)state;
    begin();
    hear_all("1\n");
    pass(rig.worker, false);
    worker_share(rig.worker);
    assert_int_equal(atomic_load(&rig.crew.size), 1);
    pass(rig.worker, true);
    worker_share(rig.worker);
    assert_int_equal(atomic_load(&rig.crew.size), 2);
    end();
}

static void one_alone_keeps_its_worker(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 3; i++) {
        hear(2, "1\n");
        assert_true(worker_finish_round(rig.worker));
        work_too_much(rig.worker);
    }
    assert_int_equal(atomic_load(&rig.crew.size), 1);
    assert_int_equal(count_owned(rig.worker), CONNECTIONS);
    end();
}

static void nothing_moves_when_it_may_not(void **state)
{
    (void)state;
    begin();
    hear_all("1\n");
    crew_hold(&rig.crew);
    work_too_much(rig.worker);
    assert_int_equal(count_owned(rig.worker), CONNECTIONS);
    crew_release(&rig.crew);
    hear_all("2\n");
    rig.worker->draining = true;
    work_too_much(rig.worker);
    assert_int_equal(count_owned(rig.worker), CONNECTIONS);
    rig.worker->draining = false;
    crew_close(&rig.crew);
    work_too_much(rig.worker);
    assert_int_equal(count_owned(rig.worker), CONNECTIONS);
    end();
}

static void one_that_cannot_be_watched_is_watched_later(void **state)
{
    (void)state;
    begin();
    hear_all("1\n");
    work_too_much(rig.worker);
    int set = rig.second->set;
    rig.second->set = -1;
    worker_answer_bell(rig.second);
    assert_true(worker_wake_slowed(rig.second) > 0);
    rig.second->set = set;
    assert_int_equal(count_owned(rig.second), 2);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        bool moved = owner_of(i) == rig.second;
        assert_int_equal(rig.table.conns[i].state, moved ? CONN_SLOWED : CONN_OPEN);
        rig_say(&rig, i, clients[i], "2\n", 2);
    }
    assert_int_equal(worker_wake_slowed(rig.second), -1);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        assert_int_equal(rig.table.conns[i].state, CONN_OPEN);
        assert_int_equal(is_told_of(rig.second, i), owner_of(i) == rig.second);
    }
    end();
}

static void the_new_worker_knows_whom_its_settings_deny(void **state)
{
    static struct cidr everybody;
    struct snapshot other;
    struct settings *settings;

    (void)state;
    begin();
    require(settings_new_default(&settings) == 0, "settings");
    require(cidr_parse("127.0.0.0/8", &everybody) == 0, "a range");
    settings->listeners[0].deny = (struct cidr_list){&everybody, 1};
    other = rig.snapshot;
    other.settings = settings;
    hear_all("1\n");
    rig.second->round.snapshot = &other;
    work_too_much(rig.worker);
    worker_answer_bell(rig.second);
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        assert_int_equal((rig.ledger->slots[i].flags & SLOT_LEAVING) != 0,
                         owner_of(i) == rig.second);
    assert_true(rig.second->sweep_at_ms > 0);
    settings->listeners[0].deny = (struct cidr_list){NULL, 0};
    (void)settings_free(settings);
    end();
}

static void who_was_heard_is_told_before_it_moves(void **state)
{
    struct silence *silence;

    (void)state;
    begin();
    require(silence_new(&silence) == 0, "a silence");
    rig.worker->plan.silence = silence;
    rig.snapshot.settings->listeners[0].silent_after_s = 10;
    hear_all("1\n");
    work_too_much(rig.worker); /* nobody was told of by a sweep yet */
    silence_look(silence, &rig.snapshot, (uint32_t)(now_ms / 1000) + 100, false);
    assert_int_equal(silence_count(silence), 1);
    (void)silence_free(silence);
    end();
}

static void what_waits_for_its_end_is_flushed_by_the_new_worker(void **state)
{
    bool blocked = false;

    (void)state;
    begin();
    hear_all("half a message 1");
    work_too_much(rig.worker);
    worker_answer_bell(rig.second);
    assert_int_equal(broker->count, 0);
    assert_true(rig.second->sweep_at_ms > 0);
    rig.second->sweep_at_ms = 1;
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        rig.table.conns[i].active_s = 0; /* that is long ago */
    (void)worker_keep_time(rig.second, &blocked);
    assert_int_equal(broker->count, 2);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_them_go_on_with_the_next_worker),
        cmocka_unit_test(a_tail_that_is_given_is_listed_by_the_new_worker_alone),
        cmocka_unit_test(they_come_back_when_they_are_heard_and_one_is_enough),
        cmocka_unit_test(what_is_in_hand_stays),
        cmocka_unit_test(those_of_which_something_is_left_stay),
        cmocka_unit_test(one_that_says_most_stays_where_it_is),
        cmocka_unit_test(a_storm_of_short_ones_needs_no_gift),
        cmocka_unit_test(whoever_is_not_idle_is_busy),
        cmocka_unit_test(one_alone_keeps_its_worker),
        cmocka_unit_test(nothing_moves_when_it_may_not),
        cmocka_unit_test(one_that_cannot_be_watched_is_watched_later),
        cmocka_unit_test(the_new_worker_knows_whom_its_settings_deny),
        cmocka_unit_test(who_was_heard_is_told_before_it_moves),
        cmocka_unit_test(what_waits_for_its_end_is_flushed_by_the_new_worker),
    };

    log_set_level(SEVERITY_ERR); /* that a peer is denied, or silent, is news to nobody here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
