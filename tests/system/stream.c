/* SPDX-License-Identifier: MIT
 *
 * The clients of the system tests, all in one process and one thread: opens many connections,
 * sends numbered messages over each, as fast as they are taken or at a given rate, and
 * notices every connection that breaks. Its report, a small JSON file that is rewritten
 * four times a second, says how many messages of each stream the kernel has taken.
 *
 * --tls CA: over TLS, each version and suite in turn; --updates N: keys are changed after N bytes.
 * SIGTERM: finish the messages begun, half-close, wait until the other side closes, end.
 * SIGUSR1: send --count messages more over each connection.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "numbered.h"
#include "program.h"
#include "wire.h"

#define BUFFER_BYTES 16384u
#define EVENTS_PER_ROUND 256
#define TICK_MS 10u
#define TICKS_PER_REPORT 25u
#define FAULTS_SHOWN 10u
#define FAULT_BYTES 160u

/* Bounds what waits in the kernel, so that the other side can read it all in the end. */
#define SEND_BUFFER_BYTES 65536

/* How a stream ends after its last message. */
enum ending {
    ENDING_WAIT,  /* half-close, and wait until the other side closes */
    ENDING_CLOSE, /* close at once */
    ENDING_RESET, /* once everything is acknowledged, reset */
};

enum phase { PHASE_SENDING, PHASE_WAITING, PHASE_OVER, PHASE_BROKEN };

struct options {
    const char *host;
    const char *port;
    const char *report;
    uint32_t connections;
    uint32_t first;   /* number of the first stream */
    uint32_t padding; /* at most, in bytes */
    uint64_t count;   /* messages of each stream; 0: until SIGTERM */
    uint64_t rate;    /* messages a second, all together; 0: as they are taken */
    uint64_t wait_ms; /* for the other side's close */
    enum ending ending;
    struct wire_rules wire;
};

struct sender {
    char *buffer; /* BUFFER_BYTES; what is not yet sent lies between from and to */
    size_t from;
    size_t to;
    uint64_t next;  /* number of the next message to be written */
    uint64_t limit; /* of next */
    enum phase phase;
    struct wire *wire;
    int fd;
    bool wants_room; /* waits for EPOLLOUT */
};

struct load {
    struct options options;
    struct sender *senders;
    char faults[FAULTS_SHOWN][FAULT_BYTES];
    uint32_t broken;
    uint32_t living;
    uint32_t cursor;      /* of the sender that may send next, when paced */
    uint64_t credit;      /* messages times 1000, when paced */
    uint64_t deadline_ms; /* of the other side's close, once finishing */
    int epoll_fd;
    int signal_fd;
    bool finishing;
};

static uint32_t stream_of(const struct load *load, const struct sender *s)
{
    return load->options.first + (uint32_t)(s - load->senders);
}

/* Messages of this stream that the kernel has taken whole. */
static uint64_t handed_over(const struct sender *s)
{
    uint64_t pending = 0;

    for (size_t i = s->from; i < s->to; i++)
        pending += s->buffer[i] == '\n';
    return s->next - pending;
}

/* --- ends --- */

static void leave(struct load *load, struct sender *s, enum phase phase)
{
    s->wire = wire_free(s->wire);
    (void)close(s->fd); /* nothing of ours is left in it */
    s->fd = -1;
    s->phase = phase;
    load->living--;
}

static void note_broken(struct load *load, struct sender *s, const char *why)
{
    if (load->broken < FAULTS_SHOWN)
        (void)snprintf(load->faults[load->broken], FAULT_BYTES, "stream %u after %llu: %s%s",
                       stream_of(load, s), (unsigned long long)handed_over(s), why,
                       s->phase == PHASE_WAITING ? " (after the half-close)" : "");
    load->broken++;
    leave(load, s, PHASE_BROKEN);
}

static bool all_acknowledged(const struct sender *s)
{
    int queued = 0;

    return ioctl(s->fd, SIOCOUTQ, &queued) != 0 || queued == 0;
}

/* Everything is with the kernel: end as was ordered. */
static void say_goodbye(struct load *load, struct sender *s)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    switch (load->options.ending) {
    case ENDING_CLOSE:
        leave(load, s, PHASE_OVER);
        break;
    case ENDING_RESET:
        if (!all_acknowledged(s))
            return; /* the next tick asks again */
        if (setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0)
            die("SO_LINGER");
        leave(load, s, PHASE_OVER);
        break;
    case ENDING_WAIT:
        if (!load->finishing)
            return; /* stays open, idle */
        if (wire_end(s->wire) == 0)
            s->phase = PHASE_WAITING;
        else if (errno != EAGAIN)
            note_broken(load, s, strerror(errno));
        break; /* without room the next tick tries again */
    }
}

/* --- sending --- */

