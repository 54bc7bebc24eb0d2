/* SPDX-License-Identifier: MIT
 *
 * The link to Kafka: a producer of librdkafka and the topics that it knows. Only the publisher's
 * own thread uses it, and all callbacks but that of its log come in that thread, within a call.
 *
 * The producer is idempotent and gapless: of one partition, messages are stored in the order in
 * which they were sent, or it ends with a fatal error. It never gives a message up by itself.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_KAFKA_LINK_H
#define PEERLOG_DAEMON_OUTPUT_KAFKA_LINK_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/output/publisher.h"

/* Topics that are known at once: one for each listener. */
#define KAFKA_TOPICS PEERLOG_MAX_LISTENERS

struct kafka_topic {
    rd_kafka_topic_t *handle;
    int32_t partitions;
    uint32_t replicas; /* of the partition that has fewest */
};

/* What became of message NUMBER of the load. */
struct kafka_report {
    uint32_t number;
    int error;         /* negative errno; 0: it is stored */
    bool may_be_there; /* in spite of the error */
    const char *words; /* of an error */
};

typedef void kafka_report_fn(void *context, const struct kafka_report *report);

struct kafka_link {
    rd_kafka_t *producer; /* NULL: none */
    kafka_report_fn *report;
    void *context;
    bool is_down;                      /* no broker could be reached when one was tried last */
    int error;                         /* negative errno: why */
    int patience_ms;                   /* for metadata */
    char words[PUBLISHER_WORDS_BYTES]; /* the same, for people; "": nothing happened */
    struct kafka_topic topics[KAFKA_TOPICS];
    uint32_t topics_count;
};

/*
 * Make a producer, which begins to connect. LONGEST: bytes that a message may have. REPORT gets
 * CONTEXT; NULL: nothing will be sent.
 * Returns: 0; -EMSGSIZE when the library does not take such messages, or -EINVAL. WORDS says more.
 * Owns:    release it with kafka_link_close().
 */
int kafka_link_open(struct kafka_link *link, const struct output_settings *settings, size_t longest,
                    kafka_report_fn *report, void *context, char words[PUBLISHER_WORDS_BYTES]);

/* What is out may be stored or not; it is not sent any more. A link that has no producer, too. */
void kafka_link_close(struct kafka_link *link);

/*
 * Ask the brokers for the topic of this NAME; NULL: for nothing but themselves.
 * Returns: 0; -ECONNREFUSED, -ETIMEDOUT, -EACCES; -ENOENT when there is no such topic; or other
 *          negative errno. WORDS says more. *RET_TOPIC stays until other topics are asked for.
 */
int kafka_link_find(struct kafka_link *link, const char *name, const struct kafka_topic **ret_topic,
                    char words[PUBLISHER_WORDS_BYTES]);

/*
 * Send message NUMBER of LOAD, which stays as it is until its report came. CONNECTION names its
 * connection.
 * Returns: 0; -EAGAIN when too many are out; or other negative errno, and WORDS.
 */
int kafka_link_send(struct kafka_link *link, const struct kafka_topic *topic,
                    const struct load *load, uint32_t number, const char *connection,
                    char words[PUBLISHER_WORDS_BYTES]);

/* Hear reports; those of all that is out, if they come within TIMEOUT_MS. */
void kafka_link_flush(struct kafka_link *link, int timeout_ms);

/* Hear what there is, and wait for it at most TIMEOUT_MS. */
void kafka_link_poll(struct kafka_link *link, int timeout_ms);

/* Answers: is it of no use any more? Then WORDS says why. */
bool kafka_link_is_dead(const struct kafka_link *link, char words[PUBLISHER_WORDS_BYTES]);

#endif
