/* SPDX-License-Identifier: MIT
 *
 * The sink stands where the system log stands: it takes records, counts them, checks loss, repeats
 * and order for each connection, and measures how long each was under way. It
 * prints one JSON object when SIGTERM or SIGINT comes (or standard input ends).
 */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common.h"
#include "histogram.h"
#include "peerlog/count.h"
#include "sink.h"
#include "tally.h"

struct book {
    struct tally *tally;
    struct histogram latency;
    struct progress *page; /* what the others may see meanwhile */
    uint32_t latency_from; /* connections below are not in the histogram */
    uint64_t received;     /* records with a mark */
    uint64_t published;    /* of these, at the last publication */
    uint64_t unmarked;     /* records without one: not ours */
    uint64_t bytes;
    uint64_t datagrams;    /* or reads of standard input */
    uint64_t first_ns;
    uint64_t last_ns;
};

void book_record(struct book *b, const char *text, size_t len, uint64_t ns)
{
    struct mark mark;

    b->bytes += len;
    if (!mark_find(text, len, &mark)) {
        b->unmarked++;
        return;
    }
    b->received++;
    tally_note(b->tally, mark.id, mark.sequence);
    if (mark.id >= b->latency_from)
        histogram_record(&b->latency, ns > mark.sent_ns ? ns - mark.sent_ns : 0);
}

void book_publish(struct book *b, uint64_t datagrams, uint64_t ns)
{
    b->datagrams += datagrams;
    if (b->received == b->published)
        return; /* company alone does not move the clock */
    b->published = b->received;
    if (b->first_ns == 0)
        b->first_ns = ns;
    b->last_ns = ns;
    if (b->page == NULL)
        return;
    __atomic_store_n(&b->page->first_ns, b->first_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&b->page->last_ns, b->last_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&b->page->received, b->received, __ATOMIC_RELEASE);
}

static void print_json(const struct book *b)
{
    struct tally_sums sums;
    const struct histogram *h = &b->latency;

    tally_sum(b->tally, &sums);
    printf("{\"received\": %" PRIu64 ", \"unique\": %" PRIu64 ", \"repeats\": %" PRIu64
           ", \"late\": %" PRIu64 ", \"missing\": %" PRIu64 ", \"unmarked\": %" PRIu64,
           b->received, sums.unique, sums.repeats, sums.late, sums.missing, b->unmarked);
    printf(", \"connections\": %" PRIu64 ", \"least\": %" PRIu64 ", \"most\": %" PRIu64,
           sums.connections, sums.least, sums.most);
    printf(", \"bytes\": %" PRIu64 ", \"datagrams\": %" PRIu64 ", \"first_ns\": %" PRIu64
           ", \"last_ns\": %" PRIu64,
           b->bytes, b->datagrams, b->first_ns, b->last_ns);
    printf(", \"latency_ns\": {\"p50\": %" PRIu64 ", \"p90\": %" PRIu64 ", \"p99\": %" PRIu64
           ", \"p999\": %" PRIu64 ", \"max\": %" PRIu64 "}}\n",
           histogram_at(h, 500000), histogram_at(h, 900000), histogram_at(h, 990000),
           histogram_at(h, 999000), h->max_ns);
}

static _Noreturn void usage(int status)
{
    (void)fprintf(status == 0 ? stdout : stderr,
                  "usage: sink [--mode syslog|journal|lines|file] [--socket PATH]\n"
                  "            [--progress FILE]\n"
                  "            PATH: of the socket, or of the file\n"
                  "            [--latency-from ID]  only these connections are timed\n");
    exit(status);
}

static enum sink_mode parse_mode(const char *name)
{
    static const char *const names[] = {"syslog", "journal", "lines", "file"};

    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum sink_mode)i;
    }
    die("--mode: '%s' is not one of syslog, journal, lines, file", name);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"mode", required_argument, NULL, 'm'},
        {"socket", required_argument, NULL, 's'},
        {"progress", required_argument, NULL, 'p'},
        {"latency-from", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    static struct book book;
    enum sink_mode mode = SINK_SYSLOG;
    const char *path = NULL;
    int fd = STDIN_FILENO;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'm':
            mode = parse_mode(optarg);
            break;
        case 's':
            path = optarg;
            break;
        case 'p':
            book.page = progress_map(optarg);
            *book.page = (struct progress){0}; /* of an earlier run */
            break;
        case 'l':
            book.latency_from = (uint32_t)parse_number("latency-from", optarg, 0, MARK_MAX_ID);
            break;
        default:
            usage(option == 'h' ? 0 : 1);
        }
    }
    if (mode != SINK_LINES && path == NULL)
        usage(1);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* nothing stays behind; best effort */
    stop_on_signals();
    book.tally = tally_new();
    if (mode != SINK_LINES)
        fd = mode == SINK_FILE ? sink_open(path) : sink_bind(path);
    sink_receive(mode, fd, &book);
    if (path != NULL)
        (void)unlink(path); /* best effort */
    print_json(&book);
    book.tally = tally_free(book.tally);
    return 0;
}
