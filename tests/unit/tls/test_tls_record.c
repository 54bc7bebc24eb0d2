/* SPDX-License-Identifier: MIT
 *
 * The record layer against OpenSSL's client: what one seals the other opens, with every
 * suite, with new keys at any moment, however the wire is cut, and once more after a death.
 */
#include "config.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "support/tls_peer.h"
#include "tls/tls_record.h"

static struct pki ec, rsa;
static struct tls_context *ec_context, *rsa_context;
static struct tls_tools *tools;

static int begin(void **unused)
{
    (void)unused;
    ec = pki_make(&(struct pki_wish){.subject = "ec"});
    rsa = pki_make(&(struct pki_wish){.subject = "rsa", .rsa_bits = 2048});
    ec_context = peer_context(&(struct tls_rules){.certificate = ec.file, .key = ec.key_file});
    rsa_context = peer_context(&(struct tls_rules){.certificate = rsa.file, .key = rsa.key_file});
    return tls_tools_new(&tools);
}

static int end(void **unused)
{
    (void)unused;
    tls_tools_free(tools);
    tls_context_release(ec_context);
    tls_context_release(rsa_context);
    pki_done(&ec);
    pki_done(&rsa);
    return 0;
}

/* A connection with one suite. */
struct connection {
    const struct tls_suite *suite;
    struct peer_end peer;
    struct tls_state state;
};

static void connect_with(struct connection *c, const struct tls_suite *suite)
{
    bool is_rsa = strstr(suite->name, "_RSA_") != NULL;

    c->suite = suite;
    peer_establish(&c->peer, &(struct peer_wish){.suite = suite}, is_rsa ? rsa_context : ec_context,
                   &c->state);
    assert_string_equal(tls_state_cipher(&c->state), suite->name);
    assert_true(tls_state_is_valid(&c->state));
}

static void connect_at(struct connection *c, size_t index)
{
    connect_with(c, tls_suite_at(index));
}

/*
 * Open LEN bytes that lie in an allocation of their own, as far as they go.
 * Returns: the result; texts are added to TEXT, and *ret_taken bytes were used.
 */
static enum tls_result open_span(struct tls_state *state, struct span wire, struct bytes *text,
                                 size_t *ret_taken)
{
    unsigned char *copy = exact_copy(wire.data, wire.len);
    unsigned char *room = malloc(TLS_ROOM_BYTES + wire.len);
    struct tls_batch batch = {
        .wire = copy, .wire_bytes = wire.len, .text = room, .room = TLS_ROOM_BYTES + wire.len};

    assert_non_null(room);
    enum tls_result result = tls_open(tools, state, &batch);
    assert_memory_equal(copy, wire.data, wire.len);
    bytes_add(text, room, batch.opened);
    *ret_taken = batch.taken;
    free(room);
    free(copy);
    return result;
}

static enum tls_result open_all(struct tls_state *state, const struct bytes *wire,
                                struct bytes *text)
{
    size_t taken = 0;

    return open_span(state, bytes_span(wire), text, &taken);
}

/* The same STEP bytes at a time, with what is not whole carried along. */
static enum tls_result open_in_steps(struct tls_state *state, const struct bytes *wire, size_t step,
                                     struct bytes *text)
{
    enum tls_result result = TLS_NEEDS_MORE;

    for (size_t from = 0, to = 0; to < wire->len && result == TLS_NEEDS_MORE;) {
        size_t taken = 0;
        to = wire->len - to > step ? to + step : wire->len;
        struct span piece = {.data = wire->data + from, .len = to - from};
        result = open_span(state, piece, text, &taken);
        from += taken;
    }
    return result;
}

