/* SPDX-License-Identifier: MIT
 *
 * Secure: see secure.h. OpenSSL reads and writes the socket itself. No record is read before
 * it is wanted and every read has room for a whole one, so poll(2) knows of all that waits.
 */
#include "config.h"

#include "client/secure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/secure_words.h"

struct secure_context {
    SSL_CTX *ssl;
    const struct options *options;
};

struct secure {
    SSL *ssl;
    const struct options *options;
    bool read_wants_output;
    bool write_wants_input;
    char problem[SECURE_PROBLEM_BYTES];
};

/* --- the context --- */

/* A passphrase is never asked for: nobody may be there to give it. */
static int refuse_passphrase(char *buffer, int room, int is_writing, void *data)
{
    (void)buffer;
    (void)room;
    (void)is_writing;
    (void)data;
    return -1;
}

/* Note why FILE of OPTION cannot be used. Returns: -EINVAL. */
static int refuse_file(const char *option, const char *file, char problem[SECURE_PROBLEM_BYTES])
{
    (void)snprintf(problem, SECURE_PROBLEM_BYTES, "%s: \"%s\": %s", option, file,
                   secure_file_words()); /* cut is fine */
    return -EINVAL;
}

static int load_trust(SSL_CTX *ssl, const struct options *o, char problem[SECURE_PROBLEM_BYTES])
{
    if (o->tls_ca != NULL && SSL_CTX_load_verify_file(ssl, o->tls_ca) != 1)
        return refuse_file("--tls-ca", o->tls_ca, problem);
    if (o->tls_ca == NULL && SSL_CTX_set_default_verify_paths(ssl) != 1)
        return -ENOMEM;
    SSL_CTX_set_verify(ssl, o->tls_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    return 0;
}

/* Who we are; without a key of its own, the certificate's file holds it too. */
static int load_identity(SSL_CTX *ssl, const struct options *o, char problem[SECURE_PROBLEM_BYTES])
{
    const char *key = o->tls_key != NULL ? o->tls_key : o->tls_cert;
    const char *option = o->tls_key != NULL ? "--tls-key" : "--tls-cert";

    if (o->tls_cert == NULL)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ssl, o->tls_cert) != 1)
        return refuse_file("--tls-cert", o->tls_cert, problem);
    SSL_CTX_set_default_passwd_cb(ssl, refuse_passphrase);
    if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl) != 1)
        return refuse_file(option, key, problem);
    return 0;
}

int secure_context_new(const struct options *options, struct secure_context **ret_context,
                       char problem[SECURE_PROBLEM_BYTES])
{
    struct secure_context *context = malloc(sizeof *context);
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    int error = -ENOMEM;

    (void)snprintf(problem, SECURE_PROBLEM_BYTES, "out of memory"); /* it fits */
    ERR_clear_error();
    if (context == NULL || ssl == NULL || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1)
        goto fail;
    /* What is not taken at once is offered again, perhaps from elsewhere and with more behind. */
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    error = load_trust(ssl, options, problem);
    if (error == 0)
        error = load_identity(ssl, options, problem);
    if (error < 0)
        goto fail;
    *context = (struct secure_context){.ssl = ssl, .options = options};
    *ret_context = context;
    return 0;
fail:
    SSL_CTX_free(ssl);
    free(context);
    return error;
}

void secure_context_free(struct secure_context *context)
{
    if (context == NULL)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

/* --- a connection --- */

/* The name to ask for and to find in the certificate: what was asked for, or the host. */
static const char *name_of(const struct options *o)
{
    return o->tls_name != NULL ? o->tls_name : o->server;
}

static bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* The common name is for people: only the names beside it count (RFC 6125). */
static bool expect_name(SSL *ssl, const struct options *o)
{
    const char *name = name_of(o);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    /* OpenSSL copies the name, but its macro for that is not const. */
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name) == 1 &&
           SSL_set1_host(ssl, name) == 1;
}

