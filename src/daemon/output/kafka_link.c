/* SPDX-License-Identifier: MIT
 *
 * A producer is made of the settings' properties and of ours, which have the last word. A message
 * is not copied: the load stays as it is until all reports are there.
 */
#include "config.h"

#include "daemon/output/kafka_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/output/entry.h"
#include "os/log.h"
#include "peerlog/count.h"
#include "peerlog/number.h"

/* For metadata; longer when a broker that is there does not answer in time. */
#define PATIENCE_MS 250
#define PATIENCE_MAX_MS 4000

#define BESIDE_BYTES 1024u /* key, headers and what else is of a message beside its body */

/* How an error of the library is to be understood by output.c. */
static int error_of(rd_kafka_resp_err_t error)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return -EAGAIN;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return -ECONNREFUSED;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return -ETIMEDOUT;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return -ENOENT;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return -EACCES;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return -EMSGSIZE;
    default:
        return -EIO;
    }
}

/* Words of the library may have names in them that came from a broker. */
static void copy_words(char dst[PUBLISHER_WORDS_BYTES], const char *words)
{
    size_t n = strnlen(words, PUBLISHER_WORDS_BYTES - 1);

    for (size_t i = 0; i < n; i++)
        dst[i] = words[i] >= ' ' && words[i] <= '~' ? words[i] : '?';
    dst[n] = '\0';
}

static int say(char words[PUBLISHER_WORDS_BYTES], rd_kafka_resp_err_t error)
{
    copy_words(words, rd_kafka_err2str(error));
    return error_of(error);
}

/* --- callbacks --- */

static void hear_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_link *link = opaque;
    struct kafka_report report = {.number = (uint32_t)(uintptr_t)message->_private};

    (void)producer;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        link->is_down = false;
        link->words[0] = '\0';
    } else {
        report.error = error_of(message->err);
        report.words = rd_kafka_err2str(message->err);
        report.may_be_there = rd_kafka_message_status(message) !=
                              RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
    }
    link->report(link->context, &report);
}

/* A connection has trouble, or all of them: what one of them said tells more. */
static void hear_error(rd_kafka_t *producer, int error, const char *reason, void *opaque)
{
    struct kafka_link *link = opaque;
    bool is_all = error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;

    (void)producer;
    link->is_down = link->is_down || is_all || error_of(error) == -EACCES;
    if (is_all && link->words[0] != '\0')
        return;
    link->error = error_of(error);
    copy_words(link->words, reason);
}

/* The library's own log, from any of its threads. */
static void hear_log(const rd_kafka_t *producer, int level, const char *facility, const char *words)
{
    char safe[PUBLISHER_WORDS_BYTES];

    (void)producer;
    (void)level;
    copy_words(safe, words);
    log_say(SEVERITY_DEBUG, "librdkafka: %s: %s", facility, safe);
}

/* --- opening --- */

/* Set what the settings say: lines of NAME=VALUE. */
static int set_properties(rd_kafka_conf_t *conf, const struct output_settings *settings,
                          char words[PUBLISHER_WORDS_BYTES])
{
    char lines[sizeof settings->property_lines], *rest = NULL;

    memcpy(lines, settings->property_lines, sizeof lines);
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *value = line + strcspn(line, "="); /* it is there: the settings were checked */
        if (*value != '\0')
            *value++ = '\0';
        if (rd_kafka_conf_set(conf, line, value, words, PUBLISHER_WORDS_BYTES) != RD_KAFKA_CONF_OK)
            return -EINVAL;
    }
    return 0;
}

