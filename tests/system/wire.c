/* SPDX-License-Identifier: MIT
 *
 * The wire of a stream.
 */
#include "config.h"

#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifdef HAVE_TLS
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

struct wire {
    int fd;
    char fault[120];
#ifdef HAVE_TLS
    SSL *ssl; /* NULL: it is plain */
    uint64_t updates, since_update;
    bool asks;          /* the next change of keys asks for theirs, too */
    bool said_goodbye;  /* our close_notify is out */
    bool heard_goodbye; /* theirs is here */
#endif
};

const char *wire_fault(const struct wire *wire)
{
    return wire->fault;
}

static enum wire_word fail(struct wire *wire, const char *why)
{
    (void)snprintf(wire->fault, sizeof wire->fault, "%s", why);
    return WIRE_FAULT;
}

/* --- plain --- */

static enum wire_word hear_plain(struct wire *wire)
{
    char bytes[256];
    ssize_t n = recv(wire->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n > 0)
        return WIRE_TEXT;
    if (n == 0)
        return WIRE_GOODBYE;
    return errno == EAGAIN || errno == EINTR ? WIRE_SILENCE : fail(wire, strerror(errno));
}

static ssize_t send_plain(struct wire *wire, const void *bytes, size_t len)
{
    return send(wire->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

#ifdef HAVE_TLS

/* --- TLS --- */

/* Every suite that the daemon speaks, in turn. */
static const struct {
    int version;
    const char *suite;
} kinds[] = {
    {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* The context of one kind, made when it is first wanted, and kept until the end. */
static SSL_CTX *context_of(const struct wire_rules *rules, uint32_t number)
{
    static SSL_CTX *contexts[KINDS];
    size_t kind = number % KINDS;
    SSL_CTX *context = contexts[kind];

    if (context != NULL)
        return context;
    context = contexts[kind] = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_load_verify_file(context, rules->ca) != 1 ||
        SSL_CTX_set_min_proto_version(context, kinds[kind].version) != 1 ||
        SSL_CTX_set_max_proto_version(context, kinds[kind].version) != 1 ||
        (kinds[kind].version == TLS1_3_VERSION
             ? SSL_CTX_set_ciphersuites(context, kinds[kind].suite)
             : SSL_CTX_set_cipher_list(context, kinds[kind].suite)) != 1)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    return context;
}

static bool shake_hands(struct wire *wire, const struct wire_rules *rules, uint32_t number)
{
    SSL_CTX *context = context_of(rules, number);

    wire->updates = rules->updates;
    wire->ssl = context != NULL ? SSL_new(context) : NULL;
    return wire->ssl != NULL && SSL_set_fd(wire->ssl, wire->fd) == 1 &&
           SSL_connect(wire->ssl) == 1 && fcntl(wire->fd, F_SETFL, O_NONBLOCK) == 0;
}

/* Something failed: is it only that there is no room, or nothing to read? */
static int errno_of(struct wire *wire, int result)
{
    int error = SSL_get_error(wire->ssl, result);

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return EAGAIN;
    if (error == SSL_ERROR_SYSCALL && errno != 0)
        return errno;
    (void)snprintf(wire->fault, sizeof wire->fault, "TLS: %s",
                   ERR_reason_error_string(ERR_peek_error()));
    return EPROTO;
}

/* Between two records: change keys, every other time with theirs. */
static void change_keys(struct wire *wire)
{
    if (wire->updates == 0 || wire->since_update < wire->updates ||
        SSL_version(wire->ssl) != TLS1_3_VERSION)
        return;
    int how = wire->asks ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
    if (SSL_key_update(wire->ssl, how) == 1)
        wire->since_update = 0;
    wire->asks = !wire->asks;
}

static ssize_t send_tls(struct wire *wire, const void *bytes, size_t len)
{
    size_t taken = 0;

    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(wire->ssl, bytes, len, &taken);
    if (result == 1) {
        wire->since_update += taken;
        change_keys(wire);
        return (ssize_t)taken;
    }
    errno = errno_of(wire, result);
    return -1;
}

static enum wire_word hear_tls(struct wire *wire)
{
    char bytes[256];
    size_t n = 0;

    if (wire->heard_goodbye)
        return hear_plain(wire);
    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(wire->ssl, bytes, sizeof bytes, &n);
    if (result == 1)
        return WIRE_TEXT;
    if (SSL_get_error(wire->ssl, result) == SSL_ERROR_ZERO_RETURN) {
        wire->heard_goodbye = true;
        return hear_plain(wire);
    }
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return WIRE_TRUNCATED;
    int error = errno_of(wire, result);
    if (error == EPROTO)
        return WIRE_FAULT; /* it was noted */
    return error == EAGAIN ? WIRE_SILENCE : fail(wire, strerror(error));
}

static int end_tls(struct wire *wire)
{
    ERR_clear_error();
    errno = 0;
    /* A change of keys that was asked for goes out first. */
    int result = SSL_in_init(wire->ssl) || SSL_get_key_update_type(wire->ssl) != SSL_KEY_UPDATE_NONE
                     ? SSL_do_handshake(wire->ssl)
                     : 1;
    if (result == 1 && !wire->said_goodbye)
        result = SSL_shutdown(wire->ssl);
    if (result < 0) {
        errno = errno_of(wire, result);
        return -1;
    }
    wire->said_goodbye = true;
    return 0;
}

#endif

/* --- either --- */

struct wire *wire_new(const struct wire_rules *rules, uint32_t number, int fd)
{
    struct wire *wire = calloc(1, sizeof *wire);

    if (wire == NULL)
        return NULL;
    wire->fd = fd;
    if (rules->ca == NULL)
        return wire;
#ifdef HAVE_TLS
    if (shake_hands(wire, rules, number))
        return wire;
    ERR_print_errors_fp(stderr);
#endif
    (void)number;
    (void)wire_free(wire);
    errno = EPROTO;
    return NULL;
}

struct wire *wire_free(struct wire *wire)
{
#ifdef HAVE_TLS
    if (wire != NULL)
        SSL_free(wire->ssl);
#endif
    free(wire);
    return NULL;
}

ssize_t wire_send(struct wire *wire, const void *bytes, size_t len)
{
#ifdef HAVE_TLS
    if (wire->ssl != NULL)
        return send_tls(wire, bytes, len);
#endif
    return send_plain(wire, bytes, len);
}

int wire_end(struct wire *wire)
{
#ifdef HAVE_TLS
    if (wire->ssl != NULL && end_tls(wire) < 0)
        return -1;
#endif
    return shutdown(wire->fd, SHUT_WR);
}

enum wire_word wire_hear(struct wire *wire)
{
#ifdef HAVE_TLS
    if (wire->ssl != NULL)
        return hear_tls(wire);
#endif
    return hear_plain(wire);
}
