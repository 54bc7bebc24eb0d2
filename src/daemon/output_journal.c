/* SPDX-License-Identifier: MIT
 *
 * The journal output: the native protocol over its own socket, so that an absent, a full
 * and a too small journal are seen. One datagram carries as many entries as fit, each
 * closed by an empty line. An entry too large for a datagram travels in a sealed memfd.
 *
 * A field is "NAME=value LF", or "NAME LF", the value's length as 64 bits in little
 * endian, the value and LF, when the value may hold any byte.
 */
#include "config.h"

#include "daemon/output.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/memfd.h"
#include "os/passing.h"
#include "peerlog/count.h"
#include "peerlog/escape.h"
#include "peerlog/number.h"

/* Larger datagrams gain nothing: the journal's own work dominates by far. */
#define ENTRIES_BYTES (128u * 1024u)

/* Room for every field of an entry but MESSAGE's and PEER_RAW's values. */
#define FIELDS_BYTES 640u

/* Entries that were built and not yet taken: they stay until they are. */
struct entries {
    unsigned records; /* in buffer; 0: none */
    size_t bytes;
};

static int open_journal(struct output *output)
{
    return output_connect_datagram(output);
}

static void close_journal(struct output *output)
{
    (void)close(output->fd); /* datagrams are not buffered here */
    output->fd = -1;
}

/* Append to the buffer; the caller has made sure of the room. */
static char *put(char *at, const char *text)
{
    return at + format_text(at, text);
}

static char *put_number_field(char *at, const char *name, uint64_t number)
{
    at = put(at, name);
    at += number_format(at, number);
    *at++ = '\n';
    return at;
}

static char *put_text_field(char *at, const char *name, const char *value)
{
    at = put(at, name);
    at = put(at, value);
    *at++ = '\n';
    return at;
}

/* A field of any bytes: begun here, its value's length filled in by end_binary(). */
static char *begin_binary(char *at, const char *name)
{
    at = put(at, name);
    *at++ = '\n';
    return at + sizeof(uint64_t);
}

static char *end_binary(char *value, size_t len)
{
    uint64_t length = htole64(len);

    memcpy(value - sizeof length, &length, sizeof length);
    value[len] = '\n';
    return value + len + 1;
}

/* PEER_FLAGS: the record's marks as words with commas between; nothing when it has none. */
static char *put_flags(char *at, const struct record *record, int escaped)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {
        {FRAME_SPLIT, "split"},           {FRAME_LAST, "last"},
        {FRAME_TRUNCATED, "truncated"},   {FRAME_INCOMPLETE, "incomplete"},
        {FRAME_UNTERMINATED, "unterminated"}, {FRAME_UNFINISHED, "unfinished"},
        {FRAME_CONTINUED | RECORD_INDENTED, "continued"}, {FRAME_MISFIT, "misfit"},
        {RECORD_REPEAT, "repeat"},
    };
    const char *before = "PEER_FLAGS=";

    if (record->flags == 0 && !escaped)
        return at;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (record->flags & words[i].flag) {
            at = put(at, before);
            at = put(at, words[i].word);
            before = ",";
        }
    }
    if (escaped)
        at = put(put(at, before), "escaped");
    *at++ = '\n';
    return at;
}

/* Who said it, and how it is labelled. */
static char *put_source(char *at, const struct output *output, const struct source *source)
{
    at = put_text_field(at, "SYSLOG_IDENTIFIER=", source->label->tag);
    at = put(at, "PEER_ADDRESS=");
    at += peer_format_address(&source->peer, at);
    *at++ = '\n';
    at = put_number_field(at, "PEER_PORT=", source->peer.port);
    at = put_text_field(at, "PEER_LISTENER=", source->listener);
    at = put(at, "PEER_CONNECTION=");
    at += format_hex(at, output->instance);
    *at++ = '-';
    at += number_format(at, source->connection);
    *at++ = '\n';
    return at;
}

/* The numbers of a split, truncated or incomplete message. */
static char *put_measures(char *at, const struct record *record)
{
    if (record->flags & FRAME_SPLIT)
        at = put_number_field(at, "PEER_PART=", record->part);
    if (record->flags & FRAME_TRUNCATED)
        at = put_number_field(at, "PEER_CUT_BYTES=", record->cut_bytes);
    if (record->flags & (FRAME_INCOMPLETE | FRAME_MISFIT)) {
        at = put_number_field(at, "PEER_HAVE_BYTES=", record->have_bytes);
        at = put_number_field(at, "PEER_WANT_BYTES=", record->want_bytes);
    }
    return at;
}

