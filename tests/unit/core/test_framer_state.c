/* SPDX-License-Identifier: MIT
 *
 * The framer's state as somebody may find it: what framer_next() leaves is valid, what it
 * can not have left is refused, and whatever is not refused can do no harm.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "support/intake.h"

#define MAX PEERLOG_MIN_MESSAGE_BYTES
#define MAX_CARRY (PEERLOG_MAX_MESSAGE_BYTES + PEERLOG_CARRY_BYTES)

/* A stream that stops in the middle of something. */
struct pause {
    const char *name;
    enum oversize oversize;
    const char *start;
    size_t start_len;
    size_t more; /* so many "L" behind it */
    enum { NO_FLUSH, MAY_FLUSH, FLUSHED } flush; /* none by the rules; none yet; one, at last */
};

static const struct pause pauses[] = {
    {"nothing", OVERSIZE_SPLIT, "", 0, 0, NO_FLUSH},
    {"between messages", OVERSIZE_SPLIT, "a\n", 2, 0, NO_FLUSH},
    {"behind a NUL", OVERSIZE_SPLIT, "a\0", 2, 0, NO_FLUSH},
    {"undecided count", OVERSIZE_SPLIT, "1234567890", 10, 0, NO_FLUSH},
    {"undecided PRI of a count", OVERSIZE_SPLIT, "0000000005 <123", 15, 0, NO_FLUSH},
    {"undecided PRI", OVERSIZE_SPLIT, "\0<123", 5, 0, NO_FLUSH},
    {"text", OVERSIZE_SPLIT, "<13>", 4, 20, NO_FLUSH},
    {"text at the limit", OVERSIZE_SPLIT, "<13>", 4, MAX - 1, NO_FLUSH},
    {"text in pieces", OVERSIZE_SPLIT, "<13>", 4, 3 * MAX, NO_FLUSH},
    {"text to NUL", OVERSIZE_SPLIT, "\0<13>\n", 6, 20, NO_FLUSH},
    {"counted", OVERSIZE_SPLIT, "100 <13>", 8, 20, NO_FLUSH},
    {"counted, nothing yet", OVERSIZE_SPLIT, "1 <13>1000 <13>", 9, 0, NO_FLUSH},
    {"counted in pieces", OVERSIZE_SPLIT, "16777216 <13>", 13, 3 * MAX, NO_FLUSH},
    {"truncated text", OVERSIZE_TRUNCATE, "<13>", 4, 3 * MAX, NO_FLUSH},
    {"truncated to NUL", OVERSIZE_TRUNCATE, "\0<13>\n", 6, 3 * MAX, NO_FLUSH},
    {"truncated count", OVERSIZE_TRUNCATE, "1000 <13>", 9, 2 * MAX, NO_FLUSH},
    {"discarded text", OVERSIZE_DISCARD, "<13>", 4, 3 * MAX, NO_FLUSH},
    {"discarded to NUL", OVERSIZE_DISCARD, "\0<13>\n", 6, 3 * MAX, NO_FLUSH},
    {"discarded count", OVERSIZE_DISCARD, "1000 <13>", 9, 2 * MAX, NO_FLUSH},
    {"undecided CR", OVERSIZE_SPLIT, "a\n\r<123", 7, 0, NO_FLUSH},
    {"undecided mark", OVERSIZE_SPLIT, "\xef\xbb", 2, 0, NO_FLUSH},
    {"undecided seam", OVERSIZE_SPLIT, "<13>a<14>Nov 22 10:00:0", 23, 0, NO_FLUSH},
    {"behind a count", OVERSIZE_SPLIT, "5 <13>1", 7, 0, NO_FLUSH},
    {"guess", OVERSIZE_SPLIT, "100 ", 4, 20, NO_FLUSH},
    {"guess of the next count", OVERSIZE_SPLIT, "3 abc1234567890", 15, 0, NO_FLUSH},
    {"stray", OVERSIZE_SPLIT, "5 <13>1x", 8, 20, NO_FLUSH},
    {"stray before a count", OVERSIZE_SPLIT, "5 <13>1x 1234567890 <1", 22, 0, NO_FLUSH},
    {"first", OVERSIZE_SPLIT, "<13>a\n", 6, 20, MAY_FLUSH},
    {"lines that end at CR", OVERSIZE_TRUNCATE, "a\r<13>", 6, 3 * MAX, NO_FLUSH},
    {"open character", OVERSIZE_SPLIT, "6 <13>a\xc3", 8, 0, MAY_FLUSH},
    {"count too long", OVERSIZE_SPLIT, "10 <14>disk.10 <11>fans.123", 27, 0, NO_FLUSH},
    {"flushed text", OVERSIZE_SPLIT, "a\nb", 3, 0, FLUSHED},
    {"flushed text goes on", OVERSIZE_SPLIT, "a\n", 2, MAX + 20, FLUSHED},
    {"flushed counted", OVERSIZE_SPLIT, "100 <13>", 8, 20, FLUSHED},
    {"flushed discarded counted", OVERSIZE_DISCARD, "1000 <13>", 9, 2 * MAX, FLUSHED},
};

