/* SPDX-License-Identifier: MIT
 *
 * What the settings of an output to a broker have to do with each other, and what such settings
 * are without one.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_BROKER_H
#define PEERLOG_DAEMON_SETTINGS_BROKER_H

#include <stddef.h>

#include "daemon/settings/finish.h"

/* What the module of Kafka knows of its library's properties: its symbol "kafka_properties". */
struct kafka_properties {
    /*
     * Answers: does the library take this one? If not, WORDS of SIZE bytes say why.
     */
    bool (*is_good)(const char *name, const char *value, char *words, size_t size);
};

/* Look at an output that was read whole, of whatever type. */
void broker_finish(const struct finish *finish, struct output_settings *output);

/*
 * Why a property of librdkafka is not to be set, for people; what is promised would not hold.
 * Returns: NULL when it may be set to this.
 */
const char *broker_property_fault(const char *name, const char *value);

#endif
