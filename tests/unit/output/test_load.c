/* SPDX-License-Identifier: MIT
 *
 * Loads: which records share a message, and that the same ones do after a death.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/output/load.h"

static const struct label_settings label = {.tag = "test"};

/* A batch in which record I is of connection 1 + I / EACH, and has LEN bytes. */
static struct batch *new_batch(uint32_t count, uint32_t each, uint32_t len)
{
    static unsigned char text[PEERLOG_MAX_MESSAGE_BYTES];
    struct batch *batch = calloc(1, sizeof *batch);

    assert_non_null(batch);
    memset(text, 'x', sizeof text);
    for (uint32_t i = 0; i < count; i++) {
        struct source *source = &batch->sources[i / each];
        *source = (struct source){
            .peer = {.family = PEER_IPV4, .address = {192, 0, 2, 7}}, .connection = 1 + i / each,
            .label = &label, .listener = "192.0.2.1:514",
        };
        strcpy(source->peer_text, "192.0.2.7:0");
        batch->records[i] = (struct record){
            .text = text, .len = len, .sequence = 1 + i % each, .source = i / each,
        };
    }
    batch->count = count;
    return batch;
}

static struct load *new_load(void)
{
    struct load *load = calloc(1, sizeof *load);

    assert_non_null(load);
    assert_int_equal(load_init(load, LOAD_MESSAGE_BYTES), 0);
    return load;
}

static uint32_t fill(struct load *load, const struct batch *batch, uint32_t pack)
{
    const struct load_rules rules = {
        .format = file_format_of(OUTPUT_FORMAT_JSON), .subject = "logs.%{listener}", .pack = pack,
        .hide = RECORD_REPEAT,
    };
    struct file_stamp stamp = {.us = 0};

    file_stamp_set(&stamp, 1);
    return load_fill(load, batch, &rules, &stamp);
}

static void release(struct load *load, struct batch *batch)
{
    load_done(load);
    free(load);
    free(batch);
}

static void a_record_is_a_message(void **state)
{
    struct batch *batch = new_batch(5, 2, 10);
    struct load *load = new_load();

    (void)state;
    assert_int_equal(fill(load, batch, 1), 5);
    assert_int_equal(load->messages_count, 5);
    assert_int_equal(load->runs_count, 3);
    assert_int_equal(load->runs[1].first, 2);
    assert_int_equal(load->runs[1].connection, 2);
    assert_string_equal(load->runs[1].subject, "logs.test");
    const struct load_message *message = &load->messages[3];
    assert_int_equal(message->first, 2);
    assert_int_equal(load->bytes[message->at], '{');
    assert_int_equal(load->bytes[message->at + message->len - 1], '}');
    release(load, batch);
}

static void packs_stay_within_a_connection(void **state)
{
    struct batch *batch = new_batch(25, 10, 10);
    struct load *load = new_load();
    static const uint32_t wanted[] = {4, 4, 2, 4, 4, 2, 4, 1};

    (void)state;
    assert_int_equal(fill(load, batch, 4), 25);
    assert_int_equal(load->messages_count, 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(load->messages[i].records, wanted[i]);
        assert_int_equal(load->messages[i].last, load->messages[i].first + wanted[i] - 1);
    }
    release(load, batch);
}

/* The records that were offered begin in the middle; so the packs do, too, as they did before. */
static void the_same_are_packed_together_again(void **state)
{
    struct batch *batch = new_batch(20, 20, 10);
    struct load *load = new_load();

    (void)state;
    for (uint32_t i = 0; i < 5; i++)
        batch->records[i].flags = RECORD_REPEAT;
    assert_int_equal(fill(load, batch, 8), 20);
    assert_int_equal(load->messages[0].last, 5); /* what was the end of a batch is one again */
    assert_int_equal(load->messages[0].flags, 0);
    assert_int_equal(load->messages[1].first, 6);
    release(load, batch);
}

static void a_load_ends_between_two_messages(void **state)
{
    struct batch *batch = new_batch(100, 100, 60000);
    struct load *load = new_load();

    (void)state;
    for (uint32_t n; batch->submitted < batch->count; batch->submitted += n) {
        n = fill(load, batch, 100);
        assert_true(n > 0 && load->used <= LOAD_BYTES);
        for (uint32_t i = 0; i < load->messages_count; i++)
            assert_true(load->messages[i].len <= LOAD_MESSAGE_BYTES);
    }
    assert_int_equal(batch->submitted, 100);
    release(load, batch);
}

/* Longer than the load was made for: one at a time. */
static void the_longest_record_fits(void **state)
{
    struct batch *batch = new_batch(3, 3, PEERLOG_MAX_MESSAGE_BYTES);
    struct load *load = new_load();

    (void)state;
    for (uint32_t i = 0; i < 3; i++, batch->submitted++)
        assert_int_equal(fill(load, batch, 2), 1);
    release(load, batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_a_message),
        cmocka_unit_test(packs_stay_within_a_connection),
        cmocka_unit_test(the_same_are_packed_together_again),
        cmocka_unit_test(a_load_ends_between_two_messages),
        cmocka_unit_test(the_longest_record_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
