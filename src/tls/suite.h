/* SPDX-License-Identifier: MIT
 *
 * The cipher suites of TLS that we speak: TLS 1.3 (RFC 8446) and TLS 1.2 with ephemeral keys
 * and authenticated encryption (RFC 5289, RFC 7905). Nothing else is offered, and no other
 * connection is taken over. A constant table; any thread.
 */
#ifndef PEERLOG_TLS_SUITE_H
#define PEERLOG_TLS_SUITE_H

#include <stddef.h>
#include <stdint.h>

/* As they stand on the wire. */
#define TLS_VERSION_1_2 0x0303u
#define TLS_VERSION_1_3 0x0304u

enum tls_cipher {
    TLS_CIPHER_AES_128,
    TLS_CIPHER_AES_256,
    TLS_CIPHER_CHACHA20,
    TLS_CIPHER_COUNT,
};

struct tls_suite {
    const char *name;         /* IANA's */
    const char *openssl_name; /* what OpenSSL calls it */
    uint16_t version;         /* of the protocol that it belongs to */
    uint16_t id;              /* IANA's number */
    uint8_t cipher;           /* enum tls_cipher */
    uint8_t key_bytes;
    uint8_t fixed_iv_bytes;   /* of the nonce, what the key block of TLS 1.2 gives */
    uint8_t explicit_bytes;   /* of the nonce, what a record of TLS 1.2 carries */
    uint8_t secret_bytes;     /* of a traffic secret; also the length of the hash */
    const char *hash;         /* of the key schedule */
};

/* Returns: the suite of this version with this number, or NULL. */
const struct tls_suite *tls_suite_find(uint16_t version, uint16_t id);

/* Returns: the suite with IANA's NAME, or NULL. */
const struct tls_suite *tls_suite_named(const char *name);

/* Returns: the suite at INDEX, best first; NULL behind the last. */
const struct tls_suite *tls_suite_at(size_t index);

#endif
