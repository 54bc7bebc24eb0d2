/* SPDX-License-Identifier: MIT
 *
 * The protection of one record: which nonce, what else is authenticated, where the tag is.
 *
 *               nonce                                    authenticated beside the text
 *   TLS 1.3     IV xor number                            the header
 *   TLS 1.2     GCM: IV, then what the record carries;   number, type, version, length of text
 *               ChaCha20: IV xor number
 */
#include "config.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

#define MOST_AUTHENTICATED 13u

static const char *const cipher_names[TLS_CIPHER_COUNT] = {
    [TLS_CIPHER_AES_128] = "AES-128-GCM",
    [TLS_CIPHER_AES_256] = "AES-256-GCM",
    [TLS_CIPHER_CHACHA20] = "ChaCha20-Poly1305",
};

/* --- tools --- */

/* A context that keeps its cipher: to fetch one costs more than to open a small record. */
static bool prepare(const char *name, int seals, EVP_CIPHER_CTX **ret_context)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);

    *ret_context = EVP_CIPHER_CTX_new();
    bool good = cipher != NULL && *ret_context != NULL &&
                EVP_CipherInit_ex2(*ret_context, cipher, NULL, NULL, seals, NULL) == 1;
    EVP_CIPHER_free(cipher); /* the context holds it */
    return good;
}

int tls_tools_new(struct tls_tools **ret_tools)
{
    errno = 0; /* of all that is done here, only the allocator sets it */
    struct tls_tools *tools = calloc(1, sizeof *tools);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    bool good = tools != NULL && kdf != NULL && (tools->schedule = EVP_KDF_CTX_new(kdf)) != NULL;

    for (size_t i = 0; good && i < TLS_CIPHER_COUNT; i++)
        good = prepare(cipher_names[i], 0, &tools->opening[i]) &&
               prepare(cipher_names[i], 1, &tools->sealing[i]);
    EVP_KDF_free(kdf);
    if (!good) {
        int error = errno == ENOMEM ? -ENOMEM : -ENOTSUP; /* OpenSSL's own words are vague */
        tls_tools_free(tools);
        return error;
    }
    *ret_tools = tools;
    return 0;
}

struct tls_tools *tls_tools_free(struct tls_tools *tools)
{
    if (tools == NULL)
        return NULL;
    for (size_t i = 0; i < TLS_CIPHER_COUNT; i++) {
        EVP_CIPHER_CTX_free(tools->opening[i]);
        EVP_CIPHER_CTX_free(tools->sealing[i]);
    }
    EVP_KDF_CTX_free(tools->schedule);
    free(tools);
    return NULL;
}

/* --- one record --- */

static void put_64(unsigned char *dst, uint64_t value)
{
    for (size_t i = 0; i < 8; i++)
        dst[i] = (unsigned char)(value >> (56 - 8 * i));
}

static void make_nonce(const struct tls_suite *suite, const struct tls_half *half,
                       const unsigned char *record, unsigned char nonce[TLS_NONCE_BYTES])
{
    unsigned char number[8];

    memcpy(nonce, half->iv, TLS_NONCE_BYTES);
    if (suite->explicit_bytes > 0) {
        memcpy(nonce + suite->fixed_iv_bytes, record + TLS_HEADER_BYTES, suite->explicit_bytes);
        return;
    }
    put_64(number, half->number);
    for (size_t i = 0; i < sizeof number; i++)
        nonce[TLS_NONCE_BYTES - sizeof number + i] ^= number[i];
}

/* Returns: how many bytes. LEN is that of the text. */
static int make_authenticated(const struct tls_suite *suite, const struct tls_half *half,
                              const unsigned char *record, size_t len,
                              unsigned char dst[MOST_AUTHENTICATED])
{
    if (suite->version == TLS_VERSION_1_3) {
        memcpy(dst, record, TLS_HEADER_BYTES);
        return TLS_HEADER_BYTES;
    }
    put_64(dst, half->number);
    memcpy(dst + 8, record, 3);
    dst[11] = (unsigned char)(len >> 8);
    dst[12] = (unsigned char)len;
    return MOST_AUTHENTICATED;
}

bool tls_protect_key(EVP_CIPHER_CTX *cipher, const struct tls_half *half)
{
    return EVP_CipherInit_ex2(cipher, NULL, half->key, NULL, -1, NULL) == 1;
}

/* Nonce and what else is authenticated, for the record whose header is complete. */
static bool begin(EVP_CIPHER_CTX *cipher, const struct tls_suite *suite,
                  const struct tls_half *half, const unsigned char *record, size_t len)
{
    unsigned char nonce[TLS_NONCE_BYTES], authenticated[MOST_AUTHENTICATED];
    int written = 0, bytes = make_authenticated(suite, half, record, len, authenticated);

    make_nonce(suite, half, record, nonce);
    return EVP_CipherInit_ex2(cipher, NULL, NULL, nonce, -1, NULL) == 1 &&
           EVP_CipherUpdate(cipher, NULL, &written, authenticated, bytes) == 1;
}

bool tls_protect_open(EVP_CIPHER_CTX *cipher, const struct tls_suite *suite,
                      const struct tls_half *half, const unsigned char *record,
                      unsigned char *text)
{
    size_t body = tls_record_body(record), len = body - tls_protect_bytes(suite);
    const unsigned char *sealed = record + TLS_HEADER_BYTES + suite->explicit_bytes;
    unsigned char tag[TLS_TAG_BYTES];
    int written = 0, rest = 0;

    memcpy(tag, sealed + len, sizeof tag);
    if (begin(cipher, suite, half, record, len) &&
        EVP_CipherUpdate(cipher, text, &written, sealed, (int)len) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
        EVP_CipherFinal_ex(cipher, text + len, &rest) == 1)
        return true;
    OPENSSL_cleanse(text, len); /* what is not authentic is nobody's text */
    return false;
}

bool tls_protect_seal(EVP_CIPHER_CTX *cipher, const struct tls_suite *suite,
                      const struct tls_half *half, const unsigned char *text,
                      unsigned char *record)
{
    size_t len = tls_record_body(record) - tls_protect_bytes(suite), hidden = 0;
    unsigned char *sealed = record + TLS_HEADER_BYTES + suite->explicit_bytes;
    unsigned char type = record[0];
    int written = 0, rest = 0;

    if (suite->version == TLS_VERSION_1_3) {
        record[0] = TLS_TYPE_DATA;
        hidden = 1; /* the type, behind the text */
    }
    if (suite->explicit_bytes > 0)
        put_64(record + TLS_HEADER_BYTES, half->number);
    return begin(cipher, suite, half, record, len) &&
           EVP_CipherUpdate(cipher, sealed, &written, text, (int)(len - hidden)) == 1 &&
           EVP_CipherUpdate(cipher, sealed + len - hidden, &written, &type, (int)hidden) == 1 &&
           EVP_CipherFinal_ex(cipher, sealed + len, &rest) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_BYTES, sealed + len) == 1;
}
