#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: the mock broker that librdkafka brings for tests, whose header names
# "Idempotent Producer" as supported, stores a batch that comes twice with the same producer id and
# sequence once, as a broker does. It stores it again: a producer with enable.idempotence=true whose
# answer is late sends its three messages again, is told of three deliveries, and six are stored.
# So 2.0.2 and 2.8.0.
#
# It matters to tests: with it an application seems to make repeats that it does not make, or, where
# only deliveries are counted, seems to be tested for them and is not.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    local suite
    command -v gcc >/dev/null || cannot "there is no gcc"
    fetch bookworm librdkafka-dev=2.0.2-1
    fetch trixie librdkafka-dev=2.8.0-1
    for suite in bookworm trixie; do build $suite; done
}

# A producer whose broker answers to one batch too late, and a consumer of what is stored.
build() { # SUITE
    mkdir "$WORK/include-$1"
    cp -r "$WORK/$1/usr/include/librdkafka" "$WORK/include-$1"
    gcc -x c -o "$WORK/repeats-$1" -I "$WORK/include-$1" - -x none \
        "$WORK/$1"/usr/lib/*/librdkafka.so -Wl,--allow-shlib-undefined <<'END'
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRODUCE 0

static int delivered;

static void reported(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
    (void)kafka, (void)opaque;
    delivered += !message->err;
}

static rd_kafka_t *start(rd_kafka_type_t type, const char *settings[][2])
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *kafka;

    for (; (*settings)[0]; settings++)
        rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], error, sizeof error);
    if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, reported);
    kafka = rd_kafka_new(type, conf, error, sizeof error);
    if (!kafka) exit(puts(error));
    return kafka;
}

static void produce(rd_kafka_t *kafka, const char *text)
{
    for (; *text; text++)
        rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC("log"), RD_KAFKA_V_VALUE((void *)text, 1),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    rd_kafka_flush(kafka, 20000);
}

int main(void)
{
    const char *producer_settings[][2] = {{"test.mock.num.brokers", "1"},
        {"enable.idempotence", "true"}, {"linger.ms", "50"}, {"socket.timeout.ms", "1000"},
        {"request.timeout.ms", "1000"}, {NULL}};
    rd_kafka_t *producer = start(RD_KAFKA_PRODUCER, producer_settings);
    rd_kafka_mock_cluster_t *mock = rd_kafka_handle_mock_cluster(producer);
    const char *consumer_settings[][2] = {
        {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock)}, {"group.id", "any"},
        {"enable.partition.eof", "true"}, {NULL}};
    rd_kafka_t *consumer = start(RD_KAFKA_CONSUMER, consumer_settings);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
    rd_kafka_message_t *message;

    rd_kafka_mock_topic_create(mock, "log", 1, 1);
    produce(producer, "a");
    rd_kafka_mock_broker_push_request_error_rtts(mock, 1, PRODUCE, 1, RD_KAFKA_RESP_ERR_NO_ERROR,
                                                 6000);
    produce(producer, "bcd");
    printf("delivered %d, stored ", delivered);
    rd_kafka_topic_partition_list_add(all, "log", 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, all);
    while ((message = rd_kafka_consumer_poll(consumer, 20000)) && !message->err)
        putchar(*(char *)message->payload);
    puts("");
    fflush(stdout);
    _exit(0);
}
END
}

look() {
    local suite
    for suite in bookworm trixie; do
        expect "$suite: a, and bcd with a late answer" "delivered 4, stored abcdbcd" \
            "$(within $suite /tmp/repeats-$suite 2>$suite.log)"
    done
}

finding
