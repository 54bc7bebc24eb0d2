/* SPDX-License-Identifier: MIT
 *
 * A trace: whom it is about, what of it fits, and that it comes out as it went in.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/worker/trace.h"

/* A batch of COUNT records of LEN bytes, from 192.0.2.1 and 192.0.2.2 in turn. */
static struct batch *new_batch(uint32_t count, const unsigned char *text, uint32_t len)
{
    struct batch *batch = calloc(1, sizeof *batch);

    assert_non_null(batch);
    assert_int_equal(peer_parse("192.0.2.1", 514, &batch->sources[0].peer), 0);
    assert_int_equal(peer_parse("192.0.2.2", 514, &batch->sources[1].peer), 0);
    for (uint32_t i = 0; i < count; i++)
        batch->records[i] = (struct record){
            .text = text, .len = len, .sequence = i, .source = i % 2, .priority = 13,
        };
    batch->count = count;
    return batch;
}

static struct trace *new_trace(const char *range)
{
    struct trace *trace = calloc(1, sizeof *trace);

    assert_non_null(trace);
    assert_int_equal(cidr_parse(range, &trace->peers[0]), 0);
    trace->peers_count = 1;
    return trace;
}

static uint8_t ends[BATCH_RECORDS]; /* as the round noted them */

static void copies_what_is_new_of_its_peer(void **state)
{
    struct batch *batch = new_batch(10, (const unsigned char *)"hello", 5);
    struct trace *trace = new_trace("192.0.2.2");
    const struct trace_entry *entry;
    const unsigned char *text;
    uint32_t at = 0, wanted = 5;

    (void)state;
    memset(ends, 1, sizeof ends);
    ends[5] = 8;
    trace_records(trace, batch, 4, ends);
    while ((entry = trace_next(trace, &at, &text)) != NULL) {
        assert_int_equal(entry->sequence, wanted);
        assert_int_equal(entry->len, 5);
        assert_int_equal(entry->priority, 13);
        assert_int_equal(entry->end, wanted == 5 ? 8 : 1);
        assert_memory_equal(text, "hello", 5);
        wanted += 2;
    }
    assert_int_equal(wanted, 11);
    assert_int_equal(trace->missed, 0);
    free(trace);
    free(batch);
}

static void counts_what_does_not_fit(void **state)
{
    static unsigned char text[TRACE_TEXT_BYTES + 1];
    struct batch *batch = new_batch(40, text, sizeof text);
    struct trace *trace = new_trace("192.0.2.0/24");
    const struct trace_entry *entry;
    const unsigned char *seen;
    uint32_t at = 0, count = 0;

    (void)state;
    trace_records(trace, batch, 0, ends);
    while ((entry = trace_next(trace, &at, &seen)) != NULL) {
        assert_int_equal(entry->len, sizeof text);
        assert_int_equal(entry->kept, TRACE_TEXT_BYTES);
        count++;
    }
    assert_int_equal(count, TRACE_BYTES / (TRACE_TEXT_BYTES + sizeof *entry));
    assert_int_equal(trace->missed, 40 - count);
    assert_true(trace->used <= TRACE_BYTES);
    free(trace);
    free(batch);
}

static void is_about_several_peers(void **state)
{
    struct batch *batch = new_batch(10, (const unsigned char *)"hello", 5);
    struct trace *trace = new_trace("192.0.2.2");
    const unsigned char *text;
    uint32_t at = 0, count = 0;

    (void)state;
    assert_int_equal(cidr_parse("192.0.2.0/31", &trace->peers[1]), 0);
    trace->peers_count = 2;
    trace_records(trace, batch, 0, ends);
    while (trace_next(trace, &at, &text) != NULL)
        count++;
    assert_int_equal(count, 10);
    free(trace);
    free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_about_several_peers),
        cmocka_unit_test(copies_what_is_new_of_its_peer),
        cmocka_unit_test(counts_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
