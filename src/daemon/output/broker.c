/* SPDX-License-Identifier: MIT
 *
 * Outputs to brokers, as their worker sees them. A record counts as taken when the broker has
 * acknowledged its message.
 */
#include "config.h"

#include "daemon/output/broker.h"

#include <errno.h>
#include <time.h>

#include "os/poller.h"

size_t broker_longest(const struct output_settings *settings)
{
    return load_bound(file_format_of(settings->format), settings->buffer_size);
}

int broker_open(struct output *output, const struct publisher_kind *kind)
{
    struct broker *broker = output->state;

    broker->delivered = 0;
    return publisher_new(kind, &output->settings, broker_longest(&output->settings),
                         output->instance, &broker->publisher);
}

void broker_close(struct output *output)
{
    struct broker *broker = output->state;

    publisher_end(broker->publisher);
    broker->publisher = NULL;
}

static void look_at_clock(struct broker *broker)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
    file_stamp_set(&broker->stamp, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

/* A broker that throws repeats away must not see that they are some. */
static struct load_rules rules_of(const struct output *output)
{
    const struct output_settings *settings = &output->settings;

    return (struct load_rules){
        .format = file_format_of(settings->format),
        .subject = settings->type == OUTPUT_KAFKA ? settings->topic : settings->subject,
        .pack = settings->pack,
        .hide = output->kind->traits & OUTPUT_DROPS_REPEATS ? RECORD_REPEAT : 0,
        .instance = output->instance,
    };
}

int broker_submit(struct output *output, struct batch *batch)
{
    struct broker *broker = output->state;
    const struct load_rules rules = rules_of(output);

    if (!publisher_is_idle(broker->publisher) || batch->submitted > batch->delivered)
        return -EAGAIN;
    look_at_clock(broker);
    uint32_t taken = load_fill(&broker->publisher->load, batch, &rules, &broker->stamp);
    if (taken == 0)
        return -ENOMEM;
    batch_submit(batch, taken);
    broker->delivered = 0;
    publisher_send(broker->publisher);
    return batch->submitted == batch->count ? 0 : -EAGAIN;
}

int broker_collect(struct output *output, struct batch *batch)
{
    struct broker *broker = output->state;
    const struct load *load = &broker->publisher->load;
    uint32_t records = 0;

    bell_hush(broker->publisher->bell);
    /* In this order: who is idle has acknowledged all. */
    bool idle = publisher_is_idle(broker->publisher);
    uint32_t acknowledged = publisher_acknowledged(broker->publisher);
    for (; batch->submitted > batch->delivered && broker->delivered < acknowledged;
         broker->delivered++)
        records += load->messages[broker->delivered].records;
    batch_deliver(batch, records);
    if (batch->delivered == batch->submitted) {
        if (batch->submitted < batch->count && idle)
            bell_ring(broker->publisher->bell); /* for the rest of it */
        return 0;
    }
    int trouble = publisher_trouble(broker->publisher);
    return trouble < 0 ? trouble : -EAGAIN;
}

void broker_wait(const struct output *output, struct output_wait *ret_wait)
{
    const struct broker *broker = output->state;

    *ret_wait = (struct output_wait){.fd = broker->publisher->bell, .events = EPOLLIN};
}

const char *broker_place(const struct output *output)
{
    return publisher_place(&output->settings);
}
