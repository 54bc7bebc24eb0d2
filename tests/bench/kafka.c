/* SPDX-License-Identifier: MIT
 *
 * The least that Kafka costs: a loop around librdkafka with the properties, key and headers that
 * peerlogd's messages have. By hand, as `make tests/bench/kafka` builds it; kafka.py compares.
 *
 * usage: kafka BROKERS TOPIC COUNT BYTES; prints processor time in us a message, messages a
 * second, and MiB at most.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common.h"

static unsigned long stored;

static void hear_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    (void)opaque;
    stored += message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_t *new_producer(const char *brokers)
{
    const char *const rows[][2] = {
        {"bootstrap.servers", brokers}, {"enable.idempotence", "true"},
        {"enable.gapless.guarantee", "true"}, {"acks", "all"}, {"message.timeout.ms", "0"},
        {"partitioner", "murmur2_random"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[256] = "";

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rd_kafka_conf_set(conf, rows[i][0], rows[i][1], words, sizeof words) !=
            RD_KAFKA_CONF_OK)
            exit(1);
    rd_kafka_conf_set_dr_msg_cb(conf, hear_report);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
    if (producer == NULL)
        exit(1);
    return producer;
}

static rd_kafka_vu_t header(const char *name, const char *value)
{
    return (rd_kafka_vu_t){
        .vtype = RD_KAFKA_VTYPE_HEADER,
        .u.header = {.name = name, .val = value, .size = (ssize_t)strlen(value)},
    };
}

static void send_one(rd_kafka_t *producer, rd_kafka_topic_t *topic, char *body, size_t len)
{
    static char key[] = "127.0.0.1";
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = body, .size = len}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = key, .size = sizeof key - 1}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        header("Peer", "127.0.0.1:12345"), header("Peer-Listener", "127.0.0.1:5140"),
        header("Peer-Connection", "0123456789abcdef-12"), header("Peer-Sequence", "123456"),
    };
    rd_kafka_error_t *error;

    while ((error = rd_kafka_produceva(producer, parts, sizeof parts / sizeof parts[0])) != NULL) {
        rd_kafka_error_destroy(error); /* the queue is full */
        (void)rd_kafka_poll(producer, 10);
    }
    (void)rd_kafka_poll(producer, 0);
}

int main(int argc, char **argv)
{
    struct rusage usage;

    if (argc != 5)
        return 64;
    unsigned long count = strtoul(argv[3], NULL, 10);
    size_t len = strtoul(argv[4], NULL, 10);
    char *body = malloc(len + 1);
    if (body == NULL)
        return 1;
    memset(body, 'x', len);
    rd_kafka_t *producer = new_producer(argv[1]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, argv[2], NULL);
    send_one(producer, topic, body, len); /* it is connected then */
    (void)rd_kafka_flush(producer, 60000);
    uint64_t begin_ns = cpu_ns(), begun_ns = now_ns();
    for (unsigned long i = 0; i < count; i++)
        send_one(producer, topic, body, len);
    (void)rd_kafka_flush(producer, 600000);
    double us = (double)(cpu_ns() - begin_ns) / 1000 / (double)count;
    double all_us = (double)(now_ns() - begun_ns) / 1000;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("%.3f %.0f %.1f\n", us, 1e6 * (double)count / all_us,
                 (double)usage.ru_maxrss / 1024);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    free(body);
    return stored == count + 1 ? 0 : 1;
}
