/* SPDX-License-Identifier: MIT
 *
 * What contexts, handshakes and refusals share. For this folder alone.
 */
#ifndef PEERLOG_TLS_CONTEXT_PRIVATE_H
#define PEERLOG_TLS_CONTEXT_PRIVATE_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stddef.h>

#include "tls/tls_context.h"
#include "tls/tls_name.h"

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
