/* SPDX-License-Identifier: MIT
 *
 * What records may hold. A forger seals what no library would, under keys that both sides
 * know: what is refused, with which alert, what is only counted, and where patience ends. And
 * states that nobody has made: whatever their bytes, they do no harm.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "support/tls_peer.h"
#include "tls/tls_record.h"

#define ALERT 21u
#define HANDSHAKE 22u
#define DATA 23u

static struct tls_tools *tools;

static int begin(void **unused)
{
    (void)unused;
    return tls_tools_new(&tools);
}

static int end(void **unused)
{
    (void)unused;
    tools = tls_tools_free(tools);
    return 0;
}

/* A connection under keys that are no secret. */
static struct tls_state known_state(const struct tls_suite *suite)
{
    struct tls_state state = {.version = suite->version,
                              .suite = suite->id,
                              .max_text_bytes = TLS_MAX_TEXT_BYTES};

    memset(state.in.key, 7, suite->key_bytes);
    memset(state.in.iv, 9, suite->fixed_iv_bytes);
    memset(state.out.key, 3, suite->key_bytes);
    memset(state.out.iv, 5, suite->fixed_iv_bytes);
    state.in.number = state.out.number = 1;
    return state;
}

static const struct tls_suite *suite_of(uint16_t version)
{
    return tls_suite_find(version, version == TLS_VERSION_1_3 ? 0x1301 : 0xc02f);
}

static enum tls_result open_wire(struct tls_state *state, const struct bytes *wire,
                                 struct tls_batch *batch)
{
    *batch = (struct tls_batch){.wire = wire->data,
                                .wire_bytes = wire->len,
                                .text = malloc(TLS_ROOM_BYTES * 2),
                                .room = TLS_ROOM_BYTES * 2};
    assert_non_null(batch->text);
    enum tls_result result = tls_open(tools, state, batch);
    free(batch->text);
    return result;
}

/* --- what a record may hold --- */

struct offer {
    const char *what;
    uint16_t version; /* 0: both */
    struct forgery forgery;
    enum tls_result result;
    uint8_t alert;
};

#define TEXT(string) .text = (string), .len = sizeof(string) - 1
#define GOOD TLS_NEEDS_MORE, 0
#define BAD(alert) TLS_BROKEN, SSL_AD_##alert

static const struct offer offers[] = {
    {"text", 0, {DATA, TEXT("text")}, GOOD},
    {"no text", 0, {DATA, TEXT("")}, GOOD},
    {"text and padding", TLS_VERSION_1_3, {DATA, TEXT("text"), .padding = 300}, GOOD},
    {"padding alone", TLS_VERSION_1_3, {DATA, TEXT(""), 300, true}, BAD(UNEXPECTED_MESSAGE)},
    {"another type outside", TLS_VERSION_1_3, {DATA, TEXT("x"), .outer = 22},
     BAD(UNEXPECTED_MESSAGE)},
    {"change_cipher_spec", 0, {20, TEXT("\1")}, BAD(UNEXPECTED_MESSAGE)},
    {"an unknown type", 0, {24, TEXT("x")}, BAD(UNEXPECTED_MESSAGE)},
    {"close_notify", 0, {ALERT, TEXT("\1\0")}, TLS_CLOSED, 0},
    {"fatal close_notify", TLS_VERSION_1_3, {ALERT, TEXT("\2\0")}, TLS_CLOSED, 0},
    {"fatal close_notify", TLS_VERSION_1_2, {ALERT, TEXT("\2\0")}, TLS_ALERTED, 0},
    {"internal_error", 0, {ALERT, TEXT("\2\120")}, TLS_ALERTED, 80},
    {"it as a warning", TLS_VERSION_1_3, {ALERT, TEXT("\1\120")}, TLS_ALERTED, 80},
    {"it as a warning", TLS_VERSION_1_2, {ALERT, TEXT("\1\120")}, GOOD},
    {"user_canceled", 0, {ALERT, TEXT("\1\132")}, GOOD},
    {"no level", TLS_VERSION_1_2, {ALERT, TEXT("\3\132")}, BAD(ILLEGAL_PARAMETER)},
    {"half an alert", 0, {ALERT, TEXT("\2")}, BAD(UNEXPECTED_MESSAGE)},
    {"two alerts", 0, {ALERT, TEXT("\1\0\1\0")}, BAD(UNEXPECTED_MESSAGE)},
    {"no alert", 0, {ALERT, TEXT("")}, BAD(UNEXPECTED_MESSAGE)},
    {"KeyUpdate", TLS_VERSION_1_3, {HANDSHAKE, TEXT("\30\0\0\1\0")}, GOOD},
    {"KeyUpdate", TLS_VERSION_1_2, {HANDSHAKE, TEXT("\30\0\0\1\0")}, BAD(UNEXPECTED_MESSAGE)},
    {"KeyUpdate of 2", TLS_VERSION_1_3, {HANDSHAKE, TEXT("\30\0\0\1\2")}, BAD(ILLEGAL_PARAMETER)},
    {"long KeyUpdate", TLS_VERSION_1_3, {HANDSHAKE, TEXT("\30\0\0\2\0\0")}, BAD(DECODE_ERROR)},
    {"KeyUpdate and more", TLS_VERSION_1_3, {HANDSHAKE, TEXT("\30\0\0\1\0\30")},
     BAD(UNEXPECTED_MESSAGE)},
    {"part of one", TLS_VERSION_1_3, {HANDSHAKE, TEXT("\30\0")}, GOOD},
    {"a message of no bytes", 0, {HANDSHAKE, TEXT("")}, BAD(UNEXPECTED_MESSAGE)},
    {"ClientHello", TLS_VERSION_1_2, {HANDSHAKE, TEXT("\1\0\0\1\0")}, BAD(NO_RENEGOTIATION)},
    {"ClientHello", TLS_VERSION_1_3, {HANDSHAKE, TEXT("\1\0\0\1\0")}, BAD(UNEXPECTED_MESSAGE)},
    {"a ticket", TLS_VERSION_1_3, {HANDSHAKE, TEXT("\4\0\0\1\0")}, BAD(UNEXPECTED_MESSAGE)},
};

