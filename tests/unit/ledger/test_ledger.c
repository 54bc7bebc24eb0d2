/* SPDX-License-Identifier: MIT
 *
 * The ledger: what was written is found by whoever maps it next, and an inherited one is
 * believed only as far as its numbers fit together.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ledger/ledger.h"
#include "peerlog/count.h"
#include "peerlog/protocol_detect.h"
#include "peerlog/proxy.h"

#define SLOTS 5u
#define INBOXES 2u
#define TAIL_BYTES 5000u

static struct ledger *make(void)
{
    struct ledger *ledger;

    assert_int_equal(ledger_new(&(struct ledger_geometry){SLOTS, INBOXES, TAIL_BYTES}, &ledger), 0);
    atomic_store(&ledger->header->life, LEDGER_LIVE);
    return ledger;
}

/* Its descriptor, as a successor gets it. */
static int leave(struct ledger *ledger)
{
    int fd = fcntl(ledger->fd, F_DUPFD_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_null(ledger_free(ledger));
    return fd;
}

static void is_found_again_as_it_was_left(void **state)
{
    struct ledger *ledger = make(), *heir;
    uint32_t layout = 0;

    (void)state;
    ledger->slots[SLOTS - 1].connection = 4711;
    ledger->inboxes[INBOXES - 1].bytes[LEDGER_INBOX_BYTES - 1] = 'x';
    memset(ledger_tail(ledger, SLOTS - 1), 't', ledger->header->tail_stride);
    assert_true(ledger->header->tail_stride >= TAIL_BYTES);
    int fd = leave(ledger);
    assert_int_equal(ledger_open(fd, &heir, &layout), 0);
    assert_int_equal(layout, LEDGER_LAYOUT);
    assert_int_equal(heir->slots[SLOTS - 1].connection, 4711);
    assert_int_equal(heir->inboxes[INBOXES - 1].bytes[LEDGER_INBOX_BYTES - 1], 'x');
    assert_int_equal(ledger_tail(heir, SLOTS - 1)[heir->header->tail_stride - 1], 't');
    assert_int_equal(heir->slots[0].connection, 0);
    assert_null(ledger_free(heir));
}

static void costs_only_what_is_used(void **state)
{
    struct ledger *ledger;
    struct stat st;

    (void)state;
    assert_int_equal(ledger_new(&(struct ledger_geometry){100000, 8, 131075}, &ledger), 0);
    memset(ledger_tail(ledger, 7), 't', 100000);
    assert_int_equal(fstat(ledger->fd, &st), 0);
    assert_true(st.st_blocks * 512 < 300000);
    ledger_forget_tail(ledger, 7);
    assert_int_equal(fstat(ledger->fd, &st), 0);
    assert_true(st.st_blocks * 512 < 100000);
    assert_int_equal(ledger_tail(ledger, 7)[99999], 0);
    assert_null(ledger_free(ledger));
}

/* --- headers that lie --- */

static void unfinished(struct ledger_header *h) { atomic_store(&h->life, LEDGER_BUILDING); }
static void no_magic(struct ledger_header *h) { h->magic++; }
static void other_layout(struct ledger_header *h) { h->layout = 77; }
static void other_header(struct ledger_header *h) { h->header_bytes--; }
static void no_slots(struct ledger_header *h) { h->slots = 0; }
static void more_slots(struct ledger_header *h) { h->slots++; }
static void all_slots(struct ledger_header *h) { h->slots = UINT32_MAX; }
static void no_inboxes(struct ledger_header *h) { h->inboxes = 0; }
static void more_inboxes(struct ledger_header *h) { h->inboxes = UINT32_MAX; }
static void odd_stride(struct ledger_header *h) { h->tail_stride++; }
static void huge_stride(struct ledger_header *h) { h->tail_stride = UINT64_MAX - 4095; }
static void slots_elsewhere(struct ledger_header *h) { h->slots_at += 8; }
static void inboxes_elsewhere(struct ledger_header *h) { h->inboxes_at = UINT64_MAX - 7; }
static void tails_elsewhere(struct ledger_header *h) { h->tails_at = 0; }
static void other_size(struct ledger_header *h) { h->size += 4096; }
static void long_config(struct ledger_header *h) { h->config_bytes = LEDGER_CONFIG_BYTES + 1; }

static const struct {
    void (*change)(struct ledger_header *h);
    int error;
} lies[] = {
    {unfinished, -EAGAIN},      {no_magic, -EPROTO},       {other_layout, -EPROTONOSUPPORT},
    {other_header, -EBADMSG},   {no_slots, -EBADMSG},      {more_slots, -EBADMSG},
    {all_slots, -EBADMSG},      {no_inboxes, -EBADMSG},    {more_inboxes, -EBADMSG},
    {odd_stride, -EBADMSG},     {huge_stride, -EBADMSG},   {slots_elsewhere, -EBADMSG},
    {inboxes_elsewhere, -EBADMSG}, {tails_elsewhere, -EBADMSG}, {other_size, -EBADMSG},
    {long_config, -EBADMSG},
};

static void refuses_headers_that_lie(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        struct ledger *ledger = make(), *heir = NULL;
        uint32_t layout = 0;
        lies[i].change(ledger->header);
        int fd = leave(ledger);
        assert_int_equal(ledger_open(fd, &heir, &layout), lies[i].error);
        assert_null(heir);
        assert_int_equal(layout, lies[i].error == -EPROTO            ? 0
                                 : lies[i].error == -EPROTONOSUPPORT ? 77
                                                                     : LEDGER_LAYOUT);
        assert_int_equal(close(fd), 0); /* it stayed ours */
    }
}