/* What is promised stands on these. */
static int set_promises(rd_kafka_conf_t *conf, const struct output_settings *settings,
                        char words[PUBLISHER_WORDS_BYTES])
{
    const char *const rows[][2] = {
        {"bootstrap.servers", settings->urls}, {"enable.idempotence", "true"},
        {"enable.gapless.guarantee", "true"}, {"acks", "all"}, {"message.timeout.ms", "0"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rd_kafka_conf_set(conf, rows[i][0], rows[i][1], words, PUBLISHER_WORDS_BYTES) !=
            RD_KAFKA_CONF_OK)
            return -EINVAL;
    return 0;
}

/* Answers: can the longest message be sent? */
static int judge_length(const rd_kafka_conf_t *conf, size_t longest,
                        char words[PUBLISHER_WORDS_BYTES])
{
    char text[32] = "";
    size_t size = sizeof text;

    (void)rd_kafka_conf_get(conf, "message.max.bytes", text, &size); /* it has a default */
    if (strtoull(text, NULL, 10) >= longest + BESIDE_BYTES)
        return 0;
    (void)snprintf(words, PUBLISHER_WORDS_BYTES,
                   "message.max.bytes of %s is less than the %zu that a message of buffer_size can "
                   "become; raise it in properties, and max.message.bytes of the topic, or lower "
                   "buffer_size", text, longest + BESIDE_BYTES);
    return -EMSGSIZE;
}

static rd_kafka_conf_t *make_conf(struct kafka_link *link)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_opaque(conf, link);
    rd_kafka_conf_set_error_cb(conf, hear_error);
    rd_kafka_conf_set_log_cb(conf, hear_log);
    if (link->report != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, hear_report);
    /* All are there, and these are values of theirs: they cannot fail. */
    (void)rd_kafka_conf_set(conf, "client.id", "peerlogd", NULL, 0);
    (void)rd_kafka_conf_set(conf, "partitioner", "murmur2_random", NULL, 0);
    (void)rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "1000", NULL, 0);
    return conf;
}

int kafka_link_open(struct kafka_link *link, const struct output_settings *settings, size_t longest,
                    kafka_report_fn *report, void *context, char words[PUBLISHER_WORDS_BYTES])
{
    *link = (struct kafka_link){
        .report = report, .context = context, .patience_ms = PATIENCE_MS,
    };
    rd_kafka_conf_t *conf = make_conf(link);
    int error = set_properties(conf, settings, words);
    if (error == 0)
        error = set_promises(conf, settings, words);
    if (error == 0)
        error = judge_length(conf, longest, words);
    if (error == 0) {
        link->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, PUBLISHER_WORDS_BYTES);
        error = link->producer != NULL ? 0 : -EINVAL;
    }
    if (error < 0)
        rd_kafka_conf_destroy(conf); /* else it is the producer's */
    return error;
}

static void forget_topics(struct kafka_link *link)
{
    while (link->topics_count > 0)
        rd_kafka_topic_destroy(link->topics[--link->topics_count].handle);
}

void kafka_link_close(struct kafka_link *link)
{
    if (link->producer == NULL)
        return;
    (void)rd_kafka_purge(link->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                             RD_KAFKA_PURGE_F_NON_BLOCKING); /* for a producer */
    forget_topics(link);
    rd_kafka_destroy(link->producer);
    link->producer = NULL;
}

/* --- topics --- */

static const struct kafka_topic *known_topic(const struct kafka_link *link, const char *name)
{
    for (uint32_t i = 0; i < link->topics_count; i++)
        if (strcmp(rd_kafka_topic_name(link->topics[i].handle), name) == 0)
            return &link->topics[i];
    return NULL;
}

/* What the brokers say of a topic. Returns: 0 or negative errno, and WORDS. */
static int read_metadata(const struct rd_kafka_metadata *metadata, struct kafka_topic *topic,
                         char words[PUBLISHER_WORDS_BYTES])
{
    const struct rd_kafka_metadata_topic *found = metadata->topics;

    if (metadata->topic_cnt < 1)
        return say(words, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return say(words, found->err);
    topic->partitions = found->partition_cnt;
    topic->replicas = UINT32_MAX;
    for (int i = 0; i < found->partition_cnt; i++)
        if ((uint32_t)found->partitions[i].replica_cnt < topic->replicas)
            topic->replicas = (uint32_t)found->partitions[i].replica_cnt;
    return 0;
}

/* Ask for metadata. Returns: 0 or negative errno, and WORDS. */
static int ask(struct kafka_link *link, struct kafka_topic *topic,
               char words[PUBLISHER_WORDS_BYTES])
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(link->producer, 0, topic->handle, &metadata, link->patience_ms);

    kafka_link_poll(link, 0); /* a connection may have said more */
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT && link->patience_ms < PATIENCE_MAX_MS)
        link->patience_ms *= 2;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        int error = say(words, code);
        if (link->words[0] == '\0')
            return error;
        copy_words(words, link->words);
        return link->error;
    }
    int error = topic->handle != NULL ? read_metadata(metadata, topic, words) : 0;
    rd_kafka_metadata_destroy(metadata);
    if (error == -ENOENT)
        copy_words(words, "there is no such topic; make it, or let the brokers do so");
    link->is_down = false;
    link->words[0] = '\0';
    return error;
}

