/* SPDX-License-Identifier: MIT
 *
 * The load generator: numbered and stamped messages over TCP, in one of several ways
 * (see load.h). It prints one JSON object at its end.
 */
#include "config.h"

#include "load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common.h"

#define MIN_SIZE 48u
#define MAX_SIZE 131072u
#define MAX_BATCH_BYTES 1048576u

enum load_way { WAY_STREAMS, WAY_CHURN, WAY_HOLD, WAY_TRICKLE };

static const char help[] =
    "usage: load [OPTION]... (all numbers are decimal)\n"
    "  --mode streams|churn|hold|trickle  stay open; connect, send, close; open and wait;\n"
    "                             lines byte by byte\n"
    "  --port PORT                on 127.0.0.1\n"
    "  --connections N            (1)\n"
    "  --sources N                loopback addresses they come from (1)\n"
    "  --first-id N               identifier of the first connection (0)\n"
    "  --framing lf|nul|octet-counting\n"
    "  --size BYTES               of a message with its terminator (256)\n"
    "  --batch N                  messages a write (1)\n"
    "  --rate N                   messages a second; hold: connections; trickle: bytes (0: no\n"
    "                             limit; trickle: one for each connection)\n"
    "  --count N                  messages in all (0: no limit)\n"
    "  --duration MS              (0: no limit)\n"
    "  --patience MS              for the last writes, and for the sink (10000)\n"
    "  --progress FILE            the sink's page; churn needs it\n"
    "  --lead N                   messages that may be ahead of the sink (2048)\n"
    "  --tls FILE                 streams speak TLS 1.3, AES-128-GCM; whom FILE names is trusted\n"
    "  --seal-aside FILE          streams are plain, what they send is sealed and thrown away,\n"
    "                             too; certificate and key are in FILE\n";

/* Which of COUNT names is this? Exits when none is. */
static unsigned parse_name(const char *option, const char *text, const char *const *names,
                           unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0)
            return i;
    }
    die("--%s: '%s' is none of its values", option, text);
}

static void parse_option(struct load_plan *p, enum load_way *way, const char *name,
                         const char *value)
{
    static const char *const ways[] = {"streams", "churn", "hold", "trickle"};
    static const char *const framings[] = {"lf", "nul", "octet-counting"};

    if (strcmp(name, "mode") == 0)
        *way = (enum load_way)parse_name(name, value, ways, 4);
    else if (strcmp(name, "port") == 0)
        p->server.sin_port = htons((uint16_t)parse_number(name, value, 1, UINT16_MAX));
    else if (strcmp(name, "connections") == 0)
        p->connections = (unsigned)parse_number(name, value, 1, 1000000);
    else if (strcmp(name, "sources") == 0)
        p->sources = (unsigned)parse_number(name, value, 1, 1000);
    else if (strcmp(name, "first-id") == 0)
        p->first_id = (uint32_t)parse_number(name, value, 0, MARK_MAX_ID);
    else if (strcmp(name, "framing") == 0)
        p->framing = (enum load_framing)parse_name(name, value, framings, 3);
    else if (strcmp(name, "size") == 0)
        p->size = (unsigned)parse_number(name, value, MIN_SIZE, MAX_SIZE);
    else if (strcmp(name, "batch") == 0)
        p->batch = (unsigned)parse_number(name, value, 1, MAX_BATCH_BYTES);
    else if (strcmp(name, "rate") == 0)
        p->rate = parse_number(name, value, 0, 100000000);
    else if (strcmp(name, "count") == 0)
        p->count = parse_number(name, value, 0, UINT32_MAX);
    else if (strcmp(name, "duration") == 0)
        p->duration_ns = parse_number(name, value, 0, 3600000) * NS_PER_MS;
    else if (strcmp(name, "patience") == 0)
        p->patience_ns = parse_number(name, value, 1000, 600000) * NS_PER_MS;
    else if (strcmp(name, "lead") == 0)
        p->lead = parse_number(name, value, 1, 1000000);
    else if (strcmp(name, "progress") == 0)
        p->progress = value;
    else if (strcmp(name, "tls") == 0)
        p->wire.ca = value;
    else if (strcmp(name, "seal-aside") == 0)
        p->seal_aside = value;
}

static void parse_options(int argc, char **argv, struct load_plan *p, enum load_way *way)
{
    static const struct option options[] = {
        {"mode", required_argument, NULL, 0},      {"port", required_argument, NULL, 0},
        {"connections", required_argument, NULL, 0}, {"sources", required_argument, NULL, 0},
        {"first-id", required_argument, NULL, 0},  {"framing", required_argument, NULL, 0},
        {"size", required_argument, NULL, 0},      {"batch", required_argument, NULL, 0},
        {"rate", required_argument, NULL, 0},      {"count", required_argument, NULL, 0},
        {"duration", required_argument, NULL, 0},  {"patience", required_argument, NULL, 0},
        {"lead", required_argument, NULL, 0},      {"progress", required_argument, NULL, 0},
        {"tls", required_argument, NULL, 0},       {"seal-aside", required_argument, NULL, 0},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int which = 0, option;

    while ((option = getopt_long(argc, argv, "h", options, &which)) != -1) {
        if (option != 0) {
            (void)fputs(help, option == 'h' ? stdout : stderr);
            exit(option == 'h' ? 0 : 1);
        }
        parse_option(p, way, options[which].name, optarg);
    }
    if (p->server.sin_port == 0)
        die("--port is missing");
    if (*way == WAY_CHURN && p->progress == NULL)
        die("--mode churn needs --progress");
    if (p->batch > MAX_BATCH_BYTES / p->size)
        die("--batch: more than %u bytes a write", MAX_BATCH_BYTES);
}

static void print_json(const struct load_result *r)
{
    printf("{\"sent\": %" PRIu64 ", \"unsent\": %" PRIu64 ", \"broken\": %" PRIu64
           ", \"waits\": %" PRIu64 ", \"seconds\": %.6f}\n",
           r->sent, r->unsent, r->broken, r->waits,
           (double)(r->ended_ns - r->began_ns) / (double)NS_PER_S);
}

int main(int argc, char **argv)
{
    struct load_plan plan = {
        .server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
        .connections = 1,
        .sources = 1,
        .size = 256,
        .batch = 1,
        .patience_ns = 10000 * NS_PER_MS,
        .lead = 2048,
    };
    struct load_result result = {0};
    enum load_way way = WAY_STREAMS;

    parse_options(argc, argv, &plan, &way);
    stop_on_signals();
    /* Best effort both: nothing stays behind, and a pace is kept to the microsecond. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)prctl(PR_SET_TIMERSLACK, 1);
    if (way == WAY_STREAMS)
        load_streams(&plan, &result);
    else if (way == WAY_CHURN)
        load_churn(&plan, &result);
    else if (way == WAY_HOLD)
        load_hold(&plan, &result);
    else
        load_trickle(&plan, &result);
    print_json(&result);
    return result.broken > 0 || result.unsent > 0 ? 2 : 0;
}
