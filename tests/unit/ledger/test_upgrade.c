/* SPDX-License-Identifier: MIT
 *
 * The upgrade: a ledger of layout 1, made by hand, is found again in this one: slots, tails, bytes
 * in hand, and how far they were delivered. One that is damaged is refused, or loses no more than
 * what is damaged.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ledger/layout1.h"
#include "daemon/ledger/upgrade.h"
#include "os/memfd.h"
#include "peerlog/count.h"
#include "support/intake.h"
#include "support/rig.h"

#define PAGE 4096u
#define SLOTS 5u
#define INBOXES 1u
#define STRIDE (3 * PAGE)
#define HEADER "PROXY TCP4 192.0.2.7 198.51.100.1 4711 514\r\n"

static struct {
    int fd;
    size_t size;
    void *memory;
    struct header1 *header;
    struct slot1 *slots;
    struct inbox1 *inbox;
    char *tails;
} old;

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static struct peer peer_of(const char *address, uint16_t port)
{
    struct peer peer;

    assert_int_equal(peer_parse(address, port, &peer), 0);
    return peer;
}

/* An empty one, in use. */
static int begin(void **state)
{
    uint64_t slots_at = round_up(sizeof(struct header1));
    uint64_t inboxes_at = round_up(slots_at + SLOTS * sizeof(struct slot1));
    uint64_t tails_at = round_up(inboxes_at + INBOXES * sizeof(struct inbox1));

    (void)state;
    old.fd = memfd_make("layout-1", tails_at + SLOTS * STRIDE);
    assert_true(old.fd >= 0);
    assert_int_equal(memfd_map(old.fd, &old.memory, &old.size), 0);
    old.header = old.memory;
    old.slots = (struct slot1 *)(void *)((char *)old.memory + slots_at);
    old.inbox = (struct inbox1 *)(void *)((char *)old.memory + inboxes_at);
    old.tails = (char *)old.memory + tails_at;
    *old.header = (struct header1){
        .magic = LEDGER_MAGIC, .layout = 1, .header_bytes = sizeof *old.header, .size = old.size,
        .inboxes_at = inboxes_at, .inbox_bytes = sizeof(struct inbox1), .inboxes = INBOXES,
        .slots = SLOTS, .tail_stride = STRIDE, .slots_at = slots_at, .tails_at = tails_at,
        .instance = 0x1234, .generation = 7, .last_connection = 99, .slots_high = 2,
        .life = LEDGER_LIVE,
    };
    for (uint32_t i = 0; i < 2; i++) {
        old.slots[i].connection = 10 + i;
        old.slots[i].cookie = 1000 + i;
        old.slots[i].peer = peer_of("192.0.2.1", (uint16_t)(1000 + i));
        atomic_store(&old.slots[i].lot, LOT_NONE);
        atomic_store(&old.slots[i].listener, 0);
        atomic_store(&old.slots[i].use, SLOT_LIVE);
    }
    old.inbox->max_message_bytes = PEERLOG_DEFAULT_MESSAGE_BYTES;
    return 0;
}

static int end(void **state)
{
    (void)state;
    memfd_unmap(old.memory, old.size);
    return 0;
}

/* Open the next segment, of this slot, with these bytes behind a carry of CARRY. */
static struct segment1 *open_segment(uint32_t slot, uint32_t carry, const char *bytes)
{
    uint32_t n = atomic_load(&old.inbox->segments);
    const struct segment1 *before = n > 0 ? &old.inbox->segment[n - 1] : NULL;
    struct segment1 *segment = &old.inbox->segment[n];
    uint32_t fresh = (uint32_t)strlen(bytes) - carry;

    segment->start = old.slots[slot].stream;
    segment->start.tail_bytes = carry;
    segment->slot = slot;
    segment->from = before == NULL ? 0 : before->from + before->start.tail_bytes + before->room;
    segment->room = fresh;
    atomic_store(&segment->fresh, fresh);
    memcpy(old.inbox->bytes + segment->from, bytes, strlen(bytes));
    atomic_store(&old.inbox->segments, n + 1);
    return segment;
}

static struct ledger *upgrade(void)
{
    struct ledger *ledger = NULL;

    assert_int_equal(ledger_upgrade(old.fd, &ledger), 0);
    assert_int_equal(ledger->header->layout, LEDGER_LAYOUT);
    return ledger;
}

