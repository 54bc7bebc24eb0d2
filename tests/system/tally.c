/* SPDX-License-Identifier: MIT
 *
 * The count of what arrived. A stream keeps one bit for each number, so that a late message
 * and a repeated one are told apart.
 */
#include "config.h"

#include "tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "numbered.h"

#define EXAMPLES 5u
#define EXAMPLE_BYTES 160u
#define FIRST_MAP_BYTES 64u

struct stream {
    unsigned char *seen; /* a bit for each number */
    size_t seen_bytes;
    uint64_t unique;   /* numbers seen */
    uint64_t next;     /* one more than the highest seen */
    uint64_t sequence; /* the highest PEER_SEQUENCE */
    char peer[HEARD_PEER_BYTES];
    char connection[HEARD_PEER_BYTES];
};

struct tally {
    struct stream *streams[NUMBERED_MAX_STREAMS];
    uint64_t records;
    uint64_t foreign;           /* not one of our messages, or damaged */
    uint64_t repeated_marked;   /* came again, and were marked */
    uint64_t repeated_unmarked; /* came again, and were not */
    uint64_t marked;            /* all that were marked, whether they came again or not */
    uint64_t reordered;         /* came after a higher number */
    uint64_t moved;             /* came from another peer or connection than the one before */
    uint64_t sequence_gaps;
    char examples[EXAMPLES][EXAMPLE_BYTES];
    uint32_t stream_end; /* one more than the highest stream */
};

static void out_of_memory(void)
{
    fprintf(stderr, "sink: out of memory\n");
    exit(EXIT_FAILURE);
}

struct tally *tally_new(void)
{
    return calloc(1, sizeof(struct tally));
}

struct tally *tally_free(struct tally *tally)
{
    if (tally == NULL)
        return NULL;
    for (uint32_t i = 0; i < tally->stream_end; i++) {
        if (tally->streams[i] != NULL)
            free(tally->streams[i]->seen);
        free(tally->streams[i]);
    }
    free(tally);
    return NULL;
}

void tally_add_foreign(struct tally *tally, const char *bytes, size_t len)
{
    if (tally->foreign++ >= EXAMPLES)
        return;
    for (size_t i = 0; i < len && i < EXAMPLE_BYTES - 1; i++) {
        bool plain = bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '"' && bytes[i] != '\\';

        tally->examples[tally->foreign - 1][i] = plain ? bytes[i] : '?';
    }
}

static struct stream *find_stream(struct tally *tally, uint32_t number)
{
    struct stream **place = &tally->streams[number];

    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        if (*place == NULL)
            out_of_memory();
        if (number >= tally->stream_end)
            tally->stream_end = number + 1;
    }
    return *place;
}

/* Marks NUMBER as seen. Returns: whether it already was. */
static bool was_seen(struct stream *stream, uint64_t number)
{
    size_t byte = (size_t)(number / 8);
    unsigned char bit = (unsigned char)(1u << (number % 8));
    bool seen;

    if (byte >= stream->seen_bytes) {
        size_t size = stream->seen_bytes != 0 ? stream->seen_bytes : FIRST_MAP_BYTES;

        while (size <= byte)
            size *= 2;
        stream->seen = realloc(stream->seen, size);
        if (stream->seen == NULL)
            out_of_memory();
        memset(stream->seen + stream->seen_bytes, 0, size - stream->seen_bytes);
        stream->seen_bytes = size;
    }
    seen = (stream->seen[byte] & bit) != 0;
    stream->seen[byte] |= bit;
    return seen;
}

/* A stream has one connection for life, whatever dies in between. */
static void check_source(struct tally *tally, struct stream *stream, const struct heard *heard)
{
    if (stream->peer[0] != '\0' && (strcmp(stream->peer, heard->peer) != 0 ||
                                    strcmp(stream->connection, heard->connection) != 0))
        tally->moved++;
    memcpy(stream->peer, heard->peer, sizeof stream->peer);
    memcpy(stream->connection, heard->connection, sizeof stream->connection);
}

static void check_sequence(struct tally *tally, struct stream *stream, const struct heard *heard,
                           bool again)
{
    if (heard->sequence == 0)
        return;
    if (again ? heard->sequence > stream->sequence : heard->sequence != stream->sequence + 1)
        tally->sequence_gaps++;
    if (heard->sequence > stream->sequence)
        stream->sequence = heard->sequence;
}

void tally_add(struct tally *tally, const struct heard *heard)
{
    struct numbered message;
    struct stream *stream;
    bool again;

    tally->records++;
    tally->marked += heard->repeat;
    if (!numbered_read(heard->text, heard->text_len, &message)) {
        tally_add_foreign(tally, heard->text, heard->text_len);
        return;
    }
    stream = find_stream(tally, message.stream);
    again = was_seen(stream, message.number);
    check_source(tally, stream, heard);
    check_sequence(tally, stream, heard, again);
    if (again && heard->repeat)
        tally->repeated_marked++;
    else if (again)
        tally->repeated_unmarked++;
    else
        stream->unique++;
    if (!again && message.number < stream->next)
        tally->reordered++;
    if (message.number >= stream->next)
        stream->next = message.number + 1;
}

void tally_write(const struct tally *tally, bool finished, FILE *out)
{
    fprintf(out, "{\"finished\": %s, \"records\": %" PRIu64 ", \"foreign\": %" PRIu64,
            finished ? "true" : "false", tally->records, tally->foreign);
    fprintf(out, ", \"repeated_marked\": %" PRIu64 ", \"repeated_unmarked\": %" PRIu64,
            tally->repeated_marked, tally->repeated_unmarked);
    fprintf(out, ", \"marked\": %" PRIu64 ", \"reordered\": %" PRIu64, tally->marked,
            tally->reordered);
    fprintf(out, ", \"moved\": %" PRIu64 ", \"sequence_gaps\": %" PRIu64, tally->moved,
            tally->sequence_gaps);
    fprintf(out, ", \"examples\": [");
    for (uint64_t i = 0; i < tally->foreign && i < EXAMPLES; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", tally->examples[i]);
    fprintf(out, "], \"arrived\": [");
    for (uint32_t i = 0; i < tally->stream_end; i++)
        fprintf(out, "%s%" PRIu64, i > 0 ? "," : "",
                tally->streams[i] != NULL ? tally->streams[i]->unique : 0);
    fprintf(out, "]}\n");
}
