/* SPDX-License-Identifier: MIT
 *
 * Kafka for the tests, by librdkafka alone: a mock cluster that is told what to suffer, a reader
 * of topics, and a maker of them. Its lines are read by brokers.py.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_BYTES 512
#define PRODUCE_KEY 0 /* of the protocol */
#define MOST_BROKERS 9
#define ADMIN_MS 10000

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "kafka_tool: %s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char words[WORDS_BYTES];

    if (rd_kafka_conf_set(conf, name, value, words, sizeof words) != RD_KAFKA_CONF_OK)
        die(name, words);
}

/* The properties of the environment: NAME=VALUE, a space between them. */
static void set_more(rd_kafka_conf_t *conf)
{
    const char *more = getenv("KAFKA_PROPERTIES");
    char *texts = strdup(more != NULL ? more : ""), *rest = NULL;

    for (char *text = strtok_r(texts, " ", &rest); text != NULL;
         text = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(text, '=');
        if (value == NULL)
            die("KAFKA_PROPERTIES", text);
        *value++ = '\0';
        set(conf, text, value);
    }
    free(texts);
}

static rd_kafka_t *new_client(rd_kafka_type_t type, const char *brokers)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[WORDS_BYTES];

    set(conf, "log_level", "2");
    if (brokers != NULL) {
        set(conf, "bootstrap.servers", brokers);
        set_more(conf);
    }
    if (type == RD_KAFKA_CONSUMER) {
        set(conf, "group.id", "peerlog-tests");
        set(conf, "enable.auto.commit", "false");
        set(conf, "auto.offset.reset", "earliest");
        set(conf, "fetch.wait.max.ms", "50");
        set(conf, "reconnect.backoff.max.ms", "500");
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, words, sizeof words);
    if (client == NULL)
        die("client", words);
    return client;
}

/* --- the mock cluster --- */

/* One command of a line. Returns: 0 when it was done. */
static int obey(rd_kafka_mock_cluster_t *mock, int brokers, const char *line)
{
    char name[128];
    int a = 0, b = 0, c = 0, r = -1;

    if (sscanf(line, "topic %127s %d %d", name, &a, &b) == 3)
        return (int)rd_kafka_mock_topic_create(mock, name, a, b);
    if (sscanf(line, "refuse %127s %d", name, &a) == 2) {
        rd_kafka_mock_topic_set_error(mock, name, (rd_kafka_resp_err_t)a);
        return 0;
    }
    if (sscanf(line, "error %d %d %d", &a, &b, &c) == 3) {
        for (r = 0; c > 0 && r == 0; c--)
            r = (int)rd_kafka_mock_broker_push_request_error_rtts(
                mock, a, PRODUCE_KEY, 1, (rd_kafka_resp_err_t)b, 0);
        return r;
    }
    if (sscanf(line, "rtt %d", &a) == 1) {
        for (int i = 1; i <= brokers; i++)
            r = (int)rd_kafka_mock_broker_set_rtt(mock, i, a);
        return r;
    }
    if (sscanf(line, "leader %127s %d %d", name, &a, &b) == 3)
        return (int)rd_kafka_mock_partition_set_leader(mock, name, a, b);
    if (sscanf(line, "down %d", &a) == 1)
        return (int)rd_kafka_mock_broker_set_down(mock, a);
    if (sscanf(line, "up %d", &a) == 1)
        return (int)rd_kafka_mock_broker_set_up(mock, a);
    return -1;
}

