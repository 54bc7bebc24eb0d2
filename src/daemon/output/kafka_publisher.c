/* SPDX-License-Identifier: MIT
 *
 * Publishing to Kafka: all of a load is handed to the producer, which keeps the order of each
 * partition and sends again by itself; then its reports are waited for.
 *
 * What it refuses for certain is sent again later, by the same producer or, when it ended with a
 * fatal error, by another one. What is doubtful then, because it may be stored, or because later
 * messages of its connection are, cannot be sent again unmarked: the output is lost for the worker,
 * which submits it anew, marked as possible repeats.
 */
#include "config.h"

#include "daemon/output/kafka_publisher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/output/format.h"
#include "daemon/output/kafka_link.h"
#include "os/clock.h"
#include "os/log.h"
#include "peerlog/number.h"

#define ANSWER_MS 5000u /* without any answer: the brokers are as good as gone */
#define SLICE_MS 250    /* of a wait, so that an end is seen */

struct kafka_state {
    struct kafka_link link;
    uint32_t out;      /* sent, and not reported */
    uint64_t heard_ms; /* of the monotonic clock: the last report */
    int failure;       /* negative errno of the first that was refused in this attempt; or 0 */
    bool is_doubtful;  /* one of those may be stored */
    bool is_over;      /* the worker has to take everything back */
    char words[PUBLISHER_WORDS_BYTES]; /* of the failure */
};

static void note_failure(struct kafka_state *kafka, int error, const char *words)
{
    if (kafka->failure != 0)
        return;
    kafka->failure = error;
    (void)snprintf(kafka->words, sizeof kafka->words, "%s", words); /* it may be cut */
}

/* The link's reports come here. */
static void take_report(void *context, const struct kafka_report *report)
{
    struct publisher *p = context;
    struct kafka_state *kafka = p->state;

    kafka->out--;
    kafka->heard_ms = clock_mono_ms();
    if (report->error < 0) {
        kafka->is_doubtful = kafka->is_doubtful || report->may_be_there;
        note_failure(kafka, report->error, report->words);
        return;
    }
    publisher_note_stored(p, report->number);
    if (publisher_trouble(p) < 0)
        publisher_note_trouble(p, 0, "");
}

/* --- connecting --- */

/* What the topic is like: said by the first of the publishers that finds it. */
static void say_topic(const struct publisher *p, const struct kafka_topic *topic)
{
    const char *name = rd_kafka_topic_name(topic->handle);

    if (!publisher_is_news(p, name, false))
        return;
    log_say(SEVERITY_INFO, "Kafka topic %s: %d partition%s, %u replica%s; what may be in it twice "
            "is marked", name, (int)topic->partitions, topic->partitions == 1 ? "" : "s",
            (unsigned)topic->replicas, topic->replicas == 1 ? "" : "s");
}

/* Find a topic, or nothing but brokers. Returns: NULL after trouble, or when NAME is NULL. */
static const struct kafka_topic *find_topic(struct publisher *p, const char *name, int *ret_error)
{
    struct kafka_state *kafka = p->state;
    const struct kafka_topic *topic = NULL;
    char words[PUBLISHER_WORDS_BYTES];
    uint32_t known = kafka->link.topics_count;

    *ret_error = kafka_link_find(&kafka->link, name, &topic, words);
    if (*ret_error < 0)
        publisher_note_trouble(p, *ret_error, words);
    else if (kafka->link.topics_count != known)
        say_topic(p, topic);
    return topic;
}

static bool open_link(struct publisher *p)
{
    struct kafka_state *kafka = p->state;
    char words[PUBLISHER_WORDS_BYTES];
    int error = 0;

    if (kafka->is_over)
        return false;
    if (kafka->link.producer != NULL)
        return true;
    error = kafka_link_open(&kafka->link, &p->settings, p->longest, take_report, p, words);
    if (error < 0)
        publisher_note_trouble(p, error, words);
    return error == 0;
}

/* Before the first load: what would keep it waiting is said at the start. */
static bool connect_to_brokers(struct publisher *p)
{
    struct kafka_state *kafka = p->state;
    bool was_open = kafka->link.producer != NULL && kafka->link.topics_count > 0;
    bool is_one = strchr(p->settings.topic, '%') == NULL;
    int error = 0;

    if (!open_link(p))
        return false;
    if (!was_open)
        (void)find_topic(p, is_one ? p->settings.topic : NULL, &error);
    return error == 0;
}

/* --- one attempt --- */

