/* SPDX-License-Identifier: MIT
 *
 * Outputs: whatever a log does (takes a part, takes nothing, answers late, out of step, never,
 * goes away and comes back) every record is delivered in the end, none is said to be delivered
 * before it is safe, and one that may be there twice says so.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "daemon/output/output.h"
#include "support/broker.h"
#include "support/intake.h"

#define RECORDS 20u

static struct {
    struct broker broker;
    struct output *output;
    struct output_health health;
    struct batch batch;
    _Atomic uint32_t cursor, working;
} t;

/* A batch of COUNT records, over an output of this KIND. */
static void begin(const struct output_kind *kind, uint32_t count)
{
    const struct output_settings settings = {.type = OUTPUT_SYSLOG, .path = "/nowhere"};

    memset(&t, 0, sizeof t);
    broker = &t.broker;
    broker->room = UINT32_MAX;
    t.batch.cursor = &t.cursor;
    t.batch.working = &t.working;
    t.batch.count = count;
    t.batch.sources[0].connection = 1;
    for (uint32_t i = 0; i < count; i++)
        t.batch.records[i] = (struct record){
            .text = (const unsigned char *)"text", .len = 4, .sequence = i + 1,
        };
    assert_int_equal(output_new_of(kind, &settings, 256, &t.health, 1, &t.output), 0);
}

static void end(void)
{
    assert_null(output_free(t.output));
}

/* Push, as a worker does whose waiting is over. */
static enum output_status push(void)
{
    t.output->retry_at_ms = 0;
    enum output_status status = output_push(t.output, &t.batch);
    assert_true(t.batch.delivered <= t.batch.submitted && t.batch.submitted <= t.batch.count);
    assert_int_equal(atomic_load(&t.cursor), t.batch.delivered);
    return status;
}

/* Answers: does the broker hold these sequences, in this order? 0 ends them. */
static void assert_holds(const uint64_t *sequences)
{
    uint32_t i = 0;

    for (; sequences[i] != 0; i++) {
        assert_true(i < broker->count);
        assert_int_equal(broker->records[i].sequence, sequences[i]);
    }
    assert_int_equal(broker->count, i);
}

static void delivers_all_at_once(void **state)
{
    (void)state;
    begin(&broker_prompt, 3);
    assert_int_equal(push(), OUTPUT_READY);
    assert_int_equal(t.batch.delivered, 3);
    assert_holds((uint64_t[]){1, 2, 3, 0});
    end();
}

static void goes_on_where_the_log_was_full(void **state)
{
    struct output_wait wait;

    (void)state;
    begin(&broker_prompt, 3);
    broker->room = 2;
    assert_int_equal(push(), OUTPUT_WAITS);
    assert_int_equal(t.batch.delivered, 2);
    output_wait(t.output, &wait);
    assert_int_equal(wait.events, EPOLLOUT);
    broker->room = 1;
    assert_int_equal(push(), OUTPUT_READY);
    assert_holds((uint64_t[]){1, 2, 3, 0});
    end();
}

static void a_lost_log_that_is_back_at_once_is_not_waited_for(void **state)
{
    (void)state;
    begin(&broker_late, 2);
    broker->collect_error = -ECONNRESET;
    assert_int_equal(push(), OUTPUT_WAITS);
    assert_int_equal(broker->opened, 2); /* both attempts of the one push */
    assert_true(t.output->retry_at_ms > 0);
    assert_int_equal(t.batch.submitted, 0);
    end();
}

static void is_not_ready_before_the_answer(void **state)
{
    struct output_wait wait;

    (void)state;
    begin(&broker_late, 3);
    assert_int_equal(push(), OUTPUT_WAITS);
    assert_int_equal(t.batch.submitted, 3);
    assert_int_equal(t.batch.delivered, 0);
    output_wait(t.output, &wait);
    assert_int_equal(wait.fd, 4711); /* what its kind waits for */
    assert_int_equal(wait.events, EPOLLIN);
    assert_int_equal(wait.until_ms, 42);
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->acks = 3;
    assert_int_equal(push(), OUTPUT_READY);
    assert_holds((uint64_t[]){1, 2, 3, 0}); /* nothing was handed over twice */
    end();
}

