/* SPDX-License-Identifier: MIT
 *
 * The stdout output: a line each, for the foreground, containers and first steps. With
 * this output there is one worker, so that lines never mix.
 *
 * Standard output is shared with whoever started us, so it must not be made non-blocking:
 * pipes and terminals are opened anew, sockets are written with MSG_DONTWAIT,
 * and files do not block.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Three vectors a line, IOV_MAX of them. */
#define LINES 340u

struct lines {
    bool is_socket;
    uint32_t partial; /* bytes of the next line that are out already */
    struct iovec iov[LINES * 3];
    size_t bytes[LINES];
};

static int open_stdout(struct output *output)
{
    struct stat st;

    if (fstat(STDOUT_FILENO, &st) < 0)
        return -errno;
    struct lines *lines = output->state;
    lines->is_socket = S_ISSOCK(st.st_mode);
    int fd = -1;
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
        fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    output->fd = fd;
    return 0;
}

static void close_stdout(struct output *output)
{
    (void)close(output->fd); /* a copy; what was written is written */
}

/* Prepare lines behind the delivered ones. Returns: how many. */
static unsigned build_lines(struct output *output, struct batch *batch)
{
    struct lines *lines = output->state;
    size_t used = 0;
    unsigned n = 0;

    for (uint32_t i = batch->delivered; i < batch->count && n < LINES; i++, n++) {
        const struct record *record = &batch->records[i];
        size_t room = output->scratch_bytes - used;
        if (n > 0 && room < FORMAT_PREFIX_BYTES + ESCAPE_MAX_GROWTH * (size_t)record->len)
            break;
        struct iovec *iov = &lines->iov[3 * n];
        const struct source *source = batch_source(batch, record);
        char *at = output->scratch + used;
        iov[0] = (struct iovec){at, format_line_prefix(at, record, source)};
        used += iov[0].iov_len;
        iov[1] = (struct iovec){(void *)(uintptr_t)record->text, record->len};
        size_t clean = format_clean_bytes(record->text, record->len, ESCAPE_LF);
        if (clean < record->len) {
            at = output->scratch + used;
            iov[1] = (struct iovec){at, format_escaped(at, record, clean, ESCAPE_LF)};
            used += iov[1].iov_len;
        }
        iov[2] = (struct iovec){(void *)(uintptr_t)"\n", 1};
        lines->bytes[n] = iov[0].iov_len + iov[1].iov_len + 1;
    }
    return n;
}

/* Leave out what an earlier, partial write already wrote of the first line. */
static void skip_written(struct iovec *iov, size_t written)
{
    for (size_t i = 0; i < 3; i++) {
        size_t n = written < iov[i].iov_len ? written : iov[i].iov_len;
        iov[i].iov_base = (char *)iov[i].iov_base + n;
        iov[i].iov_len -= n;
        written -= n;
    }
}

/* N bytes went out: count whole lines as taken, and remember a begun one. */
static void account(struct output *output, struct batch *batch, size_t n)
{
    struct lines *lines = output->state;
    uint32_t whole = 0;

    n += lines->partial;
    while (n > 0 && n >= lines->bytes[whole])
        n -= lines->bytes[whole++];
    lines->partial = (uint32_t)n;
    batch_deliver(batch, whole);
    if (lines->partial > 0 && batch->submitted == batch->delivered)
        batch_submit(batch, 1);
}

static ssize_t write_lines(const struct output *output, unsigned n)
{
    struct lines *lines = output->state;
    struct msghdr message = {.msg_iov = lines->iov, .msg_iovlen = 3 * n};

    if (lines->is_socket)
        return sendmsg(output->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return writev(output->fd, lines->iov, (int)(3 * n));
}

static int submit_stdout(struct output *output, struct batch *batch)
{
    struct lines *lines = output->state;

    while (batch->delivered < batch->count) {
        unsigned lines_built = build_lines(output, batch);
        skip_written(lines->iov, lines->partial);
        ssize_t n = write_lines(output, lines_built);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            account(output, batch, (size_t)n);
    }
    return 0;
}

const struct output_kind output_stdout = {
    .description = "standard output",
    .traits = OUTPUT_ONE_WRITER | OUTPUT_ENDS_WITH_READER | OUTPUT_IS_STDOUT,
    .state_bytes = sizeof(struct lines),
    .open = open_stdout,
    .submit = submit_stdout,
    .close = close_stdout,
};
