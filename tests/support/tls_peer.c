/* SPDX-License-Identifier: MIT
 *
 * The other end of a TLS connection for tests. The forger knows RFC 8446, section 5.2, RFC 5288 and
 * RFC 7905 by itself: it shares nothing with what it tests but the table of suites.
 */
#include "config.h"

#include "support/tls_peer.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#define TAG_BYTES 16u

/* --- a client --- */

static void choose_suites(SSL_CTX *context, const struct peer_wish *wish)
{
    const struct tls_suite *suite = wish->suite;

    if (wish->ciphers != NULL)
        require(SSL_CTX_set_cipher_list(context, wish->ciphers) == 1, "ciphers of a client");
    if (suite == NULL)
        return;
    require(suite->version == TLS_VERSION_1_3
                ? SSL_CTX_set_ciphersuites(context, suite->openssl_name) == 1
                : SSL_CTX_set_cipher_list(context, suite->openssl_name) == 1 &&
                      SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1,
            "a suite of a client");
}

SSL_CTX *peer_client(const struct peer_wish *wish)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    require(context != NULL, "a client's context");
    (void)SSL_CTX_set_options(context, SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_security_level(context, 0);
    (void)SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    if (wish->max_version != 0)
        (void)SSL_CTX_set_max_proto_version(context, wish->max_version);
    choose_suites(context, wish);
    if (wish->certificate != NULL)
        require(SSL_CTX_use_certificate_chain_file(context, wish->certificate->file) == 1 &&
                    SSL_CTX_use_PrivateKey(context, wish->certificate->key) == 1,
                "a client's certificate");
    if (wish->trusted != NULL) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        require(SSL_CTX_load_verify_file(context, wish->trusted->file) == 1, "a client's CA");
    }
    if (wish->max_fragment != 0)
        (void)SSL_CTX_set_tlsext_max_fragment_length(context, wish->max_fragment);
    return context;
}

void peer_init(struct peer_end *peer, const struct peer_wish *wish)
{
    SSL_CTX *context = wish->context;

    if (context == NULL)
        context = peer_client(wish);
    else
        require(SSL_CTX_up_ref(context) == 1, "a client's context");
    *peer = (struct peer_end){context, SSL_new(context), BIO_new(BIO_s_mem()),
                              BIO_new(BIO_s_mem())};
    require(peer->ssl != NULL && peer->in != NULL && peer->out != NULL, "a client");
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    SSL_set_connect_state(peer->ssl);
}

void peer_done(struct peer_end *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
}

void peer_flush(struct peer_end *peer, struct bytes *wire)
{
    char *data = NULL;
    long len = BIO_get_mem_data(peer->out, &data);

    if (len > 0)
        bytes_add(wire, data, (size_t)len);
    (void)BIO_reset(peer->out);
}

void peer_write(struct peer_end *peer, const void *text, size_t len, struct bytes *wire)
{
    require(SSL_write(peer->ssl, text, (int)len) == (int)len, "a client writes");
    peer_flush(peer, wire);
}

void peer_update(struct peer_end *peer, bool wants_one, struct bytes *wire)
{
    int type = wants_one ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;

    require(SSL_key_update(peer->ssl, type) == 1 && SSL_do_handshake(peer->ssl) == 1,
            "a client changes its keys");
    peer_flush(peer, wire);
}

int peer_read(struct peer_end *peer, const void *wire, size_t len, struct bytes *text)
{
    char buffer[TLS_MAX_TEXT_BYTES];
    int n;

    if (len > 0)
        require(BIO_write(peer->in, wire, (int)len) == (int)len, "bytes for a client");
    while ((n = SSL_read(peer->ssl, buffer, sizeof buffer)) > 0)
        bytes_add(text, buffer, (size_t)n);
    return n;
}

/* --- shaking hands --- */

