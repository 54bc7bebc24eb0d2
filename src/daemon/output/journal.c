/* SPDX-License-Identifier: MIT
 *
 * The journal output: the native protocol over its own socket, so that an absent, a full
 * and a too small journal are seen. One entry a datagram, as the protocol has it, and many
 * datagrams in one sendmmsg(2): of two entries in a datagram systemd 257 keeps the first
 * alone. An entry too large for a datagram travels in a sealed memfd.
 *
 * A field is "NAME=value LF", or "NAME LF", the value's length as 64 bits in little
 * endian, the value and LF, when the value may hold any byte.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/output/entry.h"
#include "os/fd_passing.h"
#include "os/memfd.h"
#include "peerlog/number.h"

/*
 * What one sendmmsg(2) is given. What it did not take stays prepared: the batch, and with
 * it the scratch memory that the entries lie in, does not change until it was taken.
 */
struct entries {
    uint32_t datagram_bytes; /* the largest datagram it takes */
    unsigned next;           /* the first entry not yet taken */
    unsigned end;            /* behind the last one prepared */
    struct mmsghdr messages[BATCH_RECORDS];
    struct iovec iov[BATCH_RECORDS];
};

static int open_journal(struct output *output)
{
    struct entries *e = output->state;

    return output_connect_datagram(output, &e->datagram_bytes);
}

static void close_journal(struct output *output)
{
    (void)close(output->fd); /* datagrams are not buffered here */
}

/* --- fields; build_entries() has made sure of the room --- */

static void put(char **at, const void *bytes, size_t len)
{
    memcpy(*at, bytes, len);
    *at += len;
}

static void put_name(char **at, const char *name, char separator)
{
    *at += format_text(*at, name);
    *(*at)++ = separator;
}

static void put_number(void *context, const char *name, uint64_t value)
{
    char **at = context;

    put_name(at, name, '=');
    *at += number_format(*at, value);
    *(*at)++ = '\n';
}

static void put_word(void *context, const char *name, const char *value, size_t len)
{
    char **at = context;

    put_name(at, name, '=');
    put(at, value, len);
    *(*at)++ = '\n';
}

/* A field of any bytes ends: LEN of them lie behind the place for their number. */
static void end_binary(char **at, size_t len)
{
    uint64_t length = htole64(len);

    put(at, &length, sizeof length);
    *at += len;
    *(*at)++ = '\n';
}

static void put_bytes(void *context, const char *name, const unsigned char *value, size_t len)
{
    char **at = context;

    put_name(at, name, '\n');
    memcpy(*at + sizeof(uint64_t), value, len);
    end_binary(at, len);
}

static void put_text(void *context, const char *name, const struct entry *entry)
{
    char **at = context;

    put_name(at, name, '\n');
    end_binary(at, entry_message(entry, *at + sizeof(uint64_t)));
}

static const struct entry_writer native = {
    .number = put_number, .word = put_word, .text = put_text, .bytes = put_bytes,
};

/* How many bytes an entry takes at most. */
static size_t entry_bound(const struct entry *entry)
{
    size_t len = entry->record->len;

    return ENTRY_FIXED_BYTES + entry_message_bytes(entry) + (entry->clean == len ? 0 : len);
}

/* --- sending --- */

/* Prepare as many entries behind the submitted ones as the scratch memory has room for. */
static void build_entries(struct output *output, struct batch *batch)
{
    struct entries *e = output->state;
    char *at = output->scratch;
    unsigned n = 0;

    for (uint32_t i = batch->submitted; i < batch->count; i++, n++) {
        const struct record *record = &batch->records[i];
        struct entry entry = entry_of(record, batch_source(batch, record), output->instance);
        if (n > 0 && entry_bound(&entry) > output->scratch_bytes - (size_t)(at - output->scratch))
            break;
        e->iov[n].iov_base = at;
        entry_write(&entry, &native, &at);
        e->iov[n].iov_len = (size_t)(at - (char *)e->iov[n].iov_base);
        e->messages[n].msg_hdr.msg_iov = &e->iov[n];
        e->messages[n].msg_hdr.msg_iovlen = 1;
    }
    e->next = 0;
    e->end = n;
}

/* Send an entry as a descriptor: it is too large for a datagram. */
static int send_memfd(const struct output *output, const struct iovec *entry)
{
    int fd = memfd_sealed("peerlog-entry", entry->iov_base, entry->iov_len);

    if (fd < 0)
        return fd == -EMFILE || fd == -ENFILE ? -ENOBUFS : fd;
    int error = fd_passing_send(output->fd, fd, NULL, 0);
    (void)close(fd); /* the datagram has its own */
    return error == -ETOOMANYREFS ? -ENOBUFS : error;
}

/*
 * Send what is prepared, once: the next entry alone when it is too large, else as many as
 * are taken. One that is found too large stops the call before it.
 * Returns: how many were sent, or negative errno.
 */
static int send_entries(struct output *output)
{
    struct entries *e = output->state;
    const struct iovec *next = &e->iov[e->next];

    if (next->iov_len > e->datagram_bytes) {
        int error = send_memfd(output, next);
        return error < 0 ? error : 1;
    }
    int sent = sendmmsg(output->fd, e->messages + e->next, e->end - e->next,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return sent;
    if (errno != EMSGSIZE)
        return -errno;
    e->datagram_bytes = (uint32_t)next->iov_len - 1; /* of a datagram: it fits */
    return 0;
}

static int submit_journal(struct output *output, struct batch *batch)
{
    struct entries *e = output->state;

    while (batch->submitted < batch->count) {
        if (e->next == e->end)
            build_entries(output, batch);
        int sent = send_entries(output);
        if (sent < 0 && sent != -EINTR)
            return sent;
        if (sent > 0) {
            e->next += (unsigned)sent;
            batch_deliver(batch, (uint32_t)sent);
        }
    }
    return 0;
}

const struct output_kind output_journal = {
    .description = "journal socket",
    .state_bytes = sizeof(struct entries),
    .open = open_journal,
    .submit = submit_journal,
    .close = close_journal,
};
