/* SPDX-License-Identifier: MIT
 *
 * The key schedule as far as it is needed behind a handshake, by OpenSSL's functions for it:
 * TLS13-KDF expands labels, TLS1-PRF makes the key block of TLS 1.2.
 */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "tls/private.h"

/* OpenSSL's parameters are not const, though it only reads these. */
static OSSL_PARAM text_param(const char *key, const char *text)
{
    return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)text, 0);
}

static OSSL_PARAM bytes_param(const char *key, const void *bytes, size_t len)
{
    return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)bytes, len);
}

/* HKDF-Expand-Label with an empty context (RFC 8446, section 7.1), for suite->hash. */
static bool expand(EVP_KDF_CTX *schedule, OSSL_PARAM secret, const char *hash, const char *label,
                   OSSL_PARAM to)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        text_param(OSSL_KDF_PARAM_DIGEST, hash),
        secret,
        bytes_param(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
        bytes_param(OSSL_KDF_PARAM_LABEL, label, strlen(label)),
        OSSL_PARAM_construct_end(),
    };

    return EVP_KDF_derive(schedule, to.data, to.data_size, params) > 0;
}

bool tls_schedule_keys(EVP_KDF_CTX *schedule, const struct tls_suite *suite,
                       struct tls_half *half)
{
    OSSL_PARAM secret = bytes_param(OSSL_KDF_PARAM_KEY, half->secret, suite->secret_bytes);

    half->number = 0;
    return expand(schedule, secret, suite->hash, "key",
                  bytes_param("", half->key, suite->key_bytes)) &&
           expand(schedule, secret, suite->hash, "iv", bytes_param("", half->iv, sizeof half->iv));
}

bool tls_schedule_update(EVP_KDF_CTX *schedule, const struct tls_suite *suite,
                         struct tls_half *half)
{
    uint8_t next[sizeof half->secret];
    OSSL_PARAM secret = bytes_param(OSSL_KDF_PARAM_KEY, half->secret, suite->secret_bytes);
    bool good = expand(schedule, secret, suite->hash, "traffic upd",
                       bytes_param("", next, suite->secret_bytes));

    if (good)
        memcpy(half->secret, next, suite->secret_bytes);
    OPENSSL_cleanse(next, sizeof next);
    return good && tls_schedule_keys(schedule, suite, half);
}

/* The PRF of TLS 1.2 (RFC 5246, section 5), over all that the key block depends on. */
static bool expand_block(const struct tls_suite *suite, const struct tls_master *master,
                         uint8_t *block, size_t len)
{
    static const char label[] = "key expansion";
    uint8_t seed[sizeof label - 1 + 2 * TLS_RANDOM_BYTES];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *prf = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        text_param(OSSL_KDF_PARAM_DIGEST, suite->hash),
        bytes_param(OSSL_KDF_PARAM_SECRET, master->secret, sizeof master->secret),
        bytes_param(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end(),
    };

    memcpy(seed, label, sizeof label - 1);
    memcpy(seed + sizeof label - 1, master->server_random, TLS_RANDOM_BYTES);
    memcpy(seed + sizeof label - 1 + TLS_RANDOM_BYTES, master->client_random, TLS_RANDOM_BYTES);
    bool good = prf != NULL && EVP_KDF_derive(prf, block, len, params) > 0;
    EVP_KDF_CTX_free(prf);
    EVP_KDF_free(kdf);
    return good;
}

bool tls_schedule_block(const struct tls_suite *suite, const struct tls_master *master,
                        struct tls_state *state)
{
    uint8_t block[2 * (sizeof state->in.key + sizeof state->in.iv)], *at = block;
    size_t key = suite->key_bytes, iv = suite->fixed_iv_bytes;
    bool good = expand_block(suite, master, block, 2 * (key + iv));

    if (good) {
        memcpy(state->in.key, at, key);
        memcpy(state->out.key, at += key, key);
        memcpy(state->in.iv, at += key, iv);
        memcpy(state->out.iv, at + iv, iv);
        state->in.number = state->out.number = 1;
    }
    OPENSSL_cleanse(block, sizeof block);
    return good;
}
