/* SPDX-License-Identifier: MIT
 *
 * Mailbox and gate: letters of many threads come whole and in each sender's order; a worker
 * answers them; and a gate lets nobody through before it moves, and everyone after it.
 */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/worker/mailbox.h"
#include "os/gate.h"
#include "support/intake.h"
#include "support/rig.h"

#define SENDERS 4u
#define LETTERS 500u

static struct mailbox box;

struct sender {
    pthread_t thread;
    struct letter letters[LETTERS];
    uint32_t heard; /* of these */
};

static void letters_come_in_the_order_of_their_posting(void **state)
{
    struct letter letters[3] = {{.kind = LETTER_KILL}, {.kind = LETTER_STOP}, {0}};

    (void)state;
    assert_null(mailbox_take(&box));
    for (size_t i = 0; i < 3; i++)
        mailbox_post(&box, &letters[i]);
    struct letter *first = mailbox_take(&box);
    assert_ptr_equal(first, &letters[0]);
    assert_ptr_equal(first->next, &letters[1]);
    assert_ptr_equal(first->next->next, &letters[2]);
    assert_null(first->next->next->next);
    assert_null(mailbox_take(&box));
}

static void *post_all(void *argument)
{
    struct sender *sender = argument;

    for (uint32_t i = 0; i < LETTERS; i++) {
        sender->letters[i] = (struct letter){.context = sender};
        mailbox_post(&box, &sender->letters[i]);
    }
    return NULL;
}

static void none_is_lost_or_overtaken_by_one_of_the_same_sender(void **state)
{
    static struct sender senders[SENDERS];
    uint32_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&senders[i].thread, NULL, post_all, &senders[i]), 0);
    while (count < SENDERS * LETTERS)
        for (struct letter *letter = mailbox_take(&box); letter != NULL; letter = letter->next) {
            struct sender *sender = letter->context;
            assert_ptr_equal(letter, &sender->letters[sender->heard++]);
            count++;
        }
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
    assert_null(mailbox_take(&box));
}

/* --- a worker's answers --- */

static struct broker log_broker;
static struct rig rig;
static uint32_t answers;

static void answered(struct letter *letter)
{
    answers++;
    letter->answered = NULL; /* the sender may do with it what it likes */
}

static void begin(void)
{
    const struct rig_plan plan = {.kind = &broker_prompt};

    log_broker = (struct broker){.room = UINT32_MAX};
    broker = &log_broker;
    answers = 0;
    rig_begin(&rig, &plan);
}

static void post(struct letter *letter)
{
    letter->answered = answered;
    worker_post(rig.worker, letter);
}

static void a_worker_describes_its_own_connections(void **state)
{
    static struct conn_description descriptions[LETTER_DESCRIPTIONS];
    struct letter letter = {.kind = LETTER_DESCRIBE};
    int clients[3];

    (void)state;
    begin();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rig_connect(&rig, &clients[i]), i);
    rig_say(&rig, 1, clients[1], "one\ntwo", 7);
    rig_read(&rig, 1, RIG_READABLE);
    assert_true(worker_finish_round(rig.worker));
    rig_say(&rig, 1, clients[1], "more", 4);
    atomic_store(&rig.table.conns[2].owner, 7); /* another worker's */
    letter.describe.descriptions = descriptions;
    post(&letter);
    assert_int_equal(answers, 0);
    worker_answer_bell(rig.worker);
    assert_int_equal(answers, 1);
    assert_int_equal(letter.describe.count, 2);
    assert_false(letter.describe.more);
    assert_int_equal(descriptions[0].received, 0);
    assert_int_equal(descriptions[1].slot, 1);
    assert_int_equal(descriptions[1].received, 7);
    assert_int_equal(descriptions[1].records, 1);
    assert_int_equal(descriptions[1].tail_bytes, 3);
    assert_int_equal(descriptions[1].unread, 4);
    assert_true(peer_equal(&descriptions[1].peer, &rig.ledger->slots[1].peer));
    for (size_t i = 0; i < 3; i++)
        (void)close(clients[i]); /* the test is over */
    rig_end(&rig);
}

/* Let the clock pass for the worker: what is due is done. */
static void sweep(void)
{
    bool blocked = false;

    rig.worker->sweep_at_ms = 1;
    (void)worker_keep_time(rig.worker, &blocked);
    assert_false(blocked);
}

