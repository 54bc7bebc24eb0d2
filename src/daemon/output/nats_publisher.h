/* SPDX-License-Identifier: MIT
 *
 * The kind of publisher that knows NATS.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_NATS_PUBLISHER_H
#define PEERLOG_DAEMON_OUTPUT_NATS_PUBLISHER_H

#include "daemon/output/publisher.h"

extern const struct publisher_kind nats_publisher;

#endif
