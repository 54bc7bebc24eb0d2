#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a producer of librdkafka that is used behind a fork() refuses what it is given,
# or reports it as failed when message.timeout.ms is over. In the child, whose copy has no
# threads, producev() takes each message, and then nothing happens: no delivery, no failure, no
# error, however often it is polled and long after the timeout. So 2.0.2 and 2.8.0.
#
# It matters to a daemon that makes its producer first and goes into the background then, and to
# servers that fork workers: the call that is checked succeeds. Make the producer behind the fork.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    local suite
    command -v gcc >/dev/null || cannot "there is no gcc"
    fetch bookworm librdkafka-dev=2.0.2-1
    fetch trixie librdkafka-dev=2.8.0-1
    for suite in bookworm trixie; do build $suite; done
}

# The producer, with the broker that librdkafka brings for tests: in this process, or in a child.
build() { # SUITE
    mkdir "$WORK/include-$1"
    cp -r "$WORK/$1/usr/include/librdkafka" "$WORK/include-$1"
    gcc -x c -o "$WORK/producer-$1" -I "$WORK/include-$1" - -x none \
        "$WORK/$1"/usr/lib/*/librdkafka.so -Wl,--allow-shlib-undefined <<'END'
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int delivered, failed;

static void reported(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
    (void)kafka, (void)opaque;
    *(message->err ? &failed : &delivered) += 1;
}

static void produce(rd_kafka_t *kafka)
{
    int taken = 0;

    for (int i = 0; i < 10; i++)
        taken += !rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC("log"), RD_KAFKA_V_VALUE("x", 1),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    for (int i = 0; i < 60 && delivered + failed < 10; i++) rd_kafka_poll(kafka, 100);
    printf("taken %d, delivered %d, failed %d\n", taken, delivered, failed);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *kafka;

    (void)argv;
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", error, sizeof error);
    rd_kafka_conf_set(conf, "message.timeout.ms", "2000", error, sizeof error);
    rd_kafka_conf_set_dr_msg_cb(conf, reported);
    kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!kafka) return puts(error) < 0;
    rd_kafka_poll(kafka, 500); /* its threads are at rest then: none of them holds a lock */
    if (argc == 1 || !fork()) produce(kafka);
    else wait(NULL);
    _exit(0);
}
END
}

look() {
    local suite
    for suite in bookworm trixie; do
        expect "$suite: without a fork" "taken 10, delivered 10, failed 0" \
            "$(within $suite /tmp/producer-$suite 2>$suite.log)"
        expect "$suite: in a child, 6 s" "taken 10, delivered 0, failed 0" \
            "$(within $suite /tmp/producer-$suite fork 2>$suite.log)"
    done
}

finding
