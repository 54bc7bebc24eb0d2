/* SPDX-License-Identifier: MIT
 *
 * The way of a message through framer, record, escape and format, over a fixed input, for
 * counting instructions: check-instructions runs it under callgrind and counts what
 * happens inside pass_messages(). The count does not depend on how busy the machine is.
 * The prefix is made for each message, though neighbours share one in the daemon.
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

#define MESSAGES 1000u

/* The ceilings are those of one machine and of this much optimisation. */
#ifdef __x86_64__
#define MACHINE_IS_KNOWN true
#else
#define MACHINE_IS_KNOWN false
#endif

static bool is_comparable(void)
{
    return MACHINE_IS_KNOWN &&
           (strcmp(OPTIMISATION, "-O2") == 0 || strcmp(OPTIMISATION, "-O3") == 0);
}

struct way {
    const char *name;
    enum framing written;
    enum corpus_text text;
    size_t size;
};

static const struct way ways[] = {
    {"lf-64", FRAMING_LF, TEXT_ASCII, 64},
    {"lf-256", FRAMING_LF, TEXT_ASCII, 256},
    {"lf-1024", FRAMING_LF, TEXT_ASCII, 1024},
    {"nul-256", FRAMING_NUL, TEXT_ASCII, 256},
    {"octets-256", FRAMING_OCTET_COUNTING, TEXT_ASCII, 256},
    {"utf8-256", FRAMING_LF, TEXT_UTF8, 256},
    {"dirty-256", FRAMING_LF, TEXT_DIRTY, 256},
};

/* As an output would: a prefix, and the text if it needs to be changed. */
static size_t finish_record(const struct record *record, const struct source *source,
                            const struct stamp *stamp)
{
    static char out[FORMAT_PREFIX_BYTES + PEERLOG_DEFAULT_MESSAGE_BYTES * ESCAPE_MAX_GROWTH];
    size_t n = format_syslog_prefix(out, record, source, stamp, "[4711]: ");
    size_t taken;

    if (format_clean_bytes(record->text, record->len, ESCAPE_LF) == record->len)
        return n + record->len;
    return n + escape_write(out + n, sizeof out - n, record->text, record->len, ESCAPE_LF, &taken);
}

/* What is counted. Returns: the bytes that came out. */
__attribute__((noinline)) static size_t pass_messages(const struct corpus *c)
{
    const struct framer_rules rules = {.max_message_bytes = PEERLOG_DEFAULT_MESSAGE_BYTES};
    const struct record_rules record_rules = {PRIORITY_MODE_SEVERITY, SEVERITY_CRIT,
                                              FACILITY_DAEMON << 3 | SEVERITY_INFO, false};
    static const struct label_settings label = {.tag = "peerlogd", .show_peer = true};
    struct source source = {.label = &label, .peer = {{127, 0, 0, 1}, 0, 50929, PEER_IPV4, 0}};
    struct stamp stamp = {0};
    struct framer_state state = {0};
    struct framer framer;
    struct frame frame;
    struct record record;
    uint8_t priority = 0;
    size_t bytes = 0;

    source.peer_len = (uint8_t)peer_format(&source.peer, source.peer_text);
    format_stamp(&stamp, 1);
    framer_begin(&framer, &state, &rules, c->bytes, c->len, false);
    while (framer_next(&framer, &frame) == FRAMER_MESSAGE) {
        record_from_frame(&frame, &record_rules, &priority, &record);
        bytes += finish_record(&record, &source, &stamp);
    }
    return bytes;
}

int main(int argc, char **argv)
{
    struct corpus corpus;

    if (!is_comparable())
        return 77;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        const struct way *way = &ways[i];
        if (argc < 2) {
            printf("%s\n", way->name);
            continue;
        }
        if (strcmp(argv[1], way->name) != 0)
            continue;
        corpus_init(&corpus, way->written, way->text, way->size, MESSAGES);
        size_t bytes = pass_messages(&corpus);
        corpus_done(&corpus);
        printf("%u %zu\n", MESSAGES, bytes);
        return 0;
    }
    return argc < 2 ? 0 : 1;
}
