/* SPDX-License-Identifier: MIT
 *
 * The publisher of one output: a thread that may block, because its worker may not. It gets one
 * load at a time, sends its messages, and sends them again until each is acknowledged.
 *
 * Of one connection's messages no more than in_flight are out at once. With one, their order in the
 * stream is theirs, whatever dies. After an answer that is an error, or none, nothing new goes out
 * until all that is out is known; then it begins again at the first that is not acknowledged.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_NATS_PUBLISHER_H
#define PEERLOG_DAEMON_OUTPUT_NATS_PUBLISHER_H

#include "daemon/output/load.h"
#include "daemon/settings/settings.h"

struct nats_publisher;

/*
 * Start the thread, which connects. LONGEST: of a message, in bytes.
 * Returns: 0, or negative errno.
 * Owns:    the publisher has a copy of the settings. End it with nats_publisher_end().
 */
int nats_publisher_new(const struct output_settings *settings, size_t longest, uint64_t instance,
                       struct nats_publisher **ret_publisher);

/*
 * What is out and not acknowledged may be stored or not. A thread that hangs in the library ends
 * by itself, later. Blocks: for a moment.
 */
void nats_publisher_end(struct nats_publisher *publisher);

/* The load to fill, while nats_publisher_is_idle(); then hand it over. */
struct load *nats_publisher_load(struct nats_publisher *publisher);
bool nats_publisher_is_idle(const struct nats_publisher *publisher);
void nats_publisher_send(struct nats_publisher *publisher);

/* How many messages of the load are acknowledged, from the first one on. */
uint32_t nats_publisher_acknowledged(const struct nats_publisher *publisher);

/* What keeps it from going on, negative errno; 0: nothing. */
int nats_publisher_trouble(const struct nats_publisher *publisher);

/* Readable when one of these has changed: hush it. */
int nats_publisher_bell(const struct nats_publisher *publisher);

#endif
