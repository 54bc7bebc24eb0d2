/* SPDX-License-Identifier: MIT
 *
 * The output to a topic of Kafka, and what the settings may ask of its library.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/output/broker.h"
#include "daemon/output/kafka_link.h"
#include "daemon/output/kafka_publisher.h"
#include "daemon/settings/broker.h"

#define ADVICE_TRIES 8 /* to reach a broker, each for the patience of a link */

static int open_kafka(struct output *output)
{
    return broker_open(output, &kafka_publisher);
}

/* Connect once, and look for the topic, if it is one; brokers may make one that is not there. */
static void advise_kafka(const struct output_settings *settings,
                         void (*say)(void *context, const char *words), void *context)
{
    const char *topic = strchr(settings->topic, '%') == NULL ? settings->topic : NULL;
    const struct kafka_topic *found = NULL;
    struct kafka_link link;
    char words[PUBLISHER_WORDS_BYTES] = "";
    char line[PUBLISHER_WORDS_BYTES + SUBJECT_TEMPLATE_BYTES + 16];

    int error = kafka_link_open(&link, settings, broker_longest(settings), NULL, NULL, words);
    if (error == 0) {
        for (int i = 0; i < ADVICE_TRIES && (i == 0 || error == -ETIMEDOUT); i++)
            error = kafka_link_find(&link, topic, &found, words);
        kafka_link_close(&link);
    }
    if (error == 0)
        return;
    (void)snprintf(line, sizeof line, "Kafka topic %s: %s", settings->topic, words);
    say(context, line);
}

static bool is_good(const char *name, const char *value, char *words, size_t size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    bool good = rd_kafka_conf_set(conf, name, value, words, size) == RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    return good;
}

/* What the settings ask for. */
extern const struct kafka_properties kafka_properties;
const struct kafka_properties kafka_properties = {is_good};

/* What the daemon asks for when an output of this type is configured. */
extern const struct output_kind output_kafka;
const struct output_kind output_kafka = {
    .description = "Kafka topic",
    .traits = OUTPUT_RECOVERS,
    .state_bytes = sizeof(struct broker),
    .open = open_kafka,
    .submit = broker_submit,
    .collect = broker_collect,
    .wait = broker_wait,
    .place = broker_place,
    .advise = advise_kafka,
    .close = broker_close,
};
