/* SPDX-License-Identifier: MIT
 *
 * A handshake: an SSL object between two memory BIOs, and the secrets that pass by. In TLS 1.3
 * they come by the callback for key logs, which is the only public way to them; TLS 1.2
 * has a master secret, from which the key block is made once more.
 *
 * OpenSSL reads a record's header, then its body, and nothing ahead. So what is left in its
 * BIO behind the last message of the handshake is exactly what belongs to the record layer.
 */
#include "config.h"

#include "tls/tls_handshake.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

/* A traffic secret as it was heard. */
struct secret {
    uint8_t bytes[sizeof(((struct tls_half *)0)->secret)];
    size_t len;
};

struct tls_handshake {
    struct tls_context *context;
    SSL *ssl; /* its application data is this struct */
    BIO *in;  /* both are the SSL's */
    BIO *out;
    size_t sent; /* of what is in OUT */
    enum tls_progress progress;
    struct secret client;
    struct secret server;
    struct tls_identity identity; /* the client's, or of the certificate that is not good */
    char words[TLS_WORDS_BYTES];
};

/* --- a life --- */

static bool set_up(struct tls_handshake *handshake)
{
    handshake->ssl = SSL_new(handshake->context->ssl);
    handshake->in = BIO_new(BIO_s_mem());
    handshake->out = BIO_new(BIO_s_mem());
    if (handshake->ssl == NULL || handshake->in == NULL || handshake->out == NULL) {
        BIO_free(handshake->in);
        BIO_free(handshake->out);
        return false;
    }
    SSL_set_bio(handshake->ssl, handshake->in, handshake->out);
    SSL_set_accept_state(handshake->ssl);
    return SSL_set_app_data(handshake->ssl, handshake) == 1;
}

int tls_handshake_new(struct tls_context *context, struct tls_handshake **ret_handshake)
{
    struct tls_handshake *handshake = calloc(1, sizeof *handshake);

    if (handshake == NULL)
        return -ENOMEM;
    handshake->context = tls_context_keep(context);
    if (!set_up(handshake)) {
        ERR_clear_error();
        tls_handshake_free(handshake);
        return -ENOMEM;
    }
    *ret_handshake = handshake;
    return 0;
}

struct tls_handshake *tls_handshake_free(struct tls_handshake *handshake)
{
    if (handshake == NULL)
        return NULL;
    SSL_free(handshake->ssl);
    tls_context_release(handshake->context);
    OPENSSL_cleanse(handshake, sizeof *handshake);
    free(handshake);
    return NULL;
}

/* --- bytes in, bytes out --- */

enum tls_progress tls_handshake_feed(struct tls_handshake *handshake, const unsigned char *wire,
                                     size_t len, size_t *ret_used)
{
    size_t written = 0;

    *ret_used = 0;
    if (handshake->progress != TLS_SHAKING)
        return handshake->progress;
    ERR_clear_error();
    (void)BIO_write_ex(handshake->in, wire, len, &written); /* all, unless memory is out */
    int done = SSL_do_handshake(handshake->ssl);
    *ret_used = written - BIO_ctrl_pending(handshake->in);
    if (done == 1) {
        handshake->progress = TLS_SHAKEN;
    } else if (SSL_get_error(handshake->ssl, done) != SSL_ERROR_WANT_READ) {
        handshake->progress = TLS_REFUSED;
        tls_refusal_words(handshake->ssl, &handshake->identity, handshake->words,
                          sizeof handshake->words);
    }
    ERR_clear_error();
    return handshake->progress;
}

size_t tls_handshake_unsent(struct tls_handshake *handshake, const unsigned char **ret_bytes)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(handshake->out, &bytes);

    if (len <= 0 || (size_t)len <= handshake->sent)
        return 0;
    *ret_bytes = (const unsigned char *)bytes + handshake->sent;
    return (size_t)len - handshake->sent;
}

void tls_handshake_sent(struct tls_handshake *handshake, size_t len)
{
    handshake->sent += len;
    if (handshake->sent >= BIO_ctrl_pending(handshake->out)) {
        handshake->sent = 0;
        (void)BIO_reset(handshake->out); /* of memory: cannot fail */
    }
}

const char *tls_handshake_words(const struct tls_handshake *handshake)
{
    return handshake->words;
}

/* --- the client's certificate --- */

