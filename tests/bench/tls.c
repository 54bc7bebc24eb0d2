/* SPDX-License-Identifier: MIT
 *
 * What a message costs that comes in a record of its own, in processor time of the reader
 * alone: by OpenSSL as its manual shows it, by OpenSSL with read-ahead, by our record layer,
 * and in clear. A child sends over the loopback; all read with the same buffer.
 *
 *   tls [MESSAGES [BYTES [BATCH]]]       BATCH messages a record; 200000 256 1
 *
 * Each line is a way of reading, a cipher suite and microseconds a message, by tabs: the median of
 * several interleaved runs. A reader that asks for a buffer full waits for half of one, or how many
 * records it finds would be chance: on how fast the sender is, and who of the two runs.
 */
#include "config.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "peerlog/count.h"
#include "support/intake.h"
#include "support/tls_peer.h"
#include "tls/suite.h"
#include "tls/tls_handshake.h"

#define BUFFER_BYTES 65536u
#define RUNS 7u

enum way { WAY_PLAIN, WAY_SSL_READ, WAY_READ_AHEAD, WAY_RECORDS, WAYS };

static const char *const way_names[WAYS] = {"recv alone", "SSL_read", "SSL_read, read-ahead",
                                            "tls_open"};

struct load {
    size_t messages;
    size_t bytes;
    size_t batch;
    const struct tls_suite *suite;
};

static struct pki pki;

static double used_us(void)
{
    struct timespec now;

    require(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "a clock");
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

/* --- the sender --- */

static void send_all(int fd, SSL *ssl, const struct load *load)
{
    size_t len = load->bytes * load->batch;
    char *text = malloc(len);

    require(text != NULL, "memory");
    memset(text, 'x', len);
    for (size_t i = 0; i < load->messages; i += load->batch)
        if (ssl != NULL ? SSL_write(ssl, text, (int)len) <= 0
                        : send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
            _exit(1);
    free(text);
}

_Noreturn static void be_sender(const struct sockaddr_in *to, enum way way, const struct load *load)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct peer_end peer;

    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0)
        _exit(1);
    if (way == WAY_PLAIN) {
        send_all(fd, NULL, load);
        _exit(0);
    }
    peer_init(&peer, &(struct peer_wish){.suite = load->suite});
    if (SSL_set_fd(peer.ssl, fd) != 1 || SSL_connect(peer.ssl) != 1)
        _exit(1);
    send_all(fd, peer.ssl, load);
    _exit(0);
}

/* From now on there is always much to read, as for a worker that has a lot to do. */
static double begin_reading(int fd)
{
    int least = BUFFER_BYTES / 2;

    require(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least) == 0, "patience");
    return used_us();
}

/* --- the readers; each returns the bytes of text that came --- */

static size_t read_plain(int fd, double *ret_begin)
{
    static char buffer[BUFFER_BYTES];
    size_t got = 0;
    ssize_t n;

    *ret_begin = begin_reading(fd);
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        got += (size_t)n;
    return got;
}

static size_t read_by_openssl(SSL *ssl)
{
    static char buffer[BUFFER_BYTES];
    size_t got = 0;
    int n;

    while ((n = SSL_read(ssl, buffer, sizeof buffer)) > 0)
        got += (size_t)n;
    return got;
}

/* As a worker does: behind an incomplete record, into a buffer of its own. */
static size_t read_records(int fd, struct tls_tools *tools, struct tls_state *state)
{
    static unsigned char wire[BUFFER_BYTES], text[BUFFER_BYTES + TLS_ROOM_BYTES];
    size_t have = 0, got = 0;
    ssize_t n;

    while ((n = recv(fd, wire + have, sizeof wire - have, 0)) > 0) {
        have += (size_t)n;
        struct tls_batch batch = {
            .wire = wire, .wire_bytes = have, .text = text, .room = sizeof text};
        require(tls_open(tools, state, &batch) == TLS_NEEDS_MORE, "sound records");
        got += batch.opened;
        have -= batch.taken;
        memmove(wire, wire + batch.taken, have);
    }
    return got;
}

/* --- the server's side of a handshake --- */

