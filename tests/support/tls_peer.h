/* SPDX-License-Identifier: MIT
 *
 * The other end of a TLS connection for tests: OpenSSL's client in memory, and a forger that
 * makes records by itself, as nobody would send them. It ends the program when it fails.
 */
#ifndef PEERLOG_TESTS_TLS_PEER_H
#define PEERLOG_TESTS_TLS_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "support/intake.h"
#include "support/tls_pki.h"
#include "tls/suite.h"
#include "tls/tls_context.h"
#include "tls/tls_handshake.h"

/* What a client is like; all zero is one that takes everything. */
struct peer_wish {
    const struct tls_suite *suite;  /* the only one; NULL: any */
    const struct pki *certificate;  /* that it shows */
    const struct pki *trusted;      /* who must have signed the server's */
    uint16_t max_version;           /* as on the wire */
    uint8_t max_fragment;           /* TLSEXT_max_fragment_length_... */
    const char *ciphers;            /* in OpenSSL's words, of TLS 1.2 */
    SSL_CTX *context;               /* of peer_client(): all of the above is in it */
};

struct peer_end {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in;
    BIO *out;
};

/* Most of what a client costs, once for many. Owns: the caller. */
SSL_CTX *peer_client(const struct peer_wish *wish);

void peer_init(struct peer_end *peer, const struct peer_wish *wish);
void peer_done(struct peer_end *peer);

/* What the client has to say, added to WIRE. */
void peer_flush(struct peer_end *peer, struct bytes *wire);

/* Write LEN bytes of text in a record of its own, or more than one when it is long. */
void peer_write(struct peer_end *peer, const void *text, size_t len, struct bytes *wire);

/* A KeyUpdate at once; the answer is asked for or not. */
void peer_update(struct peer_end *peer, bool wants_one, struct bytes *wire);

/* Give it LEN bytes of the wire. Returns: the last result of SSL_read(); text is added. */
int peer_read(struct peer_end *peer, const void *wire, size_t len, struct bytes *text);

/*
 * Shake hands, REACH bytes at a time (0: all there are). What the client sends behind its
 * Finished before it hears anything is TEXT, or nothing when that is NULL.
 * Returns: how it ended at our side; the rest that belongs to records is added to REST.
 */
enum tls_progress peer_shake(struct peer_end *peer, struct tls_handshake *handshake, size_t reach,
                             const char *text, struct bytes *rest);

/* All of that: CONTEXT and a client come to a state, or the program ends. */
void peer_establish(struct peer_end *peer, const struct peer_wish *wish,
                    struct tls_context *context, struct tls_state *ret_state);

/* A context that can be had. */
struct tls_context *peer_context(const struct tls_rules *rules);

/* A record as it is to be, authentic but for what is asked otherwise. */
struct forgery {
    unsigned type;       /* the true one */
    const void *text;
    size_t len;
    size_t padding;      /* of TLS 1.3 */
    bool no_type;        /* TLS 1.3: nothing but padding */
    unsigned outer;      /* 0: as it should be */
};

/* Add it to WIRE, sealed with the key of the half that is to open it; and count. */
void peer_forge(struct tls_half *half, const struct tls_suite *suite, const struct forgery *forgery,
                struct bytes *wire);

/* The forger's way to the next keys of TLS 1.3, as after a KeyUpdate. */
void peer_next_keys(struct tls_half *half, const struct tls_suite *suite);

#endif