/* Hand over what the server has to say. */
static void carry_back(struct peer_end *peer, struct tls_handshake *handshake)
{
    const unsigned char *bytes;
    size_t len;

    while ((len = tls_handshake_unsent(handshake, &bytes)) > 0) {
        size_t part = len > 100 ? 100 : len; /* a socket may take less */
        require(BIO_write(peer->in, bytes, (int)part) == (int)part, "bytes for a client");
        tls_handshake_sent(handshake, part);
    }
}

/* Feed what there is, and keep what belongs to records. */
static enum tls_progress carry_on(struct tls_handshake *handshake, const struct bytes *wire,
                                  size_t reach, struct bytes *rest)
{
    enum tls_progress progress = TLS_SHAKING;

    for (size_t at = 0; at < wire->len;) {
        size_t n = reach == 0 || reach > wire->len - at ? wire->len - at : reach, used = 0;
        progress = tls_handshake_feed(handshake, wire->data + at, n, &used);
        if (progress == TLS_REFUSED)
            break;
        at += n;
        if (progress == TLS_SHAKEN) {
            bytes_add(rest, wire->data + at - n + used, n - used);
            bytes_add(rest, wire->data + at, wire->len - at);
            break;
        }
        require(used == n, "bytes of a handshake are taken");
    }
    return progress;
}

enum tls_progress peer_shake(struct peer_end *peer, struct tls_handshake *handshake, size_t reach,
                             const char *text, struct bytes *rest)
{
    enum tls_progress progress = TLS_SHAKING;

    for (unsigned turn = 0; turn < 8 && progress == TLS_SHAKING; turn++) {
        struct bytes wire = {0};
        if (SSL_do_handshake(peer->ssl) == 1 && text != NULL &&
            SSL_version(peer->ssl) == TLS1_3_VERSION)
            peer_write(peer, text, strlen(text), &wire);
        else
            peer_flush(peer, &wire);
        progress = carry_on(handshake, &wire, reach, rest);
        carry_back(peer, handshake);
        bytes_done(&wire);
    }
    (void)SSL_do_handshake(peer->ssl); /* hears the last words, if there are any */
    return progress;
}

void peer_establish(struct peer_end *peer, const struct peer_wish *wish,
                    struct tls_context *context, struct tls_state *ret_state)
{
    struct tls_handshake *handshake;
    struct tls_identity identity;
    struct bytes rest = {0};

    peer_init(peer, wish);
    require(tls_handshake_new(context, &handshake) == 0, "a handshake");
    require(peer_shake(peer, handshake, 0, NULL, &rest) == TLS_SHAKEN, "hands are shaken");
    require(rest.len == 0, "nothing is left of a handshake");
    require(tls_handshake_take(handshake, ret_state, &identity) == 0, "secrets are taken");
    tls_handshake_free(handshake);
    bytes_done(&rest);
}

struct tls_context *peer_context(const struct tls_rules *rules)
{
    struct tls_context *context;
    struct tls_fault fault = {.setting = ""};

    require(tls_context_new(rules, &context, &fault) == 0,
            fault.words[0] != '\0' ? fault.words : "memory for a context");
    return context;
}

/* --- forged records --- */

static const EVP_CIPHER *cipher_of(const struct tls_suite *suite)
{
    if (suite->cipher == TLS_CIPHER_CHACHA20)
        return EVP_chacha20_poly1305();
    return suite->cipher == TLS_CIPHER_AES_128 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

static void number_bytes(uint64_t number, unsigned char dst[8])
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        dst[i] = (unsigned char)number;
}

/* One stroke of the cipher: DST gets LEN bytes and the tag. */
static void stroke(const struct tls_suite *suite, const unsigned char *key,
                   const unsigned char nonce[12], struct span beside, struct span text,
                   unsigned char *dst)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0;

    require(cipher != NULL &&
                EVP_EncryptInit_ex(cipher, cipher_of(suite), NULL, key, nonce) == 1 &&
                EVP_EncryptUpdate(cipher, NULL, &n, beside.data, (int)beside.len) == 1 &&
                EVP_EncryptUpdate(cipher, dst, &n, text.data, (int)text.len) == 1 &&
                EVP_EncryptFinal_ex(cipher, dst + n, &rest) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, dst + text.len) == 1,
            "a record is forged");
    EVP_CIPHER_CTX_free(cipher);
}

