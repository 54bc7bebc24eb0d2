/* SPDX-License-Identifier: MIT
 *
 * The kind of publisher that knows Kafka.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_KAFKA_PUBLISHER_H
#define PEERLOG_DAEMON_OUTPUT_KAFKA_PUBLISHER_H

#include "daemon/output/publisher.h"

extern const struct publisher_kind kafka_publisher;

#endif
