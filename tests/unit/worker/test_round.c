/* SPDX-License-Identifier: MIT
 *
 * The round: what is read is in hand until all of it is in the log, halves are carried, headers
 * are judged once, and what the ledger says at each point is true.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ledger/check.h"
#include "os/fd_passing.h"
#include "peerlog/count.h"
#include "support/intake.h"
#include "support/rig.h"

#define HEADER "PROXY TCP4 192.0.2.7 198.51.100.1 4711 514\r\n"

static struct broker log_broker;
static struct rig rig;
static struct inbox *inbox;

/* A rig whose log takes ROOM records. */
static void begin(const struct rig_plan *plan, uint32_t room)
{
    memset(&log_broker, 0, sizeof log_broker);
    broker = &log_broker;
    broker->room = room;
    rig_begin(&rig, plan);
    inbox = &rig.ledger->inboxes[0];
}

static struct slot *slot_of(uint32_t slot)
{
    return &rig.ledger->slots[slot];
}

static void say(uint32_t slot, int client, const char *text)
{
    rig_say(&rig, slot, client, text, strlen(text));
}

static bool finish(void)
{
    rig.worker->output->retry_at_ms = 0;
    return worker_finish_round(rig.worker);
}

/* Read what the client says, and finish. */
static void hear(uint32_t slot, int client, const char *text)
{
    say(slot, client, text);
    rig_read(&rig, slot, RIG_READABLE);
    assert_true(finish());
}

static void assert_nothing_in_hand(uint32_t slot)
{
    assert_true(round_is_empty(&rig.worker->round));
    assert_int_equal(atomic_load(&inbox->segments), 0);
    assert_int_equal(atomic_load(&inbox->delivered), 0);
    assert_int_equal(atomic_load(&inbox->offered), 0);
    assert_false(rig.table.conns[slot].in_hand);
}