/* MESSAGE, safe for a terminal; and PEER_RAW when that is not what came. */
static char *put_text(char *at, size_t room, const struct record *record, size_t clean)
{
    char *value = begin_binary(at, "MESSAGE");
    size_t taken, n = clean;

    memcpy(value, record->text, clean);
    if (clean == record->len)
        return end_binary(value, clean);
    n += escape_write(value + clean, room - clean, record->text + clean, record->len - clean,
                      KEEP_LF, &taken);
    at = end_binary(value, n);
    value = begin_binary(at, "PEER_RAW");
    memcpy(value, record->text, record->len);
    return end_binary(value, record->len);
}

/* How many bytes an entry of this record takes at most. */
static size_t entry_bound(const struct record *record, size_t clean)
{
    if (clean == record->len)
        return FIELDS_BYTES + record->len;
    return FIELDS_BYTES + (size_t)record->len * (ESCAPE_MAX_GROWTH + 1);
}

/* One whole entry. Returns: its length. */
static size_t build_entry(const struct output *output, char *dst, const struct record *record,
                          const struct source *source, size_t clean)
{
    char *at = dst;

    at = put_number_field(at, "PRIORITY=", priority_severity(record->priority));
    at = put_number_field(at, "SYSLOG_FACILITY=", priority_facility(record->priority));
    at = put_source(at, output, source);
    at = put_number_field(at, "PEER_SEQUENCE=", record->sequence);
    at = put_flags(at, record, clean < record->len);
    at = put_measures(at, record);
    at = put_text(at, (size_t)record->len * ESCAPE_MAX_GROWTH, record, clean);
    *at++ = '\n';
    return (size_t)(at - dst);
}

/* Fill the buffer with as many entries as one datagram takes, at least one. */
static void build_entries(struct output *output, struct batch *batch)
{
    struct entries *e = output->vectors;
    size_t limit = output->datagram_bytes < ENTRIES_BYTES ? output->datagram_bytes : ENTRIES_BYTES;

    e->records = 0;
    e->bytes = 0;
    for (uint32_t i = batch->taken; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        const struct source *source = batch_source(batch, record);
        size_t clean = escape_clean_bytes(record->text, record->len, KEEP_LF);
        if (e->records > 0 && e->bytes + entry_bound(record, clean) > limit)
            break;
        e->bytes += build_entry(output, output->scratch + e->bytes, record, source, clean);
        e->records++;
        if (e->bytes >= limit)
            break;
    }
}

/* Send the buffer as a descriptor: it is too large for a datagram. */
static int send_memfd(const struct output *output, size_t bytes)
{
    int fd = memfd_sealed("peerlog-entry", output->scratch, bytes);

    if (fd < 0)
        return fd == -EMFILE || fd == -ENFILE ? -ENOBUFS : fd;
    int error = passing_send(output->fd, fd, NULL, 0);
    (void)close(fd); /* the datagram has its own */
    return error == -ETOOMANYREFS ? -ENOBUFS : error;
}

static int send_entries(struct output *output, struct batch *batch)
{
    struct entries *e = output->vectors;
    int error = 0;

    if (e->bytes > output->datagram_bytes)
        error = send_memfd(output, e->bytes);
    else if (send(output->fd, output->scratch, e->bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        error = -errno;
    if (error == 0) {
        batch_take(batch, e->records);
        e->records = 0;
    }
    return error;
}

static int deliver_journal(struct output *output, struct batch *batch)
{
    struct entries *e = output->vectors;

    while (batch->taken < batch->count) {
        if (e->records == 0)
            build_entries(output, batch);
        int error = send_entries(output, batch);
        if (error == -EMSGSIZE && e->bytes <= output->datagram_bytes) {
            /*
             * Smaller datagrams; below one entry's size it goes by descriptor. Nothing is
             * smaller than that: a log that refuses it is lost.
             */
            size_t smaller = e->records > 1 ? e->bytes / 2 : e->bytes - 1;
            output->datagram_bytes = (uint32_t)smaller; /* of a datagram: it fits */
            e->records = 0;
            continue;
        }
        if (error < 0 && error != -EINTR)
            return error;
    }
    return 0;
}

const struct output_kind output_journal = {
    .vectors_bytes = sizeof(struct entries),
    .open = open_journal,
    .deliver = deliver_journal,
    .close = close_journal,
};
