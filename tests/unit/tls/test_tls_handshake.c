/* SPDX-License-Identifier: MIT
 *
 * Handshakes with OpenSSL's client: what comes of them, who is let in, and in which words the
 * others are told.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/err.h>

#include "peerlog/count.h"
#include "support/tls_peer.h"
#include "tls/tls_handshake.h"

/* A CA, one between, a server; and clients of every kind. */
static struct pki ca, between, server, other_ca;
static struct pki client, far_client, expired, early, stranger, own, wrong_usage;

static int begin(void **unused)
{
    (void)unused;
    ca = pki_make(&(struct pki_wish){.subject = "ca", .is_ca = true});
    other_ca = pki_make(&(struct pki_wish){.subject = "other ca", .is_ca = true});
    between = pki_make(&(struct pki_wish){.subject = "between", .issuer = &ca, .is_ca = true});
    server = pki_make(&(struct pki_wish){
        .subject = "server", .names = "DNS:log.example,IP:192.0.2.1", .issuer = &ca});
    client = pki_make(
        &(struct pki_wish){.subject = "client", .names = "DNS:web.example", .issuer = &ca});
    far_client = pki_make(&(struct pki_wish){.subject = "far", .issuer = &between});
    expired = pki_make(&(struct pki_wish){
        .subject = "old", .issuer = &ca, .begins_s = -9 * PKI_DAY_S, .ends_s = -PKI_DAY_S});
    early = pki_make(&(struct pki_wish){.subject = "young", .issuer = &ca, .begins_s = PKI_DAY_S});
    stranger = pki_make(&(struct pki_wish){.subject = "stranger", .issuer = &other_ca});
    own = pki_make(&(struct pki_wish){.subject = "own"});
    wrong_usage = pki_make(
        &(struct pki_wish){.subject = "usage", .issuer = &ca, .usage = "serverAuth"});
    return 0;
}

static int end(void **unused)
{
    struct pki *all[] = {&ca,      &other_ca, &between,  &server,   &client, &far_client,
                         &expired, &early,    &stranger, &own,    &wrong_usage};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        pki_done(all[i]);
    return 0;
}

static struct tls_rules basic_rules(void)
{
    return (struct tls_rules){.certificate = server.file, .key = server.key_file};
}

static struct tls_rules strict_rules(void)
{
    struct tls_rules rules = basic_rules();

    rules.client_ca = ca.file;
    rules.client_certificate = TLS_CLIENT_REQUIRED;
    return rules;
}

/* How one handshake ended. */
struct outcome {
    enum tls_progress progress;
    struct tls_state state;
    struct tls_identity identity;
    char words[TLS_WORDS_BYTES];
    struct bytes rest;
};

/* The rest stays with the caller if there was TEXT to send early. */
static void shake(const struct tls_rules *rules, const struct peer_wish *wish, const char *text,
                  size_t reach, struct outcome *outcome)
{
    struct tls_context *context = peer_context(rules);
    struct tls_handshake *handshake;
    struct peer_end peer;

    *outcome = (struct outcome){.words = ""};
    peer_init(&peer, wish);
    assert_int_equal(tls_handshake_new(context, &handshake), 0);
    tls_context_release(context); /* the handshake keeps it */
    assert_int_equal(tls_handshake_take(handshake, &outcome->state, &outcome->identity), -EINVAL);
    outcome->progress = peer_shake(&peer, handshake, reach, text, &outcome->rest);
    strcpy(outcome->words, tls_handshake_words(handshake));
    if (outcome->progress == TLS_SHAKEN)
        assert_int_equal(tls_handshake_take(handshake, &outcome->state, &outcome->identity), 0);
    if (text == NULL)
        bytes_done(&outcome->rest);
    tls_handshake_free(handshake);
    peer_done(&peer);
    ERR_clear_error();
}

/* --- what comes of it --- */