static void assert_bytes_equal(const struct bytes *a, const struct bytes *b)
{
    assert_int_equal(a->len, b->len);
    assert_true(a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* --- both ways, with every suite --- */

static const size_t lengths[] = {1, 2, 15, 16, 17, 255, 256, 1000, 16383, 16384, 16385, 40000};

static void add_noise(struct bytes *to, size_t len, uint64_t *seed)
{
    for (size_t i = 0; i < len; i++)
        bytes_repeat(to, (int)draw(seed, 256), 1);
}

static void opens_what_openssl_seals(void **unused)
{
    uint64_t seed = 1;

    (void)unused;
    for (size_t i = 0; tls_suite_at(i) != NULL; i++) {
        struct connection c;
        struct bytes said = {0}, wire = {0}, heard = {0};
        connect_at(&c, i);
        for (size_t n = 0; n < COUNT_OF(lengths); n++) {
            size_t from = said.len;
            add_noise(&said, lengths[n], &seed);
            peer_write(&c.peer, said.data + from, lengths[n], &wire);
        }
        assert_int_equal(open_all(&c.state, &wire, &heard), TLS_NEEDS_MORE);
        assert_bytes_equal(&heard, &said);
        bytes_done(&said);
        bytes_done(&wire);
        bytes_done(&heard);
        peer_done(&c.peer);
    }
}

static void seal_some(struct connection *c, const struct bytes *said, size_t from, size_t len,
                      struct bytes *wire)
{
    while (len > 0) {
        size_t part = len < c->state.max_text_bytes ? len : c->state.max_text_bytes;
        unsigned char *record = malloc(part + TLS_SEAL_BYTES);
        assert_non_null(record);
        size_t n = tls_seal(tools, &c->state, said->data + from, part, record);
        assert_true(n > part && n <= part + TLS_SEAL_BYTES);
        bytes_add(wire, record, n);
        free(record);
        from += part;
        len -= part;
    }
}

static void openssl_opens_what_we_seal(void **unused)
{
    uint64_t seed = 2;

    (void)unused;
    for (size_t i = 0; tls_suite_at(i) != NULL; i++) {
        struct connection c;
        struct bytes said = {0}, wire = {0}, heard = {0};
        connect_at(&c, i);
        for (size_t n = 0; n < COUNT_OF(lengths); n++) {
            size_t from = said.len;
            add_noise(&said, lengths[n], &seed);
            seal_some(&c, &said, from, lengths[n], &wire);
        }
        (void)peer_read(&c.peer, wire.data, wire.len, &heard);
        assert_bytes_equal(&heard, &said);
        bytes_done(&said);
        bytes_done(&wire);
        bytes_done(&heard);
        peer_done(&c.peer);
    }
}

static void keeps_to_the_length_that_a_peer_asked_for(void **unused)
{
    unsigned char text[513] = {0}, record[sizeof text + TLS_SEAL_BYTES];
    struct peer_wish wish = {.max_fragment = TLSEXT_max_fragment_length_512};
    struct connection c;

    (void)unused;
    peer_establish(&c.peer, &wish, ec_context, &c.state);
    assert_int_equal(c.state.max_text_bytes, 512);
    assert_int_equal(tls_seal(tools, &c.state, text, 513, record), 0);
    assert_true(tls_seal(tools, &c.state, text, 512, record) > 512);
    peer_done(&c.peer);
}

/* --- new keys --- */

/* Give the client what we owe it, and let it answer. */
static void pay(struct connection *c)
{
    unsigned char record[TLS_SMALL_BYTES];
    struct bytes heard = {0};

    assert_true((c->state.flags & TLS_OWES_UPDATE) != 0);
    size_t n = tls_seal_update(tools, &c->state, record);
    assert_true(n > 0 && n <= sizeof record);
    assert_int_equal(c->state.flags, 0);
    assert_int_equal(peer_read(&c->peer, record, n, &heard), -1);
    assert_int_equal(SSL_get_error(c->peer.ssl, -1), SSL_ERROR_WANT_READ);
    bytes_done(&heard);
}

/* What we say under new keys arrives. */
static void say_something(struct connection *c, const char *text)
{
    struct bytes said = {0}, wire = {0}, heard = {0};

    bytes_add_text(&said, text);
    seal_some(c, &said, 0, said.len, &wire);
    (void)peer_read(&c->peer, wire.data, wire.len, &heard);
    assert_bytes_equal(&heard, &said);
    bytes_done(&said);
    bytes_done(&wire);
    bytes_done(&heard);
}

static void new_keys_at_any_moment(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        struct connection c;
        struct bytes said = {0}, wire = {0}, heard = {0};
        uint64_t seed = i;
        connect_at(&c, i);
        for (unsigned turn = 0; turn < 200; turn++) {
            unsigned what = draw(&seed, 24);
            size_t from = said.len;
            if (what < 2)
                peer_update(&c.peer, what == 1, &wire);
            add_noise(&said, 1 + draw(&seed, 300), &seed);
            peer_write(&c.peer, said.data + from, said.len - from, &wire);
            assert_int_equal(open_all(&c.state, &wire, &heard), TLS_NEEDS_MORE);
            wire.len = 0;
            if ((c.state.flags & TLS_OWES_UPDATE) != 0)
                pay(&c);
            if (what == 5)
                say_something(&c, "an answer");
        }
        assert_bytes_equal(&heard, &said);
        bytes_done(&said);
        bytes_done(&wire);
        bytes_done(&heard);
        peer_done(&c.peer);
    }
}

static void one_answer_to_many_wishes_for_new_keys(void **unused)
{
    struct connection c;
    struct bytes wire = {0}, heard = {0};

    (void)unused;
    connect_at(&c, 0);
    for (unsigned i = 0; i < 3; i++)
        peer_update(&c.peer, true, &wire);
    peer_write(&c.peer, "x", 1, &wire);
    assert_int_equal(open_all(&c.state, &wire, &heard), TLS_NEEDS_MORE);
    pay(&c);
    say_something(&c, "still here");
    bytes_done(&wire);
    bytes_done(&heard);
    peer_done(&c.peer);
}

/* --- cuts and replays --- */

/* A stream with all that a client may say, and its end. */
static void add_stream(struct connection *c, struct bytes *wire)
{
    for (unsigned i = 0; i < 5; i++) {
        peer_write(&c->peer, "<13>a message\n<13>another one\n", 10 + 5 * i, wire);
        if (c->suite->version == TLS_VERSION_1_3)
            peer_update(&c->peer, i % 2 == 0, wire);
    }
    (void)SSL_shutdown(c->peer.ssl);
    peer_flush(&c->peer, wire);
}

static void any_cut_gives_the_same(void **unused)
{
    (void)unused;
    for (size_t i = 0; tls_suite_at(i) != NULL; i++) {
        struct connection c;
        struct bytes wire = {0}, whole = {0};
        connect_at(&c, i);
        add_stream(&c, &wire);
        const struct tls_state before = c.state;
        assert_int_equal(open_all(&c.state, &wire, &whole), TLS_CLOSED);
        for (size_t step = 1; step < 40; step++) {
            struct tls_state state = before;
            struct bytes text = {0};
            assert_int_equal(open_in_steps(&state, &wire, step, &text), TLS_CLOSED);
            assert_bytes_equal(&text, &whole);
            assert_memory_equal(&state, &c.state, sizeof state);
            bytes_done(&text);
        }
        bytes_done(&wire);
        bytes_done(&whole);
        peer_done(&c.peer);
    }
}

/* A death at each byte: another process has the state before, the bytes, and its own tools. */
static void a_successor_opens_the_same_bytes(void **unused)
{
    struct tls_tools *others = tools, *successors = NULL;

    (void)unused;
    assert_int_equal(tls_tools_new(&successors), 0);
    for (size_t i = 0; tls_suite_at(i) != NULL; i++) {
        struct connection c;
        struct bytes wire = {0}, whole = {0};
        connect_at(&c, i);
        add_stream(&c, &wire);
        for (size_t cut = 0; cut <= wire.len; cut++) {
            struct tls_state first = c.state, second = c.state;
            struct bytes text = {0}, once_more = {0};
            size_t taken = 0, again = 0;
            struct span part = {.data = wire.data, .len = cut};
            enum tls_result result = open_span(&first, part, &text, &taken);
            tools = successors;
            assert_int_equal(open_span(&second, part, &once_more, &again), result);
            tools = others;
            assert_int_equal(taken, again);
            assert_bytes_equal(&text, &once_more);
            assert_memory_equal(&first, &second, sizeof first);
            bytes_done(&text);
            bytes_done(&once_more);
        }
        bytes_done(&wire);
        bytes_done(&whole);
        peer_done(&c.peer);
    }
    tls_tools_free(successors);
}

static void sealing_again_gives_the_same_bytes(void **unused)
{
    (void)unused;
    for (size_t i = 0; tls_suite_at(i) != NULL; i++) {
        unsigned char first[64], second[64];
        struct connection c;
        connect_at(&c, i);
        struct tls_state state = c.state;
        size_t n = tls_seal(tools, &c.state, (const unsigned char *)"answer", 6, first);
        assert_int_equal(tls_seal(tools, &state, (const unsigned char *)"answer", 6, second), n);
        assert_memory_equal(first, second, n);
        assert_memory_equal(&state, &c.state, sizeof state);
        peer_done(&c.peer);
    }
}

/* --- the end --- */

static void close_notify_is_the_end_both_ways(void **unused)
{
    (void)unused;
    for (size_t i = 0; tls_suite_at(i) != NULL; i++) {
        unsigned char record[TLS_SMALL_BYTES];
        struct connection c;
        struct bytes wire = {0}, heard = {0};
        connect_at(&c, i);
        peer_write(&c.peer, "last", 4, &wire);
        (void)SSL_shutdown(c.peer.ssl);
        peer_flush(&c.peer, &wire);
        size_t real = wire.len;
        bytes_add_text(&wire, "what stands behind it is nothing");
        size_t taken = 0;
        assert_int_equal(open_span(&c.state, bytes_span(&wire), &heard, &taken), TLS_CLOSED);
        assert_int_equal(taken, real);
        assert_int_equal(heard.len, 4);
        assert_int_equal(open_all(&c.state, &wire, &heard), TLS_CLOSED);
        assert_int_equal(heard.len, 4);
        size_t n = tls_seal_alert(tools, &c.state, TLS_CLOSE_NOTIFY, record);
        assert_true(n > 0 && n <= sizeof record);
        assert_int_equal(tls_seal_alert(tools, &c.state, TLS_CLOSE_NOTIFY, record), 0);
        assert_int_equal(peer_read(&c.peer, record, n, &heard), 0);
        assert_int_equal(SSL_get_error(c.peer.ssl, 0), SSL_ERROR_ZERO_RETURN);
        bytes_done(&wire);
        bytes_done(&heard);
        peer_done(&c.peer);
    }
}

static void every_changed_byte_breaks_a_record_and_none_before_it(void **unused)
{
    (void)unused;
    for (size_t i = 0; tls_suite_at(i) != NULL; i++) {
        struct connection c;
        struct bytes wire = {0};
        connect_at(&c, i);
        peer_write(&c.peer, "good", 4, &wire);
        size_t first = wire.len;
        peer_write(&c.peer, "changed on the way", 18, &wire);
        for (size_t at = first; at < wire.len; at++) {
            struct tls_state state = c.state;
            struct bytes text = {0};
            size_t taken = 0;
            wire.data[at] ^= at % 2 == 0 ? 1 : 0x80;
            enum tls_result result = open_span(&state, bytes_span(&wire), &text, &taken);
            wire.data[at] ^= at % 2 == 0 ? 1 : 0x80;
            /* A length that has grown waits for what never comes. */
            assert_true(result == TLS_BROKEN ||
                        (result == TLS_NEEDS_MORE && (at == first + 3 || at == first + 4)));
            assert_int_equal(taken, first);
            assert_int_equal(text.len, 4);
            assert_true(tls_state_is_valid(&state));
            if (at >= first + TLS_HEADER_BYTES)
                assert_string_equal(tls_alert_name(state.alert), "bad record mac");
            bytes_done(&text);
        }
        bytes_done(&wire);
        peer_done(&c.peer);
    }
}

static void a_client_hears_why_it_was_broken(void **unused)
{
    unsigned char record[TLS_SMALL_BYTES];
    struct connection c;
    struct bytes wire = {0}, text = {0};

    (void)unused;
    connect_at(&c, 0);
    peer_write(&c.peer, "x", 1, &wire);
    wire.data[wire.len - 1] ^= 1;
    assert_int_equal(open_all(&c.state, &wire, &text), TLS_BROKEN);
    size_t n = tls_seal_alert(tools, &c.state, c.state.alert, record);
    assert_true(peer_read(&c.peer, record, n, &text) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
    ERR_clear_error();
    bytes_done(&wire);
    bytes_done(&text);
    peer_done(&c.peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_openssl_seals),
        cmocka_unit_test(openssl_opens_what_we_seal),
        cmocka_unit_test(keeps_to_the_length_that_a_peer_asked_for),
        cmocka_unit_test(new_keys_at_any_moment),
        cmocka_unit_test(one_answer_to_many_wishes_for_new_keys),
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(a_successor_opens_the_same_bytes),
        cmocka_unit_test(sealing_again_gives_the_same_bytes),
        cmocka_unit_test(close_notify_is_the_end_both_ways),
        cmocka_unit_test(every_changed_byte_breaks_a_record_and_none_before_it),
        cmocka_unit_test(a_client_hears_why_it_was_broken),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
