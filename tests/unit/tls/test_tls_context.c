/* SPDX-License-Identifier: MIT
 *
 * Contexts: which files make one, what is said of those that do not, and what --check is told
 * of a certificate.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/pem.h>

#include "peerlog/count.h"
#include "support/in_range.h"
#include "support/tls_peer.h"
#include "tls/tls_context.h"

/* So long ago the certificates may have been made, on a slow machine. */
#define SLOW_S 3600L

/* A CA, one between, and two servers; a third key. */
static struct pki ca, between, server, rsa_server, client;

static int begin(void **unused)
{
    (void)unused;
    ca = pki_make(&(struct pki_wish){.subject = "ca", .is_ca = true});
    between = pki_make(&(struct pki_wish){.subject = "between", .issuer = &ca, .is_ca = true});
    server = pki_make(&(struct pki_wish){
        .subject = "server", .names = "DNS:log.example,IP:192.0.2.1", .issuer = &ca});
    rsa_server =
        pki_make(&(struct pki_wish){.subject = "rsa server", .issuer = &between, .rsa_bits = 2048});
    client = pki_make(&(struct pki_wish){.subject = "client", .issuer = &ca});
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    pki_done(&ca);
    pki_done(&between);
    pki_done(&server);
    pki_done(&rsa_server);
    pki_done(&client);
    return 0;
}

static struct tls_rules basic_rules(void)
{
    return (struct tls_rules){.certificate = server.file, .key = server.key_file};
}

struct wrong_rules {
    struct tls_rules rules;
    const char *setting;
    const char *words; /* that are among those which are said */
};