static void watch(struct load *load, struct sender *s, bool wants_room)
{
    struct epoll_event event = {.data.ptr = s};

    if (s->wants_room == wants_room)
        return;
    s->wants_room = wants_room;
    event.events = EPOLLIN | EPOLLRDHUP | (wants_room ? (uint32_t)EPOLLOUT : 0u);
    if (epoll_ctl(load->epoll_fd, EPOLL_CTL_MOD, s->fd, &event) != 0)
        die("epoll_ctl");
}

static void write_messages(struct load *load, struct sender *s)
{
    struct numbered message = {.stream = stream_of(load, s)};

    if (s->buffer == NULL && (s->buffer = malloc(BUFFER_BYTES)) == NULL)
        die("memory");
    s->from = s->to = 0;
    while (s->next < s->limit && s->to + NUMBERED_MAX_BYTES <= BUFFER_BYTES) {
        message.number = s->next++;
        s->to += numbered_write(&message, load->options.padding, s->buffer + s->to);
        s->buffer[s->to++] = '\n';
    }
}

/* One buffer at a time, so that every connection gets its turn. */
static void send_some(struct load *load, struct sender *s)
{
    ssize_t sent;

    if (s->phase != PHASE_SENDING)
        return;
    if (s->from == s->to && s->next < s->limit)
        write_messages(load, s);
    if (s->from < s->to) {
        sent = wire_send(s->wire, s->buffer + s->from, s->to - s->from);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            note_broken(load, s, strerror(errno));
            return;
        }
        s->from += sent > 0 ? (size_t)sent : 0u;
    }
    watch(load, s, s->from < s->to || s->next < s->limit);
    if (s->from == s->to && s->next >= s->limit)
        say_goodbye(load, s);
}

/* The other side never speaks: it can only close, in order or not. */
static void hear(struct load *load, struct sender *s)
{
    switch (wire_hear(s->wire)) {
    case WIRE_SILENCE:
        return;
    case WIRE_TEXT:
        note_broken(load, s, "it answered");
        return;
    case WIRE_TRUNCATED:
        note_broken(load, s, "closed without close_notify");
        return;
    case WIRE_FAULT:
        note_broken(load, s, wire_fault(s->wire));
        return;
    case WIRE_GOODBYE:
        if (s->phase == PHASE_WAITING)
            leave(load, s, PHASE_OVER);
        else
            note_broken(load, s, "closed by the other side");
    }
}

/* --- the clock --- */

static void spread_credit(struct load *load, uint64_t ticks)
{
    uint32_t connections = load->options.connections;
    uint64_t count = load->options.count;

    load->credit += load->options.rate * TICK_MS * ticks;
    while (load->credit >= 1000u) {
        struct sender *s = &load->senders[load->cursor];

        load->cursor = (load->cursor + 1) % connections;
        load->credit -= 1000u;
        if (s->phase == PHASE_SENDING && (count == 0 || s->limit < count))
            s->limit++;
    }
}

/* TICKS have passed: more than one when there was too much else to do. */
static void tick(struct load *load, uint64_t ticks)
{
    bool paced = load->options.rate != 0 && !load->finishing;

    if (paced)
        spread_credit(load, ticks);
    for (uint32_t i = 0; i < load->options.connections; i++) {
        struct sender *s = &load->senders[i];

        if (s->phase == PHASE_SENDING && !s->wants_room &&
            (paced || load->finishing || load->options.ending != ENDING_WAIT))
            send_some(load, s);
    }
}

static void finish(struct load *load)
{
    load->finishing = true;
    load->deadline_ms = now_ms() + load->options.wait_ms;
    for (uint32_t i = 0; i < load->options.connections; i++)
        load->senders[i].limit = load->senders[i].next;
}

static void send_more(struct load *load)
{
    for (uint32_t i = 0; i < load->options.connections; i++) {
        load->senders[i].limit += load->options.count;
        send_some(load, &load->senders[i]);
    }
}

/* --- the report --- */

static void report(const struct load *load, bool finished)
{
    FILE *out = report_begin(load->options.report);
    uint64_t messages = 0;

    fprintf(out, "{\"finished\": %s, \"broken\": %u, \"unanswered\": %u, \"faults\": [",
            finished ? "true" : "false", load->broken, load->living);
    for (uint32_t i = 0; i < load->broken && i < FAULTS_SHOWN; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", load->faults[i]);
    fprintf(out, "], \"first\": %u, \"sent\": [", load->options.first);
    for (uint32_t i = 0; i < load->options.connections; i++) {
        uint64_t sent = handed_over(&load->senders[i]);

        messages += sent;
        fprintf(out, "%s%llu", i > 0 ? "," : "", (unsigned long long)sent);
    }
    fprintf(out, "], \"messages\": %llu}\n", (unsigned long long)messages);
    report_end(out, load->options.report);
}

/* --- the start --- */

static uint64_t first_limit(const struct options *options)
{
    uint64_t all = options->count != 0 ? options->count : UINT64_MAX;

    return options->rate != 0 ? 0 : all; /* when paced, the clock raises it */
}

static void connect_all(struct load *load)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *address;
    int size = SEND_BUFFER_BYTES;

    if (getaddrinfo(load->options.host, load->options.port, &hints, &address) != 0)
        die("address");
    for (uint32_t i = 0; i < load->options.connections; i++) {
        struct sender *s = &load->senders[i];
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLOUT, .data.ptr = s};

        s->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s->fd < 0 || setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) != 0)
            die("socket");
        if (connect(s->fd, address->ai_addr, address->ai_addrlen) != 0)
            die("connect");
        s->wire = wire_new(&load->options.wire, load->options.first + i, s->fd);
        if (s->wire == NULL)
            die("handshake");
        s->wants_room = true;
        s->limit = first_limit(&load->options);
        if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, s->fd, &event) != 0)
            die("epoll_ctl");
        load->living++;
    }
    freeaddrinfo(address);
}

