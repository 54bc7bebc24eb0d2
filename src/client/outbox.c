/* SPDX-License-Identifier: MIT
 *
 * Outbox: a list of chunks. Where a message ends inside a chunk is not stored but
 * found again by its framing, as only a broken connection ever asks.
 */
#include "config.h"

#include "client/outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "peerlog/limits.h"

struct chunk {
    struct chunk *next;
    uint64_t start;    /* offset of its first byte */
    uint64_t messages; /* that it holds */
    size_t len;
    size_t room;
    unsigned char bytes[];
};

void outbox_init(struct outbox *o, enum framing framing)
{
    *o = (struct outbox){.framing = framing};
}

void outbox_done(struct outbox *o)
{
    for (struct chunk *c = o->first, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free(o->spare);
    outbox_init(o, o->framing);
}

/* A chunk with room for at least BYTES; the spare one if it will do. */
static struct chunk *get_chunk(struct outbox *o, size_t bytes)
{
    struct chunk *c = o->spare;

    if (c != NULL && c->room >= bytes) {
        o->spare = NULL;
    } else {
        size_t room = bytes > PEERLOG_CLIENT_CHUNK_BYTES ? bytes : PEERLOG_CLIENT_CHUNK_BYTES;
        c = malloc(sizeof *c + room);
        if (c == NULL)
            return NULL;
        c->room = room;
    }
    c->next = NULL;
    c->start = o->composed;
    c->messages = 0;
    c->len = 0;
    return c;
}

static void put_chunk(struct outbox *o, struct chunk *c)
{
    if (o->spare == NULL && c->room == PEERLOG_CLIENT_CHUNK_BYTES)
        o->spare = c;
    else
        free(c);
}

int outbox_reserve(struct outbox *o, size_t bytes, unsigned char **ret_place)
{
    if (o->last == NULL || o->last->room - o->last->len < bytes) {
        struct chunk *c = get_chunk(o, bytes);
        if (c == NULL)
            return -ENOMEM;
        if (o->last == NULL)
            o->first = c;
        else
            o->last->next = c;
        o->last = c;
    }
    *ret_place = o->last->bytes + o->last->len;
    return 0;
}

void outbox_commit(struct outbox *o, size_t bytes, uint64_t count)
{
    assert(o->last != NULL && o->last->room - o->last->len >= bytes);
    o->last->len += bytes;
    o->last->messages += count;
    o->composed += bytes;
    o->messages += count;
}

/* The bytes from offset AT to the end of their chunk. Returns: their number. */
static size_t bytes_at(const struct outbox *o, uint64_t at, const unsigned char **ret_bytes)
{
    for (const struct chunk *c = o->first; c != NULL; c = c->next) {
        uint64_t into = at - c->start;
        if (into < c->len) {
            *ret_bytes = c->bytes + into;
            return c->len - (size_t)into;
        }
    }
    return 0;
}

size_t outbox_next(const struct outbox *o, const unsigned char **ret_bytes)
{
    return bytes_at(o, o->sent, ret_bytes);
}

void outbox_advance(struct outbox *o, size_t bytes)
{
    assert(bytes <= o->composed - o->sent);
    o->sent += bytes;
}

void outbox_acknowledge(struct outbox *o, uint64_t in_flight)
{
    /* The kernel counts what this connection carries, which begins at or behind acked. */
    if (in_flight <= o->sent - o->acked)
        o->acked = o->sent - in_flight;
    while (o->first != NULL && o->first->start + o->first->len <= o->acked) {
        struct chunk *c = o->first;
        o->messages_passed += c->messages;
        o->first = c->next;
        if (o->first == NULL)
            o->last = NULL;
        put_chunk(o, c);
    }
}

/* Read the count at BYTES, which was composed here. Returns: its length, the space included. */
static size_t read_count(const unsigned char *bytes, size_t len, size_t *ret_count)
{
    size_t count = 0, digits = 0;

    while (digits < len && bytes[digits] != ' ')
        count = count * 10 + (size_t)(bytes[digits++] - '0');
    *ret_count = count;
    return digits + 1;
}

size_t outbox_message(const struct outbox *o, uint64_t start, const unsigned char **ret_text,
                      size_t *ret_len)
{
    const unsigned char *bytes = NULL;
    size_t count = 0, len = bytes_at(o, start, &bytes);

    assert(o->framing == FRAMING_OCTET_COUNTING && len > 0);
    size_t digits = read_count(bytes, len, &count);
    if (ret_text != NULL)
        *ret_text = bytes + digits;
    if (ret_len != NULL)
        *ret_len = count;
    return digits + count;
}

/* The length of the framed message that begins at BYTES; LEN when it is the last one. */
static size_t first_message(enum framing framing, const unsigned char *bytes, size_t len)
{
    if (framing == FRAMING_OCTET_COUNTING) {
        size_t count = 0, digits = read_count(bytes, len, &count);
        return digits + count < len ? digits + count : len;
    }
    const unsigned char *end = memchr(bytes, framing == FRAMING_NUL ? '\0' : '\n', len);
    return end == NULL ? len : (size_t)(end - bytes) + 1;
}

/*
 * How many messages end at or before offset TO, which is not behind the sent bytes.
 * *ret_start becomes the offset where the next one starts.
 */
static uint64_t count_until(const struct outbox *o, uint64_t to, uint64_t *ret_start)
{
    uint64_t count = o->messages_passed;
    const struct chunk *c = o->first;

    for (; c != NULL && c->start + c->len <= to; c = c->next)
        count += c->messages;
    *ret_start = c == NULL ? o->composed : c->start;
    if (c == NULL)
        return count;
    for (size_t at = 0; at < c->len;) {
        at += first_message(o->framing, c->bytes + at, c->len - at);
        if (c->start + at > to)
            break;
        *ret_start = c->start + at;
        count++;
    }
    return count;
}

uint64_t outbox_settled(const struct outbox *o)
{
    uint64_t start;

    (void)count_until(o, o->acked, &start);
    return start;
}

void outbox_rewind(struct outbox *o)
{
    o->sent = o->acked = outbox_settled(o);
}

struct outbox_tally outbox_count(const struct outbox *o)
{
    struct outbox_tally tally = {.composed = o->messages};
    uint64_t start;

    tally.acked = count_until(o, o->acked, &start);
    tally.sent = count_until(o, o->sent, &start);
    if (start < o->sent)
        tally.sent++; /* the one that has begun */
    return tally;
}