/* The first LEN bytes of a ledger, which cannot be cut itself. */
static int cut(int sealed, off_t len)
{
    static unsigned char bytes[80000];
    int fd = memfd_create("part", MFD_CLOEXEC);

    assert_true(len <= (off_t)sizeof bytes);
    assert_int_equal(ftruncate(sealed, len), -1);
    assert_int_equal(pread(sealed, bytes, (size_t)len, 0), len);
    assert_int_equal(pwrite(fd, bytes, (size_t)len, 0), len);
    return fd;
}

static void refuses_every_length_but_its_own(void **state)
{
    static const off_t lengths[] = {0, 1, 8, 15, 16, 100, 4096, 70000, 80000};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct ledger *ledger = make(), *heir = NULL;
        uint32_t layout;
        int sealed = leave(ledger);
        int fd = cut(sealed, lengths[i]);
        assert_int_equal(close(sealed), 0);
        assert_true(ledger_open(fd, &heir, &layout) < 0);
        assert_int_equal(ledger_count_unreadable(fd), 0);
        assert_int_equal(close(fd), 0);
    }
}

static void counts_what_another_layout_has_in_hand(void **state)
{
    struct ledger *ledger = make();

    (void)state;
    atomic_store(&ledger->inboxes[0].segments, 5);
    atomic_store(&ledger->inboxes[1].segments, 2);
    ledger->header->layout++;
    assert_int_equal(ledger_count_unreadable(ledger->fd), 7);
    atomic_store(&ledger->inboxes[0].segments, UINT32_MAX);
    assert_int_equal(ledger_count_unreadable(ledger->fd), UINT32_MAX);
    ledger->header->inboxes_at = ledger->size - 3; /* not even one number fits */
    assert_int_equal(ledger_count_unreadable(ledger->fd), 0);
    ledger->header->inbox_bytes = 0;
    ledger->header->inboxes = UINT32_MAX; /* it must end */
    (void)ledger_count_unreadable(ledger->fd);
    assert_null(ledger_free(ledger));
}

/* --- segments, slots, streams --- */

static struct inbox *fill_inbox(struct ledger *ledger)
{
    struct inbox *inbox = &ledger->inboxes[0];

    memset(inbox->segment, 0, sizeof inbox->segment[0] * 3);
    inbox->max_message_bytes = 1000;
    inbox->oversize = OVERSIZE_SPLIT;
    for (uint32_t i = 0; i < 3; i++) {
        inbox->segment[i].slot = i;
        inbox->segment[i].from = i * 1000;
        inbox->segment[i].room = 500;
        atomic_store(&inbox->segment[i].fresh, 10);
    }
    atomic_store(&inbox->segments, 3);
    return inbox;
}