static void check_offer(const struct offer *r, uint16_t version)
{
    struct tls_state state = known_state(suite_of(version));
    struct tls_half half = state.in;
    struct bytes wire = {0};
    struct tls_batch batch;

    peer_forge(&half, suite_of(version), &r->forgery, &wire);
    enum tls_result result = open_wire(&state, &wire, &batch);
    if (result != r->result || state.alert != r->alert || !tls_state_is_valid(&state))
        fail_msg("%s in %x: %d, alert %d", r->what, version, (int)result, state.alert);
    assert_int_equal(batch.taken, result == TLS_BROKEN ? 0 : wire.len);
    assert_int_equal(batch.opened, r->forgery.type == DATA && result == TLS_NEEDS_MORE
                                       ? r->forgery.len : 0);
    bytes_done(&wire);
}

static void takes_what_the_rules_allow(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(offers); i++) {
        if (offers[i].version != TLS_VERSION_1_2)
            check_offer(&offers[i], TLS_VERSION_1_3);
        if (offers[i].version != TLS_VERSION_1_3)
            check_offer(&offers[i], TLS_VERSION_1_2);
    }
}

/* --- headers --- */

struct header {
    uint16_t version;
    unsigned char bytes[TLS_HEADER_BYTES];
    enum tls_result result;
    uint8_t alert;
};

static const struct header headers[] = {
    {TLS_VERSION_1_3, {23, 3, 3, 65, 0}, GOOD},
    {TLS_VERSION_1_3, {23, 3, 3, 65, 1}, BAD(RECORD_OVERFLOW)},
    {TLS_VERSION_1_3, {23, 3, 3, 255, 255}, BAD(RECORD_OVERFLOW)},
    {TLS_VERSION_1_3, {23, 3, 3, 0, 16}, BAD(BAD_RECORD_MAC)},
    {TLS_VERSION_1_3, {23, 3, 3, 0, 0}, BAD(BAD_RECORD_MAC)},
    {TLS_VERSION_1_3, {23, 3, 4, 0, 17}, BAD(PROTOCOL_VERSION)},
    {TLS_VERSION_1_3, {23, 3, 1, 0, 17}, BAD(PROTOCOL_VERSION)},
    {TLS_VERSION_1_3, {20, 3, 3, 0, 1}, BAD(UNEXPECTED_MESSAGE)},
    {TLS_VERSION_1_3, {21, 3, 3, 0, 2}, BAD(UNEXPECTED_MESSAGE)},
    {TLS_VERSION_1_2, {23, 3, 3, 0, 24}, GOOD},
    {TLS_VERSION_1_2, {23, 3, 3, 0, 23}, BAD(BAD_RECORD_MAC)},
    {TLS_VERSION_1_2, {23, 3, 3, 65, 1}, BAD(RECORD_OVERFLOW)},
    {TLS_VERSION_1_2, {20, 3, 3, 0, 24}, BAD(UNEXPECTED_MESSAGE)},
    {TLS_VERSION_1_2, {24, 3, 3, 0, 24}, BAD(UNEXPECTED_MESSAGE)},
    {TLS_VERSION_1_2, {23, 3, 1, 0, 24}, BAD(PROTOCOL_VERSION)},
    {TLS_VERSION_1_2, {'G', 'E', 'T', ' ', '/'}, BAD(PROTOCOL_VERSION)},
};