static void answers_out_of_step_move_a_prefix(void **state)
{
    (void)state;
    begin(&broker_late, 6);
    broker->room = 3;
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->room = 1;
    broker->acks = 1;
    assert_int_equal(push(), OUTPUT_WAITS);
    assert_int_equal(t.batch.submitted, 4);
    assert_int_equal(t.batch.delivered, 1);
    broker->acks = 4;
    assert_int_equal(push(), OUTPUT_WAITS); /* all that it has is safe, but it has not all */
    assert_int_equal(t.batch.delivered, 4);
    broker->room = 2;
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->acks = 6;
    assert_int_equal(push(), OUTPUT_READY);
    assert_holds((uint64_t[]){1, 2, 3, 4, 5, 6, 0});
    end();
}

static void what_was_on_its_way_to_a_dead_log_goes_again_and_says_so(void **state)
{
    (void)state;
    begin(&broker_late, 4);
    broker->room = 3;
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->acks = 1;
    assert_int_equal(push(), OUTPUT_WAITS); /* 2 and 3 are on their way, 4 is not */
    broker->open_error = -ECONNREFUSED;
    broker->collect_error = -ECONNRESET;
    assert_int_equal(push(), OUTPUT_WAITS);
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->open_error = broker->collect_error = 0;
    broker->room = 10;
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->acks = 3;
    assert_int_equal(push(), OUTPUT_READY);
    assert_holds((uint64_t[]){1, 2, 3, 2, 3, 4, 0});
    assert_true(broker->records[3].repeat && broker->records[4].repeat);
    assert_false(broker->records[5].repeat);
    end();
}

static void where_repeats_are_dropped_none_is_marked(void **state)
{
    (void)state;
    begin(&broker_exact, 2);
    broker->room = 2;
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->collect_error = -EPIPE;
    (void)push();
    broker->collect_error = 0;
    broker->room = 2;
    (void)push();
    broker->acks = 2;
    assert_int_equal(push(), OUTPUT_READY);
    assert_holds((uint64_t[]){1, 2, 1, 2, 0});
    assert_false(broker->records[2].repeat || broker->records[3].repeat);
    end();
}

static void the_batch_remembers_how_far_a_dead_log_may_have_come(void **state)
{
    (void)state;
    begin(&broker_late, 4);
    broker->room = 3;
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->submit_error = -EPIPE;
    assert_int_equal(push(), OUTPUT_WAITS);
    assert_int_equal(t.batch.submitted, 0);
    assert_int_equal(t.batch.risked, 3);
    end();
}

static void a_pipe_without_a_reader_is_the_end_only_where_it_is(void **state)
{
    struct output_kind pipe_kind = broker_prompt;

    (void)state;
    pipe_kind.traits = OUTPUT_ENDS_WITH_READER;
    begin(&pipe_kind, 1);
    broker->submit_error = -EPIPE;
    assert_int_equal(push(), OUTPUT_ENDED);
    end();
    begin(&broker_prompt, 1);
    broker->submit_error = -EPIPE;
    assert_int_equal(push(), OUTPUT_WAITS);
    end();
}

static void a_log_without_space_is_not_lost(void **state)
{
    (void)state;
    begin(&broker_late, 2);
    broker->room = 1;
    assert_int_equal(push(), OUTPUT_WAITS);
    broker->submit_error = -ENOSPC;
    assert_int_equal(push(), OUTPUT_WAITS);
    assert_int_equal(t.batch.submitted, 1); /* it is still on its way */
    assert_int_equal(broker->opened, 1);
    broker->submit_error = 0;
    broker->room = 1;
    broker->acks = 2;
    assert_int_equal(push(), OUTPUT_READY);
    assert_holds((uint64_t[]){1, 2, 0});
    end();
}

static void what_a_lost_log_has_in_hand_goes_to_the_one_in_its_place(void **state)
{
    const struct output_settings other = {.type = OUTPUT_SYSLOG, .path = "/elsewhere"};

    (void)state;
    begin(&broker_late, 4);
    broker->room = 3;
    assert_int_equal(push(), OUTPUT_WAITS);
    assert_int_equal(output_change(t.output, &other, &t.batch), 0);
    assert_ptr_equal(t.output->kind, &broker_late); /* it may answer */
    broker->submit_error = -ENOSPC;
    assert_int_equal(push(), OUTPUT_WAITS);
    (void)output_change(t.output, &other, &t.batch); /* nor is that one there */
    assert_ptr_equal(t.output->kind, &output_syslog);
    assert_int_equal(t.batch.submitted, 0);
    assert_int_equal(t.batch.risked, 3);
    assert_true(t.batch.records[2].flags & RECORD_REPEAT);
    assert_false(t.batch.records[3].flags & RECORD_REPEAT);
    end();
}