static void sound(struct inbox *inbox) { (void)inbox; }
static void last_unknown(struct inbox *i) { atomic_store(&i->segment[2].fresh, SEGMENT_UNKNOWN); }
static void first_unknown(struct inbox *i) { atomic_store(&i->segment[0].fresh, SEGMENT_UNKNOWN); }
static void too_fresh(struct inbox *i) { atomic_store(&i->segment[1].fresh, 501); }
static void no_slot(struct inbox *i) { i->segment[1].slot = SLOTS; }
static void beyond(struct inbox *i) { i->segment[2].from = LEDGER_INBOX_BYTES + 1; }
static void one_in_another(struct inbox *i) { i->segment[1].from = 9; }
static void out_of_order(struct inbox *i) { i->segment[1].from = 3000; }
static void right_behind(struct inbox *i) { i->segment[1].from = 10; }
static void room_beyond(struct inbox *i) { i->segment[2].room = LEDGER_INBOX_BYTES; }
static void room_wraps(struct inbox *i) { i->segment[2].room = UINT32_MAX; }
static void long_carry(struct inbox *i) { i->segment[1].start.tail_bytes = UINT32_MAX; }
static void odd_phase(struct inbox *i) { i->segment[0].start.framer.phase = 99; }
static void odd_priority(struct inbox *i) { i->segment[1].start.before = 193; }
static void too_many(struct inbox *i) { atomic_store(&i->segments, LEDGER_SEGMENTS + 1); }
static void short_messages(struct inbox *i) { i->max_message_bytes = 255; }
static void no_room_in_tails(struct inbox *i) { i->max_message_bytes = 131072; }
static void odd_oversize(struct inbox *i) { i->oversize = OVERSIZE_DISCARD + 1; }

static const struct {
    void (*change)(struct inbox *inbox);
    uint32_t segments;
} inboxes[] = {
    {sound, 3},       {last_unknown, 3}, {first_unknown, 0}, {too_fresh, 1},
    {no_slot, 1},     {beyond, 2},       {room_beyond, 2},   {room_wraps, 2},
    {long_carry, 1},  {odd_phase, 0},    {odd_priority, 1},  {too_many, 0},
    {one_in_another, 1}, {out_of_order, 2}, {right_behind, 3},
    {short_messages, 0}, {no_room_in_tails, 0}, {odd_oversize, 0},
};

static void believes_segments_up_to_the_first_bad_one(void **state)
{
    struct ledger *ledger = make();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(inboxes); i++) {
        struct inbox *inbox = fill_inbox(ledger);
        inboxes[i].change(inbox);
        assert_int_equal(ledger_valid_segments(ledger, inbox), inboxes[i].segments);
    }
    assert_null(ledger_free(ledger));
}

static void believes_slots_and_streams_that_can_be(void **state)
{
    struct ledger *ledger = make();
    struct stream stream = {.sequence = 5, .detected = 1};
    struct slot slot = {.listener = LISTENER_NONE};

    (void)state;
    assert_true(ledger_slot_valid(&slot));
    slot.listener = LEDGER_LISTENERS;
    assert_false(ledger_slot_valid(&slot));
    slot.listener = 0;
    slot.framing = FRAMING_CLOSE + 1;
    assert_false(ledger_slot_valid(&slot));
    assert_true(ledger_stream_valid(ledger, &stream));
    stream.awaits_proxy = 1;
    stream.tail_bytes = 107; /* half a header is nothing the framer has seen */
    assert_true(ledger_stream_valid(ledger, &stream));
    stream.tail_bytes = PROXY_MAX_BYTES + 1;
    assert_false(ledger_stream_valid(ledger, &stream));
    stream.tail_bytes = 10;
    stream.proxy.state.inner = 10; /* of no extension */
    assert_false(ledger_stream_valid(ledger, &stream));
    stream = (struct stream){.awaits_proxy = 1, .proxy = {.peer = {.family = 5}}};
    assert_false(ledger_stream_valid(ledger, &stream));
    stream = (struct stream){.tail_bytes = PROTOCOL_DETECT_BYTES}; /* nobody knows what they are */
    assert_true(ledger_stream_valid(ledger, &stream));
    stream.tail_bytes++;
    assert_false(ledger_stream_valid(ledger, &stream));
    stream = (struct stream){.framer = {.scanned = 10}, .tail_bytes = 10};
    assert_false(ledger_stream_valid(ledger, &stream));
    stream.detected = 2;
    assert_false(ledger_stream_valid(ledger, &stream));
    stream = (struct stream){.awaits_proxy = 2, .detected = 1};
    assert_false(ledger_stream_valid(ledger, &stream));
    stream = (struct stream){.tail_bytes = (uint32_t)ledger->header->tail_stride + 1};
    assert_false(ledger_stream_valid(ledger, &stream));
    assert_null(ledger_free(ledger));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_found_again_as_it_was_left),
        cmocka_unit_test(costs_only_what_is_used),
        cmocka_unit_test(refuses_headers_that_lie),
        cmocka_unit_test(refuses_every_length_but_its_own),
        cmocka_unit_test(counts_what_another_layout_has_in_hand),
        cmocka_unit_test(believes_segments_up_to_the_first_bad_one),
        cmocka_unit_test(believes_slots_and_streams_that_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