static void a_bad_header_is_seen_without_its_body(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        const struct header *h = &headers[i];
        struct tls_state state = known_state(suite_of(h->version));
        struct bytes wire = {0};
        struct tls_batch batch;
        bytes_add(&wire, h->bytes, sizeof h->bytes);
        enum tls_result result = open_wire(&state, &wire, &batch);
        if (result != h->result || state.alert != h->alert)
            fail_msg("header %zu: %d, alert %d", i, (int)result, state.alert);
        bytes_done(&wire);
    }
}

/* Both versions and the longest text; one byte more is too much. */
static void a_text_is_16_kib_at_most(void **unused)
{
    static const uint16_t versions[] = {TLS_VERSION_1_2, TLS_VERSION_1_3};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct tls_state state = known_state(suite_of(versions[i]));
        struct tls_half half = state.in;
        struct bytes wire = {0}, text = {0};
        struct tls_batch batch;
        bytes_repeat(&text, 'x', TLS_MAX_TEXT_BYTES + 1);
        struct forgery forgery = {DATA, .text = text.data, .len = TLS_MAX_TEXT_BYTES};
        peer_forge(&half, suite_of(versions[i]), &forgery, &wire);
        assert_int_equal(open_wire(&state, &wire, &batch), TLS_NEEDS_MORE);
        assert_int_equal(batch.opened, TLS_MAX_TEXT_BYTES);
        wire.len = 0;
        forgery.len++;
        peer_forge(&half, suite_of(versions[i]), &forgery, &wire);
        assert_int_equal(open_wire(&state, &wire, &batch), TLS_BROKEN);
        assert_int_equal(state.alert, SSL_AD_RECORD_OVERFLOW);
        bytes_done(&wire);
        bytes_done(&text);
    }
}

/* --- a KeyUpdate in pieces --- */

static void add_piece(struct tls_half *half, unsigned type, const char *text, size_t len,
                      struct bytes *wire)
{
    peer_forge(half, suite_of(TLS_VERSION_1_3),
               &(struct forgery){type, .text = text, .len = len}, wire);
}

static void a_key_update_may_come_in_pieces(void **unused)
{
    struct tls_state state = known_state(suite_of(TLS_VERSION_1_3));
    struct tls_half half = state.in;
    struct bytes wire = {0};
    struct tls_batch batch;

    (void)unused;
    for (size_t i = 0; i < 5; i++)
        add_piece(&half, HANDSHAKE, &"\30\0\0\1\1"[i], 1, &wire);
    assert_int_equal(open_wire(&state, &wire, &batch), TLS_NEEDS_MORE);
    assert_int_equal(batch.updates, 1);
    assert_int_equal(state.flags, TLS_OWES_UPDATE);
    assert_int_equal(state.in.number, 0);
    assert_int_equal(state.message_bytes, 0);
    peer_next_keys(&half, suite_of(TLS_VERSION_1_3));
    assert_memory_equal(&state.in, &half, sizeof half);
    bytes_done(&wire);
}

/* Who has said the end owes nothing. */
static void behind_our_end_no_answer_is_owed(void **unused)
{
    struct tls_state state = known_state(suite_of(TLS_VERSION_1_3));
    struct tls_half half = state.in;
    unsigned char dst[TLS_SMALL_BYTES];
    struct bytes wire = {0};
    struct tls_batch batch;

    (void)unused;
    state.flags = TLS_OWES_UPDATE;
    assert_true(tls_seal_alert(tools, &state, TLS_CLOSE_NOTIFY, dst) > 0);
    add_piece(&half, HANDSHAKE, "\30\0\0\1\1", 5, &wire);
    assert_int_equal(open_wire(&state, &wire, &batch), TLS_NEEDS_MORE);
    assert_int_equal(batch.updates, 1);
    assert_int_equal(state.flags, TLS_SAID_END);
    bytes_done(&wire);
}