static void keeps_what_the_header_says(void **state)
{
    struct ledger *ledger;
    const char *config;
    size_t len;

    (void)state;
    atomic_store(&old.header->crash_signal, 11);
    old.header->early_deaths = 3;
    atomic_store(&old.header->settled, 1);
    old.header->has_config = 1;
    old.header->config_bytes = 8;
    memcpy(old.header->config, "a = 1;\n\n", 8);
    old.header->listeners[127].bound = peer_of("::1", 514);
    memcpy(old.header->listeners[127].name, "name", 5);
    old.header->listeners[127].guarded = 1;
    ledger = upgrade();
    assert_int_equal(ledger->header->instance, 0x1234);
    assert_int_equal(ledger->header->generation, 7);
    assert_int_equal(atomic_load(&ledger->header->last_connection), 99);
    assert_int_equal(atomic_load(&ledger->header->life), LEDGER_LIVE);
    assert_int_equal(atomic_load(&ledger->header->crash_signal), 11);
    assert_int_equal(ledger->header->early_deaths, 3);
    assert_int_equal(atomic_load(&ledger->header->settled), 1);
    config = ledger_config(ledger, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(config, "a = 1;\n\n", 8);
    assert_true(peer_equal(&ledger->header->listeners[127].bound,
                           &old.header->listeners[127].bound));
    assert_string_equal(ledger->header->listeners[127].name, "name");
    assert_int_equal(ledger->header->listeners[127].guarded, 1);
    (void)ledger_free(ledger);
}

static void keeps_slots_and_tails(void **state)
{
    struct ledger *ledger;

    (void)state;
    old.slots[1].stream = (struct stream1){
        .received = 5000, .sequence = 70, .tail_bytes = 4, .priority = 13,
        .framer = {.dropped = 1, .count = 2, .given = 3, .part = 4, .held = 5, .scanned = 6,
                   .phase = 1, .after_nul = 1, .last_two = {7, 8}},
    };
    old.slots[1].announced = 1;
    old.slots[1].leaving = 1;
    old.slots[1].crashes = 2;
    old.slots[1].framing = FRAMING_LF;
    atomic_store(&old.slots[1].lot, 12);
    memcpy(old.tails + STRIDE, "tail", 4);
    ledger = upgrade();
    const struct slot *slot = &ledger->slots[1];
    assert_int_equal(slot->connection, 11);
    assert_int_equal(slot->cookie, 1001);
    assert_true(peer_equal(&slot->peer, &old.slots[1].peer));
    assert_int_equal(slot->stream.received, 5000);
    assert_int_equal(slot->stream.sequence, 70);
    assert_int_equal(slot->stream.before, 14);
    assert_int_equal(slot->stream.session, SESSION_SYSLOG);
    const struct framer_state *framer = &slot->stream.framer;
    assert_int_equal(framer->dropped, 1);
    assert_int_equal(framer->count, 2);
    assert_int_equal(framer->given, 3);
    assert_int_equal(framer->part, 4);
    assert_int_equal(framer->held, 5);
    assert_int_equal(framer->scanned, 6);
    assert_memory_equal(framer->last_two, ((uint8_t[]){7, 8}), 2);
    assert_int_equal(slot->flags, SLOT_ANNOUNCED | SLOT_LEAVING);
    assert_int_equal(slot->crashes, 2);
    assert_int_equal(slot->framing, FRAMING_LF);
    assert_int_equal(slot->transport, TRANSPORT_PLAIN);
    assert_int_equal(atomic_load(&slot->lot), 12);
    assert_memory_equal(ledger_tail(ledger, 1), "tail", 4);
    assert_int_equal(ledger_next_live(ledger, 2), LEDGER_NO_SLOT);
    (void)ledger_free(ledger);
}

static void a_length_is_noted_in_the_old_one_too(void **state)
{
    struct segment1 *segment = open_segment(0, 0, "text\n");
    struct ledger *ledger;

    (void)state;
    atomic_store(&segment->fresh, SEGMENT_UNKNOWN);
    ledger = upgrade();
    assert_int_equal(atomic_load(&ledger->inboxes[0].segment[0].fresh), SEGMENT_UNKNOWN);
    ledger_note_length(ledger, 0, 0, 3);
    assert_int_equal(atomic_load(&ledger->inboxes[0].segment[0].fresh), 3);
    assert_int_equal(atomic_load(&segment->fresh), 3);
    (void)ledger_free(ledger);
}

/* --- what was in hand --- */

static struct broker log_broker;

/* What a daemon by this plan makes of it. */
static void replay(const struct rig_plan *plan, struct takeover_report *ret_report)
{
    static struct rig rig;
    int lot[2];

    log_broker = (struct broker){.room = UINT32_MAX};
    broker = &log_broker;
    rig_make_pair(lot);
    rig_inherit(&rig, plan, old.fd, lot[0], ret_report);
    round_replay(&rig.worker->round, &rig.ledger->inboxes[0]);
    assert_true(worker_finish_round(rig.worker));
    rig_end(&rig);
    (void)close(lot[1]); /* nothing is in it */
}

static void what_was_in_hand_is_delivered(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    struct takeover_report report;

    (void)state;
    old.slots[0].stream.sequence = 5;
    (void)open_segment(0, 3, "message 1\nmessage 2\n"); /* three bytes of it were carried */
    (void)open_segment(1, 0, "message 3\nmessage 4\n");
    atomic_store(&old.inbox->delivered, 1);
    atomic_store(&old.inbox->offered, 3);
    replay(&plan, &report);
    assert_int_equal(report.messages, 3);
    assert_int_equal(report.repeats, 2);
    assert_int_equal(report.damaged, 0);
    assert_int_equal(broker->count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(broker->records[i].number, 2 + i);
        assert_int_equal(broker->records[i].repeat, i < 2);
    }
    assert_int_equal(broker->records[0].sequence, 7);
    assert_int_equal(broker->records[0].connection, 10);
    assert_int_equal(broker->records[1].sequence, 1);
}

/* A connection of which the header and two records are in hand. */
static void open_balanced(const char *peer_now, uint32_t delivered)
{
    old.slots[0].stream.awaits_proxy = 1;
    (void)open_segment(0, 0, HEADER "message 1\nmessage 2\n");
    old.slots[0].stream.awaits_proxy = 0;
    old.slots[0].peer = peer_of(peer_now, 4711);
    atomic_store(&old.inbox->delivered, delivered);
    atomic_store(&old.inbox->offered, delivered);
}

static void a_header_that_was_judged_is_not_judged_anew(void **state)
{
    const struct rig_plan denies = {.kind = &broker_prompt, .proxy = true, .deny = "192.0.2.0/24"};
    struct takeover_report report;

    (void)state;
    open_balanced("192.0.2.7", 1);
    (void)open_segment(1, 0, "message 3\nmessage 4\n");
    replay(&denies, &report);
    assert_int_equal(report.messages, 3);
    assert_int_equal(broker->count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(broker->records[i].number, 2 + i);
        assert_false(broker->records[i].repeat);
    }
}

static void what_was_delivered_behind_a_header_is_not_delivered_again(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt, .proxy = true};
    struct takeover_report report;

    (void)state;
    open_balanced("192.0.2.7", 2);
    replay(&plan, &report);
    assert_int_equal(report.messages, 0);
    assert_int_equal(broker->count, 0);
}

