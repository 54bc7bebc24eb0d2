/* SPDX-License-Identifier: MIT
 *
 * The log daemon of the system tests: takes records from a datagram socket of its own, or a
 * log from standard input, and counts what arrived. Its report, a small JSON file that is
 * rewritten four times a second, is for the scenario to compare with what was sent.
 *
 *     sink --socket PATH --form syslog|journal [--pace N] --report FILE
 *     sink --form syslog|journal --report FILE < LOG
 *
 * SIGTERM: take what is already there, write the last report, end.
 */
#include "config.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "heard.h"
#include "program.h"
#include "tally.h"

/* The largest datagram that the default send buffer of a socket lets out is 212,960 bytes. */
#define DATAGRAM_BYTES 262144u
#define DATAGRAMS_PER_CALL 16u
#define STDIN_BYTES 4194304u
#define REPORT_MS 250

struct options {
    const char *path; /* NULL: standard input */
    const char *report;
    uint64_t pace; /* records a second; 0: as they come */
    bool journal;  /* else syslog */
};

struct sink {
    struct options options;
    struct tally *tally;
    char *memory;
    uint64_t records;
    int fd;
    int signal_fd;
};

static void report(const struct sink *sink, bool finished)
{
    FILE *out = report_begin(sink->options.report);

    tally_write(sink->tally, finished, out);
    report_end(out, sink->options.report);
}

/* --- records --- */

static void take_line(struct sink *sink, const char *line, size_t len)
{
    struct heard heard;

    sink->records++;
    if (heard_read_line(line, len, &heard))
        tally_add(sink->tally, &heard);
    else
        tally_add_foreign(sink->tally, line, len);
}

static void take_entry(struct sink *sink, const struct heard *heard)
{
    sink->records++;
    if (heard->text != NULL)
        tally_add(sink->tally, heard);
}

/* The whole entries of an export. Returns: the bytes that were taken. */
static size_t take_entries(struct sink *sink, const char *bytes, size_t len)
{
    struct heard heard;
    size_t taken = 0;
    size_t n;

    while (taken < len && (n = heard_read_entry(bytes + taken, len - taken, false, &heard)) != 0) {
        taken += n;
        take_entry(sink, &heard);
    }
    return taken;
}

static size_t take_lines(struct sink *sink, const char *bytes, size_t len)
{
    size_t taken = 0;
    const char *end;

    while ((end = memchr(bytes + taken, '\n', len - taken)) != NULL) {
        take_line(sink, bytes + taken, (size_t)(end - bytes) - taken);
        taken = (size_t)(end - bytes) + 1;
    }
    return taken;
}

/* Of a journal's datagram the first entry alone: so does journald, and the rest is a fault. */
static void take_datagram(struct sink *sink, const char *bytes, size_t len)
{
    struct heard heard;
    size_t taken;

    if (!sink->options.journal) {
        take_line(sink, bytes, len);
        return;
    }
    taken = heard_read_entry(bytes, len, true, &heard);
    if (taken > 0)
        take_entry(sink, &heard);
    if (taken < len)
        tally_add_foreign(sink->tally, bytes + taken, len - taken);
}

/* --- the socket --- */

static void open_socket(struct sink *sink)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", sink->options.path);
    (void)unlink(address.sun_path); /* of a sink before this one, or not there */
    sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sink->fd < 0 || bind(sink->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(address.sun_path, 0666) != 0)
        die(sink->options.path);
}

/* Returns: whether there was anything. */
static bool take_round(struct sink *sink)
{
    struct mmsghdr headers[DATAGRAMS_PER_CALL] = {0};
    struct iovec parts[DATAGRAMS_PER_CALL];
    int n;

    for (unsigned i = 0; i < DATAGRAMS_PER_CALL; i++) {
        parts[i] = (struct iovec){sink->memory + (size_t)i * DATAGRAM_BYTES, DATAGRAM_BYTES};
        headers[i].msg_hdr.msg_iov = &parts[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    n = recvmmsg(sink->fd, headers, DATAGRAMS_PER_CALL, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        take_datagram(sink, parts[i].iov_base, headers[i].msg_len);
    return n > 0;
}

/* Sleeps until the records taken since START_MS are not too many. */
static void keep_pace(const struct sink *sink, uint64_t start_ms)
{
    struct timespec pause = {0};
    uint64_t due_ms;
    uint64_t now = now_ms();

    if (sink->options.pace == 0)
        return;
    due_ms = start_ms + sink->records * 1000u / sink->options.pace;
    if (due_ms <= now)
        return;
    pause.tv_sec = (time_t)((due_ms - now) / 1000u);
    pause.tv_nsec = (long)((due_ms - now) % 1000u) * 1000000L;
    (void)nanosleep(&pause, NULL); /* cut short is good enough */
}

static void serve_socket(struct sink *sink)
{
    struct pollfd waits[2] = {{.fd = sink->fd, .events = POLLIN},
                              {.fd = sink->signal_fd, .events = POLLIN}};
    uint64_t start_ms = now_ms();
    uint64_t reported_ms = 0;

    while ((waits[1].revents & POLLIN) == 0) {
        if (poll(waits, 2, REPORT_MS) < 0)
            die("poll");
        if ((waits[0].revents & POLLIN) != 0) {
            (void)take_round(sink); /* nothing is no fault here */
            keep_pace(sink, start_ms);
        }
        if (now_ms() - reported_ms >= REPORT_MS) {
            report(sink, false);
            reported_ms = now_ms();
        }
    }
    while (take_round(sink))
        continue;
    (void)unlink(sink->options.path); /* the report matters more */
}

/* --- standard input --- */

static void serve_stdin(struct sink *sink)
{
    size_t have = 0;
    size_t taken;
    ssize_t n;

    while ((n = read(STDIN_FILENO, sink->memory + have, STDIN_BYTES - have)) > 0) {
        have += (size_t)n;
        taken = sink->options.journal ? take_entries(sink, sink->memory, have)
                                      : take_lines(sink, sink->memory, have);
        if (taken == 0 && have == STDIN_BYTES)
            break;
        memmove(sink->memory, sink->memory + taken, have - taken);
        have -= taken;
    }
    if (n < 0)
        die("standard input");
    if (have > 0)
        tally_add_foreign(sink->tally, sink->memory, have);
}

/* --- the start --- */

static struct options parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"socket", required_argument, NULL, 's'}, {"form", required_argument, NULL, 'f'},
        {"pace", required_argument, NULL, 'p'},   {"report", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {.report = "/dev/null"};
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 's': o.path = optarg; break;
        case 'f': o.journal = strcmp(optarg, "journal") == 0; break;
        case 'p': o.pace = strtoull(optarg, NULL, 10); break;
        case 'o': o.report = optarg; break;
        default: exit(EXIT_FAILURE);
        }
    }
    return o;
}

int main(int argc, char **argv)
{
    struct sink sink = {.options = parse_options(argc, argv), .fd = -1};

    sink.tally = tally_new();
    sink.memory = malloc((size_t)DATAGRAM_BYTES * DATAGRAMS_PER_CALL);
    if (sink.tally == NULL || sink.memory == NULL)
        die("start");
    if (sink.options.path != NULL) {
        sink.signal_fd = open_signals((const int[]){SIGTERM}, 1);
        open_socket(&sink);
        serve_socket(&sink);
    } else {
        serve_stdin(&sink);
    }
    report(&sink, true);
    free(sink.memory);
    sink.tally = tally_free(sink.tally);
    return EXIT_SUCCESS;
}
