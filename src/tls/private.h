/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share: the key schedule, the protection of one record, and what
 * contexts, handshakes and refusals know of each other. For this folder alone.
 */
#ifndef PEERLOG_TLS_PRIVATE_H
#define PEERLOG_TLS_PRIVATE_H

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/suite.h"
#include "tls/tls_context.h"
#include "tls/tls_name.h"
#include "tls/tls_record.h"

/* --- records --- */

#define TLS_TAG_BYTES 16u
#define TLS_NONCE_BYTES 12u

/* Content types (RFC 8446, section 5.1). */
#define TLS_TYPE_ALERT 21u
#define TLS_TYPE_HANDSHAKE 22u
#define TLS_TYPE_DATA 23u

/* What TLS 1.2 begins with (RFC 5246, section 6.3). */
#define TLS_MASTER_BYTES 48u
#define TLS_RANDOM_BYTES 32u

struct tls_master {
    uint8_t secret[TLS_MASTER_BYTES];
    uint8_t server_random[TLS_RANDOM_BYTES];
    uint8_t client_random[TLS_RANDOM_BYTES];
};

struct tls_tools {
    EVP_CIPHER_CTX *opening[TLS_CIPHER_COUNT]; /* each knows its cipher; only keys are changed */
    EVP_CIPHER_CTX *sealing[TLS_CIPHER_COUNT];
    EVP_KDF_CTX *schedule; /* of TLS 1.3 */
};

/*
 * From half->secret, which is there: key and IV, number 0 (RFC 8446, section 7.3).
 * Returns: false when OpenSSL fails, which leaves a half of no use.
 */
bool tls_schedule_keys(EVP_KDF_CTX *schedule, const struct tls_suite *suite,
                       struct tls_half *half);

/* The same after half->secret has become the next one (section 7.2). */
bool tls_schedule_update(EVP_KDF_CTX *schedule, const struct tls_suite *suite,
                         struct tls_half *half);

/* Keys and IVs of both halves in TLS 1.2, as the server has them; number 1, behind Finished. */
bool tls_schedule_block(const struct tls_suite *suite, const struct tls_master *master,
                        struct tls_state *state);

/* Make a cipher ready for the records of one half. Returns: false when OpenSSL fails. */
bool tls_protect_key(EVP_CIPHER_CTX *cipher, const struct tls_half *half);

/*
 * Open a whole RECORD, whose body has tls_protect_bytes() at least, into the room of the rest.
 * Returns: false when it is not authentic; then nothing of it stays in TEXT.
 */
bool tls_protect_open(EVP_CIPHER_CTX *cipher, const struct tls_suite *suite,
                      const struct tls_half *half, const unsigned char *record,
                      unsigned char *text);

/*
 * Seal TEXT behind the header that stands in RECORD, with its true type: TLS 1.3 hides it.
 * Returns: false when OpenSSL fails.
 */
bool tls_protect_seal(EVP_CIPHER_CTX *cipher, const struct tls_suite *suite,
                      const struct tls_half *half, const unsigned char *text,
                      unsigned char *record);

static inline size_t tls_record_body(const unsigned char *record)
{
    return (size_t)record[3] << 8 | record[4];
}

/* What the body of a record adds to its text, type and padding of TLS 1.3 aside. */
static inline size_t tls_protect_bytes(const struct tls_suite *suite)
{
    return suite->explicit_bytes + TLS_TAG_BYTES;
}

/* --- contexts and handshakes --- */

struct tls_context {
    SSL_CTX *ssl;
    char **client_names; /* patterns; NULL ends them */
    bool has_passphrase; /* the key's file */
    atomic_uint users;
};

/* OpenSSL's callback for traffic secrets: a handshake is the application data of its SSL. */
void tls_hear_secret(const SSL *ssl, const char *line);

/* OpenSSL's callback for certificates: a client's own needs an allowed name. */
int tls_check_peer(int good, X509_STORE_CTX *store);

/*
 * Say why OpenSSL gave up on a handshake, from its queue of errors and the client's IDENTITY, which
 * may be all zero: one printable line that names what to do.
 */
void tls_refusal_words(const SSL *ssl, const struct tls_identity *identity, char *dst, size_t room);

#endif
