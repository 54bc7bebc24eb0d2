/* SPDX-License-Identifier: MIT
 *
 * The syslog output where the log socket is one of streams: the same text as in a datagram, and a
 * NUL behind each message, as syslog(3) does it. What the socket takes may end anywhere, so what
 * was prepared stays until it is out.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Messages behind one another in the scratch memory. */
struct messages {
    size_t used;    /* bytes of them */
    size_t written; /* of these, the first ones are out */
    unsigned count;
    unsigned next;  /* the first that is not out, or not all of it */
    size_t ends[BATCH_RECORDS];
};

static int open_stream(struct output *output)
{
    struct messages *m = output->state;

    m->used = m->written = m->count = m->next = 0; /* what was begun elsewhere begins anew */
    return output_connect_local(output, SOCK_STREAM);
}

static void close_stream(struct output *output)
{
    (void)close(output->fd); /* what was taken is the log's */
}

/* Write one message to DST. Returns: its length. */
static size_t put_message(char *dst, struct output *output, const struct record *record,
                          const struct source *source)
{
    size_t clean = format_clean_bytes(record->text, record->len, ESCAPE_LF);
    size_t n = format_syslog_prefix(dst, record, source, &output->stamp, output->pid);

    n += format_escaped(dst + n, record, clean, ESCAPE_LF);
    dst[n++] = '\0';
    return n;
}

/* Prepare as many records behind the delivered ones as fit; one always does. */
static void build_messages(struct output *output, struct batch *batch)
{
    struct messages *m = output->state;

    m->used = m->written = m->count = m->next = 0;
    for (uint32_t i = batch->delivered; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        size_t room = output->scratch_bytes - m->used;
        if (m->count > 0 && room <= FORMAT_PREFIX_BYTES + ESCAPE_MAX_GROWTH * (size_t)record->len)
            break;
        m->used += put_message(output->scratch + m->used, output, record,
                               batch_source(batch, record));
        m->ends[m->count++] = m->used;
    }
}

/* N bytes more are out: whole messages are delivered, and one that was begun is submitted. */
static void account(struct messages *m, struct batch *batch, size_t n)
{
    uint32_t whole = 0;

    m->written += n;
    while (m->next < m->count && m->ends[m->next] <= m->written) {
        m->next++;
        whole++;
    }
    batch_deliver(batch, whole);
    if (m->next < m->count && batch->submitted == batch->delivered &&
        m->written > (m->next > 0 ? m->ends[m->next - 1] : 0))
        batch_submit(batch, 1);
}

static int submit_stream(struct output *output, struct batch *batch)
{
    struct messages *m = output->state;

    while (batch->delivered < batch->count) {
        if (m->next == m->count)
            build_messages(output, batch);
        ssize_t n = send(output->fd, output->scratch + m->written, m->used - m->written,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            account(m, batch, (size_t)n);
    }
    return 0;
}

const struct output_kind output_syslog_stream = {
    .description = "syslog socket",
    .traits = OUTPUT_BREAKS_RECORDS,
    .state_bytes = sizeof(struct messages),
    .sibling = &output_syslog,
    .open = open_stream,
    .submit = submit_stream,
    .close = close_stream,
};