static const struct intake_rules rules_template = {
    .framer = {.max_message_bytes = MAX, .framing = FRAMING_AUTO, .oversize = OVERSIZE_SPLIT},
    .record = {PRIORITY_MODE_FULL, SEVERITY_EMERG, 30, true},
};

/* Bring a stream to a pause; intake_feed() checks that the state is valid. */
static void pause_at(struct intake *s, struct intake_rules *rules, const struct pause *pause)
{
    struct bytes more = {0};

    *rules = rules_template;
    rules->framer.oversize = (uint8_t)pause->oversize;
    intake_init(s, rules);
    rules->framer.flushes = pause->flush != NO_FLUSH;
    bytes_repeat(&more, 'L', pause->more);
    intake_feed(s, pause->start, pause->start_len, false);
    intake_feed(s, more.data, more.len, false);
    if (pause->flush == FLUSHED)
        intake_flush(s, NULL, 0);
    bytes_done(&more);
}

static void each_state_that_was_left_is_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pauses); i++) {
        struct intake_rules rules;
        struct intake s;
        pause_at(&s, &rules, &pauses[i]);
        assert_true(framer_state_valid(&s.state, s.carry.len));
        intake_done(&s);
    }
}

static void another_length_of_the_carry_does_not_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pauses); i++) {
        struct intake_rules rules;
        struct intake s;
        pause_at(&s, &rules, &pauses[i]);
        assert_false(framer_state_valid(&s.state, SIZE_MAX));
        assert_false(framer_state_valid(&s.state, PEERLOG_MAX_COUNT));
        if (pauses[i].more > 0 && strstr(pauses[i].name, "counted") == NULL) {
            assert_false(framer_state_valid(&s.state, s.state.scanned + s.state.held +
                                                          PEERLOG_LOOKAHEAD_BYTES + 1));
            assert_false(framer_state_valid(&s.state, s.carry.len - 1));
        }
        intake_done(&s);
    }
}

enum field { NONE, DROPPED, COUNT, GIVEN, PART, HELD, SCANNED, PHASE, AFTER, LAST, LATEST,
             JOINED, SHOWN, CONTINUED, RESERVED, FIELDS };

static void set_field(struct framer_state *s, enum field field, uint64_t value)
{
    switch (field) {
    case DROPPED: s->dropped = value; break;
    case COUNT: s->count = (uint32_t)value; break;
    case GIVEN: s->given = (uint32_t)value; break;
    case PART: s->part = (uint32_t)value; break;
    case HELD: s->held = (uint32_t)value; break;
    case SCANNED: s->scanned = (uint32_t)value; break;
    case PHASE: s->phase = (uint8_t)value; break;
    case AFTER: s->after = (uint8_t)value; break;
    case LAST: s->last_two[0] = (uint8_t)value; break;
    case LATEST: s->last_two[1] = (uint8_t)value; break;
    case JOINED: s->joined = (uint32_t)value; break;
    case SHOWN: s->shown = (uint8_t)value; break;
    case CONTINUED: s->continued = (uint8_t)value; break;
    case RESERVED: s->reserved[value % 2] = (uint8_t)value; break;
    default: break;
    }
}

