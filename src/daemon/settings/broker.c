/* SPDX-License-Identifier: MIT
 *
 * Outputs to brokers are finished: lists become texts, which go where lists do not, and what would
 * break a promise is refused.
 */
#include "config.h"

#include "daemon/settings/broker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/module.h"
#include "peerlog/count.h"
#include "peerlog/subject.h"

/* Room for the name of a property. */
#define NAME_BYTES 80u

/* The module of this output. Returns: its SYMBOL, or NULL after a fault. */
static const void *find_in_module(const struct finish *f, const struct output_settings *output,
                                  const char *symbol)
{
    const char *module = output_words_of(output->type)->module, *why = NULL;
    const void *found = module_symbol(module, symbol, &why);
    char words[512];

    if (found == NULL) {
        (void)snprintf(words, sizeof words, "\"%s\" cannot be used: %s", module, why);
        finish_refuse(f, "type", words);
    }
    return found;
}

/* The servers of LIST, the setting NAME, as one text. EXAMPLE is one of them. */
static void join_servers(const struct finish *f, struct output_settings *output, const char *name,
                         const struct text_list *list, const char *example)
{
    char words[160];
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++) {
        const char *server = list->texts[i];
        size_t len = strlen(server);
        if (len == 0 || strpbrk(server, ", ") != NULL) {
            (void)snprintf(words, sizeof words, "has a text that is no server; wanted: \"%s\"",
                           example);
            finish_refuse(f, name, words);
            return;
        }
        if (n + len + 2 > sizeof output->urls) {
            finish_refuse(f, name, "is too long; at most 1023 characters are allowed");
            return;
        }
        if (n > 0)
            output->urls[n++] = ',';
        memcpy(output->urls + n, server, len + 1);
        n += len;
    }
    (void)snprintf(words, sizeof words, "is missing; wanted: such as [ \"%s\" ]", example);
    if (n == 0)
        finish_refuse(f, name, words);
}

/* --- NATS --- */

/* Streams have servers, a name and a subject. */
static void finish_stream(const struct finish *f, struct output_settings *output)
{
    const char *fault = subject_fault(output->subject);
    const struct stream_settings *create = &output->create_stream;

    join_servers(f, output, "servers", &output->servers, "nats://127.0.0.1:4222");
    if (fault != NULL)
        finish_refuse(f, "subject", fault);
    if (strpbrk(output->stream, ".*>/\\") != NULL)
        finish_refuse(f, "stream",
                      "is no name of a stream; it has no \".\", \"*\", \">\" and slashes");
    if ((output->tls_certificate[0] == '\0') != (output->tls_key[0] == '\0'))
        finish_refuse(f, "tls_key", "and tls_certificate go together; set both, or none");
    if (output->tls_ca[0] != '\0' && !output->tls)
        finish_refuse(f, "tls_ca", "has no effect without tls = true");
    if (output->tls_certificate[0] != '\0' && !output->tls)
        finish_refuse(f, "tls_certificate", "has no effect without tls = true");
    if (create->max_age_s > 0 && create->max_age_s < create->duplicate_window_s)
        finish_refuse(f, "create_stream", "has a duplicate_window longer than its max_age");
    (void)find_in_module(f, output, "output_nats"); /* what is missing is said */
}

/* --- Kafka --- */