static void carry_handshake(int fd, struct tls_handshake *handshake)
{
    enum tls_progress progress = TLS_SHAKING;
    const unsigned char *unsent;
    size_t used, n;

    while (progress == TLS_SHAKING) {
        unsigned char byte; /* one at a time: nothing that belongs to a record is touched */
        require(recv(fd, &byte, 1, 0) == 1, "a client's handshake");
        progress = tls_handshake_feed(handshake, &byte, 1, &used);
        while ((n = tls_handshake_unsent(handshake, &unsent)) > 0) {
            require(send(fd, unsent, n, MSG_NOSIGNAL) == (ssize_t)n, "our handshake");
            tls_handshake_sent(handshake, n);
        }
    }
    require(progress == TLS_SHAKEN, tls_handshake_words(handshake));
}

static void establish(int fd, struct tls_state *ret_state)
{
    struct tls_context *context =
        peer_context(&(struct tls_rules){.certificate = pki.file, .key = pki.key_file});
    struct tls_handshake *handshake;
    struct tls_identity identity;

    require(tls_handshake_new(context, &handshake) == 0, "a handshake");
    carry_handshake(fd, handshake);
    require(tls_handshake_take(handshake, ret_state, &identity) == 0, "secrets");
    tls_handshake_free(handshake);
    tls_context_release(context);
}

static SSL *accept_by_openssl(int fd, bool reads_ahead, SSL_CTX **ret_context)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    require(context != NULL && SSL_CTX_use_certificate(context, pki.certificate) == 1 &&
                SSL_CTX_use_PrivateKey(context, pki.key) == 1 &&
                SSL_CTX_set_num_tickets(context, 0) == 1,
            "a context");
    SSL_CTX_set_read_ahead(context, reads_ahead);
    if (reads_ahead)
        SSL_CTX_set_default_read_buffer_len(context, BUFFER_BYTES);
    SSL *ssl = SSL_new(context);
    require(ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1, "a handshake");
    *ret_context = context;
    return ssl;
}

static size_t read_ssl(int fd, bool reads_ahead, double *ret_begin)
{
    SSL_CTX *context;
    SSL *ssl = accept_by_openssl(fd, reads_ahead, &context);

    *ret_begin = begin_reading(fd);
    size_t got = read_by_openssl(ssl);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return got;
}

static size_t read_ours(int fd, double *ret_begin)
{
    struct tls_tools *tools;
    struct tls_state state;

    require(tls_tools_new(&tools) == 0, "tools");
    establish(fd, &state);
    *ret_begin = begin_reading(fd);
    size_t got = read_records(fd, tools, &state);
    tls_tools_free(tools);
    return got;
}

/* --- runs --- */

static double measure(enum way way, const struct load *load)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), status;

    require(listener >= 0 && bind(listener, (struct sockaddr *)&address, len) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
                listen(listener, 1) == 0,
            "a listener");
    pid_t child = fork();
    require(child >= 0, "a sender");
    if (child == 0)
        be_sender(&address, way, load);
    int fd = accept(listener, NULL, NULL);
    double begin;
    size_t got = way == WAY_PLAIN     ? read_plain(fd, &begin)
                 : way == WAY_RECORDS ? read_ours(fd, &begin)
                                      : read_ssl(fd, way == WAY_READ_AHEAD, &begin);
    double used = used_us() - begin;
    require(waitpid(child, &status, 0) == child && status == 0, "a sender that ends well");
    require(got == load->messages * load->bytes, "everything came");
    (void)close(fd);
    (void)close(listener);
    return used / (double)load->messages;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure_all(struct load *load)
{
    double us[WAYS][RUNS];

    for (size_t run = 0; run < RUNS; run++)
        for (size_t way = 0; way < WAYS; way++)
            us[way][run] = measure((enum way)way, load);
    for (size_t way = 0; way < WAYS; way++) {
        qsort(us[way], RUNS, sizeof us[way][0], compare);
        (void)printf("%s\t%s\t%.3f\n", way_names[way], load->suite->name, us[way][RUNS / 2]);
    }
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const suites[] = {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"};
    struct load load = {.messages = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000,
                        .bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 256,
                        .batch = argc > 3 ? strtoul(argv[3], NULL, 10) : 1};

    require(load.bytes > 0 && load.batch > 0 && load.messages % load.batch == 0,
            "batches that fit the messages");
    pki = pki_make(&(struct pki_wish){.subject = "server"});
    for (size_t i = 0; i < COUNT_OF(suites); i++) {
        load.suite = tls_suite_named(suites[i]);
        measure_all(&load);
    }
    pki_done(&pki);
    return 0;
}