static void a_state_far_out_of_range_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pauses); i++) {
        struct intake_rules rules;
        struct intake s;
        pause_at(&s, &rules, &pauses[i]);
        for (enum field field = DROPPED; field < FIELDS; field++) {
            struct framer_state odd = s.state;
            /* the number of pieces has no upper bound, and a dropped byte may be any */
            if (field == PART || field == LAST || field == LATEST)
                continue;
            set_field(&odd, field, UINT64_MAX);
            assert_false(framer_state_valid(&odd, s.carry.len));
        }
        intake_done(&s);
    }
}

/* A pause, what is changed in its state, and whether the result can be. */
struct border {
    const char *pause;
    enum field field;
    uint64_t value;
    enum field other;
    uint64_t other_value;
    size_t carry;
    bool valid;
};

static const struct border borders[] = {
    {"undecided PRI of a count", NONE, 0, NONE, 0, 15, true},
    {"undecided PRI of a count", NONE, 0, NONE, 0, 16, false},
    {"text", HELD, 1, NONE, 0, 24, false},
    {"text", DROPPED, 1, NONE, 0, 24, false},
    {"text", LAST, 1, NONE, 0, 24, false},
    {"text", LATEST, 1, NONE, 0, 24, false},
    {"text", COUNT, 1, NONE, 0, 24, false},
    {"text", GIVEN, 1, NONE, 0, 24, false},
    {"text", AFTER, 1, NONE, 0, 24, true},
    {"text", AFTER, 4, NONE, 0, 24, true},
    {"text", AFTER, 5, NONE, 0, 24, false},
    {"text", SCANNED, MAX_CARRY, NONE, 0, MAX_CARRY, true},
    {"text", SCANNED, MAX_CARRY + 1, NONE, 0, MAX_CARRY + 1, false},
    {"text in pieces", SCANNED, 4, NONE, 0, 4, true},
    {"text in pieces", SCANNED, 3, NONE, 0, 3, false},
    /* more than what is carried must be missing */
    {"counted", COUNT, 25, NONE, 0, 24, true},
    {"counted", COUNT, 24, NONE, 0, 24, true}, /* it ends in a character, perhaps */
    {"counted", COUNT, 23, NONE, 0, 24, false},
    {"counted", JOINED, PEERLOG_MAX_COUNT, NONE, 0, 24, true},
    {"counted", JOINED, PEERLOG_MAX_COUNT + 1, NONE, 0, 24, false},
    {"counted", GIVEN, 1, NONE, 0, 24, true}, /* a flush gave it out */
    {"counted", GIVEN, 77, NONE, 0, 24, false},
    {"count too long", COUNT, 10, NONE, 0, 24, true},
    {"count too long", COUNT, 10, NONE, 0, 25, false},
    {"text", JOINED, 1, NONE, 0, 24, false},
    {"text", SHOWN, 127, NONE, 0, 24, true},
    {"text", SHOWN, 128, NONE, 0, 24, false},
    {"text", CONTINUED, 1, NONE, 0, 24, true},
    {"text", CONTINUED, 2, NONE, 0, 24, false},
    {"text", RESERVED, 1, NONE, 0, 24, false},
    {"text", SCANNED, 0, NONE, 0, PEERLOG_LOOKAHEAD_BYTES, true},
    {"text", SCANNED, 0, NONE, 0, PEERLOG_LOOKAHEAD_BYTES + 1, false},
    {"between messages", CONTINUED, 1, NONE, 0, 0, false},
    {"between messages", COUNT, 5, NONE, 0, 0, false},
    {"between messages", LATEST, '1', NONE, 0, 0, false},
    {"behind a count", COUNT, 5, NONE, 0, 0, true},
    {"behind a count", COUNT, PEERLOG_MAX_COUNT + 1, NONE, 0, 0, false},
    {"guess", COUNT, 1, NONE, 0, 24, false},
    {"guess", SCANNED, 13, NONE, 0, 24, true},
    {"guess", SCANNED, 12, NONE, 0, 24, false},
    {"guess", SCANNED, 0, NONE, 0, 0, false},
    {"stray", AFTER, 1, NONE, 0, 21, false},
    {"stray", PART, 1, NONE, 0, 21, false},
    {"flushed counted", GIVEN, 99, NONE, 0, 0, true},
    {"flushed counted", GIVEN, 100, NONE, 0, 0, false},
    {"counted", COUNT, PEERLOG_MAX_COUNT, NONE, 0, 24, true},
    {"counted", COUNT, PEERLOG_MAX_COUNT + 1, NONE, 0, 24, false},
    {"counted", PART, 1, NONE, 0, 24, false},
    {"counted", SCANNED, 1, NONE, 0, 24, false},
    {"counted in pieces", COUNT, 772, NONE, 0, 1, true},
    {"counted in pieces", COUNT, 771, NONE, 0, 1, false},
    {"counted in pieces", COUNT, 772, NONE, 0, 0, false},
    {"counted in pieces", GIVEN, PEERLOG_MAX_COUNT + 1, NONE, 0, 1, false},
    /* more than a terminator was dropped, or will be */
    {"discarded text", DROPPED, 4, NONE, 0, 0, true},
    {"discarded text", DROPPED, 3, NONE, 0, 0, false},
    {"discarded text", DROPPED, INT64_MAX, NONE, 0, 0, true},
    {"discarded text", DROPPED, 1ull << 63, NONE, 0, 0, false},
    {"discarded text", PART, 1, NONE, 0, 0, false},
    {"discarded text", GIVEN, 1, NONE, 0, 0, false},
    {"discarded text", COUNT, 1, NONE, 0, 0, false},
    {"truncated text", HELD, MAX - 1, NONE, 0, MAX, false},
    {"truncated text", SCANNED, MAX - 1, NONE, 0, MAX, false},
    {"truncated count", DROPPED, 743, NONE, 0, MAX, true},
    {"truncated count", DROPPED, 744, NONE, 0, MAX, false},
    {"truncated count", DROPPED, 1, COUNT, MAX + 4, MAX, true},
    {"truncated count", DROPPED, 1, COUNT, MAX + 3, MAX, false},
    {"truncated count", DROPPED, 0, NONE, 0, MAX, false},
    {"truncated count", SCANNED, 1, NONE, 0, MAX, false},
    {"truncated count", COUNT, PEERLOG_MAX_COUNT + 1, NONE, 0, MAX, false},
};

