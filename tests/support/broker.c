/* SPDX-License-Identifier: MIT
 *
 * The broker and its two kinds of output.
 */
#include "config.h"

#include "support/broker.h"

#include <errno.h>
#include <sys/epoll.h>

#include "daemon/output/output.h"
#include "support/intake.h"

/* The kind's own state: zero before it is opened. */
struct link {
    uint32_t submitted; /* in this session */
};

struct broker *broker;

static int open_link(struct output *output)
{
    if (broker->open_error < 0)
        return broker->open_error;
    broker->opened++;
    broker->acked = broker->acks = 0;
    *(struct link *)output->state = (struct link){0};
    return 0;
}

static void close_link(struct output *output)
{
    (void)output; /* there is no descriptor */
}

/* The number that a text ends with; 0: none. */
static uint32_t number_of(const struct record *record)
{
    uint32_t number = 0, place = 1;

    for (uint32_t i = record->len; i > 0 && place <= 100000; i--, place *= 10) {
        unsigned digit = (unsigned)record->text[i - 1] - '0';
        if (digit > 9)
            break;
        number += digit * place;
    }
    return number;
}

/* Take what is not submitted, as far as there is room. Returns: how many were taken. */
static uint32_t take(const struct batch *batch)
{
    uint32_t n = batch->count - batch->submitted;

    if (n > broker->room)
        n = broker->room;
    if (broker->a_time > 0 && n > broker->a_time)
        n = broker->a_time;
    require(broker->count + n <= BROKER_RECORDS, "the broker's memory holds all records");
    for (uint32_t i = 0; i < n; i++) {
        const struct record *record = &batch->records[batch->submitted + i];
        broker->records[broker->count + i] = (struct broker_record){
            .connection = batch->sources[record->source].connection,
            .sequence = record->sequence, .repeat = (record->flags & RECORD_REPEAT) != 0,
            .number = number_of(record), .session = broker->opened,
        };
    }
    broker->room -= n;
    *(volatile uint32_t *)&broker->count = broker->count + n;
    return n;
}

static int submit_promptly(struct output *output, struct batch *batch)
{
    (void)output;
    while (batch->delivered < batch->count) {
        if (broker->submit_error < 0)
            return broker->submit_error;
        uint32_t n = take(batch);
        if (n == 0)
            return -EAGAIN;
        batch_deliver(batch, n);
    }
    return 0;
}

static int submit_late(struct output *output, struct batch *batch)
{
    struct link *link = output->state;

    while (batch->submitted < batch->count) {
        if (broker->submit_error < 0)
            return broker->submit_error;
        uint32_t n = take(batch);
        if (n == 0)
            return -EAGAIN;
        batch_submit(batch, n);
        link->submitted += n;
    }
    return 0;
}

static int collect(struct output *output, struct batch *batch)
{
    const struct link *link = output->state;
    uint32_t acks = broker->acks < link->submitted ? broker->acks : link->submitted;

    if (broker->collect_error < 0)
        return broker->collect_error;
    if (acks > broker->acked) {
        batch_deliver(batch, acks - broker->acked);
        broker->acked = acks;
    }
    return batch->delivered < batch->submitted ? -EAGAIN : 0;
}

static void wait_for_acks(const struct output *output, struct output_wait *ret_wait)
{
    (void)output;
    *ret_wait = (struct output_wait){.fd = 4711, .events = EPOLLIN, .until_ms = 42};
}

const struct output_kind broker_prompt = {
    .description = "prompt broker",
    .state_bytes = sizeof(struct link),
    .open = open_link,
    .submit = submit_promptly,
    .close = close_link,
};

const struct output_kind broker_late = {
    .description = "late broker",
    .state_bytes = sizeof(struct link),
    .open = open_link,
    .submit = submit_late,
    .collect = collect,
    .wait = wait_for_acks,
    .close = close_link,
};

const struct output_kind broker_exact = {
    .description = "exact broker",
    .traits = OUTPUT_DROPS_REPEATS,
    .state_bytes = sizeof(struct link),
    .open = open_link,
    .submit = submit_late,
    .collect = collect,
    .wait = wait_for_acks,
    .close = close_link,
};