static void a_header_that_was_not_judged_is_judged_now(void **state)
{
    const struct rig_plan denies = {.kind = &broker_prompt, .proxy = true, .deny = "192.0.2.0/24"};
    const struct rig_plan plan = {.kind = &broker_prompt, .proxy = true};
    struct takeover_report report;
    int again = fcntl(old.fd, F_DUPFD_CLOEXEC, 0);

    (void)state;
    open_balanced("198.51.100.1", 0);
    replay(&denies, &report);
    assert_int_equal(broker->count, 0);
    old.fd = again;
    replay(&plan, &report);
    assert_int_equal(broker->count, 2);
}

/* --- damage --- */

static void no_magic(void) { old.header->magic++; }
static void other_layout(void) { old.header->layout = 3; }
static void unfinished(void) { atomic_store(&old.header->life, LEDGER_BUILDING); }
static void other_header(void) { old.header->header_bytes--; }
static void no_slots(void) { old.header->slots = 0; }
static void more_slots(void) { old.header->slots++; }
static void most_slots(void) { old.header->slots = UINT32_MAX; }
static void no_inboxes(void) { old.header->inboxes = 0; }
static void most_inboxes(void) { old.header->inboxes = UINT32_MAX; }
static void odd_tails(void) { old.header->tail_stride += 1; }
static void most_tails(void) { old.header->tail_stride = UINT64_MAX - PAGE + 1; }
static void other_size(void) { old.header->size += PAGE; }
static void slots_elsewhere(void) { old.header->slots_at += PAGE; }
static void inboxes_elsewhere(void) { old.header->inboxes_at -= PAGE; }
static void tails_elsewhere(void) { old.header->tails_at = 0; }
static void other_inboxes(void) { old.header->inbox_bytes++; }
static void long_config(void) { old.header->config_bytes = LAYOUT1_CONFIG_BYTES + 1; }