static void what_follows_the_handshake_is_left_to_the_records(void **unused)
{
    static const size_t reaches[] = {0, 1, 7};
    struct tls_rules rules = basic_rules();
    unsigned char text[TLS_ROOM_BYTES];
    struct tls_tools *tools;

    (void)unused;
    assert_int_equal(tls_tools_new(&tools), 0);
    for (size_t i = 0; i < COUNT_OF(reaches); i++) {
        struct outcome o;
        shake(&rules, &(struct peer_wish){.suite = NULL}, "early bird", reaches[i], &o);
        assert_int_equal(o.progress, TLS_SHAKEN);
        struct tls_batch batch = {
            .wire = o.rest.data, .wire_bytes = o.rest.len, .text = text, .room = sizeof text};
        assert_int_equal(tls_open(tools, &o.state, &batch), TLS_NEEDS_MORE);
        assert_int_equal(batch.taken, o.rest.len);
        assert_int_equal(batch.opened, 10);
        assert_memory_equal(text, "early bird", 10);
        bytes_done(&o.rest);
    }
    tls_tools_free(tools);
}

static void nothing_is_taken_before_all_is_sent(void **unused)
{
    struct tls_rules rules = basic_rules();
    struct tls_context *context = peer_context(&rules);
    struct tls_handshake *handshake;
    struct tls_identity identity;
    struct tls_state state;
    struct peer_end peer;
    const unsigned char *unsent;
    size_t used;

    (void)unused;
    peer_init(&peer, &(struct peer_wish){.max_version = TLS_VERSION_1_2});
    assert_int_equal(tls_handshake_new(context, &handshake), 0);
    enum tls_progress progress = TLS_SHAKING;
    while (progress == TLS_SHAKING) {
        struct bytes wire = {0};
        (void)SSL_do_handshake(peer.ssl);
        peer_flush(&peer, &wire);
        progress = tls_handshake_feed(handshake, wire.data, wire.len, &used);
        size_t n = tls_handshake_unsent(handshake, &unsent);
        if (progress == TLS_SHAKING) {
            assert_int_equal(BIO_write(peer.in, unsent, (int)n), (int)n);
            tls_handshake_sent(handshake, n);
        }
        bytes_done(&wire);
    }
    assert_int_equal(progress, TLS_SHAKEN);
    assert_int_equal(tls_handshake_take(handshake, &state, &identity), -EINVAL);
    tls_handshake_sent(handshake, tls_handshake_unsent(handshake, &unsent));
    assert_int_equal(tls_handshake_take(handshake, &state, &identity), 0);
    assert_string_equal(tls_state_version(&state), "TLSv1.2");
    tls_handshake_free(handshake);
    tls_context_release(context);
    peer_done(&peer);
}

/* Tickets, compression, renegotiation: a client finds none of them. */
static void offers_nothing_that_outlives_a_connection(void **unused)
{
    struct tls_rules rules = basic_rules();
    struct tls_context *context = peer_context(&rules);

    (void)unused;
    for (uint16_t version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
        struct peer_end peer;
        struct tls_state state;
        struct bytes text = {0};
        peer_establish(&peer, &(struct peer_wish){.max_version = version}, context, &state);
        (void)peer_read(&peer, NULL, 0, &text);
        assert_int_equal(state.version, version);
        assert_false(SSL_SESSION_is_resumable(SSL_get_session(peer.ssl)));
        assert_int_equal(SSL_SESSION_has_ticket(SSL_get_session(peer.ssl)), 0);
        assert_null(SSL_get_current_compression(peer.ssl));
        peer_done(&peer);
    }
    tls_context_release(context);
}

/* The CA of clients may be our own as well, and is not sent along for that. */
static void the_chain_is_what_the_file_says(void **unused)
{
    struct tls_rules rules = basic_rules();
    struct tls_state state;
    struct peer_end peer;

    (void)unused;
    rules.client_ca = ca.file;
    rules.client_certificate = TLS_CLIENT_OPTIONAL;
    struct tls_context *context = peer_context(&rules);
    peer_establish(&peer, &(struct peer_wish){.suite = NULL}, context, &state);
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(peer.ssl)), 1);
    peer_done(&peer);
    tls_context_release(context);
}

