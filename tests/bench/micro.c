/* SPDX-License-Identifier: MIT
 *
 * Micro-benchmarks of the rooms that every message passes: framer, record, escape, format.
 * Each line is a name, nanoseconds a message and gigabytes of input (format: of output) a
 * second, by tabs: the median of several runs over what fits the second-level cache.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "corpus.h"
#include "daemon/output/format.h"
#include "peerlog/count.h"
#include "peerlog/escape.h"
#include "peerlog/framer.h"
#include "peerlog/limits.h"
#include "peerlog/record.h"

#define INPUT_BYTES 65536u
#define RUNS 9u

struct micro {
    const char *name;
    uint64_t (*run)(const struct corpus *c, const struct micro *m); /* returns bytes read */
    enum framing written; /* how the input is framed */
    enum framing framing; /* how it is read */
    enum corpus_text text;
    size_t size;
};

/* The compiler may not know that nobody looks at the results. */
static volatile uint64_t seen;

static uint64_t run_framer(const struct corpus *c, const struct micro *m)
{
    struct framer_rules rules = {.max_message_bytes = PEERLOG_DEFAULT_MESSAGE_BYTES,
                                 .framing = (uint8_t)m->framing};
    struct framer_state state = {0};
    struct framer framer;
    struct frame frame;
    uint64_t sum = 0;

    framer_begin(&framer, &state, &rules, c->bytes, c->len, false);
    while (framer_next(&framer, &frame) == FRAMER_MESSAGE)
        sum += frame.len;
    return sum;
}

static uint64_t run_record(const struct corpus *c, const struct micro *m)
{
    struct framer_rules rules = {.max_message_bytes = PEERLOG_DEFAULT_MESSAGE_BYTES,
                                 .framing = (uint8_t)m->framing};
    struct record_rules record_rules = {PRIORITY_MODE_SEVERITY, SEVERITY_CRIT,
                                        FACILITY_DAEMON << 3 | SEVERITY_INFO, false};
    struct framer_state state = {0};
    struct framer framer;
    struct frame frame;
    struct record record;
    uint8_t priority = 0;
    uint64_t sum = 0;

    framer_begin(&framer, &state, &rules, c->bytes, c->len, false);
    while (framer_next(&framer, &frame) == FRAMER_MESSAGE) {
        record_from_frame(&frame, &record_rules, &priority, &record);
        sum += record.len;
    }
    return sum;
}

static uint64_t run_clean(const struct corpus *c, const struct micro *m)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < c->messages; i++)
        sum += escape_clean_bytes(c->bytes + i * m->size, m->size - 1, ESCAPE_LF);
    return sum;
}

static uint64_t run_escape(const struct corpus *c, const struct micro *m)
{
    static char out[INPUT_BYTES * ESCAPE_MAX_GROWTH];
    uint64_t sum = 0;
    size_t taken;

    for (size_t i = 0; i < c->messages; i++) {
        seen += escape_write(out, sizeof out, c->bytes + i * m->size, m->size - 1, ESCAPE_LF,
                             &taken);
        sum += taken;
    }
    return sum;
}

/* The prefix of each message, as if no neighbour had the same. */
static uint64_t run_prefix(const struct corpus *c, const struct micro *m)
{
    static const struct label_settings label = {.tag = "peerlogd", .show_peer = true};
    struct source source = {.label = &label, .peer = {{127, 0, 0, 1}, 0, 50929, PEER_IPV4, 0}};
    struct record record = {.priority = FACILITY_DAEMON << 3 | SEVERITY_INFO};
    struct stamp stamp = {0};
    char prefix[FORMAT_PREFIX_BYTES];
    uint64_t sum = 0;

    (void)m;
    source.peer_len = (uint8_t)peer_format(&source.peer, source.peer_text);
    format_stamp(&stamp, 1);
    for (size_t i = 0; i < c->messages; i++)
        sum += format_syslog_prefix(prefix, &record, &source, &stamp, "[4711]: ");
    return sum;
}

/* The peer's text, made once for a connection and round. */
static uint64_t run_peer(const struct corpus *c, const struct micro *m)
{
    struct peer peer = {{127, 0, 0, 1}, 0, 50929, PEER_IPV4, 0};
    char text[PEER_TEXT_BYTES];
    uint64_t sum = 0;

    (void)m;
    for (size_t i = 0; i < c->messages; i++)
        sum += peer_format(&peer, text);
    return sum;
}

static const struct micro micros[] = {
    {"framer auto, lf, 64", run_framer, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 64},
    {"framer auto, lf, 256", run_framer, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 256},
    {"framer auto, lf, 1024", run_framer, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 1024},
    {"framer auto, nul, 256", run_framer, FRAMING_NUL, FRAMING_AUTO, TEXT_ASCII, 256},
    {"framer auto, octets, 256", run_framer, FRAMING_OCTET_COUNTING, FRAMING_AUTO, TEXT_ASCII,
     256},
    {"framer lf, 256", run_framer, FRAMING_LF, FRAMING_LF, TEXT_ASCII, 256},
    {"framer and record, lf, 256", run_record, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 256},
    {"escape look, ascii, 64", run_clean, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 64},
    {"escape look, ascii, 256", run_clean, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 256},
    {"escape look, ascii, 1024", run_clean, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 1024},
    {"escape look, utf-8, 256", run_clean, FRAMING_LF, FRAMING_AUTO, TEXT_UTF8, 256},
    {"escape write, one in eight, 256", run_escape, FRAMING_LF, FRAMING_AUTO, TEXT_DIRTY, 256},
    {"escape write, every byte, 256", run_escape, FRAMING_LF, FRAMING_AUTO, TEXT_TORN, 256},
    {"format syslog prefix", run_prefix, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 64},
    {"format peer", run_peer, FRAMING_LF, FRAMING_AUTO, TEXT_ASCII, 64},
};

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Nanoseconds of one pass over the input: the median of RUNS runs of RUN_NS each. */
static double time_pass(const struct micro *m, const struct corpus *c, uint64_t run_ns)
{
    uint64_t ns[RUNS];
    uint64_t passes = 1;

    for (unsigned i = 0; i < RUNS; i++) {
        uint64_t began, took;
        for (;;) {
            began = now_ns();
            for (uint64_t pass = 0; pass < passes; pass++)
                seen += m->run(c, m);
            took = now_ns() - began;
            if (i > 0 || took >= run_ns)
                break;
            passes *= 2;
        }
        ns[i] = took;
    }
    qsort(ns, RUNS, sizeof ns[0], compare);
    return (double)ns[RUNS / 2] / (double)passes;
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;

    for (size_t i = 0; i < COUNT_OF(micros); i++) {
        const struct micro *m = &micros[i];
        struct corpus corpus;
        corpus_init(&corpus, m->written, m->text, m->size, INPUT_BYTES / m->size);
        double ns = time_pass(m, &corpus, quick ? NS_PER_MS : 20 * NS_PER_MS);
        printf("%s\t%.2f\t%.3f\n", m->name, ns / (double)corpus.messages,
               (double)m->run(&corpus, m) / ns);
        corpus_done(&corpus);
    }
    return 0;
}