static const struct pause *pause_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(pauses); i++)
        if (strcmp(pauses[i].name, name) == 0)
            return &pauses[i];
    fail_msg("no pause is called %s", name);
    return NULL;
}

static void draws_the_line_where_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(borders); i++) {
        const struct border *b = &borders[i];
        struct intake_rules rules;
        struct intake s;
        pause_at(&s, &rules, pause_named(b->pause));
        set_field(&s.state, b->field, b->value);
        set_field(&s.state, b->other, b->other_value);
        if (framer_state_valid(&s.state, b->carry) != b->valid)
            fail_msg("%s, row %zu, is on the wrong side", b->pause, i);
        intake_done(&s);
    }
}

/* A number that could matter. */
static uint64_t draw_value(uint64_t *seed, size_t carry)
{
    static const uint64_t values[] = {0, 1, 2, 3, 4, 5, 6, 7, MAX - 1, MAX, MAX + 3, MAX + 4,
                                      1000, PEERLOG_MAX_COUNT, UINT32_MAX, 1ull << 32, UINT64_MAX};

    unsigned i = draw(seed, COUNT_OF(values) + 3);
    return i < COUNT_OF(values) ? values[i] : carry + COUNT_OF(values) + 1 - i;
}

/* Go on from the state of S, as changed, with a stream of everything; the contracts must hold. */
static void go_on(struct intake *s, uint64_t *seed)
{
    static const char more[] = "L\r\n\0<13>x\n5 <13>y300 <13>zzz\r\n\0\xe4\xb8\xad";

    s->fed = s->carry.len + MAX + (size_t)(s->state.dropped & 0xffffff);
    s->carry_offset = s->fed - s->carry.len;
    for (unsigned n = draw(seed, 12); n > 0; n--) {
        struct bytes fresh = {0};
        bytes_add(&fresh, more, draw(seed, sizeof more));
        bytes_repeat(&fresh, 'M', draw(seed, 2) * draw(seed, 2 * MAX));
        if (draw(seed, 3) == 0)
            intake_flush(s, fresh.data, fresh.len);
        else
            intake_feed(s, fresh.data, fresh.len, false);
        bytes_done(&fresh);
    }
    intake_feed(s, NULL, 0, true);
}

