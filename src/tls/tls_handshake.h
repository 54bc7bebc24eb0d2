/* SPDX-License-Identifier: MIT
 *
 * The handshake of one connection, at the server's side, by OpenSSL. Bytes go in and bytes come
 * out; the socket is the caller's. When it is done the secrets become a struct tls_state, and the
 * handshake is not needed any more: what follows is read by tls_open(). A process that ends
 * in the middle of a handshake takes it along.
 */
#ifndef PEERLOG_TLS_HANDSHAKE_H
#define PEERLOG_TLS_HANDSHAKE_H

#include <stddef.h>

#include "tls/tls_context.h"
#include "tls/tls_name.h"
#include "tls/tls_record.h"

enum tls_progress {
    TLS_SHAKING, /* the client's turn */
    TLS_SHAKEN,  /* take it */
    TLS_REFUSED, /* see tls_handshake_words(); send what is unsent, an alert, and hang up */
};

struct tls_handshake;

/*
 * Returns: 0, or -ENOMEM.
 * Owns:    the caller, until tls_handshake_free(), which takes NULL and returns it. It keeps
 *          the context. From 10 KiB up to some 50 while it goes on. One thread at a time.
 */
int tls_handshake_new(struct tls_context *context, struct tls_handshake **ret_handshake);
struct tls_handshake *tls_handshake_free(struct tls_handshake *handshake);

/*
 * Go on with LEN bytes from the client. A call that leads to something being unsent
 * has cost a signature, or the check of one: some hundreds of microseconds.
 * Returns: where the handshake is. *ret_used of the bytes belong to it, and are copied; only on
 *          TLS_SHAKEN there may be others, which begin the records for tls_open().
 * Blocks:  never, but see the cost.
 */
enum tls_progress tls_handshake_feed(struct tls_handshake *handshake, const unsigned char *wire,
                                     size_t len, size_t *ret_used);

/*
 * What is to be sent; it stays where it is until the next call with this handshake.
 * Returns: its length.
 */
size_t tls_handshake_unsent(struct tls_handshake *handshake, const unsigned char **ret_bytes);

/* So much of it has been sent. */
void tls_handshake_sent(struct tls_handshake *handshake, size_t len);

/* Returns: why it was refused, a printable line that names what to do; "" if it was not. */
const char *tls_handshake_words(const struct tls_handshake *handshake);

/*
 * Take the secrets of a handshake that is done, when nothing is unsent any more.
 * Returns: 0; -EINVAL when it is not done, -EPROTO when OpenSSL does not tell. Then both are
 *          untouched. *ret_identity is all zero when the client has shown no certificate.
 */
int tls_handshake_take(struct tls_handshake *handshake, struct tls_state *ret_state,
                       struct tls_identity *ret_identity);

#endif