static void the_backoff_grows_and_ends(void **state)
{
    uint32_t before = 0;

    (void)state;
    begin(&broker_prompt, 1);
    broker->open_error = -ENOENT;
    for (int i = 0; i < 10; i++) {
        assert_true(t.output->backoff_ms >= before);
        before = t.output->backoff_ms;
        assert_int_equal(push(), OUTPUT_WAITS);
        assert_int_equal(atomic_load(&t.health.lost), 1);
    }
    assert_int_equal(before, PEERLOG_REOPEN_MAX_MS);
    broker->open_error = 0;
    assert_int_equal(push(), OUTPUT_READY);
    assert_int_equal(t.output->backoff_ms, PEERLOG_REOPEN_MIN_MS);
    assert_int_equal(atomic_load(&t.health.lost), 0);
    end();
}

/* --- anything at all --- */

/* One turn of bad luck. */
static void misfortune(uint64_t *seed)
{
    static const int errors[] = {0, 0, 0, 0, -ENOBUFS, -EPIPE, -ECONNRESET};

    broker->room = draw(seed, 4);
    broker->a_time = draw(seed, 3);
    broker->acks += draw(seed, 5);
    broker->open_error = draw(seed, 4) == 0 ? -ECONNREFUSED : 0;
    broker->submit_error = errors[draw(seed, 7)];
    broker->collect_error = errors[draw(seed, 7)];
}

/* Nothing is lost, out of order within a session, or there twice without a word. */
static void assert_told_rightly(const struct output_kind *kind)
{
    bool seen[RECORDS + 1] = {false};
    const struct broker_record *last = NULL;

    for (uint32_t i = 0; i < broker->count; i++) {
        const struct broker_record *record = &broker->records[i];
        if (last != NULL && record->session == last->session)
            assert_int_equal(record->sequence, last->sequence + 1);
        if (kind == &broker_late)
            assert_int_equal(record->repeat, seen[record->sequence]);
        else if (kind == &broker_prompt)
            assert_false(seen[record->sequence]);
        seen[record->sequence] = true;
        last = record;
    }
    for (uint32_t i = 1; i <= RECORDS; i++)
        assert_true(seen[i]);
}

static void survive(const struct output_kind *kind, uint64_t seed)
{
    enum output_status status = OUTPUT_WAITS;

    begin(kind, RECORDS);
    for (int turn = 0; turn < 400 && status != OUTPUT_READY; turn++) {
        uint32_t acked = broker->acked, delivered = t.batch.delivered, opened = broker->opened;
        misfortune(&seed);
        status = push();
        /* What it was told is safe is safe, and nothing else. */
        if (kind->collect != NULL && broker->opened == opened)
            assert_int_equal(t.batch.delivered - delivered, broker->acked - acked);
    }
    /* At last everything is well: it is opened if need be, then it answers. */
    broker->open_error = broker->submit_error = broker->collect_error = 0;
    broker->room = UINT32_MAX;
    for (int turn = 0; turn < 3 && status != OUTPUT_READY; turn++) {
        status = push();
        broker->acks = RECORDS;
    }
    assert_int_equal(status, OUTPUT_READY);
    assert_int_equal(t.batch.delivered, RECORDS);
    assert_told_rightly(kind);
    end();
}

static void delivers_whatever_happens(void **state)
{
    static const struct output_kind *const kinds[] = {&broker_prompt, &broker_late, &broker_exact};

    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++)
        survive(kinds[seed % 3], seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_all_at_once),
        cmocka_unit_test(goes_on_where_the_log_was_full),
        cmocka_unit_test(a_lost_log_that_is_back_at_once_is_not_waited_for),
        cmocka_unit_test(is_not_ready_before_the_answer),
        cmocka_unit_test(answers_out_of_step_move_a_prefix),
        cmocka_unit_test(what_was_on_its_way_to_a_dead_log_goes_again_and_says_so),
        cmocka_unit_test(where_repeats_are_dropped_none_is_marked),
        cmocka_unit_test(the_batch_remembers_how_far_a_dead_log_may_have_come),
        cmocka_unit_test(a_pipe_without_a_reader_is_the_end_only_where_it_is),
        cmocka_unit_test(a_log_without_space_is_not_lost),
        cmocka_unit_test(what_a_lost_log_has_in_hand_goes_to_the_one_in_its_place),
        cmocka_unit_test(the_backoff_grows_and_ends),
        cmocka_unit_test(delivers_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