static void suites_are_those_of_the_rules(void **unused)
{
    static const char *const one[] = {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", NULL};
    static const char *const newer[] = {"TLS_AES_128_GCM_SHA256", NULL};
    struct tls_rules rules = basic_rules();
    struct peer_wish anything = {.suite = NULL};
    struct outcome o;

    (void)unused;
    rules.ciphers = one;
    shake(&rules, &anything, NULL, 0, &o);
    assert_string_equal(tls_state_cipher(&o.state), one[0]);
    rules.ciphers = newer;
    shake(&rules, &anything, NULL, 0, &o);
    assert_string_equal(tls_state_cipher(&o.state), newer[0]);
    shake(&rules, &(struct peer_wish){.max_version = TLS_VERSION_1_2}, NULL, 0, &o);
    assert_int_equal(o.progress, TLS_REFUSED);
}

/* --- who is let in --- */

static void a_certificate_becomes_an_identity(void **unused)
{
    static const char *const names[] = {"*.example", NULL};
    struct tls_rules rules = strict_rules();
    struct outcome o;

    (void)unused;
    rules.client_names = names;
    for (uint16_t version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
        shake(&rules, &(struct peer_wish){.certificate = &client, .max_version = version}, NULL, 0,
              &o);
        assert_int_equal(o.progress, TLS_SHAKEN);
        assert_string_equal(o.identity.subject, "CN=client,O=Test");
        assert_string_equal(o.identity.name, "web.example");
        assert_string_equal(o.words, "");
    }
}

static void a_certificate_may_be_left_out_when_it_is_optional(void **unused)
{
    struct tls_rules rules = strict_rules();
    struct outcome o;

    (void)unused;
    rules.client_certificate = TLS_CLIENT_OPTIONAL;
    shake(&rules, &(struct peer_wish){.certificate = NULL}, NULL, 0, &o);
    assert_int_equal(o.progress, TLS_SHAKEN);
    assert_string_equal(o.identity.subject, "");
    shake(&rules, &(struct peer_wish){.certificate = &far_client}, NULL, 0, &o);
    assert_int_equal(o.progress, TLS_SHAKEN);
    assert_string_equal(o.identity.subject, "CN=far,O=Test");
    shake(&rules, &(struct peer_wish){.certificate = &stranger}, NULL, 0, &o);
    assert_int_equal(o.progress, TLS_REFUSED);
}

static void a_trusted_file_may_hold_any_certificate_of_a_chain(void **unused)
{
    struct tls_rules rules = strict_rules();
    struct outcome o;

    (void)unused;
    rules.client_ca = own.file;
    shake(&rules, &(struct peer_wish){.certificate = &own}, NULL, 0, &o);
    assert_int_equal(o.progress, TLS_SHAKEN);
    rules.client_ca = between.file;
    shake(&rules, &(struct peer_wish){.certificate = &far_client}, NULL, 0, &o);
    assert_int_equal(o.progress, TLS_SHAKEN);
    rules.client_ca = client.file;
    shake(&rules, &(struct peer_wish){.certificate = &client}, NULL, 0, &o);
    assert_int_equal(o.progress, TLS_SHAKEN);
}

/* A client that is refused, and the words. */
struct refusal {
    const struct pki *certificate;
    const struct pki *trusted;
    uint16_t max_version;
    const char *ciphers;
    const char *words;
};

static void a_refusal_says_what_to_do(void **unused)
{
    static const char *const names[] = {"*.other.example", "web.example", NULL};
    const struct refusal refusals[] = {
        {NULL, NULL, 0, NULL, "client sent no certificate; the listener requires one"},
        {&expired, NULL, 0, NULL, "client's certificate CN=old,O=Test has expired; renew it"},
        {&early, NULL, 0, NULL,
         "client's certificate CN=young,O=Test is not valid yet; is a clock wrong?"},
        {&far_client, NULL, 0, NULL,
         "client's certificate CN=far,O=Test has no name that client_names allows"},
        {&stranger, NULL, 0, NULL,
         "client's certificate CN=stranger,O=Test is signed by somebody who is not in client_ca; "
         "add that CA, or send the certificates between as well"},
        {&own, NULL, 0, NULL,
         "client's certificate CN=own,O=Test is signed by itself, and is not in client_ca; add "
         "it, or have it signed by that CA"},
        {&wrong_usage, NULL, 0, NULL,
         "client's certificate CN=usage,O=Test is not for clients; its extended key usage lacks "
         "clientAuth"},
        {&client, &other_ca, 0, NULL,
         "client does not trust who signed the listener's certificate; give the client that CA"},
        {&client, NULL, TLS1_1_VERSION, NULL,
         "client speaks no version of TLS that the listener does; see tls_min"},
        {&client, NULL, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256",
         "client and listener have no cipher suite in common; see tls_ciphers, the certificate's "
         "kind of key, and whether its key usage has digitalSignature"},
        {&client, NULL, TLS1_2_VERSION, "ADH-AES256-GCM-SHA384:@SECLEVEL=0",
         "client wants to see no certificate, and then anybody could be in between; give it one "
         "and a CA (omrelp: tls.myCert, tls.myPrivKey, tls.caCert)"},
    };
    struct tls_rules rules = strict_rules();

    (void)unused;
    rules.client_names = names;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        const struct refusal *r = &refusals[i];
        struct peer_wish wish = {.certificate = r->certificate,
                                 .trusted = r->trusted,
                                 .max_version = r->max_version,
                                 .ciphers = r->ciphers};
        struct outcome o;
        shake(&rules, &wish, NULL, 0, &o);
        assert_int_equal(o.progress, TLS_REFUSED);
        assert_string_equal(o.words, r->words);
    }
}