static void a_context_says_what_it_does_not_like(void **unused)
{
    static const char *const typo[] = {"TLS_AES_128_GCM_SHA257", NULL};
    static const char *const older[] = {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", NULL};
    static const char *const star[] = {"a.*.example", NULL};
    char garbage[128], locked[128], shuffled[128];
    FILE *file;

    (void)unused;
    pki_write_text(garbage, "no certificate\n");
    pki_write_text(locked, "");
    file = fopen(locked, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, server.key, EVP_aes_128_cbc(), "secret", 6,
                                               NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    pki_write_text(shuffled, "");
    file = fopen(shuffled, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, server.certificate), 1);
    assert_int_equal(PEM_write_X509(file, between.certificate), 1);
    assert_int_equal(fclose(file), 0);

    const struct wrong_rules wrong[] = {
        {{.certificate = "/nonexistent", .key = server.key_file}, "certificate",
         "/nonexistent: No such file or directory"},
        {{.certificate = garbage, .key = server.key_file}, "certificate", "no such thing in PEM"},
        {{.certificate = shuffled, .key = server.key_file}, "certificate",
         "certificate 2 of the file did not sign the one before it"},
        {{.certificate = server.file, .key = "/nonexistent"}, "key", "No such file"},
        {{.certificate = server.file, .key = garbage}, "key", garbage},
        {{.certificate = server.file, .key = locked}, "key", "protected by a passphrase"},
        {{.certificate = server.file, .key = client.key_file}, "key", "is not the key of"},
        {{.certificate = server.file, .key = rsa_server.key_file}, "key", "is not the key of"},
        {{.certificate = server.file, .key = server.key_file,
          .client_certificate = TLS_CLIENT_OPTIONAL}, "client_ca", "missing"},
        {{.certificate = server.file, .key = server.key_file,
          .client_certificate = TLS_CLIENT_OPTIONAL, .client_ca = "/nonexistent"}, "client_ca",
         "No such file"},
        {{.certificate = server.file, .key = server.key_file,
          .client_certificate = TLS_CLIENT_OPTIONAL, .client_ca = garbage}, "client_ca", garbage},
        {{.certificate = server.file, .key = server.key_file, .client_names = star},
         "client_names", "'a.*.example'"},
        {{.certificate = server.file, .key = server.key_file, .ciphers = typo}, "tls_ciphers",
         "'TLS_AES_128_GCM_SHA257'"},
        {{.certificate = server.file, .key = server.key_file, .ciphers = older,
          .min_version = TLS_VERSION_1_3}, "tls_ciphers", "tls_min is 1.3"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct tls_context *context = NULL;
        struct tls_fault fault = {.setting = ""};
        assert_int_equal(tls_context_new(&wrong[i].rules, &context, &fault), -EINVAL);
        assert_string_equal(fault.setting, wrong[i].setting);
        if (strstr(fault.words, wrong[i].words) == NULL)
            fail_msg("'%s' does not say '%s'", fault.words, wrong[i].words);
    }
    assert_int_equal(unlink(garbage) | unlink(locked) | unlink(shuffled), 0);
}

static void a_context_knows_its_certificate(void **unused)
{
    struct tls_rules rules = basic_rules();
    struct tls_context *context = peer_context(&rules);
    struct tls_facts facts;
    int64_t now = time(NULL);

    (void)unused;
    tls_context_facts(context, &facts);
    assert_int_equal(facts.rsa_bits, 0);
    assert_int_in_range(facts.begins, now - PKI_DAY_S - SLOW_S, now - PKI_DAY_S);
    assert_int_in_range(facts.ends, now + 365 * PKI_DAY_S - SLOW_S, now + 365 * PKI_DAY_S);
    assert_true(tls_context_is_for(context, "log.example"));
    assert_true(tls_context_is_for(context, "192.0.2.1"));
    assert_false(tls_context_is_for(context, "other.example"));
    tls_context_release(context);
    rules.certificate = rsa_server.file;
    rules.key = rsa_server.key_file;
    context = peer_context(&rules);
    tls_context_facts(context, &facts);
    assert_int_equal(facts.rsa_bits, 2048);
    tls_context_release(context);
}

/* The earliest end counts, wherever it is in the chain. */
static void a_chain_ends_with_its_first_end(void **unused)
{
    struct pki brief = pki_make(&(struct pki_wish){
        .subject = "brief", .issuer = &ca, .is_ca = true, .ends_s = 5 * PKI_DAY_S});
    struct pki leaf = pki_make(&(struct pki_wish){.subject = "leaf", .issuer = &brief});
    struct tls_rules rules = {.certificate = leaf.file, .key = leaf.key_file};
    struct tls_context *context = peer_context(&rules);
    struct tls_facts facts;

    (void)unused;
    tls_context_facts(context, &facts);
    assert_int_in_range(facts.ends, time(NULL) + 4 * PKI_DAY_S, time(NULL) + 5 * PKI_DAY_S);
    tls_context_release(context);
    pki_done(&leaf);
    pki_done(&brief);
}

/* What is not said is allowed. */
static void a_context_knows_what_its_certificate_is_for(void **unused)
{
    static const struct {
        const char *usage, *key_usage;
        bool serves, signs;
    } cases[] = {
        {NULL, NULL, true, true},
        {"serverAuth", NULL, true, true},
        {"clientAuth,serverAuth", NULL, true, true},
        {"anyExtendedKeyUsage", NULL, false, true},
        {"clientAuth", NULL, false, true},
        {"codeSigning,timeStamping", NULL, false, true},
        {NULL, "digitalSignature", true, true},
        {NULL, "critical,keyEncipherment,digitalSignature", true, true},
        {NULL, "keyEncipherment", true, false},
        {NULL, "critical,keyAgreement,keyCertSign", true, false},
        {"clientAuth", "keyAgreement", false, false},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pki own = pki_make(&(struct pki_wish){
            .subject = "own", .usage = cases[i].usage, .key_usage = cases[i].key_usage});
        struct tls_rules rules = {.certificate = own.file, .key = own.key_file};
        struct tls_context *context = peer_context(&rules);
        struct tls_facts facts;
        tls_context_facts(context, &facts);
        assert_int_equal(facts.serves, cases[i].serves);
        assert_int_equal(facts.signs, cases[i].signs);
        tls_context_release(context);
        pki_done(&own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_says_what_it_does_not_like),
        cmocka_unit_test(a_context_knows_its_certificate),
        cmocka_unit_test(a_chain_ends_with_its_first_end),
        cmocka_unit_test(a_context_knows_what_its_certificate_is_for),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
