/* SPDX-License-Identifier: MIT
 *
 * The sink's receivers: datagrams by recvmmsg, so that the sink costs less than whatever is
 * measured against it, and lines by large reads.
 */
#include "config.h"

#include "sink.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common.h"

/* Datagrams a call, and the longest one: a syslog record, and what an AF_UNIX socket carries. */
#define DATAGRAMS 256u
#define SYSLOG_BYTES 16384u
#define JOURNAL_BYTES 262144u
#define LINES_BYTES 1048576u

/* A batch of datagrams and the rooms they are received into. */
struct pile {
    size_t bytes_each;
    char *bytes;
    struct mmsghdr headers[DATAGRAMS];
    struct iovec parts[DATAGRAMS];
    char control[DATAGRAMS][CMSG_SPACE(sizeof(int))];
};

int sink_bind(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_usec = 100000};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof address.sun_path)
        die_errno(path);
    (void)unlink(path); /* it may not be there */
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        die_errno(path);
    return fd;
}

int sink_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0)
        die_errno(path);
    return fd;
}

static void pile_init(struct pile *p, enum sink_mode mode)
{
    p->bytes_each = mode == SINK_JOURNAL ? JOURNAL_BYTES : SYSLOG_BYTES;
    p->bytes = malloc(DATAGRAMS * p->bytes_each);
    if (p->bytes == NULL)
        die_errno("sink");
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        p->parts[i] = (struct iovec){p->bytes + i * p->bytes_each, p->bytes_each};
        p->headers[i].msg_hdr = (struct msghdr){.msg_iov = &p->parts[i], .msg_iovlen = 1};
    }
}

/* The value of one journal field behind its "NAME\n": a length and that many bytes. */
static bool read_sized(const char **at, const char *end, size_t *ret_len)
{
    uint64_t len;

    if ((size_t)(end - *at) < sizeof len)
        return false;
    memcpy(&len, *at, sizeof len);
    len = le64toh(len);
    *at += sizeof len;
    if (len >= (size_t)(end - *at))
        return false;
    *ret_len = (size_t)len;
    return true;
}

/*
 * Read one entry of the native protocol at *AT, up to its empty line or the end. Answers: is it
 * well formed? Its MESSAGE is *ret_text, NULL when it has none.
 */
static bool read_entry(const char **at, const char *end, const char **ret_text, size_t *ret_len)
{
    *ret_text = NULL;
    while (*at < end && **at != '\n') {
        const char *name = *at;
        const char *line_end = memchr(name, '\n', (size_t)(end - name));
        if (line_end == NULL)
            return false;
        const char *equals = memchr(name, '=', (size_t)(line_end - name));
        const char *value = equals != NULL ? equals + 1 : line_end + 1;
        const char *name_end = equals != NULL ? equals : line_end;
        size_t len = (size_t)(line_end - value);
        if (equals == NULL && !read_sized(&value, end, &len))
            return false;
        if (name_end - name == 7 && memcmp(name, "MESSAGE", 7) == 0) {
            *ret_text = value;
            *ret_len = len;
        }
        if (value[len] != '\n')
            return false;
        *at = value + len + 1;
    }
    *at += *at < end;
    return true;
}

/* The first entry of a datagram. A second one is not heard, as journald hears none: it is lost. */
static void read_datagram(struct book *b, const char *at, size_t len, uint64_t ns)
{
    const char *end = at + len;
    const char *text;
    size_t text_len = 0;
    bool whole = read_entry(&at, end, &text, &text_len);

    if (whole && text != NULL)
        book_record(b, text, text_len, ns);
    if (!whole || at < end)
        book_record(b, "", 0, ns); /* counted as unmarked */
}