int secure_new(struct secure_context *context, int fd, struct secure **ret_secure)
{
    struct secure *s = calloc(1, sizeof *s);

    if (s == NULL)
        return -ENOMEM;
    s->options = context->options;
    s->ssl = SSL_new(context->ssl);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, fd) != 1 || !expect_name(s->ssl, s->options)) {
        secure_free(s);
        return -ENOMEM;
    }
    SSL_set_connect_state(s->ssl);
    *ret_secure = s;
    return 0;
}

void secure_free(struct secure *s)
{
    if (s == NULL)
        return;
    SSL_free(s->ssl);
    free(s);
}

/*
 * What a call that answered N means: -EAGAIN, or why the connection is of no more use. ERROR is
 * the errno behind it.
 */
static int judge(struct secure *s, int n, int error)
{
    switch (SSL_get_error(s->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_SYSCALL:
        return error != 0 && error != EPIPE ? -error : -ECONNRESET;
    default:
        secure_failure_words(s->ssl, name_of(s->options), s->problem, sizeof s->problem);
        return -EPROTO;
    }
}

int secure_shake_hands(struct secure *s)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_do_handshake(s->ssl);
    if (n == 1)
        return 0;
    int error = judge(s, n, errno);
    s->read_wants_output = error == -EAGAIN && SSL_want_write(s->ssl);
    return error;
}

/* One record at most. Returns: as secure_send(). */
static ssize_t send_record(struct secure *s, const unsigned char *bytes, size_t len)
{
    size_t taken = 0;

    ERR_clear_error();
    errno = 0;
    int n = SSL_write_ex(s->ssl, bytes, len, &taken);
    s->write_wants_input = false;
    if (n == 1)
        return (ssize_t)taken;
    int error = judge(s, n, errno);
    s->write_wants_input = error == -EAGAIN && SSL_want_read(s->ssl);
    return error == -EAGAIN ? 0 : error;
}

ssize_t secure_send(struct secure *s, const unsigned char *bytes, size_t len)
{
    size_t sent = 0;
    ssize_t n = 0;

    while (sent < len && (n = send_record(s, bytes + sent, len - sent)) > 0)
        sent += (size_t)n;
    return sent > 0 ? (ssize_t)sent : n; /* what broke shows the next time as well */
}

/* Has the stream ended, with or without a close_notify? */
static bool is_end(const struct secure *s, int n)
{
    int result = SSL_get_error(s->ssl, n);

    return result == SSL_ERROR_ZERO_RETURN ||
           (result == SSL_ERROR_SSL &&
            ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

ssize_t secure_receive(struct secure *s, unsigned char *bytes, size_t len, bool *ret_end)
{
    size_t read = 0;

    ERR_clear_error();
    errno = 0;
    int n = SSL_read_ex(s->ssl, bytes, len, &read);
    int error = errno;
    s->read_wants_output = false;
    if (n == 1)
        return (ssize_t)read;
    if (is_end(s, n)) {
        *ret_end = true;
        return 0;
    }
    error = judge(s, n, error);
    s->read_wants_output = error == -EAGAIN && SSL_want_write(s->ssl);
    return error == -EAGAIN ? 0 : error;
}

int secure_finish(struct secure *s)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_shutdown(s->ssl);
    int error = n >= 0 ? 0 : judge(s, n, errno);
    s->read_wants_output = error == -EAGAIN;
    return error;
}

short secure_events(const struct secure *s, bool output)
{
    bool wants_output = s->read_wants_output || (output && !s->write_wants_input);

    return (short)(POLLIN | (wants_output ? POLLOUT : 0));
}

bool secure_reads_on_output(const struct secure *s)
{
    return s->read_wants_output;
}

const char *secure_problem(const struct secure *s)
{
    return s->problem;
}

const char *secure_describe(const struct secure *s, char *text, size_t room)
{
    (void)snprintf(text, room, "%s, %s", SSL_get_version(s->ssl),
                   SSL_get_cipher_name(s->ssl)); /* cut is fine */
    return text;
}
