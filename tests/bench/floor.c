/* SPDX-License-Identifier: MIT
 *
 * The floor: the least a program can do that takes lines from TCP connections and writes
 * each as a datagram to a log socket, with the header that peerlogd writes. Epoll, one
 * large recv, memchr, sendmmsg over everything that a round brought; nothing is checked,
 * limited, escaped or kept. It is the yardstick of the benchmark, so it is made as
 * cheap as can be, and useless for anything else.
 *
 * Every thread has an epoll set, an inbox and an output socket; whoever accepts a
 * connection hands it to the next thread in turn by adding it to that thread's set.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define EVENTS 512
#define BATCH 1024u           /* what one sendmmsg takes */
#define RECEIVE_BYTES 262144u /* of one connection in one round */
#define INBOX_BYTES 1048576u  /* of all connections in one round */
#define LONGEST_LINE 16384u
#define HEADER_BYTES 96u
#define BACKLOG 4096
#define MAX_THREADS 64u

struct conn {
    int fd;
    unsigned char prefix_len;
    char prefix[23];    /* "127.0.0.1:50929 " */
    unsigned part_len;  /* of a line whose end has not come */
    char *part;         /* room for LONGEST_LINE, or NULL */
};

struct thread {
    pthread_t id;
    int epoll_fd;
    int out_fd;
    time_t second;            /* that the header was made for */
    size_t header_len;
    char header[64];          /* "<30>Nov 22 08:12:14 peerlogd[4711]: " */
    size_t used;              /* of the inbox */
    unsigned headers;         /* of connections in this batch */
    unsigned count;           /* messages in this batch */
    struct conn *closed;      /* to be freed after the batch, linked by part */
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH][2];
    char prefixes[BATCH][HEADER_BYTES]; /* header and peer, one for each connection of a round */
    char inbox[INBOX_BYTES];
};

static struct thread *threads[MAX_THREADS];
static unsigned thread_count;
static int listen_fd;

static void flush_batch(struct thread *t)
{
    unsigned done = 0;

    while (done < t->count) {
        int n = sendmmsg(t->out_fd, t->messages + done, t->count - done,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            done += (unsigned)n;
        } else if (errno == EAGAIN) {
            struct pollfd room = {.fd = t->out_fd, .events = POLLOUT};
            (void)poll(&room, 1, -1); /* then try again, whatever it says */
        } else if (errno != EINTR && errno != ENOBUFS) {
            die_errno("sendmmsg");
        }
    }
    t->count = t->headers = 0;
    t->used = 0;
}

/* Once a second: the header up to the peer. */
static void renew_header(struct thread *t)
{
    struct timespec now;
    struct tm local;

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now); /* cannot fail */
    if (now.tv_sec == t->second)
        return;
    t->second = now.tv_sec;
    size_t n = strftime(t->header, sizeof t->header, "<30>%b %e %H:%M:%S ",
                        localtime_r(&now.tv_sec, &local));
    n += (size_t)snprintf(t->header + n, sizeof t->header - n, "peerlogd[%d]: ", (int)getpid());
    t->header_len = n;
}

static inline void add_line(struct thread *t, char *text, size_t len, const char *prefix,
                            size_t prefix_len)
{
    struct iovec *parts = t->parts[t->count++];

    parts[0] = (struct iovec){(void *)(uintptr_t)prefix, prefix_len};
    parts[1] = (struct iovec){text, len};
}

/* Put the lines of LEN bytes at BYTES into batches. Returns: the bytes behind the last line. */
static size_t add_lines(struct thread *t, const struct conn *c, char *bytes, size_t len)
{
    char *at = bytes, *end = bytes + len, *lf;
    char *prefix = t->prefixes[t->headers++];
    size_t prefix_len = t->header_len + c->prefix_len;

    memcpy(prefix, t->header, t->header_len);
    memcpy(prefix + t->header_len, c->prefix, c->prefix_len);
    while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (lf > at) {
            add_line(t, at, (size_t)(lf - at), prefix, prefix_len);
            if (t->count == BATCH) {
                flush_batch(t);
                t->headers = 1;
                if (prefix != t->prefixes[0])
                    prefix = memcpy(t->prefixes[0], prefix, prefix_len);
            }
        }
        at = lf + 1;
    }
    return (size_t)(end - at);
}

/* Keep the beginning of a line for the next round. */
static void keep_part(struct conn *c, const char *bytes, size_t len)
{
    if (len > LONGEST_LINE)
        len = LONGEST_LINE;
    if (len > 0 && c->part == NULL && (c->part = malloc(LONGEST_LINE)) == NULL)
        die_errno("part");
    if (len > 0)
        memcpy(c->part, bytes, len);
    c->part_len = (unsigned)len;
}

