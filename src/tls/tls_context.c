/* SPDX-License-Identifier: MIT
 *
 * A context: one step for each setting, and each says what it does not like. Why tickets,
 * renegotiation, compression and early data are off stands in src/README.md.
 */
#include "config.h"

#include "tls/tls_context.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/private.h"
#include "tls/suite.h"

/* All our suites of one version, with colons, fit. */
#define LIST_BYTES 512u

#define CHAIN_DEPTH 8

static int complain(struct tls_fault *fault, const char *setting, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int complain(struct tls_fault *fault, const char *setting, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    fault->setting = setting;
    (void)vsnprintf(fault->words, sizeof fault->words, format, values); /* cut if need be */
    va_end(values);
    return -EINVAL;
}

/* Why OpenSSL could not read a file: its first error is the cause of the others. */
static const char *file_reason(void)
{
    unsigned long error = ERR_peek_error();
    int library = ERR_GET_LIB(error), reason = ERR_GET_REASON(error);

    if (ERR_SYSTEM_ERROR(error))
        return strerror(reason);
    if ((library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) ||
        (library == ERR_LIB_OSSL_DECODER && reason == ERR_R_UNSUPPORTED))
        return "there is no such thing in PEM in it";
    if (library == ERR_LIB_SSL && reason == SSL_R_EE_KEY_TOO_SMALL)
        return "its key is too small; 2048 bits of RSA are the least";
    const char *text = ERR_reason_error_string(error);
    return text != NULL ? text : "OpenSSL does not say why";
}

/* --- certificate and key --- */

/* A daemon must not wait at a terminal for a passphrase. DATA is the context. */
static int refuse_passphrase(char *room, int size, int writes, void *data)
{
    struct tls_context *context = data;

    (void)room;
    (void)size;
    (void)writes;
    context->has_passphrase = true;
    return -1;
}

/* The certificate at INDEX: 0 is our own, NULL stands behind the last. */
static X509 *chain_at(const struct tls_context *context, int index)
{
    STACK_OF(X509) *above = NULL;

    if (index == 0)
        return SSL_CTX_get0_certificate(context->ssl);
    (void)SSL_CTX_get0_chain_certs(context->ssl, &above); /* cannot fail for reading */
    return index <= sk_X509_num(above) ? sk_X509_value(above, index - 1) : NULL;
}

static int check_chain(const struct tls_context *context, const char *file,
                       struct tls_fault *fault)
{
    X509 *below = chain_at(context, 0), *above;

    for (int i = 1; (above = chain_at(context, i)) != NULL; below = above, i++)
        if (X509_verify(below, X509_get0_pubkey(above)) != 1)
            return complain(fault, "certificate",
                            "%s: certificate %d of the file did not sign the one before it; "
                            "first comes the listener's own, then who signed it, and so on",
                            file, i + 1);
    return 0;
}

static int load_key(struct tls_context *context, const struct tls_rules *rules,
                    struct tls_fault *fault)
{
    X509 *own = SSL_CTX_get0_certificate(context->ssl);
    bool loaded = SSL_CTX_use_PrivateKey_file(context->ssl, rules->key, SSL_FILETYPE_PEM) == 1;

    if (context->has_passphrase)
        return complain(fault, "key",
                        "%s is protected by a passphrase, and nobody is here to type it; "
                        "'openssl pkey' writes it without", rules->key);
    /* OpenSSL takes a key of another kind, and puts it where a second certificate could be. */
    if (loaded ? X509_check_private_key(own, SSL_CTX_get0_privatekey(context->ssl)) != 1
               : ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509)
        return complain(fault, "key", "%s is not the key of the certificate in %s", rules->key,
                        rules->certificate);
    return loaded ? 0 : complain(fault, "key", "%s: %s", rules->key, file_reason());
}

static int load_certificate(struct tls_context *context, const struct tls_rules *rules,
                            struct tls_fault *fault)
{
    if (SSL_CTX_use_certificate_chain_file(context->ssl, rules->certificate) != 1)
        return complain(fault, "certificate", "%s: %s", rules->certificate, file_reason());
    int status = load_key(context, rules, fault);
    return status < 0 ? status : check_chain(context, rules->certificate, fault);
}

/* --- clients --- */

static int ask_clients(struct tls_context *context, const struct tls_rules *rules,
                       struct tls_fault *fault)
{
    int mode = SSL_VERIFY_PEER;

    if (rules->client_certificate == TLS_CLIENT_NONE)
        return 0;
    if (rules->client_ca == NULL)
        return complain(fault, "client_ca",
                        "missing; clients' certificates are asked for, and it says who signs them");
    if (SSL_CTX_load_verify_file(context->ssl, rules->client_ca) != 1)
        return complain(fault, "client_ca", "%s: %s", rules->client_ca, file_reason());
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(rules->client_ca);
    if (names == NULL)
        return complain(fault, "client_ca", "%s: %s", rules->client_ca, file_reason());
    SSL_CTX_set_client_CA_list(context->ssl, names); /* owns it */
    if (rules->client_certificate == TLS_CLIENT_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context->ssl, mode, tls_check_peer);
    SSL_CTX_set_verify_depth(context->ssl, CHAIN_DEPTH);
    /* What is in that file is trusted, whoever signed it. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context->ssl), X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}

static size_t count_of(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

static int copy_names(struct tls_context *context, const struct tls_rules *rules,
                      struct tls_fault *fault)
{
    size_t count = count_of(rules->client_names);

    context->client_names = calloc(count + 1, sizeof *context->client_names);
    if (context->client_names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (!tls_name_is_pattern(rules->client_names[i]))
            return complain(fault, "client_names",
                            "'%s' is neither a host's name, nor one with '*.' before it, nor an "
                            "address", rules->client_names[i]);
        char *name = strdup(rules->client_names[i]);
        context->client_names[i] = name;
        if (name == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* --- versions and suites --- */

struct lists {
    char older[LIST_BYTES]; /* TLS 1.2 */
    char newer[LIST_BYTES]; /* TLS 1.3 */
};

static void add_suite(struct lists *lists, const struct tls_suite *suite)
{
    char *list = suite->version == TLS_VERSION_1_3 ? lists->newer : lists->older;
    size_t len = strlen(list);

    /* Each twice is too much, and left out. */
    (void)snprintf(list + len, LIST_BYTES - len, "%s%s", len > 0 ? ":" : "", suite->openssl_name);
}

static int list_suites(const struct tls_rules *rules, struct lists *lists,
                       struct tls_fault *fault)
{
    const struct tls_suite *suite;

    for (size_t i = 0; i < count_of(rules->ciphers); i++) {
        suite = tls_suite_named(rules->ciphers[i]);
        if (suite == NULL)
            return complain(fault, "tls_ciphers",
                            "'%s' is none that peerlogd speaks; names are IANA's, as in "
                            "TLS_AES_128_GCM_SHA256", rules->ciphers[i]);
        add_suite(lists, suite);
    }
    if (count_of(rules->ciphers) == 0)
        for (size_t i = 0; (suite = tls_suite_at(i)) != NULL; i++)
            add_suite(lists, suite);
    return 0;
}

static int choose_suites(struct tls_context *context, const struct tls_rules *rules,
                         struct tls_fault *fault)
{
    struct lists lists = {0};
    int status = list_suites(rules, &lists, fault);

    if (status < 0)
        return status;
    uint16_t lowest = lists.older[0] != '\0' ? TLS_VERSION_1_2 : TLS_VERSION_1_3;
    uint16_t highest = lists.newer[0] != '\0' ? TLS_VERSION_1_3 : TLS_VERSION_1_2;
    if (lowest < rules->min_version)
        lowest = rules->min_version;
    if (lowest > highest)
        return complain(fault, "tls_ciphers", "all are of TLS 1.2, and tls_min is 1.3");
    if ((lists.older[0] != '\0' && SSL_CTX_set_cipher_list(context->ssl, lists.older) != 1) ||
        (lists.newer[0] != '\0' && SSL_CTX_set_ciphersuites(context->ssl, lists.newer) != 1) ||
        SSL_CTX_set_min_proto_version(context->ssl, lowest) != 1 ||
        SSL_CTX_set_max_proto_version(context->ssl, highest) != 1)
        return complain(fault, "tls_ciphers", "OpenSSL has none of them");
    return 0;
}

/* --- all together --- */

static void set_manners(struct tls_context *context)
{
    SSL_CTX *ssl = context->ssl;

    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_num_tickets(ssl, 0); /* cannot fail */
    (void)SSL_CTX_set_max_early_data(ssl, 0);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    /* The chain is what the file says; or else it is made anew for each client, of client_ca. */
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_default_passwd_cb(ssl, refuse_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, context);
    SSL_CTX_set_keylog_callback(ssl, tls_hear_secret);
}

int tls_context_new(const struct tls_rules *rules, struct tls_context **ret_context,
                    struct tls_fault *ret_fault)
{
    struct tls_context *context = calloc(1, sizeof *context);
    int status = -ENOMEM;

    ERR_clear_error();
    if (context != NULL) {
        atomic_init(&context->users, 1);
        context->ssl = SSL_CTX_new(TLS_server_method());
    }
    if (context != NULL && context->ssl != NULL) {
        set_manners(context);
        status = choose_suites(context, rules, ret_fault);
        status = status < 0 ? status : load_certificate(context, rules, ret_fault);
        status = status < 0 ? status : copy_names(context, rules, ret_fault);
        status = status < 0 ? status : ask_clients(context, rules, ret_fault);
    }
    ERR_clear_error();
    if (status < 0)
        tls_context_release(context);
    else
        *ret_context = context;
    return status;
}

struct tls_context *tls_context_keep(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->users, 1, memory_order_relaxed);
    return context;
}

struct tls_context *tls_context_release(struct tls_context *context)
{
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->users, 1, memory_order_acq_rel) > 1)
        return NULL;
    for (size_t i = 0; context->client_names != NULL && context->client_names[i] != NULL; i++)
        free(context->client_names[i]);
    free(context->client_names);
    SSL_CTX_free(context->ssl);
    free(context);
    return NULL;
}