static void seal_1_3(const struct tls_half *half, const struct tls_suite *suite,
                     const struct bytes *inner, struct bytes *record)
{
    unsigned char nonce[12], number[8];

    number_bytes(half->number, number);
    memcpy(nonce, half->iv, 12);
    for (size_t i = 0; i < 8; i++)
        nonce[4 + i] ^= number[i];
    stroke(suite, half->key, nonce, (struct span){.data = record->data, .len = 5},
           bytes_span(inner), record->data + 5);
}

static void seal_1_2(const struct tls_half *half, const struct tls_suite *suite,
                     const struct bytes *inner, struct bytes *record)
{
    bool is_gcm = suite->cipher != TLS_CIPHER_CHACHA20;
    unsigned char nonce[12], beside[13];

    number_bytes(half->number, beside);
    memcpy(beside + 8, record->data, 3);
    beside[11] = (unsigned char)(inner->len >> 8);
    beside[12] = (unsigned char)inner->len;
    memcpy(nonce, half->iv, 12);
    if (is_gcm) {
        number_bytes(half->number ^ 0x5a5a5a5a5a5a5a5aU, record->data + 5); /* anything new */
        memcpy(nonce + 4, record->data + 5, 8);
    } else {
        for (size_t i = 0; i < 8; i++)
            nonce[4 + i] ^= beside[i];
    }
    stroke(suite, half->key, nonce, (struct span){.data = beside, .len = 13}, bytes_span(inner),
           record->data + 5 + (is_gcm ? 8 : 0));
}

void peer_forge(struct tls_half *half, const struct tls_suite *suite, const struct forgery *forgery,
                struct bytes *wire)
{
    bool is_1_3 = suite->version == TLS_VERSION_1_3;
    struct bytes inner = {0}, record = {0};

    bytes_add(&inner, forgery->text, forgery->len);
    if (is_1_3) {
        if (!forgery->no_type)
            bytes_repeat(&inner, (int)forgery->type, 1);
        bytes_repeat(&inner, 0, forgery->padding);
    }
    size_t body = inner.len + TAG_BYTES + (!is_1_3 && suite->cipher != TLS_CIPHER_CHACHA20 ? 8 : 0);
    bytes_repeat(&record, (int)(forgery->outer != 0 ? forgery->outer : is_1_3 ? 23 : forgery->type),
                 1);
    bytes_repeat(&record, 3, 2);
    bytes_repeat(&record, (int)(body >> 8 & 0xff), 1);
    bytes_repeat(&record, (int)(body & 0xff), 1);
    bytes_repeat(&record, 0, body);
    if (is_1_3)
        seal_1_3(half, suite, &inner, &record);
    else
        seal_1_2(half, suite, &inner, &record);
    half->number++;
    bytes_add(wire, record.data, record.len);
    bytes_done(&inner);
    bytes_done(&record);
}

/* HKDF-Expand-Label of RFC 8446, section 7.1, letter by letter. */
static void expand(const struct tls_half *half, const struct tls_suite *suite, const char *label,
                   unsigned char *dst, size_t len)
{
    unsigned char info[64] = {0, (unsigned char)len, (unsigned char)(strlen(label) + 6)};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char hash[8];

    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, strlen(label));
    memcpy(hash, suite->hash, strlen(suite->hash) + 1);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)half->secret,
                                          suite->secret_bytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(label) + 10),
        OSSL_PARAM_construct_end(),
    };
    require(context != NULL && EVP_KDF_derive(context, dst, len, params) == 1, "keys are made");
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

void peer_next_keys(struct tls_half *half, const struct tls_suite *suite)
{
    unsigned char next[sizeof half->secret];

    expand(half, suite, "traffic upd", next, suite->secret_bytes);
    memcpy(half->secret, next, suite->secret_bytes);
    expand(half, suite, "key", half->key, suite->key_bytes);
    expand(half, suite, "iv", half->iv, sizeof half->iv);
    half->number = 0;
}
