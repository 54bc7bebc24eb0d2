/* SPDX-License-Identifier: MIT
 *
 * Fuzz the PROXY header. The input is the start of a stream, which ends or goes on. Whatever
 * way it is cut, the same is said of it, down to what is wrong; and that is the word of a second
 * reading of the specification, which sees all of it at once.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "support/proxy.h"

/* Streams up to this length are cut at every position; all are cut at random. */
#define SHORT_STREAM 300u
#define TURNS 8u
#define CUTS 6u

static void check_cut(struct span stream, const struct proxy_saying *wanted, const size_t *cuts,
                      size_t count)
{
    struct proxy_saying saying = proxy_feed(stream, cuts, count, true);

    require(proxy_same(&saying, wanted), "no cut changes what is said");
    require(saying.header.fault == wanted->header.fault, "nor what is wrong");
}

static int compare(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x < y ? -1 : x > y;
}

static void check_cuts(struct span stream, const struct proxy_saying *wanted)
{
    size_t cuts[SHORT_STREAM];
    uint64_t seed = stream.len;

    for (size_t cut = 0; cut <= stream.len && stream.len <= SHORT_STREAM; cut++)
        check_cut(stream, wanted, &cut, 1);
    for (size_t i = 0; i < SHORT_STREAM; i++)
        cuts[i] = i;
    check_cut(stream, wanted, cuts, stream.len < SHORT_STREAM ? stream.len : SHORT_STREAM);
    for (size_t turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < CUTS; i++)
            cuts[i] = draw(&seed, (unsigned)stream.len + 1);
        qsort(cuts, CUTS, sizeof cuts[0], compare);
        check_cut(stream, wanted, cuts, CUTS);
    }
}

/* The whole header at once, as far as it has come. */
static void check_parse(struct span stream, const struct proxy_saying *open)
{
    struct peer peer;
    size_t len = 0;
    enum proxy_result result = proxy_parse(stream.data, stream.len, &peer, &len);

    if (result == open->result) {
        require(len == open->len && len <= PROXY_MAX_BYTES, "a header has its length");
        require(result != PROXY_PEER || peer_equal(&peer, &open->header.peer), "and its peer");
    } else {
        require(result == PROXY_FAULTY, "only what is too long is said otherwise");
        require(stream.len >= 16 && 16 + (size_t)stream.data[14] * 256 + stream.data[15] >
                                        PROXY_MAX_BYTES,
                "and only that");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *exact = exact_copy(data, size);
    struct span stream = {.data = exact, .len = size};
    struct proxy_saying wanted = proxy_oracle(stream);
    struct proxy_saying whole = proxy_feed(stream, NULL, 0, true);
    struct proxy_saying open = proxy_feed(stream, NULL, 0, false);

    require(proxy_same(&whole, &wanted), "both readings agree");
    require(strlen(proxy_describe((enum proxy_fault)whole.header.fault)) > 0, "faults have words");
    check_cuts(stream, &whole);
    if (open.result == PROXY_NEED_MORE)
        require(whole.result == PROXY_ABSENT || whole.header.fault == PROXY_FAULT_TRUNCATED,
                "what could go on was cut short");
    else
        require(proxy_same(&open, &whole) && open.header.fault == whole.header.fault,
                "an end changes nothing else");
    check_parse(stream, &open);
    free(exact);
    return 0;
}