static int run_mock(int brokers)
{
    rd_kafka_t *client = new_client(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(client, brokers);
    char line[256];

    if (mock == NULL || brokers > MOST_BROKERS)
        die("mock", "cannot be made");
    (void)printf("%s\n", rd_kafka_mock_cluster_bootstraps(mock));
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        (void)printf("%d\n", obey(mock, brokers, line));
        (void)fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(client);
    return 0;
}

/* --- the reader --- */

/* How many partitions a topic has. Returns: 0: nobody says so yet. */
static int count_partitions(rd_kafka_t *client, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    const struct rd_kafka_metadata *metadata;
    int count = 0;

    if (rd_kafka_metadata(client, 0, topic, &metadata, 1000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            count = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return count;
}

static void assign_all(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    int count = 0;

    while ((count = count_partitions(client, topic)) == 0)
        (void)poll(NULL, 0, 100); /* it may come yet */
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(client, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die(topic, "cannot be assigned");
    rd_kafka_topic_partition_list_destroy(list);
}

/* PARTITION, OFFSET, time, KEY, headers as NAME=VALUE;..., VALUE, with tabs between. */
static void print_message(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t size;

    (void)printf("%d\t%lld\t%lld\t%.*s\t", (int)message->partition, (long long)message->offset,
                 (long long)rd_kafka_message_timestamp(message, NULL), (int)message->key_len,
                 (const char *)message->key);
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                           RD_KAFKA_RESP_ERR_NO_ERROR; i++)
            (void)printf("%s=%.*s;", name, (int)size, (const char *)value);
    (void)printf("\t%.*s\n", (int)message->len, (const char *)message->payload);
}

/* Until standard input ends. */
static int run_reader(const char *brokers, const char *topic)
{
    rd_kafka_t *client = new_client(RD_KAFKA_CONSUMER, brokers);
    struct pollfd input = {.fd = 0, .events = POLLIN};

    (void)rd_kafka_poll_set_consumer(client);
    assign_all(client, topic);
    while (poll(&input, 1, 0) == 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 50);
        if (message == NULL)
            (void)fflush(stdout);
        else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            print_message(message);
        if (message != NULL)
            rd_kafka_message_destroy(message);
    }
    (void)rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return 0;
}

/* How many messages all partitions of a topic have had. */
static int count_messages(const char *brokers, const char *topic)
{
    rd_kafka_t *client = new_client(RD_KAFKA_CONSUMER, brokers);
    int partitions = count_partitions(client, topic);
    int64_t sum = 0;

    for (int i = 0; i < partitions; i++) {
        int64_t low = 0, high = 0;
        if (rd_kafka_query_watermark_offsets(client, topic, i, &low, &high, 10000) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            die(topic, "does not say how long it is");
        sum += high;
    }
    (void)printf("%lld\n", (long long)sum);
    rd_kafka_destroy(client);
    return 0;
}

/* --- the maker --- */

/* Ask the brokers to make a topic. */
static int make_topic(const char *brokers, const char *topic, int partitions, int replicas)
{
    rd_kafka_t *client = new_client(RD_KAFKA_PRODUCER, brokers);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client,
                                                                 RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char words[WORDS_BYTES];
    rd_kafka_NewTopic_t *wanted =
        rd_kafka_NewTopic_new(topic, partitions, replicas, words, sizeof words);
    size_t count = 0;

    if (wanted == NULL)
        die(topic, words);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_MS, words, sizeof words);
    rd_kafka_CreateTopics(client, &wanted, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * ADMIN_MS);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    if (result == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die(topic, event != NULL ? rd_kafka_event_error_string(event) : "no answer");
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);
    if (count != 1 || rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die(topic, rd_kafka_err2str(rd_kafka_topic_result_error(topics[0])));
    rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "mock") == 0)
        return run_mock(atoi(argv[2]));
    if (argc == 4 && strcmp(argv[1], "read") == 0)
        return run_reader(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "count") == 0)
        return count_messages(argv[2], argv[3]);
    if (argc == 6 && strcmp(argv[1], "make") == 0)
        return make_topic(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
    (void)fprintf(stderr, "usage: kafka_tool mock COUNT | read BROKERS TOPIC |\n"
                          "       count BROKERS TOPIC | make BROKERS TOPIC PARTITIONS REPLICAS\n");
    return 64;
}