/* An entry too large for a datagram came as a memory file. */
static void read_memory_file(struct book *b, struct msghdr *header, uint64_t ns)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    struct stat status;
    int fd;

    if (control == NULL || control->cmsg_type != SCM_RIGHTS)
        return;
    memcpy(&fd, CMSG_DATA(control), sizeof fd);
    if (fstat(fd, &status) == 0 && status.st_size > 0) {
        size_t len = (size_t)status.st_size;
        void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            read_datagram(b, bytes, len, ns);
            (void)munmap(bytes, len); /* our own mapping: cannot fail */
        }
    }
    (void)close(fd); /* only read from */
}

static void prepare_control(struct pile *p)
{
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        p->headers[i].msg_hdr.msg_control = p->control[i];
        p->headers[i].msg_hdr.msg_controllen = sizeof p->control[i];
    }
}

static void receive_datagrams(enum sink_mode mode, int fd, struct book *b)
{
    static struct pile pile;

    pile_init(&pile, mode);
    for (;;) {
        int flags = stop_wanted() ? MSG_DONTWAIT : MSG_WAITFORONE;
        if (mode == SINK_JOURNAL)
            prepare_control(&pile);
        int got = recvmmsg(fd, pile.headers, DATAGRAMS, flags | MSG_CMSG_CLOEXEC, NULL);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            die_errno("recvmmsg");
        if (got < 0 && (flags & MSG_DONTWAIT))
            break;
        uint64_t ns = now_ns();
        for (int i = 0; i < got; i++) {
            size_t len = pile.headers[i].msg_len;
            if (mode == SINK_SYSLOG)
                book_record(b, pile.parts[i].iov_base, len, ns);
            else if (len > 0)
                read_datagram(b, pile.parts[i].iov_base, len, ns);
            else
                read_memory_file(b, &pile.headers[i].msg_hdr, ns);
        }
        if (got > 0)
            book_publish(b, (uint64_t)got, ns);
    }
    free(pile.bytes);
}

/* Be told when the file FD grows. Returns: who tells it, and blocks for 100 ms at most. */
static int watch_growth(int fd)
{
    char name[32];
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    if (watch < 0 || inotify_add_watch(watch, name, IN_MODIFY) < 0)
        die_errno("inotify");
    return watch;
}

/* Wait until it has grown. Answers: may there be more to come? */
static bool wait_for_growth(int watch)
{
    struct pollfd wait = {.fd = watch, .events = POLLIN};
    char events[4096];

    if (stop_wanted())
        return false;
    if (poll(&wait, 1, 100) > 0)
        (void)!read(watch, events, sizeof events); /* how often it grew does not matter */
    return true;
}

/* WATCH: of a file that grows, or -1. */
static void receive_lines(int fd, int watch, struct book *b)
{
    char *bytes = malloc(LINES_BYTES);
    size_t held = 0;

    if (bytes == NULL)
        die_errno("sink");
    for (;;) {
        ssize_t got = read(fd, bytes + held, LINES_BYTES - held);
        if (got < 0 && errno == EINTR && !stop_wanted())
            continue;
        if (got == 0 && watch >= 0 && wait_for_growth(watch))
            continue;
        if (got <= 0)
            break;
        uint64_t ns = now_ns();
        size_t len = held + (size_t)got, at = 0;
        const char *end;
        while ((end = memchr(bytes + at, '\n', len - at)) != NULL) {
            book_record(b, bytes + at, (size_t)(end - (bytes + at)), ns);
            at = (size_t)(end - bytes) + 1;
        }
        if (at == 0 && len == LINES_BYTES)
            die("a line of more than %u bytes", LINES_BYTES);
        held = len - at;
        memmove(bytes, bytes + at, held);
        book_publish(b, 1, ns);
    }
    free(bytes);
}

void sink_receive(enum sink_mode mode, int fd, struct book *b)
{
    if (mode == SINK_LINES)
        receive_lines(fd, -1, b);
    else if (mode == SINK_FILE)
        receive_lines(fd, watch_growth(fd), b);
    else
        receive_datagrams(mode, fd, b);
}
