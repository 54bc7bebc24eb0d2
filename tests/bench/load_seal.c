/* SPDX-License-Identifier: MIT
 *
 * Sealing aside: what the load generator spends on TLS, spent on plain streams, too, so that the
 * two differ by the daemon alone.
 */
#include "config.h"

#include "load.h"

#include <stdlib.h>

#include "common.h"

#ifdef HAVE_TLS

#include <openssl/bio.h>
#include <openssl/ssl.h>

#define SUITE "TLS_AES_128_GCM_SHA256" /* as streams under TLS have it */
#define FLIGHTS 4                      /* a handshake needs fewer */

struct seal {
    SSL *ssl;
    BIO *sink; /* the session's own; what was sealed, until it is thrown away */
};

static SSL *session(const SSL_METHOD *method, const char *file)
{
    SSL_CTX *context = SSL_CTX_new(method);
    SSL *ssl = NULL;

    if (context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_ciphersuites(context, SUITE) == 1 &&
        (file == NULL ||
         (SSL_CTX_use_certificate_chain_file(context, file) == 1 &&
          SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1)))
        ssl = SSL_new(context);
    SSL_CTX_free(context); /* the session keeps it */
    return ssl;
}

/* The two shake hands in memory. */
static bool introduce(SSL *client, SSL *server)
{
    BIO *ours = NULL, *theirs = NULL;

    if (BIO_new_bio_pair(&ours, 0, &theirs, 0) != 1)
        return false;
    SSL_set_bio(client, ours, ours); /* they own their ends */
    SSL_set_bio(server, theirs, theirs);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < FLIGHTS; i++) {
        (void)SSL_do_handshake(client); /* whether it is over is asked below */
        (void)SSL_do_handshake(server);
    }
    return SSL_is_init_finished(client) && SSL_is_init_finished(server);
}

struct seal *seal_new(const char *file)
{
    struct seal *seal = calloc(1, sizeof *seal);
    SSL *server = session(TLS_server_method(), file);

    if (seal != NULL)
        seal->ssl = session(TLS_client_method(), NULL);
    if (seal == NULL || seal->ssl == NULL || server == NULL || !introduce(seal->ssl, server))
        die("--seal-aside: no session by the certificate and key in %s", file);
    SSL_free(server);
    seal->sink = BIO_new(BIO_s_mem());
    if (seal->sink == NULL)
        die("--seal-aside: no memory");
    SSL_set0_wbio(seal->ssl, seal->sink);
    return seal;
}

void seal_bytes(struct seal *seal, const void *bytes, size_t len)
{
    size_t taken;

    if (SSL_write_ex(seal->ssl, bytes, len, &taken) != 1 || BIO_reset(seal->sink) != 1)
        die("--seal-aside: cannot seal");
}

void seal_free(struct seal *seal)
{
    if (seal != NULL)
        SSL_free(seal->ssl);
    free(seal);
}

#else

struct seal *seal_new(const char *file)
{
    die("--seal-aside %s: built without TLS", file);
}

void seal_bytes(struct seal *seal, const void *bytes, size_t len)
{
    (void)seal;
    (void)bytes;
    (void)len;
}

void seal_free(struct seal *seal)
{
    (void)seal;
}

#endif
