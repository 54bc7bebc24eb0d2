/* SPDX-License-Identifier: MIT
 *
 * Suites: one row each. The order is ours to choose: AES first, because most machines have
 * instructions for it; OpenSSL puts ChaCha20 first for a client that does so.
 */
#include "config.h"

#include "tls/suite.h"

#include <string.h>

#include "peerlog/count.h"

/* What the three ciphers are in each version: cipher, key, fixed and explicit nonce, hash. */
#define AES_128_1_3 TLS_CIPHER_AES_128, 16, 12, 0, 32, "SHA256"
#define AES_256_1_3 TLS_CIPHER_AES_256, 32, 12, 0, 48, "SHA384"
#define AES_128_1_2 TLS_CIPHER_AES_128, 16, 4, 8, 32, "SHA256"
#define AES_256_1_2 TLS_CIPHER_AES_256, 32, 4, 8, 48, "SHA384"
#define CHACHA20 TLS_CIPHER_CHACHA20, 32, 12, 0, 32, "SHA256"

static const struct tls_suite suites[] = {
    {"TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", TLS_VERSION_1_3, 0x1302, AES_256_1_3},
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", TLS_VERSION_1_3, 0x1301, AES_128_1_3},
    {"TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", TLS_VERSION_1_3, 0x1303,
     CHACHA20},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", TLS_VERSION_1_2,
     0xc02c, AES_256_1_2},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", TLS_VERSION_1_2,
     0xc030, AES_256_1_2},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", TLS_VERSION_1_2,
     0xc02b, AES_128_1_2},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", TLS_VERSION_1_2,
     0xc02f, AES_128_1_2},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
     TLS_VERSION_1_2, 0xcca9, CHACHA20},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
     TLS_VERSION_1_2, 0xcca8, CHACHA20},
};

const struct tls_suite *tls_suite_find(uint16_t version, uint16_t id)
{
    for (size_t i = 0; i < COUNT_OF(suites); i++)
        if (suites[i].version == version && suites[i].id == id)
            return &suites[i];
    return NULL;
}

const struct tls_suite *tls_suite_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(suites); i++)
        if (strcmp(suites[i].name, name) == 0)
            return &suites[i];
    return NULL;
}

const struct tls_suite *tls_suite_at(size_t index)
{
    return index < COUNT_OF(suites) ? &suites[index] : NULL;
}