static void nothing_stands_between_the_pieces(void **unused)
{
    struct tls_state state = known_state(suite_of(TLS_VERSION_1_3));
    struct tls_half half = state.in;
    struct bytes wire = {0};
    struct tls_batch batch;

    (void)unused;
    add_piece(&half, HANDSHAKE, "\30\0", 2, &wire);
    add_piece(&half, DATA, "text", 4, &wire);
    assert_int_equal(open_wire(&state, &wire, &batch), TLS_BROKEN);
    assert_int_equal(state.alert, SSL_AD_UNEXPECTED_MESSAGE);
    assert_int_equal(batch.opened, 0);
    bytes_done(&wire);
}

/* --- patience --- */

/* How many records of this kind does a connection bear in a row? */
static unsigned count_until_broken(const struct forgery *forgery, unsigned texts_between)
{
    const struct tls_suite *suite = suite_of(TLS_VERSION_1_3);
    struct tls_state state = known_state(suite);
    unsigned n = 0;

    for (; n < 2 * PEERLOG_TLS_MAX_BARREN; n++) {
        struct tls_half half = state.in;
        struct bytes wire = {0};
        struct tls_batch batch;
        for (unsigned i = 0; i < texts_between; i++)
            peer_forge(&half, suite, &(struct forgery){DATA, TEXT("x")}, &wire);
        peer_forge(&half, suite, forgery, &wire);
        enum tls_result result = open_wire(&state, &wire, &batch);
        bytes_done(&wire);
        if (result == TLS_BROKEN) {
            assert_int_equal(state.alert, SSL_AD_UNEXPECTED_MESSAGE);
            break;
        }
        state.flags = 0; /* we have answered */
    }
    return n;
}

static void patience_with_records_without_text_ends(void **unused)
{
    static const struct forgery empty = {DATA, TEXT("")}, warning = {ALERT, TEXT("\1\132")},
                                update = {HANDSHAKE, TEXT("\30\0\0\1\1")};

    (void)unused;
    assert_int_equal(count_until_broken(&empty, 0), PEERLOG_TLS_MAX_BARREN);
    assert_int_equal(count_until_broken(&warning, 0), PEERLOG_TLS_MAX_BARREN);
    assert_int_equal(count_until_broken(&update, 0),
                     PEERLOG_TLS_MAX_BARREN / PEERLOG_TLS_UPDATE_WEIGHT);
    /* Who says something in between may go on for ever. */
    assert_int_equal(count_until_broken(&empty, 1), 2 * PEERLOG_TLS_MAX_BARREN);
    assert_int_equal(count_until_broken(&update, PEERLOG_TLS_UPDATE_WEIGHT),
                     2 * PEERLOG_TLS_MAX_BARREN);
}

/* --- room --- */

static void what_has_no_room_waits(void **unused)
{
    const struct tls_suite *suite = suite_of(TLS_VERSION_1_2);
    struct tls_state state = known_state(suite);
    struct tls_half half = state.in;
    struct bytes wire = {0};
    unsigned char text[10];

    (void)unused;
    for (unsigned i = 0; i < 3; i++)
        peer_forge(&half, suite, &(struct forgery){DATA, TEXT("12345")}, &wire);
    struct tls_batch batch = {.wire = wire.data, .wire_bytes = wire.len, .text = text, .room = 10};
    assert_int_equal(tls_open(tools, &state, &batch), TLS_NEEDS_ROOM);
    assert_int_equal(batch.records, 2);
    assert_memory_equal(text, "1234512345", 10);
    batch.wire += batch.taken;
    batch.wire_bytes -= batch.taken;
    assert_int_equal(tls_open(tools, &state, &batch), TLS_NEEDS_MORE);
    assert_int_equal(batch.opened, 5);
    bytes_done(&wire);
}

/* --- sealing --- */

static void nothing_is_sealed_that_may_not_be(void **unused)
{
    struct tls_state state = known_state(suite_of(TLS_VERSION_1_3)), before;
    unsigned char text[TLS_MAX_TEXT_BYTES + 1] = {0}, dst[sizeof text + TLS_SEAL_BYTES];

    (void)unused;
    before = state;
    assert_int_equal(tls_seal(tools, &state, text, 0, dst), 0);
    assert_int_equal(tls_seal(tools, &state, text, sizeof text, dst), 0);
    assert_memory_equal(&state, &before, sizeof state);
    state.out.number = before.out.number = UINT64_MAX;
    assert_int_equal(tls_seal(tools, &state, text, 1, dst), 0);
    assert_int_equal(tls_seal_alert(tools, &state, 0, dst), 0);
    assert_int_equal(tls_seal_update(tools, &state, dst), 0);
    assert_memory_equal(&state, &before, sizeof state);
    state = known_state(suite_of(TLS_VERSION_1_2));
    assert_int_equal(tls_seal_update(tools, &state, dst), 0);
    assert_true(tls_seal_alert(tools, &state, SSL_AD_BAD_RECORD_MAC, dst) > 0);
    assert_int_equal(tls_seal(tools, &state, text, 1, dst), 0);
}