/* Send one, when there is room for it. Returns: 0 or negative errno, and the failure. */
static int send_one(struct publisher *p, const struct kafka_topic *topic, uint32_t number,
                    const char *connection)
{
    struct kafka_state *kafka = p->state;
    char words[PUBLISHER_WORDS_BYTES] = "";
    int error;

    while ((error = kafka_link_send(&kafka->link, topic, &p->load, number, connection, words)) ==
               -EAGAIN && !publisher_is_closing(p))
        kafka_link_poll(&kafka->link, SLICE_MS);
    if (error == 0)
        kafka->out++;
    else
        note_failure(kafka, error, words);
    return error;
}

/* Send what is not stored of one connection. Returns: 0 or negative errno, and the failure. */
static int send_run(struct publisher *p, const struct load_run *run)
{
    char connection[16 + 1 + NUMBER_MAX_DIGITS + 1]; /* hexadecimal, "-", decimal */
    int error = 0;
    const struct kafka_topic *topic = find_topic(p, run->subject, &error);

    size_t n = format_hex(connection, p->instance);
    connection[n++] = '-';
    n += number_format(connection + n, run->connection);
    connection[n] = '\0';
    for (uint32_t i = run->first; i < run->first + run->count && error == 0; i++)
        if (!p->stored[i])
            error = send_one(p, topic, i, connection);
    return error;
}

/* After a while without reports: say what is wrong. */
static void judge_silence(struct publisher *p)
{
    struct kafka_state *kafka = p->state;
    const struct kafka_link *link = &kafka->link;

    if (link->is_down)
        publisher_note_trouble(p, link->error, link->words);
    else if (clock_mono_ms() - kafka->heard_ms > ANSWER_MS)
        publisher_note_trouble(p, -ETIMEDOUT, link->words[0] != '\0' ? link->words : "no answer");
}

/* Wait for all reports; those of a producer that is dead may never come. */
static void await_reports(struct publisher *p)
{
    struct kafka_state *kafka = p->state;
    char words[PUBLISHER_WORDS_BYTES];

    kafka->heard_ms = clock_mono_ms();
    while (kafka->out > 0 && !publisher_is_closing(p)) {
        uint32_t out = kafka->out;
        kafka_link_flush(&kafka->link, SLICE_MS);
        if (kafka->out < out)
            continue;
        judge_silence(p);
        if (kafka_link_is_dead(&kafka->link, words) &&
            clock_mono_ms() - kafka->heard_ms > ANSWER_MS)
            break;
    }
}

/* Answers: is a message stored behind one of its connection that is not? */
static bool has_gap(const struct publisher *p)
{
    for (uint32_t i = 1; i < p->load.messages_count; i++)
        if (p->stored[i] && !p->stored[i - 1] &&
            p->load.messages[i].run == p->load.messages[i - 1].run)
            return true;
    return false;
}

/* Not all is stored: what now? */
static void judge_attempt(struct publisher *p)
{
    struct kafka_state *kafka = p->state;
    char words[PUBLISHER_WORDS_BYTES];
    bool is_dead = kafka_link_is_dead(&kafka->link, words);

    if (kafka->out > 0 || kafka->is_doubtful || has_gap(p)) {
        publisher_rest(p);
        kafka->is_over = true;
        publisher_note_trouble(p, -ESTALE, is_dead ? words : kafka->words);
        return;
    }
    if (kafka->failure < 0)
        publisher_note_trouble(p, kafka->failure, is_dead ? words : kafka->words);
    if (is_dead)
        kafka_link_close(&kafka->link);
}

static bool attempt(struct publisher *p, bool is_first)
{
    struct kafka_state *kafka = p->state;
    int error = 0;

    (void)is_first; /* what was refused for certain makes no difference */
    kafka->failure = 0;
    kafka->is_doubtful = false;
    for (uint32_t i = 0; i < p->load.runs_count && error == 0; i++)
        error = send_run(p, &p->load.runs[i]);
    await_reports(p);
    if (!publisher_is_stored(p) && !publisher_is_closing(p))
        judge_attempt(p);
    return publisher_is_stored(p);
}

/* Hear what connections have to say, and let go of a producer that is dead. */
static void look_around(struct publisher *p)
{
    struct kafka_state *kafka = p->state;
    char words[PUBLISHER_WORDS_BYTES];

    if (kafka->link.producer == NULL)
        return;
    kafka_link_poll(&kafka->link, 0);
    if (kafka_link_is_dead(&kafka->link, words))
        kafka_link_close(&kafka->link);
}

static void close_link(struct publisher *p)
{
    struct kafka_state *kafka = p->state;

    kafka_link_close(&kafka->link);
}

const struct publisher_kind kafka_publisher = {
    .name = "kafka",
    .place = "Kafka topic",
    .state_bytes = sizeof(struct kafka_state),
    .connect = connect_to_brokers,
    .attempt = attempt,
    .idle = look_around,
    .close = close_link,
};
