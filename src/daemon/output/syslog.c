/* SPDX-License-Identifier: MIT
 *
 * The syslog output: datagrams to the log socket in the form of syslog(3), a whole
 * batch in one sendmmsg(2). A record is two vectors: a prefix, shared by neighbours that
 * have the same, and the text where it was received. Only text that needs it is copied.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * What one sendmmsg(2) is given. What it did not take stays prepared: the batch, and with
 * it all that the vectors point to, does not change until it was taken.
 */
struct datagrams {
    uint32_t datagram_bytes; /* the largest datagram it takes */
    uint32_t partial;        /* bytes of the next record that are out already */
    uint32_t pieces;         /* pieces of it that are out already */
    unsigned next;           /* the first message not yet taken */
    unsigned end;            /* behind the last one prepared */
    struct mmsghdr messages[BATCH_RECORDS];
    struct iovec iov[BATCH_RECORDS][2];
};

/* Where the scratch memory stands, and the prefix that neighbours may share. */
struct build {
    size_t used;
    const struct source *source;
    uint8_t priority;
    struct iovec prefix; /* of source and priority, without marks */
};

static int open_syslog(struct output *output)
{
    struct datagrams *d = output->state;

    return output_connect_datagram(output, &d->datagram_bytes);
}

static void close_syslog(struct output *output)
{
    (void)close(output->fd); /* datagrams are not buffered here */
}

/* The record's prefix, in the scratch memory; there is room for it. */
static struct iovec build_prefix(struct output *output, struct build *build,
                                 const struct record *record, const struct source *source)
{
    int marks = format_has_marks(record);

    if (!marks && build->source == source && build->priority == record->priority)
        return build->prefix;
    char *at = output->scratch + build->used;
    struct iovec prefix = {
        .iov_base = at,
        .iov_len = format_syslog_prefix(at, record, source, &output->stamp, output->pid),
    };
    build->used += prefix.iov_len;
    if (!marks) {
        build->source = source;
        build->priority = record->priority;
        build->prefix = prefix;
    }
    return prefix;
}

/* The record's text: in place when it is clean, else escaped in the scratch memory. */
static struct iovec build_text(const struct output *output, struct build *build,
                               const struct record *record)
{
    size_t clean = format_clean_bytes(record->text, record->len, ESCAPE_LF);

    if (clean == record->len)
        return (struct iovec){.iov_base = (void *)(uintptr_t)record->text, .iov_len = record->len};
    char *at = output->scratch + build->used;
    size_t n = format_escaped(at, record, clean, ESCAPE_LF);
    build->used += n;
    return (struct iovec){.iov_base = at, .iov_len = n};
}

/* Prepare as many records behind the delivered ones as fit; none when the next is too large. */
static void build_messages(struct output *output, struct batch *batch)
{
    struct datagrams *d = output->state;
    struct build build = {0};
    unsigned n = 0;

    for (uint32_t i = batch->delivered; i < batch->count; i++, n++) {
        const struct record *record = &batch->records[i];
        size_t room = output->scratch_bytes - build.used;
        if (n > 0 && room < FORMAT_PREFIX_BYTES + ESCAPE_MAX_GROWTH * (size_t)record->len)
            break;
        const struct source *source = batch_source(batch, record);
        struct iovec prefix = build_prefix(output, &build, record, source);
        struct iovec text = build_text(output, &build, record);
        if (prefix.iov_len + text.iov_len > d->datagram_bytes)
            break;
        d->iov[n][0] = prefix;
        d->iov[n][1] = text;
        d->messages[n].msg_hdr.msg_iov = d->iov[n];
        d->messages[n].msg_hdr.msg_iovlen = 2;
    }
    d->next = 0;
    d->end = n;
}

/* One piece of a record that is too large for a datagram. Returns: 0 or negative errno. */
static int send_piece(struct output *output, const char *prefix, size_t prefix_len,
                      const struct record *record, size_t *ret_taken)
{
    const struct datagrams *d = output->state;
    const unsigned char *text = record->text + d->partial;
    size_t left = record->len - d->partial;
    size_t mark_bytes = 48;
    char mark[48];
    size_t room = d->datagram_bytes - prefix_len - mark_bytes;

    if (room > output->scratch_bytes)
        room = output->scratch_bytes;
    size_t bracket = marks_imitated(text, left) ? format_text(output->scratch, FORMAT_BRACKET) : 0;
    size_t skip = bracket > 0;
    size_t n = bracket + escape_write(output->scratch + bracket, room - bracket, text + skip,
                                      left - skip, ESCAPE_LF, ret_taken);
    *ret_taken += skip;
    struct iovec iov[3] = {
        {.iov_base = (void *)(uintptr_t)prefix, .iov_len = prefix_len},
        {.iov_base = mark, .iov_len = format_piece(mark, d->pieces + 1, *ret_taken == left)},
        {.iov_base = output->scratch, .iov_len = n},
    };
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = 3};
    return sendmsg(output->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Hand over the next record in pieces; goes on where an earlier call had to stop. */
static int submit_in_pieces(struct output *output, struct batch *batch)
{
    struct datagrams *d = output->state;
    const struct record *record = &batch->records[batch->delivered];
    const struct source *source = batch_source(batch, record);
    char prefix[FORMAT_PREFIX_BYTES];
    size_t prefix_len =
        format_syslog_prefix(prefix, record, source, &output->stamp, output->pid);

    do {
        size_t taken = 0;
        int error = send_piece(output, prefix, prefix_len, record, &taken);
        if (error == -EINTR)
            continue;
        if (error == -EMSGSIZE && d->datagram_bytes >= 2048) {
            d->datagram_bytes /= 2;
            continue;
        }
        if (error < 0)
            return error;
        if (batch->submitted == batch->delivered)
            batch_submit(batch, 1); /* a part of it is out */
        d->partial += (uint32_t)taken;
        d->pieces++;
    } while (d->partial < record->len);
    d->partial = d->pieces = 0;
    batch_deliver(batch, 1);
    return 0;
}

/* Send what is prepared, once. Returns: 0 or negative errno. */
static int send_messages(struct output *output, struct batch *batch)
{
    struct datagrams *d = output->state;
    int sent = sendmmsg(output->fd, d->messages + d->next, d->end - d->next,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0)
        return -errno;
    d->next += (unsigned)sent;
    batch_deliver(batch, (uint32_t)sent);
    return 0;
}

static int submit_syslog(struct output *output, struct batch *batch)
{
    struct datagrams *d = output->state;

    while (batch->delivered < batch->count) {
        int error = 0;
        if (d->next == d->end && d->partial == 0)
            build_messages(output, batch);
        if (d->next < d->end)
            error = send_messages(output, batch);
        else
            error = submit_in_pieces(output, batch);
        if (error == -EMSGSIZE) {
            d->next = d->end = 0;
            error = submit_in_pieces(output, batch);
        }
        if (error < 0 && error != -EINTR)
            return error;
    }
    return 0;
}

const struct output_kind output_syslog = {
    .description = "syslog socket",
    .state_bytes = sizeof(struct datagrams),
    .sibling = &output_syslog_stream,
    .open = open_syslog,
    .submit = submit_syslog,
    .close = close_syslog,
};