static void a_worn_key_is_to_be_changed(void **unused)
{
    struct tls_state state = known_state(suite_of(TLS_VERSION_1_3));
    unsigned char text[1] = {0}, dst[TLS_SMALL_BYTES];

    (void)unused;
    state.out.number = PEERLOG_TLS_KEY_RECORDS - 2;
    assert_true(tls_seal(tools, &state, text, 1, dst) > 0);
    assert_int_equal(state.flags, 0);
    assert_true(tls_seal(tools, &state, text, 1, dst) > 0);
    assert_int_equal(state.flags, TLS_OWES_UPDATE);
    assert_true(tls_seal_update(tools, &state, dst) > 0);
    assert_int_equal(state.flags, 0);
    assert_int_equal(state.out.number, 0);
}

/* --- states that nobody has made --- */

static void numbers_never_come_again(void **unused)
{
    const struct tls_suite *suite = suite_of(TLS_VERSION_1_3);
    struct tls_state state = known_state(suite);
    struct bytes wire = {0};
    struct tls_batch batch;

    (void)unused;
    state.in.number = UINT64_MAX;
    struct tls_half half = state.in;
    peer_forge(&half, suite, &(struct forgery){DATA, TEXT("x")}, &wire);
    assert_int_equal(open_wire(&state, &wire, &batch), TLS_BROKEN);
    assert_int_equal(state.alert, SSL_AD_INTERNAL_ERROR);
    bytes_done(&wire);
}

static void a_state_that_is_not_valid_opens_and_seals_nothing(void **unused)
{
    unsigned char dst[TLS_SMALL_BYTES];
    struct tls_state good = known_state(suite_of(TLS_VERSION_1_3)), none = {.version = 0};
    struct tls_state bad[9];
    struct bytes wire = {0};
    struct tls_batch batch;

    (void)unused;
    assert_true(tls_state_is_valid(&good));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        bad[i] = good;
    bad[0] = none;
    bad[1].version = TLS_VERSION_1_2; /* the suite is of the other one */
    bad[2].suite = 0x009c;            /* RSA key exchange */
    bad[3].end = TLS_NEEDS_ROOM;
    bad[4].flags = 4;
    bad[5].message_bytes = 5;
    bad[6].barren = PEERLOG_TLS_MAX_BARREN + 1;
    bad[7].max_text_bytes = TLS_MAX_TEXT_BYTES + 1;
    bad[8].max_text_bytes = 0;
    bytes_repeat(&wire, 23, 100);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(tls_state_is_valid(&bad[i]));
        assert_int_equal(tls_seal_alert(tools, &bad[i], 0, dst), 0);
        assert_int_equal(tls_seal_update(tools, &bad[i], dst), 0);
        assert_int_equal(open_wire(&bad[i], &wire, &batch), TLS_BROKEN);
        assert_int_equal(batch.taken, 0);
    }
    bytes_done(&wire);
}

static void a_wiped_state_holds_nothing(void **unused)
{
    struct tls_state state = known_state(suite_of(TLS_VERSION_1_3));
    static const struct tls_state none;

    (void)unused;
    assert_string_equal(tls_state_version(&state), "TLSv1.3");
    tls_state_wipe(&state);
    assert_memory_equal(&state, &none, sizeof state);
    assert_false(tls_state_is_valid(&state));
    assert_string_equal(tls_state_version(&state), "");
    assert_string_equal(tls_state_cipher(&state), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_the_rules_allow),
        cmocka_unit_test(a_bad_header_is_seen_without_its_body),
        cmocka_unit_test(a_text_is_16_kib_at_most),
        cmocka_unit_test(a_key_update_may_come_in_pieces),
        cmocka_unit_test(behind_our_end_no_answer_is_owed),
        cmocka_unit_test(nothing_stands_between_the_pieces),
        cmocka_unit_test(patience_with_records_without_text_ends),
        cmocka_unit_test(what_has_no_room_waits),
        cmocka_unit_test(nothing_is_sealed_that_may_not_be),
        cmocka_unit_test(a_worn_key_is_to_be_changed),
        cmocka_unit_test(numbers_never_come_again),
        cmocka_unit_test(a_state_that_is_not_valid_opens_and_seals_nothing),
        cmocka_unit_test(a_wiped_state_holds_nothing),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