/* OpenSSL calls this for each certificate of the chain, the client's own last, and each fault. */
int tls_check_peer(int good, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_handshake *handshake = SSL_get_app_data(ssl);
    const char *const *names = (const char *const *)handshake->context->client_names;
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);

    if (certificate == NULL || (good == 1 && X509_STORE_CTX_get_error_depth(store) > 0))
        return good;
    if (tls_identity_of(certificate, names, &handshake->identity) || good == 0)
        return good;
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

/* --- secrets --- */

static void read_secret(const char *hexadecimal, struct secret *secret)
{
    secret->len = 0;
    for (const char *c = hexadecimal; c[0] != '\0' && c[1] != '\0'; c += 2) {
        int high = OPENSSL_hexchar2int((unsigned char)c[0]);
        int low = OPENSSL_hexchar2int((unsigned char)c[1]);
        if (high < 0 || low < 0 || secret->len == sizeof secret->bytes)
            return;
        secret->bytes[secret->len++] = (uint8_t)(high << 4 | low);
    }
}

/* A line is a label, the client's random and the secret, with a space between. */
void tls_hear_secret(const SSL *ssl, const char *line)
{
    static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ", server[] = "SERVER_TRAFFIC_SECRET_0 ";
    struct tls_handshake *handshake = SSL_get_app_data(ssl);
    const char *last = strrchr(line, ' ');

    if (handshake == NULL || last == NULL)
        return;
    if (strncmp(line, client, sizeof client - 1) == 0)
        read_secret(last + 1, &handshake->client);
    else if (strncmp(line, server, sizeof server - 1) == 0)
        read_secret(last + 1, &handshake->server);
}

static bool take_1_3(const struct tls_handshake *handshake, const struct tls_suite *suite,
                     struct tls_state *state)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *schedule = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool good = schedule != NULL && handshake->client.len == suite->secret_bytes &&
                handshake->server.len == suite->secret_bytes;

    if (good) {
        memcpy(state->in.secret, handshake->client.bytes, suite->secret_bytes);
        memcpy(state->out.secret, handshake->server.bytes, suite->secret_bytes);
        good = tls_schedule_keys(schedule, suite, &state->in) &&
               tls_schedule_keys(schedule, suite, &state->out);
    }
    EVP_KDF_CTX_free(schedule);
    EVP_KDF_free(kdf);
    return good;
}

static bool take_1_2(const struct tls_handshake *handshake, const struct tls_suite *suite,
                     struct tls_state *state)
{
    SSL *ssl = handshake->ssl;
    struct tls_master master;
    bool good =
        SSL_SESSION_get_master_key(SSL_get_session(ssl), master.secret, sizeof master.secret) ==
            sizeof master.secret &&
        SSL_get_server_random(ssl, master.server_random, sizeof master.server_random) ==
            sizeof master.server_random &&
        SSL_get_client_random(ssl, master.client_random, sizeof master.client_random) ==
            sizeof master.client_random &&
        tls_schedule_block(suite, &master, state);

    OPENSSL_cleanse(&master, sizeof master);
    return good;
}

/* The longest text for the peer: it may have asked for less (RFC 6066, section 4). */
static uint16_t max_text(const SSL *ssl)
{
    uint8_t code = SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl));

    if (code < TLSEXT_max_fragment_length_512 || code > TLSEXT_max_fragment_length_4096)
        return TLS_MAX_TEXT_BYTES;
    return (uint16_t)(512u << (code - TLSEXT_max_fragment_length_512));
}

int tls_handshake_take(struct tls_handshake *handshake, struct tls_state *ret_state,
                       struct tls_identity *ret_identity)
{
    struct tls_state state = {.max_text_bytes = 0};
    const struct tls_suite *suite;
    const unsigned char *unsent;

    if (handshake->progress != TLS_SHAKEN || tls_handshake_unsent(handshake, &unsent) > 0)
        return -EINVAL;
    state.version = (uint16_t)SSL_version(handshake->ssl);
    state.suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(handshake->ssl));
    state.max_text_bytes = max_text(handshake->ssl);
    suite = tls_suite_find(state.version, state.suite);
    /* Something in OpenSSL's own buffer would be lost; it does not read ahead. */
    bool good = suite != NULL && SSL_has_pending(handshake->ssl) == 0 &&
                (state.version == TLS_VERSION_1_3 ? take_1_3(handshake, suite, &state)
                                                  : take_1_2(handshake, suite, &state));
    if (good) {
        *ret_state = state;
        *ret_identity = handshake->identity;
    }
    OPENSSL_cleanse(&state, sizeof state);
    ERR_clear_error();
    return good ? 0 : -EPROTO;
}
