/* SPDX-License-Identifier: MIT
 *
 * Tests of the outbox: what is kept, what is let go, what is counted, what is sent again.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/outbox.h"
#include "peerlog/count.h"
#include "peerlog/limits.h"

/* Put in COUNT messages that stand framed in TEXT. */
static void put(struct outbox *o, const char *text, size_t len, uint64_t count)
{
    unsigned char *place;

    assert_int_equal(outbox_reserve(o, len, &place), 0);
    memcpy(place, text, len);
    outbox_commit(o, len, count);
}

static void assert_next(const struct outbox *o, const char *text)
{
    const unsigned char *bytes = NULL;
    size_t len = outbox_next(o, &bytes);

    assert_int_equal(len, strlen(text));
    if (len > 0)
        assert_memory_equal(bytes, text, len);
}

static void assert_tally(const struct outbox *o, uint64_t composed, uint64_t sent, uint64_t acked)
{
    struct outbox_tally tally = outbox_count(o);

    assert_int_equal(tally.composed, composed);
    assert_int_equal(tally.sent, sent);
    assert_int_equal(tally.acked, acked);
}

static void gives_what_was_put_in_and_nothing_twice(void **state)
{
    struct outbox o;

    (void)state;
    outbox_init(&o, FRAMING_LF);
    assert_next(&o, "");
    put(&o, "one\ntwo\n", 8, 2);
    assert_next(&o, "one\ntwo\n");
    outbox_advance(&o, 5);
    assert_next(&o, "wo\n");
    outbox_advance(&o, 3);
    assert_next(&o, "");
    outbox_acknowledge(&o, 0);
    assert_tally(&o, 2, 2, 2);
    outbox_done(&o);
}

static void counts_a_message_as_arrived_with_its_last_byte(void **state)
{
    struct outbox o;

    (void)state;
    outbox_init(&o, FRAMING_LF);
    put(&o, "one\ntwo\nthree\n", 14, 3);
    outbox_advance(&o, 9);
    assert_tally(&o, 3, 3, 0);
    outbox_acknowledge(&o, 9 - 7);
    assert_tally(&o, 3, 3, 1);
    outbox_acknowledge(&o, 9 - 8);
    assert_tally(&o, 3, 3, 2);
    outbox_done(&o);
}

static void sends_again_from_the_first_message_not_acknowledged(void **state)
{
    static const struct {
        enum framing framing;
        const char *text;
        size_t len, sent, acked;
        const char *again;
    } cases[] = {
        {FRAMING_LF, "one\ntwo\nthree\n", 14, 14, 5, "two\nthree\n"},
        {FRAMING_LF, "one\ntwo\nthree\n", 14, 14, 8, "three\n"},
        {FRAMING_LF, "one\ntwo\nthree\n", 14, 3, 0, "one\ntwo\nthree\n"},
        {FRAMING_OCTET_COUNTING, "3 one10 four\nlines5 three", 25, 25, 6, "10 four\nlines5 three"},
        {FRAMING_OCTET_COUNTING, "3 one10 four\nlines5 three", 25, 20, 18, "5 three"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct outbox o;
        outbox_init(&o, cases[i].framing);
        put(&o, cases[i].text, cases[i].len, 3);
        outbox_advance(&o, cases[i].sent);
        outbox_acknowledge(&o, cases[i].sent - cases[i].acked);
        outbox_rewind(&o);
        assert_next(&o, cases[i].again);
        outbox_done(&o);
    }
}

static void keeps_nul_framed_messages_apart(void **state)
{
    struct outbox o;
    const unsigned char *bytes;

    (void)state;
    outbox_init(&o, FRAMING_NUL);
    put(&o, "a\nb\0c\0", 6, 2);
    outbox_advance(&o, 6);
    outbox_acknowledge(&o, 2);
    assert_tally(&o, 2, 2, 1);
    outbox_rewind(&o);
    assert_int_equal(outbox_next(&o, &bytes), 2);
    assert_memory_equal(bytes, "c", 2);
    outbox_done(&o);
}

static void lets_go_of_chunks_and_still_counts_their_messages(void **state)
{
    static char line[1000];
    struct outbox o;
    const unsigned char *bytes;
    size_t len;
    uint64_t lines = 3 * PEERLOG_CLIENT_CHUNK_BYTES / sizeof line;

    (void)state;
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    outbox_init(&o, FRAMING_LF);
    for (uint64_t i = 0; i < lines; i++)
        put(&o, line, sizeof line, 1);
    while ((len = outbox_next(&o, &bytes)) > 0)
        outbox_advance(&o, len);
    outbox_acknowledge(&o, 10 * sizeof line + 1);
    assert_tally(&o, lines, lines, lines - 11);
    outbox_rewind(&o);
    assert_int_equal(outbox_next(&o, &bytes), 11 * sizeof line);
    outbox_done(&o);
}

static void takes_a_message_longer_than_a_chunk(void **state)
{
    struct outbox o;
    unsigned char *place;
    size_t len = 2 * PEERLOG_CLIENT_CHUNK_BYTES;

    (void)state;
    outbox_init(&o, FRAMING_LF);
    put(&o, "a\n", 2, 1);
    assert_int_equal(outbox_reserve(&o, len, &place), 0);
    memset(place, 'x', len - 1);
    place[len - 1] = '\n';
    outbox_commit(&o, len, 1);
    put(&o, "b\n", 2, 1);
    outbox_advance(&o, 2 + len);
    assert_next(&o, "b\n");
    outbox_acknowledge(&o, 1);
    assert_tally(&o, 3, 2, 1);
    outbox_done(&o);
}

static void trusts_no_acknowledgement_beyond_what_was_sent(void **state)
{
    struct outbox o;

    (void)state;
    outbox_init(&o, FRAMING_LF);
    put(&o, "one\ntwo\n", 8, 2);
    outbox_advance(&o, 4);
    outbox_acknowledge(&o, UINT64_MAX);
    assert_tally(&o, 2, 1, 0);
    outbox_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_was_put_in_and_nothing_twice),
        cmocka_unit_test(counts_a_message_as_arrived_with_its_last_byte),
        cmocka_unit_test(sends_again_from_the_first_message_not_acknowledged),
        cmocka_unit_test(keeps_nul_framed_messages_apart),
        cmocka_unit_test(lets_go_of_chunks_and_still_counts_their_messages),
        cmocka_unit_test(takes_a_message_longer_than_a_chunk),
        cmocka_unit_test(trusts_no_acknowledgement_beyond_what_was_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