static void carries_half_a_message(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    int client;

    (void)state;
    begin(&plan, UINT32_MAX);
    uint32_t slot = rig_connect(&rig, &client);
    hear(slot, client, "message 1\nmess");
    assert_int_equal(broker->count, 1);
    assert_nothing_in_hand(slot);
    assert_int_equal(slot_of(slot)->stream.tail_bytes, 4);
    assert_memory_equal(ledger_tail(rig.ledger, slot), "mess", 4);
    hear(slot, client, "age 2\n");
    assert_int_equal(broker->count, 2);
    assert_int_equal(broker->records[1].number, 2);
    assert_int_equal(slot_of(slot)->stream.tail_bytes, 0);
    assert_int_equal(slot_of(slot)->stream.received, 20);
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void is_in_hand_until_the_log_has_all(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    int client;

    (void)state;
    begin(&plan, 1);
    uint32_t slot = rig_connect(&rig, &client);
    say(slot, client, "1\n2\n3\n");
    rig_read(&rig, slot, RIG_READABLE);
    assert_int_equal(atomic_load(&inbox->segments), 1);
    assert_int_equal(atomic_load(&inbox->segment[0].fresh), 6);
    assert_true(rig.table.conns[slot].in_hand);
    assert_false(finish());
    assert_int_equal(atomic_load(&inbox->delivered), 1);
    assert_int_equal(atomic_load(&inbox->offered), 1); /* the others were not taken */
    assert_int_equal(worker_waiting(rig.worker), 2);
    broker->room = 2;
    assert_true(finish());
    assert_nothing_in_hand(slot);
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void what_waits_for_an_answer_stays_offered(void **state)
{
    const struct rig_plan plan = {.kind = &broker_late};
    int client;

    (void)state;
    begin(&plan, 2);
    uint32_t slot = rig_connect(&rig, &client);
    say(slot, client, "1\n2\n3\n");
    rig_read(&rig, slot, RIG_READABLE);
    assert_false(finish());
    assert_int_equal(atomic_load(&inbox->delivered), 0);
    assert_int_equal(atomic_load(&inbox->offered), 2);
    broker->acks = 1;
    assert_false(finish());
    assert_int_equal(atomic_load(&inbox->delivered), 1);
    assert_int_equal(atomic_load(&inbox->offered), 2);
    /* It dies with the second: that may be in it, and the third is not. */
    broker->collect_error = -EPIPE;
    broker->open_error = -ECONNREFUSED;
    for (int i = 0; i < 2; i++) {
        assert_false(finish());
        assert_int_equal(atomic_load(&inbox->delivered), 1);
        assert_int_equal(atomic_load(&inbox->offered), 2);
    }
    broker->collect_error = broker->open_error = 0;
    broker->room = 5;
    assert_false(finish());
    broker->acks = 2;
    assert_true(finish());
    assert_int_equal(broker->count, 4);
    assert_true(broker->records[2].repeat);
    assert_false(broker->records[3].repeat);
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void more_than_a_batch_goes_in_several(void **state)
{
    const struct rig_plan plan = {.kind = &broker_late};
    char text[3 * BATCH_RECORDS];
    int client;

    (void)state;
    begin(&plan, UINT32_MAX);
    uint32_t slot = rig_connect(&rig, &client);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 == 0 ? '7' : '\n';
    rig_say(&rig, slot, client, text, sizeof text);
    (void)round_read(&rig.worker->round, slot, sizeof text, false);
    assert_false(worker_frame(rig.worker)); /* the batch is full, and not acknowledged */
    assert_int_equal(atomic_load(&inbox->offered), BATCH_RECORDS);
    broker->acks = BATCH_RECORDS;
    assert_false(finish());
    assert_int_equal(atomic_load(&inbox->delivered), BATCH_RECORDS);
    broker->acks = 3 * BATCH_RECORDS / 2;
    assert_true(finish());
    assert_int_equal(broker->count, 3 * BATCH_RECORDS / 2);
    for (uint32_t i = 0; i < broker->count; i++)
        assert_int_equal(broker->records[i].sequence, i + 1);
    assert_nothing_in_hand(slot);
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

/* What packs records must pack those that were offered by themselves once more. */
static void a_replay_does_not_mix_what_was_offered_with_what_was_not(void **state)
{
    const struct rig_plan plan = {.kind = &broker_late};
    struct takeover_report report;
    static char text[2 * 1500];
    int client, lot[2];
    struct rig second;

    (void)state;
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "m\n", 2);
    begin(&plan, UINT32_MAX);
    uint32_t slot = rig_connect(&rig, &client);
    rig_make_pair(lot);
    assert_int_equal(fd_passing_send(lot[1], rig.table.conns[slot].fd, "p", 1), 0);
    rig_say(&rig, slot, client, text, sizeof text);
    (void)round_read(&rig.worker->round, slot, sizeof text, false);
    assert_false(worker_frame(rig.worker));
    broker->acks = 100;
    assert_false(finish());
    assert_int_equal(atomic_load(&inbox->delivered), 100);
    assert_int_equal(atomic_load(&inbox->offered), BATCH_RECORDS);
    rig_inherit(&second, &plan, rig_leave(&rig), lot[0], &report);
    struct round *round = &second.worker->round;
    round_replay(round, &second.ledger->inboxes[0]);
    assert_false(round_frame(round));
    assert_int_equal(round->batch->count, BATCH_RECORDS - 100);
    assert_int_equal(round->batch->records[round->batch->count - 1].sequence, BATCH_RECORDS);
    assert_false(worker_finish_round(second.worker)); /* the broker is opened, and knows nothing */
    broker->acks = UINT32_MAX;
    second.worker->output->retry_at_ms = 0;
    assert_true(worker_finish_round(second.worker));
    rig_end(&second);
    (void)close(lot[1]); /* the test is over, */
    (void)close(client); /* and its client gone */
    rig_end(&rig);
}

static void a_segment_without_bytes_is_dropped(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    int client;

    (void)state;
    begin(&plan, UINT32_MAX);
    uint32_t slot = rig_connect(&rig, &client);
    assert_int_equal(round_read(&rig.worker->round, slot, 100, false), ROUND_NOTHING);
    assert_nothing_in_hand(slot);
    hear(slot, client, "1\n");
    assert_int_equal(broker->count, 1);
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void a_stream_that_ends_gives_its_last_words_and_its_slot(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    char byte;
    int client;

    (void)state;
    begin(&plan, UINT32_MAX);
    uint32_t slot = rig_connect(&rig, &client);
    say(slot, client, "message 1\nmessage 2");
    rig_say_goodbye(&rig, slot, client);
    rig_read(&rig, slot, RIG_GOODBYE);
    assert_int_equal(atomic_load(&inbox->segment[0].at_end), 1);
    assert_true(finish());
    assert_int_equal(broker->count, 2);
    assert_nothing_in_hand(slot);
    assert_int_equal(atomic_load(&slot_of(slot)->use), SLOT_FREE);
    assert_int_equal(recv(client, &byte, 1, 0), 0); /* the receipt */
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void an_ended_round_leaves_room_for_no_more(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    int client;

    (void)state;
    begin(&plan, 0);
    uint32_t slot = rig_connect(&rig, &client);
    assert_true(round_has_room(&rig.worker->round, slot));
    rig.worker->round.fill = LEDGER_INBOX_BYTES - ROUND_MIN_ROOM_BYTES;
    assert_true(round_has_room(&rig.worker->round, slot));
    slot_of(slot)->stream.tail_bytes = 1;
    assert_false(round_has_room(&rig.worker->round, slot));
    slot_of(slot)->stream.tail_bytes = 0;
    rig.worker->round.fill++;
    assert_false(round_has_room(&rig.worker->round, slot));
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

/* --- behind a balancer --- */

static void a_header_in_halves_is_carried_and_judged_once(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt, .proxy = true};
    char peer[PEER_TEXT_BYTES];
    int client;

    (void)state;
    begin(&plan, 0);
    uint32_t slot = rig_connect(&rig, &client);
    say(slot, client, "PROXY TC");
    rig_read(&rig, slot, RIG_READABLE);
    assert_int_equal(atomic_load(&inbox->segment[0].verdict), VERDICT_NONE);
    assert_true(finish());
    assert_int_equal(slot_of(slot)->stream.tail_bytes, 8);
    assert_true(slot_of(slot)->stream.awaits_proxy);
    say(slot, client, &HEADER "1\n"[8]);
    rig_read(&rig, slot, RIG_READABLE);
    assert_int_equal(atomic_load(&inbox->segment[0].verdict), VERDICT_PASSED);
    assert_true(inbox->segment[0].start.awaits_proxy);
    assert_false(slot_of(slot)->stream.awaits_proxy);
    (void)peer_format(&slot_of(slot)->peer, peer);
    assert_string_equal(peer, "192.0.2.7:4711");
    broker->room = 1;
    assert_true(finish());
    assert_int_equal(broker->count, 1);
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void who_is_refused_is_reset_and_says_nothing(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt, .proxy = true, .deny = "192.0.2.0/24"};
    char byte;
    int client;

    (void)state;
    begin(&plan, UINT32_MAX);
    uint32_t slot = rig_connect(&rig, &client);
    say(slot, client, HEADER "1\n2\n");
    rig_read(&rig, slot, RIG_READABLE);
    assert_int_equal(atomic_load(&inbox->segment[0].verdict), VERDICT_REFUSED);
    assert_true(finish());
    assert_int_equal(broker->count, 0);
    assert_int_equal(recv(client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(counter_get(inbox->counters, admission_counter(REFUSED_DENIED)), 1);
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void a_verdict_is_not_given_twice(void **state)
{
    const struct rig_plan plan = {.kind = &broker_late, .proxy = true};
    const struct rig_plan denies = {.kind = &broker_prompt, .proxy = true, .deny = "192.0.2.0/24"};
    struct takeover_report report;
    static struct rig heir;
    int client, lot[2];

    (void)state;
    begin(&plan, UINT32_MAX);
    uint32_t slot = rig_connect(&rig, &client);
    say(slot, client, HEADER "1\n2\n");
    rig_read(&rig, slot, RIG_READABLE);
    assert_false(finish());
    rig_make_pair(lot);
    rig_inherit(&heir, &denies, rig_leave(&rig), lot[0], &report);
    assert_int_equal(report.messages, 2);
    assert_int_equal(report.repeats, 2);
    round_replay(&heir.worker->round, &heir.ledger->inboxes[0]);
    assert_true(worker_finish_round(heir.worker));
    assert_int_equal(broker->count, 4);
    assert_true(broker->records[2].repeat && broker->records[3].repeat);
    rig_end(&heir);
    (void)close(lot[1]); /* nothing is in it */
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

/* --- the checks --- */

static void no_length(void) { atomic_store(&inbox->segment[0].fresh, SEGMENT_UNKNOWN); }
static void outside(void) { inbox->segment[0].from = LEDGER_INBOX_BYTES; }
static void no_slot(void) { inbox->segment[0].slot = RIG_SLOTS; }
static void not_in_hand(void) { rig.table.conns[0].in_hand = 0; }
static void other_bytes(void) { rig.ledger->slots[0].stream.received++; }
static void delivered_more(void) { atomic_store(&inbox->delivered, 77); }
static void too_many(void) { atomic_store(&inbox->segments, LEDGER_SEGMENTS + 1); }

static void (*const damages[])(void) = {
    no_length, outside, no_slot, not_in_hand, other_bytes, delivered_more, too_many,
};

/* Does the check end the process after this? */
static bool is_seen(void (*damage)(void))
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO); /* what it says is known */
        if (damage != NULL)
            damage();
        ledger_check_now(&rig.table, inbox);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void the_check_sees_each_damage(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    static struct inbox kept;
    int client;

    (void)state;
    begin(&plan, 0);
    uint32_t slot = rig_connect(&rig, &client);
    assert_int_equal(slot, 0);
    say(slot, client, "1\n2\n");
    rig_read(&rig, slot, RIG_READABLE);
    assert_false(is_seen(NULL));
    kept = *inbox;
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        struct slot slot_kept = *slot_of(slot);
        if (!is_seen(damages[i]))
            fail_msg("damage %zu is not seen", i);
        *inbox = kept; /* it is shared with the child */
        *slot_of(slot) = slot_kept;
    }
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_half_a_message),
        cmocka_unit_test(is_in_hand_until_the_log_has_all),
        cmocka_unit_test(what_waits_for_an_answer_stays_offered),
        cmocka_unit_test(more_than_a_batch_goes_in_several),
        cmocka_unit_test(a_replay_does_not_mix_what_was_offered_with_what_was_not),
        cmocka_unit_test(a_segment_without_bytes_is_dropped),
        cmocka_unit_test(a_stream_that_ends_gives_its_last_words_and_its_slot),
        cmocka_unit_test(an_ended_round_leaves_room_for_no_more),
        cmocka_unit_test(a_header_in_halves_is_carried_and_judged_once),
        cmocka_unit_test(who_is_refused_is_reset_and_says_nothing),
        cmocka_unit_test(a_verdict_is_not_given_twice),
        cmocka_unit_test(the_check_sees_each_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