static void whatever_is_not_refused_does_no_harm(void **state)
{
    uint64_t seed = 6587;
    unsigned accepted = 0;

    (void)state;
    for (unsigned i = 0; i < 300000; i++) {
        struct intake_rules rules;
        struct intake s;
        if (i % 1000 == 0)
            seed += i;
        pause_at(&s, &rules, &pauses[i % COUNT_OF(pauses)]);
        for (unsigned n = 1 + draw(&seed, 3); n > 0; n--)
            set_field(&s.state, (enum field)draw(&seed, FIELDS), draw_value(&seed, s.carry.len));
        if (framer_state_valid(&s.state, s.carry.len)) {
            rules.framer.framing = (uint8_t)draw(&seed, 5);
            rules.framer.oversize = (uint8_t)draw(&seed, 3);
            rules.framer.multiline = (uint8_t)draw(&seed, 3);
            rules.framer.flushes = (uint8_t)draw(&seed, 2);
            rules.framer.max_message_bytes = 2 * MAX;
            go_on(&s, &seed);
            accepted++;
        }
        intake_done(&s);
    }
    assert_true(accepted > 1000);
}

/* --- when a flush should come --- */

static const struct {
    const char *stream;
    enum framing framing;
    enum multiline multiline;
    enum framer_wait wait;
} waits[] = {
    {"", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_NONE},
    {"<13>a\n<13>b\n", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_NONE},
    {"<13>a", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_PAUSE},
    {"<13>a\n", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_PAUSE},
    {"<13>a\n<13>b", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_END},
    {"5 hello", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_PAUSE},
    {"5 <13>", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_END},
    {"9 <13>abc", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_END},
    {"6 <13>a\xc3", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_PAUSE},
    {"a\nb\n c\n", FRAMING_LF, MULTILINE_INDENTED, FRAMER_WAIT_PAUSE},
    {"a\nb", FRAMING_LF, MULTILINE_INDENTED, FRAMER_WAIT_END},
    {"a\nb\n c", FRAMING_LF, MULTILINE_INDENTED, FRAMER_WAIT_END},
    {"<13>a\n<13>b\n<1", FRAMING_AUTO, MULTILINE_NO_PRIORITY, FRAMER_WAIT_PAUSE},
    {"10 <14>disk.10 <11>fans.", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_PAUSE},
    {"5 <13>ab", FRAMING_AUTO, MULTILINE_NONE, FRAMER_WAIT_END},
    {"<13>a", FRAMING_NUL, MULTILINE_NONE, FRAMER_WAIT_NONE},
    {"<13>a\n", FRAMING_CLOSE, MULTILINE_NONE, FRAMER_WAIT_NONE},
};

static void says_for_what_it_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        struct intake_rules rules = rules_template;
        struct intake s;
        rules.framer.framing = (uint8_t)waits[i].framing;
        rules.framer.multiline = (uint8_t)waits[i].multiline;
        rules.framer.flushes = 1;
        intake_init(&s, &rules);
        intake_feed(&s, waits[i].stream, strlen(waits[i].stream), false);
        if (framer_waits(&s.state, &rules.framer, s.carry.data, s.carry.len) != waits[i].wait)
            fail_msg("row %zu, %s, waits for something else", i, waits[i].stream);
        intake_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_that_was_left_is_valid),
        cmocka_unit_test(another_length_of_the_carry_does_not_fit),
        cmocka_unit_test(a_state_far_out_of_range_is_refused),
        cmocka_unit_test(draws_the_line_where_the_table_says),
        cmocka_unit_test(whatever_is_not_refused_does_no_harm),
        cmocka_unit_test(says_for_what_it_waits),
    };

    return cmocka_run_group_tests_name("framer, state", tests, NULL, NULL);
}
