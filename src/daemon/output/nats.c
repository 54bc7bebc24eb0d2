/* SPDX-License-Identifier: MIT
 *
 * The output to a stream of NATS JetStream. A message has the same identity whoever sends it: the
 * stream throws the second one away.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/output/broker.h"
#include "daemon/output/nats_link.h"
#include "daemon/output/nats_publisher.h"

static int open_nats(struct output *output)
{
    return broker_open(output, &nats_publisher);
}

/* Connect once, and look at the stream; one that is not there is not made. */
static void advise_nats(const struct output_settings *settings,
                        void (*say)(void *context, const char *words), void *context)
{
    struct output_settings only_look = *settings;
    struct nats_stream stream = {.replicas = 0};
    struct nats_link link;
    char words[PUBLISHER_WORDS_BYTES], line[PUBLISHER_WORDS_BYTES + 64];

    only_look.create_stream.replicas = 0;
    int error = nats_link_open(&link, &only_look, broker_longest(settings), &stream, words);
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
    .state_bytes = sizeof(struct broker),
    .open = open_nats,
    .submit = broker_submit,
    .collect = broker_collect,
    .wait = broker_wait,
    .place = broker_place,
    .advise = advise_nats,
    .close = broker_close,
};
