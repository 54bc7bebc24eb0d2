/* SPDX-License-Identifier: MIT
 *
 * The worker's half of an output to a broker: what is common to all of them. It writes a load down,
 * hands it to the publisher, and looks at how much is acknowledged when the bell rings.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_BROKER_H
#define PEERLOG_DAEMON_OUTPUT_BROKER_H

#include "daemon/output/output.h"
#include "daemon/output/publisher.h"

/* output->state of such a kind. */
struct broker {
    struct publisher *publisher;
    uint32_t delivered; /* messages of the load whose records are delivered */
    struct file_stamp stamp;
};

/* Longest message that OUTPUT may have to store, in bytes. */
size_t broker_longest(const struct output_settings *settings);

/* Returns: 0, or negative errno. */
int broker_open(struct output *output, const struct publisher_kind *kind);

/* As struct output_kind has them. */
int broker_submit(struct output *output, struct batch *batch);
int broker_collect(struct output *output, struct batch *batch);
void broker_wait(const struct output *output, struct output_wait *ret_wait);
const char *broker_place(const struct output *output);
void broker_close(struct output *output);

#endif