static void a_killed_connection_is_reset_and_no_other(void **state)
{
    struct letter wrong = {.kind = LETTER_KILL}, absent = {.kind = LETTER_KILL};
    struct letter right = {.kind = LETTER_KILL};
    int clients[2];
    char byte;

    (void)state;
    begin();
    for (size_t i = 0; i < 2; i++)
        (void)rig_connect(&rig, &clients[i]);
    wrong.kill.connection = 4711; /* the slot is another one's by now */
    absent.kill.slot = RIG_SLOTS + 5;
    right.kill.slot = 1;
    right.kill.connection = rig.ledger->slots[1].connection;
    right.kill.now = true;
    post(&wrong);
    post(&absent);
    post(&right);
    worker_answer_bell(rig.worker);
    assert_int_equal(answers, 3);
    assert_false(wrong.kill.done || absent.kill.done);
    assert_true(right.kill.done);
    rig.worker->now_s += PEERLOG_LEAVE_S;
    sweep();
    assert_int_equal(atomic_load(&rig.ledger->slots[0].use), SLOT_LIVE);
    assert_int_equal(atomic_load(&rig.ledger->slots[1].use), SLOT_FREE);
    assert_int_equal(recv(clients[0], &byte, 1, MSG_DONTWAIT), -1); /* nothing came */
    for (size_t i = 0; i < 2; i++)
        (void)close(clients[i]); /* the test is over */
    rig_end(&rig);
}

static void other_settings_are_taken_between_two_rounds(void **state)
{
    struct letter letter = {.kind = LETTER_SNAPSHOT};
    struct snapshot other;
    int client;

    (void)state;
    begin();
    broker->room = 1;
    other = rig.snapshot;
    letter.snapshot = &other;
    uint32_t slot = rig_connect(&rig, &client);
    rig_say(&rig, slot, client, "1\n2\n", 4);
    rig_read(&rig, slot, RIG_READABLE);
    assert_false(worker_finish_round(rig.worker));
    post(&letter);
    worker_answer_bell(rig.worker);
    worker_take_snapshot(rig.worker);
    assert_ptr_equal(worker_snapshot(rig.worker), &rig.snapshot);
    broker->room = 1;
    rig.worker->output->retry_at_ms = 0;
    assert_true(worker_finish_round(rig.worker));
    worker_take_snapshot(rig.worker);
    assert_ptr_equal(worker_snapshot(rig.worker), &other);
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void a_ping_is_answered_with_the_letters(void **state)
{
    (void)state;
    begin();
    assert_true(worker_alive(rig.worker));
    worker_ping(rig.worker);
    assert_false(worker_alive(rig.worker));
    worker_answer_bell(rig.worker);
    assert_true(worker_alive(rig.worker));
    rig_end(&rig);
}

/* --- the gate --- */

struct passer {
    pthread_t thread;
    struct gate *gate;
    bool passed;
};

static void *pass(void *argument)
{
    struct passer *passer = argument;

    passer->passed = gate_pass(passer->gate);
    return NULL;
}

/* Who waits, and who comes later, learn the same. */
static void try_gate(enum gate_state moved, bool passed)
{
    struct gate gate = GATE_INITIALIZER;
    struct passer passers[4];

    for (size_t i = 0; i < 4; i++) {
        if (i == 3)
            gate_move(&gate, moved);
        passers[i].gate = &gate;
        assert_int_equal(pthread_create(&passers[i].thread, NULL, pass, &passers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(passers[i].thread, NULL), 0);
        assert_int_equal(passers[i].passed, passed);
    }
}

static void an_open_gate_lets_all_through(void **state)
{
    (void)state;
    try_gate(GATE_OPEN, true);
}

static void a_gate_that_is_off_sends_all_home(void **state)
{
    (void)state;
    try_gate(GATE_OFF, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_come_in_the_order_of_their_posting),
        cmocka_unit_test(none_is_lost_or_overtaken_by_one_of_the_same_sender),
        cmocka_unit_test(a_worker_describes_its_own_connections),
        cmocka_unit_test(a_killed_connection_is_reset_and_no_other),
        cmocka_unit_test(other_settings_are_taken_between_two_rounds),
        cmocka_unit_test(a_ping_is_answered_with_the_letters),
        cmocka_unit_test(an_open_gate_lets_all_through),
        cmocka_unit_test(a_gate_that_is_off_sends_all_home),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
