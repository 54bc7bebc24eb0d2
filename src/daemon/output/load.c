/* SPDX-License-Identifier: MIT
 *
 * Loads: a greedy walk over the records of a batch.
 */
#include "config.h"

#include "daemon/output/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t load_bound(const struct file_format *format, uint32_t max_message_bytes)
{
    struct record longest = {.len = max_message_bytes};

    return format->bound(&longest);
}

int load_init(struct load *load, size_t longest)
{
    load->messages_count = load->runs_count = 0;
    load->used = 0;
    load->room = LOAD_BYTES + (longest > LOAD_MESSAGE_BYTES ? longest : LOAD_MESSAGE_BYTES);
    load->bytes = malloc(load->room); /* what is never used of it costs nothing */
    return load->bytes != NULL ? 0 : -ENOMEM;
}

void load_done(struct load *load)
{
    free(load->bytes);
    load->bytes = NULL;
}

/* See that BYTES more fit. A record of another buffer_size may be longer than all was made for. */
static bool make_room(struct load *load, size_t bytes)
{
    if (load->room - load->used >= bytes)
        return true;
    char *larger = realloc(load->bytes, load->used + bytes);
    if (larger == NULL)
        return false;
    load->bytes = larger;
    load->room = load->used + bytes;
    return true;
}

/* Begin the messages of another connection. */
static void add_run(struct load *load, const struct source *source, const struct load_rules *rules)
{
    struct load_run *run = &load->runs[load->runs_count++];
    size_t n = strnlen(source->listener, sizeof run->listener - 1);

    run->first = load->messages_count;
    run->count = 0;
    run->connection = source->connection;
    memcpy(run->peer, source->peer_text, sizeof run->peer);
    memcpy(run->listener, source->listener, n);
    run->listener[n] = '\0';
    (void)peer_format_address(&source->peer, run->key);
    (void)subject_expand(rules->subject, source->label->tag, run->key, run->subject);
}

/* Put one record behind the others of its message. */
static void add_record(struct load *load, struct load_message *message, const struct record *record,
                       const struct source *source, struct file_writer *writer,
                       const struct load_rules *rules)
{
    struct record shown = *record;

    shown.flags &= ~rules->hide;
    size_t n = rules->format->write(load->bytes + load->used, writer, &shown, source);
    load->used += n;
    message->len += (uint32_t)n;
    message->records++;
    message->flags |= shown.flags;
    message->last = record->sequence;
}

/* Answers: does this record, of the same connection, go into the same message? */
static bool belongs(const struct load_message *message, const struct record *first,
                    const struct record *record, const struct load_rules *rules)
{
    return message->records < rules->pack && record->source == first->source &&
           ((record->flags ^ first->flags) & RECORD_REPEAT) == 0 &&
           message->len + rules->format->bound(record) <= LOAD_MESSAGE_BYTES;
}

/* Make a message of the records from number I on. Returns: how many it took; 0: none fits. */
static uint32_t add_message(struct load *load, const struct batch *batch, uint32_t i,
                            const struct load_rules *rules, const struct file_stamp *stamp)
{
    const struct record *first = &batch->records[i];
    const struct source *source = &batch->sources[first->source];
    struct file_writer writer = {.stamp = stamp, .instance = rules->instance};
    size_t bound = rules->format->bound(first);
    size_t wanted = bound > LOAD_MESSAGE_BYTES ? bound : LOAD_MESSAGE_BYTES;

    if ((load->used > 0 && load->used + wanted > LOAD_BYTES) || !make_room(load, wanted))
        return 0;
    if (i == batch->submitted || first[-1].source != first->source)
        add_run(load, source, rules);
    load->runs[load->runs_count - 1].count++;
    struct load_message *message = &load->messages[load->messages_count++];
    *message = (struct load_message){
        .at = load->used, .run = load->runs_count - 1, .first = first->sequence,
    };
    do {
        add_record(load, message, &batch->records[i++], source, &writer, rules);
        writer.prefix = NULL; /* its place may be another message's */
    } while (i < batch->count && belongs(message, first, &batch->records[i], rules));
    if (rules->format->is_lines)
        message->len--; /* lines stand between records, not behind the last one */
    return message->records;
}

uint32_t load_fill(struct load *load, const struct batch *batch, const struct load_rules *rules,
                   const struct file_stamp *stamp)
{
    uint32_t i = batch->submitted, n = 1;

    load->messages_count = load->runs_count = 0;
    load->used = 0;
    while (i < batch->count && n > 0) {
        n = add_message(load, batch, i, rules, stamp);
        i += n;
    }
    return i - batch->submitted;
}
