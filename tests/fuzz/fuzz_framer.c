/* SPDX-License-Identifier: MIT
 *
 * Fuzz the framer and the records made of its frames. Four characters choose the rules,
 * the rest is the stream, where the rules have flushes with one at each ACK. Any cutting gives
 * the records of the oracle, which sees the stream at once; and each byte is given out once,
 * cut and counted, or part of a terminator, an octet count or a mark.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "support/cuts.h"
#include "support/intake.h"
#include "support/oracle.h"

#define HEADER_BYTES 4u

/* A flush, and how many of them there are at most. */
#define FLUSH_BYTE '\006'
#define MOST_FLUSHES 16u

/* Streams up to this length are also fed byte by byte. */
#define SHORT_STREAM 1024u

/* Random cuts of one stream, and how often. */
#define CUTS 6u
#define TURNS 3u

/* "0000": auto, split, 256 bytes, severity mode with nothing lowered; "5000" has flushes. */
static struct intake_rules choose_rules(const uint8_t *header)
{
    static const uint32_t limits[] = {PEERLOG_MIN_MESSAGE_BYTES, 257, 259, 300, 1024,
                                      PEERLOG_DEFAULT_MESSAGE_BYTES};
    uint8_t choice[HEADER_BYTES];

    for (size_t i = 0; i < HEADER_BYTES; i++)
        choice[i] = (uint8_t)(header[i] - '0');
    return (struct intake_rules){
        .framer = {
            .max_message_bytes = limits[choice[2] % COUNT_OF(limits)],
            .framing = choice[0] % (FRAMING_CLOSE + 1),
            .flushes = choice[0] / (FRAMING_CLOSE + 1) % 2,
            .multiline = choice[0] / (2 * (FRAMING_CLOSE + 1)) % (MULTILINE_NO_PRIORITY + 1),
            .oversize = choice[1] % (OVERSIZE_DISCARD + 1),
        },
        .record = {
            .mode = choice[3] % (PRIORITY_MODE_IGNORE + 1),
            .highest_severity = choice[3] / 3 % (SEVERITY_DEBUG + 1),
            .priority = 30,
            .allow_kern = choice[3] / 24 % 2,
        },
    };
}

/* Could this byte belong to a terminator, or to an octet count where there are such? */
static bool may_vanish(const struct intake_rules *rules, uint8_t byte)
{
    bool counts = rules->framer.framing == FRAMING_AUTO ||
                  rules->framer.framing == FRAMING_OCTET_COUNTING;

    if (byte == '\n' || byte == '\r' || byte == '\0' || byte == 0xef || byte == 0xbb ||
        byte == 0xbf)
        return true;
    if (rules->framer.framing == FRAMING_AUTO && byte != '\0' && strchr("_LOG4JS", byte) != NULL)
        return true;
    return counts && (byte == ' ' || (byte >= '0' && byte <= '9'));
}

/* Mark LEN bytes from AT, none of which may have been marked before. */
static void mark(uint8_t *marks, size_t size, size_t at, uint64_t len)
{
    require(at <= size && len <= size - at, "what comes out was in the stream");
    for (size_t i = at; i < at + len; i++) {
        require(marks[i] == 0, "no byte comes out twice");
        marks[i] = 1;
    }
}

/* Without the oracle: every byte went somewhere, and only one way. */
static void account_for(const struct intake_rules *rules, struct span stream,
                        const struct records *records)
{
    uint8_t *marks = calloc(stream.len + 1, 1);
    uint64_t discarded = 0, gone = 0, lost = 0;

    require(marks != NULL, "memory for a test");
    for (size_t i = 0; i < records->count; i++) {
        const struct heard *h = &records->items[i];
        if (h->discarded) {
            discarded += h->record.cut_bytes;
            continue;
        }
        mark(marks, stream.len, h->frame_offset, h->frame_bytes);
        mark(marks, stream.len, h->frame_offset + h->frame_bytes, h->record.cut_bytes);
    }
    for (size_t i = 0; i < stream.len; i++) {
        gone += marks[i] == 0;
        lost += marks[i] == 0 && !may_vanish(rules, stream.data[i]);
    }
    require(lost <= discarded && discarded <= gone, "every byte is accounted for");
    free(marks);
}

static void compare(const struct intake_rules *rules, struct span stream,
                    const struct records *wanted, const struct cuts *cuts)
{
    char *complaint = cuts_complaint(rules, stream, wanted, cuts);

    if (complaint != NULL) {
        (void)fprintf(stderr, "%s\n", complaint); /* abort() follows anyway */
        abort();
    }
}

static void feed_byte_by_byte(const struct intake_rules *rules, struct span stream,
                              const struct records *wanted, bool late_end)
{
    size_t at[SHORT_STREAM];

    for (size_t i = 0; i < stream.len; i++)
        at[i] = i;
    compare(rules, stream, wanted, &(struct cuts){at, stream.len, late_end});
}

static void cut_at_random(const struct intake_rules *rules, struct span stream,
                          const struct records *wanted, uint64_t seed)
{
    for (unsigned turn = 0; turn < TURNS; turn++) {
        size_t at[CUTS], from = 0;
        for (size_t n = 0; n < CUTS; n++) {
            size_t most = (stream.len - from) / (n < CUTS / 2 ? 3 : 1);
            at[n] = from += draw(&seed, (unsigned)most + 1);
        }
        compare(rules, stream, wanted, &(struct cuts){at, CUTS, turn % 2 != 0});
    }
}

/* The stream without its flushes; *FLUSHES is where they stood. Owns: the caller, of *BYTES. */
static struct span read_stream(const struct intake_rules *rules, const uint8_t *data, size_t size,
                               struct bytes *bytes, size_t *flushes)
{
    size_t n = 0;

    *bytes = (struct bytes){0};
    bytes_add(bytes, "", 0);
    for (size_t i = 0; i < size; i++) {
        if (rules->framer.flushes && data[i] == FLUSH_BYTE && n < MOST_FLUSHES)
            flushes[n++] = bytes->len;
        else
            bytes_add(bytes, data + i, 1);
    }
    return (struct span){bytes->data, bytes->len, flushes, n};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct records wanted;
    struct account account;

    if (size < HEADER_BYTES)
        return 0;
    struct intake_rules rules = choose_rules(data);
    size_t flushes[MOST_FLUSHES];
    struct bytes bytes;
    struct span stream = read_stream(&rules, data + HEADER_BYTES, size - HEADER_BYTES, &bytes,
                                     flushes);
    uint64_t seed = size;
    for (size_t i = 0; i < size; i++)
        seed = seed * 31 + data[i];

    oracle_records(stream, &rules, &wanted, &account);
    compare(&rules, stream, &wanted, &(struct cuts){0});
    if (stream.len <= SHORT_STREAM)
        feed_byte_by_byte(&rules, stream, &wanted, seed % 2 != 0);
    cut_at_random(&rules, stream, &wanted, seed);
    account_for(&rules, stream, &wanted);
    records_done(&wanted);
    bytes_done(&bytes);
    return 0;
}
