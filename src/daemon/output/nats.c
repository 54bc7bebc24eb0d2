/* SPDX-License-Identifier: MIT
 *
 * The output to a stream of NATS JetStream. The worker writes a load down and hands it to the
 * publisher; it looks at how much is acknowledged when the bell rings. A record counts as taken
 * when the stream has it, and its message has the same identity whoever sends it: the stream
 * throws the second one away.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "daemon/output/nats_link.h"
#include "daemon/output/nats_publisher.h"
#include "os/poller.h"

struct nats {
    struct nats_publisher *publisher;
    uint32_t delivered; /* messages of the load whose records are delivered */
    struct file_stamp stamp;
};

static int open_nats(struct output *output)
{
    struct nats *nats = output->state;
    const struct file_format *format = file_format_of(output->settings.format);

    nats->delivered = 0;
    return nats_publisher_new(&output->settings, load_bound(format, output->settings.buffer_size),
                              output->instance, &nats->publisher);
}

static void close_nats(struct output *output)
{
    struct nats *nats = output->state;

    nats_publisher_end(nats->publisher);
    nats->publisher = NULL;
}

static void look_at_clock(struct nats *nats)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
    file_stamp_set(&nats->stamp, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

static int submit_nats(struct output *output, struct batch *batch)
{
    struct nats *nats = output->state;
    const struct load_rules rules = {
        .format = file_format_of(output->settings.format), .subject = output->settings.subject,
        .pack = output->settings.pack, .hide = RECORD_REPEAT, .instance = output->instance,
    };

    if (!nats_publisher_is_idle(nats->publisher) || batch->submitted > batch->delivered)
        return -EAGAIN;
    look_at_clock(nats);
    uint32_t taken = load_fill(nats_publisher_load(nats->publisher), batch, &rules, &nats->stamp);
    if (taken == 0)
        return -ENOMEM;
    batch_submit(batch, taken);
    nats->delivered = 0;
    nats_publisher_send(nats->publisher);
    return batch->submitted == batch->count ? 0 : -EAGAIN;
}

static int collect_nats(struct output *output, struct batch *batch)
{
    struct nats *nats = output->state;
    const struct load *load = nats_publisher_load(nats->publisher);
    uint32_t records = 0;

    bell_hush(nats_publisher_bell(nats->publisher));
    /* In this order: who is idle has acknowledged all. */
    bool idle = nats_publisher_is_idle(nats->publisher);
    uint32_t acknowledged = nats_publisher_acknowledged(nats->publisher);
    for (; batch->submitted > batch->delivered && nats->delivered < acknowledged; nats->delivered++)
        records += load->messages[nats->delivered].records;
    batch_deliver(batch, records);
    if (batch->delivered == batch->submitted) {
        if (batch->submitted < batch->count && idle)
            bell_ring(nats_publisher_bell(nats->publisher)); /* for the rest of it */
        return 0;
    }
    int trouble = nats_publisher_trouble(nats->publisher);
    return trouble < 0 ? trouble : -EAGAIN;
}

static void wait_nats(const struct output *output, struct output_wait *ret_wait)
{
    const struct nats *nats = output->state;

    *ret_wait = (struct output_wait){
        .fd = nats_publisher_bell(nats->publisher), .events = EPOLLIN,
    };
}

static const char *place_of_nats(const struct output *output)
{
    return output->settings.stream;
}

/* Connect once, and look at the stream; one that is not there is not made. */
static void advise_nats(const struct output_settings *settings,
                        void (*say)(void *context, const char *words), void *context)
{
    struct output_settings only_look = *settings;
    struct nats_stream stream = {.replicas = 0};
    struct nats_link link;
    char words[NATS_WORDS_BYTES], line[NATS_WORDS_BYTES + 64];
    size_t longest = load_bound(file_format_of(settings->format), settings->buffer_size);

    only_look.create_stream.replicas = 0;
    int error = nats_link_open(&link, &only_look, longest, &stream, words);
    if (error == 0)
        nats_link_close(&link);
    if (error == -ENOENT && settings->create_stream.replicas > 0)
        return;
    if (error == 0 && stream.danger == NULL)
        return;
    (void)snprintf(line, sizeof line, "NATS stream %s%s %s", settings->stream, error < 0 ? ":" : "",
                   error < 0 ? words : stream.danger);
    say(context, line);
}

/* What the daemon asks for when an output of this type is configured. */
extern const struct output_kind output_nats;
const struct output_kind output_nats = {
    .description = "NATS stream",
    .traits = OUTPUT_DROPS_REPEATS | OUTPUT_RECOVERS,
    .state_bytes = sizeof(struct nats),
    .open = open_nats,
    .submit = submit_nats,
    .collect = collect_nats,
    .wait = wait_nats,
    .place = place_of_nats,
    .advise = advise_nats,
    .close = close_nats,
};