static int open_ticks(void)
{
    struct itimerspec every = {.it_interval.tv_nsec = TICK_MS * 1000000, .it_value.tv_nsec = 1};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0)
        die("timerfd");
    return fd;
}

static void add_plain(struct load *load, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};

    if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, *fd, &event) != 0)
        die("epoll_ctl");
}

/* --- the loop --- */

static void obey(struct load *load)
{
    struct signalfd_siginfo info;

    while (read(load->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM)
            finish(load);
        else
            send_more(load);
    }
}

static void turn(struct load *load, struct sender *s, uint32_t events)
{
    if (s->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        hear(load, s);
    if (s->fd >= 0 && (events & EPOLLOUT) != 0)
        send_some(load, s);
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS_PER_ROUND];
    int tick_fd = open_ticks();
    uint64_t ticks;
    uint64_t turns = 0;

    add_plain(load, &load->signal_fd);
    add_plain(load, &tick_fd);
    while (load->living > 0 && !(load->finishing && now_ms() > load->deadline_ms)) {
        int n = epoll_wait(load->epoll_fd, events, EVENTS_PER_ROUND, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &load->signal_fd) {
                obey(load);
            } else if (events[i].data.ptr == &tick_fd) {
                if (read(tick_fd, &ticks, sizeof ticks) < 0)
                    continue;
                tick(load, ticks);
                if (turns++ % TICKS_PER_REPORT == 0)
                    report(load, false);
            } else {
                turn(load, events[i].data.ptr, events[i].events);
            }
        }
    }
    report(load, true);
}

static enum ending parse_ending(const char *name)
{
    static const char *const names[] = {"wait", "close", "reset"};

    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum ending)i;
    }
    fprintf(stderr, "stream: --end is wait, close or reset\n");
    exit(EXIT_FAILURE);
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"host", required_argument, NULL, 'h'},  {"port", required_argument, NULL, 'p'},
        {"report", required_argument, NULL, 'o'}, {"connections", required_argument, NULL, 'c'},
        {"first", required_argument, NULL, 'f'}, {"padding", required_argument, NULL, 'b'},
        {"count", required_argument, NULL, 'n'}, {"rate", required_argument, NULL, 'r'},
        {"wait", required_argument, NULL, 'w'},  {"end", required_argument, NULL, 'e'},
        {"tls", required_argument, NULL, 't'},   {"updates", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {.host = "127.0.0.1", .port = "8888", .report = "/dev/null",
                        .connections = 1, .padding = 200, .wait_ms = 60000};
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'h': o.host = optarg; break;
        case 'p': o.port = optarg; break;
        case 'o': o.report = optarg; break;
        case 'c': o.connections = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'f': o.first = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'b': o.padding = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'n': o.count = strtoull(optarg, NULL, 10); break;
        case 'r': o.rate = strtoull(optarg, NULL, 10); break;
        case 'w': o.wait_ms = strtoull(optarg, NULL, 10) * 1000u; break;
        case 'e': o.ending = parse_ending(optarg); break;
        case 't': o.wire.ca = optarg; break;
        case 'u': o.wire.updates = strtoull(optarg, NULL, 10); break;
        default: exit(EXIT_FAILURE);
        }
    }
    if (o.connections == 0 || o.connections > NUMBERED_MAX_STREAMS - o.first ||
        o.first >= NUMBERED_MAX_STREAMS || o.padding > NUMBERED_MAX_PADDING) {
        fprintf(stderr, "stream: a number is out of range\n");
        exit(EXIT_FAILURE);
    }
    return o;
}

int main(int argc, char **argv)
{
    struct load load = {.options = parse_options(argc, argv)};

    load.signal_fd = open_signals((const int[]){SIGTERM, SIGUSR1}, 2);
    load.senders = calloc(load.options.connections, sizeof *load.senders);
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (load.senders == NULL || load.epoll_fd < 0)
        die("start");
    connect_all(&load);
    run(&load);
    for (uint32_t i = 0; i < load.options.connections; i++)
        free(load.senders[i].buffer);
    free(load.senders);
    return load.broken == 0 && load.living == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