/* --- what --check asks --- */

/* Returns: seconds since 1970, or WRONG when a date cannot be read. */
static int64_t seconds_of(const ASN1_TIME *date, int64_t wrong)
{
    struct tm tm;

    return ASN1_TIME_to_tm(date, &tm) == 1 ? (int64_t)timegm(&tm) : wrong;
}

void tls_context_facts(const struct tls_context *context, struct tls_facts *ret_facts)
{
    EVP_PKEY *key = SSL_CTX_get0_privatekey(context->ssl);
    X509 *certificate = SSL_CTX_get0_certificate(context->ssl);

    /*
     * Where there is no such extension, all bits are set. Of anyExtendedKeyUsage alone OpenSSL's
     * clients do not say that it allows this.
     */
    *ret_facts = (struct tls_facts){
        .begins = INT64_MIN, .ends = INT64_MAX,
        .serves = X509_get_extended_key_usage(certificate) & XKU_SSL_SERVER,
        .signs = X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE,
    };
    for (int i = 0; (certificate = chain_at(context, i)) != NULL; i++) {
        int64_t begins = seconds_of(X509_get0_notBefore(certificate), INT64_MAX);
        int64_t ends = seconds_of(X509_get0_notAfter(certificate), INT64_MIN);
        if (begins > ret_facts->begins)
            ret_facts->begins = begins;
        if (ends < ret_facts->ends)
            ret_facts->ends = ends;
    }
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
        ret_facts->rsa_bits = EVP_PKEY_get_bits(key);
}

bool tls_context_is_for(const struct tls_context *context, const char *host)
{
    X509 *certificate = SSL_CTX_get0_certificate(context->ssl);

    return X509_check_host(certificate, host, strlen(host), 0, NULL) == 1 ||
           X509_check_ip_asc(certificate, host, 0) == 1;
}

const struct tls_context_functions tls_context_functions = {
    .make = tls_context_new, .release = tls_context_release, .facts = tls_context_facts,
    .is_for = tls_context_is_for,
};