static const struct {
    const char *name;
    void (*damage)(void);
    int error;
} damages[] = {
    {"no magic", no_magic, -EPROTO},
    {"another layout", other_layout, -EPROTONOSUPPORT},
    {"unfinished", unfinished, -EAGAIN},
    {"another header", other_header, -EBADMSG},
    {"no slots", no_slots, -EBADMSG},
    {"more slots", more_slots, -EBADMSG},
    {"most slots", most_slots, -EBADMSG},
    {"no inboxes", no_inboxes, -EBADMSG},
    {"most inboxes", most_inboxes, -EBADMSG},
    {"odd tails", odd_tails, -EBADMSG},
    {"most tails", most_tails, -EBADMSG},
    {"another size", other_size, -EBADMSG},
    {"slots elsewhere", slots_elsewhere, -EBADMSG},
    {"inboxes elsewhere", inboxes_elsewhere, -EBADMSG},
    {"tails elsewhere", tails_elsewhere, -EBADMSG},
    {"other inboxes", other_inboxes, -EBADMSG},
    {"long configuration", long_config, -EBADMSG},
};

static void a_damaged_header_is_refused(void **state)
{
    struct header1 *kept = (struct header1 *)(void *)exact_copy(old.header, sizeof *old.header);
    struct ledger *ledger;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        memcpy(old.header, kept, sizeof *kept);
        damages[i].damage();
        if (ledger_upgrade(old.fd, &ledger) != damages[i].error)
            fail_msg("%s is not refused as it should be", damages[i].name);
        assert_true(fcntl(old.fd, F_GETFD) >= 0); /* it is still ours */
    }
    free(kept);
    (void)close(old.fd); /* mapped, and nobody else wants it */
}

static void too_small_to_be_one(void **state)
{
    struct ledger *ledger;
    int fd = memfd_make("small", 16);

    (void)state;
    assert_int_equal(ledger_upgrade(fd, &ledger), -EPROTO);
    (void)close(fd);     /* nothing is in it */
    (void)close(old.fd); /* it was not needed */
}

static void damaged_segments_are_counted_and_left_out(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    struct takeover_report report;

    (void)state;
    (void)open_segment(0, 0, "message 1\n");
    open_segment(1, 0, "message 2\n")->slot = SLOTS;
    replay(&plan, &report);
    assert_int_equal(report.damaged, 1);
    assert_int_equal(broker->count, 1);
    assert_int_equal(broker->records[0].number, 1);
}

static void more_segments_than_fit_are_none(void **state)
{
    struct ledger *ledger;

    (void)state;
    atomic_store(&old.inbox->segments, LAYOUT1_SEGMENTS + 1);
    ledger = upgrade();
    assert_int_equal(atomic_load(&ledger->inboxes[0].segments), 0);
    (void)ledger_free(ledger);
}

static void a_tail_that_is_too_long_is_not_read(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    struct takeover_report report;

    (void)state;
    old.slots[1].stream.tail_bytes = UINT32_MAX;
    atomic_store(&old.header->slots_high, UINT32_MAX);
    replay(&plan, &report);
    assert_int_equal(broker->count, 0);
    assert_int_equal(report.connections, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_what_the_header_says),
        TEST(keeps_slots_and_tails),
        TEST(a_length_is_noted_in_the_old_one_too),
        TEST(what_was_in_hand_is_delivered),
        TEST(a_header_that_was_judged_is_not_judged_anew),
        TEST(what_was_delivered_behind_a_header_is_not_delivered_again),
        TEST(a_header_that_was_not_judged_is_judged_now),
        TEST(a_damaged_header_is_refused),
        TEST(too_small_to_be_one),
        TEST(damaged_segments_are_counted_and_left_out),
        TEST(more_segments_than_fit_are_none),
        TEST(a_tail_that_is_too_long_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