/* Properties that are ours, by all their names. */
static const char *fixed_property_fault(const char *name)
{
    static const struct {
        const char *name, *why;
    } rows[] = {
        {"bootstrap.servers", "is what brokers says; set that"},
        {"metadata.broker.list", "is what brokers says; set that"},
        {"acks", "stays \"all\": with less, a record that counts as taken could be lost"},
        {"request.required.acks",
         "stays \"all\": with less, a record that counts as taken could be lost"},
        {"enable.idempotence", "stays true: without it, a resend breaks the order"},
        {"enable.gapless.guarantee",
         "stays true: without it, later records go on when one is refused"},
        {"message.timeout.ms", "stays 0: with a time, records are thrown away when it is over"},
        {"delivery.timeout.ms", "stays 0: with a time, records are thrown away when it is over"},
        {"message.send.max.retries",
         "stays as it is: with less, records are thrown away after so many"},
        {"retries", "stays as it is: with less, records are thrown away after so many"},
        {"delivery.report.only.error", "stays false: reports are what moves us on"},
        {"queuing.strategy", "stays \"fifo\": another one does not keep the order"},
        {"transactional.id", "is not for us: nothing is written in transactions"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(name, rows[i].name) == 0)
            return rows[i].why;
    return NULL;
}

const char *broker_property_fault(const char *name, const char *value)
{
    const char *why = fixed_property_fault(name);

    if (why != NULL)
        return why;
    if ((strcmp(name, "max.in.flight") == 0 ||
         strcmp(name, "max.in.flight.requests.per.connection") == 0) &&
        (strlen(value) != 1 || *value < '1' || *value > '5'))
        return "is 1 to 5: with more, a broker cannot keep the order";
    if (strcmp(name, "partitioner") == 0 && strcmp(value, "random") == 0)
        return "is not \"random\": it would take the records of one peer apart";
    return NULL;
}

/* One "NAME=VALUE". Returns: NULL, or why it is refused; WORDS of SIZE bytes may hold that. */
static const char *judge_property(const char *text, const struct kafka_properties *library,
                                  char *words, size_t size)
{
    const char *equals = strchr(text, '=');
    char name[NAME_BYTES];

    if (equals == NULL || equals == text || (size_t)(equals - text) >= sizeof name)
        return "is no property; wanted: \"NAME=VALUE\"";
    if (strpbrk(text, "\r\n") != NULL)
        return "has more than one line";
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = '\0';
    const char *why = broker_property_fault(name, equals + 1);
    if (why != NULL || library == NULL || library->is_good(name, equals + 1, words, size))
        return why;
    return words;
}

/* The properties, as lines. A fault shows the name, because a value may be a secret. */
static void join_properties(const struct finish *f, struct output_settings *output,
                            const struct kafka_properties *library)
{
    char why_of_library[256], words[512], quoted[FAULT_QUOTE_BYTES];
    size_t n = 0;

    for (size_t i = 0; i < output->properties.count; i++) {
        const char *text = output->properties.texts[i];
        const char *why = judge_property(text, library, why_of_library, sizeof why_of_library);
        size_t len = strlen(text);
        if (why != NULL) {
            (void)fault_quote(quoted, text, strcspn(text, "="));
            (void)snprintf(words, sizeof words, "\"%s\" %s", quoted, why);
            finish_refuse(f, "properties", words);
        } else if (n + len + 2 > sizeof output->property_lines) {
            finish_refuse(f, "properties", "are too long; at most 2046 characters are allowed");
            return;
        } else {
            memcpy(output->property_lines + n, text, len);
            n += len;
            output->property_lines[n++] = '\n';
        }
    }
    output->property_lines[n] = '\0';
}

/* Topics are named as subjects are, but a place for each peer would make too many. */
static const char *topic_fault(const char *topic)
{
    if (strstr(topic, "%{address}") != NULL)
        return "may have %{listener}, but not %{address}: the key of a message is the address";
    return subject_fault(topic);
}

static void finish_topic(const struct finish *f, struct output_settings *output)
{
    const char *fault = topic_fault(output->topic);
    const struct kafka_properties *library = NULL;

    join_servers(f, output, "brokers", &output->brokers, "127.0.0.1:9092");
    if (fault != NULL)
        finish_refuse(f, "topic", fault);
    if (find_in_module(f, output, "output_kafka") != NULL)
        library = find_in_module(f, output, "kafka_properties");
    join_properties(f, output, library);
}

/* --- any output --- */

/* What only one kind of broker has. */
static void refuse_foreign(const struct finish *f, const struct output_settings *output)
{
    const struct setting_group *group = setting_find(settings_table(), "output")->group;
    const struct {
        const char *name;
        uint8_t type;
        bool is_wanted;
    } rows[] = {
        {"servers", OUTPUT_NATS, output->servers.count > 0},
        {"stream", OUTPUT_NATS,
         strcmp(output->stream, setting_find(group, "stream")->initial_text) != 0},
        {"subject", OUTPUT_NATS,
         strcmp(output->subject, setting_find(group, "subject")->initial_text) != 0},
        {"credentials", OUTPUT_NATS, output->credentials[0] != '\0'},
        {"tls", OUTPUT_NATS, output->tls},
        {"tls_ca", OUTPUT_NATS, output->tls_ca[0] != '\0'},
        {"tls_certificate", OUTPUT_NATS, output->tls_certificate[0] != '\0'},
        {"tls_key", OUTPUT_NATS, output->tls_key[0] != '\0'},
        {"pack", OUTPUT_NATS, output->pack != 1},
        {"in_flight", OUTPUT_NATS, output->in_flight != 1},
        {"create_stream", OUTPUT_NATS, output->create_stream.replicas > 0},
        {"brokers", OUTPUT_KAFKA, output->brokers.count > 0},
        {"topic", OUTPUT_KAFKA,
         strcmp(output->topic, setting_find(group, "topic")->initial_text) != 0},
        {"properties", OUTPUT_KAFKA, output->properties.count > 0},
    };
    char words[80];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!rows[i].is_wanted || rows[i].type == output->type ||
            f->line_of(f->context, rows[i].name) == 0)
            continue;
        (void)snprintf(words, sizeof words,
                       "has no effect on an output that is not of type \"%s\"",
                       setting_find(group, "type")->words->name(rows[i].type));
        finish_refuse(f, rows[i].name, words);
    }
}

void broker_finish(const struct finish *f, struct output_settings *output)
{
    bool is_broker = output->type == OUTPUT_NATS || output->type == OUTPUT_KAFKA;

    if (is_broker && f->line_of(f->context, "format") == 0)
        output->format = OUTPUT_FORMAT_JSON;
    if (output->type == OUTPUT_NATS)
        finish_stream(f, output);
    if (output->type == OUTPUT_KAFKA)
        finish_topic(f, output);
    refuse_foreign(f, output);
}