static void close_conn(struct thread *t, struct conn *c)
{
    (void)close(c->fd); /* nothing of it is left */
    free(c->part);
    c->part = (char *)t->closed;
    t->closed = c;
}

static void free_closed(struct thread *t)
{
    while (t->closed != NULL) {
        struct conn *c = t->closed;
        t->closed = (struct conn *)(void *)c->part;
        free(c);
    }
}

static void read_conn(struct thread *t, struct conn *c)
{
    if (t->used + LONGEST_LINE + RECEIVE_BYTES > INBOX_BYTES || t->headers == BATCH)
        flush_batch(t);
    char *bytes = t->inbox + t->used;
    ssize_t got = recv(c->fd, bytes + c->part_len, RECEIVE_BYTES, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (c->part_len > 0)
        memcpy(bytes, c->part, c->part_len);
    size_t len = c->part_len + (size_t)(got > 0 ? got : 0);
    if (got <= 0 && len > 0)
        bytes[len++] = '\n';
    size_t rest = add_lines(t, c, bytes, len);
    if (t->used == 0 && t->count == 0 && rest == len)
        t->headers = 0;
    keep_part(c, bytes + len - rest, rest);
    t->used = t->count > 0 ? (size_t)(bytes - t->inbox) + len : 0;
    if (got <= 0)
        close_conn(t, c);
}

/* Accept what waits, a few at a time, and deal it out. */
static void accept_some(void)
{
    static unsigned turn;

    for (unsigned i = 0; i < 64; i++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        char address[INET_ADDRSTRLEN];
        int fd = accept4(listen_fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct conn *c = calloc(1, sizeof *c);
        if (c == NULL)
            die_errno("conn");
        c->fd = fd;
        (void)inet_ntop(AF_INET, &peer.sin_addr, address, sizeof address); /* it fits */
        c->prefix_len = (unsigned char)snprintf(c->prefix, sizeof c->prefix, "%s:%u ", address,
                                                (unsigned)ntohs(peer.sin_port));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        unsigned next = __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % thread_count;
        if (epoll_ctl(threads[next]->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
            die_errno("epoll_ctl");
    }
}

static void *run_thread(void *argument)
{
    struct thread *t = argument;
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = epoll_wait(t->epoll_fd, events, EVENTS, -1);
        renew_header(t);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_some();
            else
                read_conn(t, events[i].data.ptr);
        }
        flush_batch(t);
        free_closed(t);
    }
    return NULL;
}

static void open_output(struct thread *t, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    t->out_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (t->out_fd < 0 || strlen(path) >= sizeof address.sun_path)
        die_errno(path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(t->out_fd, (struct sockaddr *)&address, sizeof address) < 0)
        die_errno(path);
}

static struct thread *new_thread(const char *path)
{
    struct thread *t = calloc(1, sizeof *t);
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};

    if (t == NULL)
        die_errno("thread");
    for (unsigned i = 0; i < BATCH; i++)
        t->messages[i].msg_hdr = (struct msghdr){.msg_iov = t->parts[i], .msg_iovlen = 2};
    open_output(t, path);
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (t->epoll_fd < 0 || epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) < 0)
        die_errno("epoll");
    return t;
}

static void open_listener(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof address;
    int on = 1;

    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listen_fd < 0 || setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(listen_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listen_fd, BACKLOG) < 0 ||
        getsockname(listen_fd, (struct sockaddr *)&address, &len) < 0)
        die_errno("listen");
    (void)fprintf(stderr, "listening on 127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
}

/* As many threads as this process may use CPUs. */
static unsigned usable_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    unsigned n = (unsigned)CPU_COUNT(&set);
    return n < MAX_THREADS ? n : MAX_THREADS;
}

int main(int argc, char **argv)
{
    const char *path = "/dev/log";
    uint16_t port = 0;
    int option;

    thread_count = usable_cpus();
    while ((option = getopt(argc, argv, "o:p:t:")) != -1) {
        if (option == 'o')
            path = optarg;
        else if (option == 'p')
            port = (uint16_t)parse_number("p", optarg, 0, UINT16_MAX);
        else if (option == 't')
            thread_count = (unsigned)parse_number("t", optarg, 1, MAX_THREADS);
        else
            die("usage: floor [-o SOCKET] [-p PORT] [-t THREADS]");
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* nothing stays behind; best effort */
    open_listener(port);
    for (unsigned i = 0; i < thread_count; i++)
        threads[i] = new_thread(path);
    for (unsigned i = 1; i < thread_count; i++) {
        if (pthread_create(&threads[i]->id, NULL, run_thread, threads[i]) != 0)
            die("cannot start a thread");
    }
    (void)run_thread(threads[0]); /* it never returns */
    return 0;
}