/* In TLS 1.3 a client believes to be connected until then. */
static void a_refused_client_hears_an_alert(void **unused)
{
    static const struct {
        uint16_t version;
        int reason;
    } ends[] = {{TLS_VERSION_1_2, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE},
                {TLS_VERSION_1_3, SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED}};
    struct tls_rules rules = strict_rules();
    struct tls_context *context = peer_context(&rules);

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct tls_handshake *handshake;
        struct peer_end peer;
        struct bytes rest = {0}, text = {0};
        peer_init(&peer, &(struct peer_wish){.max_version = ends[i].version});
        assert_int_equal(tls_handshake_new(context, &handshake), 0);
        ERR_clear_error();
        assert_int_equal(peer_shake(&peer, handshake, 0, NULL, &rest), TLS_REFUSED);
        (void)peer_read(&peer, NULL, 0, &text);
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()), ends[i].reason);
        tls_handshake_free(handshake);
        peer_done(&peer);
        bytes_done(&rest);
        bytes_done(&text);
    }
    ERR_clear_error();
    tls_context_release(context);
}

static void who_does_not_speak_tls_is_told_apart(void **unused)
{
    static const struct {
        const char *bytes, *words;
    } openings[] = {
        {"<13>hello, this is plain text\n",
         "client does not speak TLS; use another port for plain text"},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
         "client speaks HTTP; this port is for log messages over TLS"},
    };
    struct tls_rules rules = basic_rules();
    struct tls_context *context = peer_context(&rules);

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(openings); i++) {
        struct tls_handshake *handshake;
        size_t used = 0;
        assert_int_equal(tls_handshake_new(context, &handshake), 0);
        assert_int_equal(tls_handshake_feed(handshake, (const unsigned char *)openings[i].bytes,
                                            strlen(openings[i].bytes), &used),
                         TLS_REFUSED);
        assert_string_equal(tls_handshake_words(handshake), openings[i].words);
        assert_int_equal(tls_handshake_feed(handshake, (const unsigned char *)"x", 1, &used),
                         TLS_REFUSED);
        tls_handshake_free(handshake);
    }
    tls_context_release(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_the_handshake_is_left_to_the_records),
        cmocka_unit_test(nothing_is_taken_before_all_is_sent),
        cmocka_unit_test(offers_nothing_that_outlives_a_connection),
        cmocka_unit_test(the_chain_is_what_the_file_says),
        cmocka_unit_test(suites_are_those_of_the_rules),
        cmocka_unit_test(a_certificate_becomes_an_identity),
        cmocka_unit_test(a_certificate_may_be_left_out_when_it_is_optional),
        cmocka_unit_test(a_trusted_file_may_hold_any_certificate_of_a_chain),
        cmocka_unit_test(a_refusal_says_what_to_do),
        cmocka_unit_test(a_refused_client_hears_an_alert),
        cmocka_unit_test(who_does_not_speak_tls_is_told_apart),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