int kafka_link_find(struct kafka_link *link, const char *name, const struct kafka_topic **ret_topic,
                    char words[PUBLISHER_WORDS_BYTES])
{
    struct kafka_topic topic = {.handle = NULL};
    const struct kafka_topic *known = name != NULL ? known_topic(link, name) : NULL;

    if (known != NULL) {
        *ret_topic = known;
        return 0;
    }
    if (name != NULL) {
        topic.handle = rd_kafka_topic_new(link->producer, name, NULL);
        if (topic.handle == NULL)
            return say(words, rd_kafka_last_error());
    }
    int error = ask(link, &topic, words);
    if (name == NULL)
        return error;
    if (error < 0) {
        rd_kafka_topic_destroy(topic.handle);
        return error;
    }
    if (link->topics_count == KAFKA_TOPICS)
        forget_topics(link); /* their messages have handles of their own */
    link->topics[link->topics_count] = topic;
    *ret_topic = &link->topics[link->topics_count++];
    return 0;
}

/* --- sending --- */

static rd_kafka_vu_t header(const char *name, const char *value, size_t len)
{
    return (rd_kafka_vu_t){
        .vtype = RD_KAFKA_VTYPE_HEADER,
        .u.header = {.name = name, .val = value, .size = (ssize_t)len},
    };
}

/* Hand it over, without a copy. Returns: 0 or negative errno, and WORDS. */
static int produce(struct kafka_link *link, const rd_kafka_vu_t *parts, size_t count,
                   char words[PUBLISHER_WORDS_BYTES])
{
    rd_kafka_error_t *failure = rd_kafka_produceva(link->producer, parts, count);

    if (failure == NULL)
        return 0;
    int error = error_of(rd_kafka_error_code(failure));
    copy_words(words, rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
    return error;
}

int kafka_link_send(struct kafka_link *link, const struct kafka_topic *topic,
                    const struct load *load, uint32_t number, const char *connection,
                    char words[PUBLISHER_WORDS_BYTES])
{
    const struct load_message *message = &load->messages[number];
    const struct load_run *run = &load->runs[message->run];
    char sequence[NUMBER_MAX_DIGITS], flags[ENTRY_FLAGS_BYTES];
    size_t sequence_len = number_format(sequence, message->first);
    size_t flags_len = entry_flags(message->flags, flags);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic->handle},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = load->bytes + message->at, .size = message->len}},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = (void *)(uintptr_t)run->key, .size = strlen(run->key)}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)number},
        header("Peer", run->peer, strlen(run->peer)),
        header("Peer-Listener", run->listener, strlen(run->listener)),
        header("Peer-Connection", connection, strlen(connection)),
        header("Peer-Sequence", sequence, sequence_len),
        header("Peer-Flags", flags, flags_len),
    };

    return produce(link, parts, COUNT_OF(parts) - (flags_len == 0), words);
}

void kafka_link_flush(struct kafka_link *link, int timeout_ms)
{
    (void)rd_kafka_flush(link->producer, timeout_ms); /* reports tell more */
}

void kafka_link_poll(struct kafka_link *link, int timeout_ms)
{
    (void)rd_kafka_poll(link->producer, timeout_ms); /* as above */
}

bool kafka_link_is_dead(const struct kafka_link *link, char words[PUBLISHER_WORDS_BYTES])
{
    return rd_kafka_fatal_error(link->producer, words, PUBLISHER_WORDS_BYTES) !=
           RD_KAFKA_RESP_ERR_NO_ERROR;
}
