/* SPDX-License-Identifier: MIT
 *
 * Wire: see wire.h. Sockets do not block; only connecting and agreeing on TLS wait here.
 */
#include "config.h"

#include "client/wire.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/lookup.h"
#include "os/clock.h"

/* Enough to throw away what a chatty peer says, in few calls. */
#define DRAIN_BYTES 16384u

/* What all attempts to open a wire have in common. */
struct attempt {
    struct secure_context *context; /* NULL: no TLS */
    uint32_t timeout_ms;
    int interrupt_fd;
};

static void name_peer(const struct sockaddr *address, char text[PEER_TEXT_BYTES])
{
    struct peer peer;

    if (peer_from_sockaddr(address, &peer) == 0)
        (void)peer_format(&peer, text);
    else
        (void)snprintf(text, PEER_TEXT_BYTES, "unknown");
}

static int pending_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

/*
 * With nobody listening on a local port from the range for clients, TCP can connect a
 * socket to itself.
 */
static bool is_connected_to_itself(int fd)
{
    struct sockaddr_storage here = {0}, there = {0};
    socklen_t here_len = sizeof here, there_len = sizeof there;

    return getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 &&
           here_len == there_len && memcmp(&here, &there, here_len) == 0;
}

/*
 * Wait for EVENTS; a timeout of 0 is for ever.
 * Returns: 0, -EINTR when a signal came, -ETIMEDOUT, or another negative errno.
 */
static int wait_for(int fd, short events, uint32_t timeout_ms, int interrupt_fd)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = interrupt_fd, .events = POLLIN}};
    int n;

    do
        n = poll(fds, 2, timeout_ms == 0 ? -1 : (int)timeout_ms);
    while (n < 0 && errno == EINTR); /* a signal of ours shows at INTERRUPT_FD */
    if (n < 0)
        return -errno;
    if (n == 0)
        return -ETIMEDOUT;
    return fds[1].revents != 0 ? -EINTR : 0;
}

/* Returns: 0, -EINTR when a signal came, or another negative errno. */
static int wait_connected(int fd, const struct attempt *attempt)
{
    int error = wait_for(fd, POLLOUT, attempt->timeout_ms, attempt->interrupt_fd);

    return error < 0 ? error : pending_error(fd);
}

/* Returns: a connected descriptor, or a negative errno. */
static int connect_address(const struct addrinfo *address, const struct attempt *attempt)
{
    static const int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

    if (fd < 0)
        return -errno;
    int error = connect(fd, address->ai_addr, address->ai_addrlen) < 0 ? -errno : 0;
    if (error == -EINPROGRESS)
        error = wait_connected(fd, attempt);
    if (error == 0 && is_connected_to_itself(fd))
        error = -ECONNREFUSED;
    if (error < 0) {
        (void)close(fd); /* the error is known already */
        return error;
    }
    /* A line leaves at once, and a dead peer is noticed; without them it works as well. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return fd;
}

static enum wire_result result_of_resolver(int answer)
{
    switch (answer) {
    case EAI_SERVICE:
        return WIRE_NO_SERVICE;
    case EAI_AGAIN:
    case EAI_SYSTEM:
    case EAI_MEMORY:
        return WIRE_NO_ANSWER;
    default:
        return WIRE_NO_HOST;
    }
}

/* Returns: 0, -EINTR when a signal came, or another negative errno. */
static int shake_hands(struct wire *wire, const struct attempt *attempt)
{
    bool is_patient = attempt->timeout_ms == 0;
    uint64_t limit = clock_mono_ms() + attempt->timeout_ms;
    int error;

    while ((error = secure_shake_hands(wire->secure)) == -EAGAIN) {
        uint64_t now = clock_mono_ms();
        if (!is_patient && now >= limit)
            return -ETIMEDOUT;
        error = wait_for(wire->fd, wire_events(wire, false),
                         is_patient ? 0 : (uint32_t)(limit - now), attempt->interrupt_fd);
        if (error < 0)
            return error;
    }
    return error;
}

/* Why there was no answer that TLS has words for. */
static const char *describe_silence(int error)
{
    switch (error) {
    case -ETIMEDOUT:
        return "no answer in time; does this port take TLS?";
    case -ECONNRESET:
        return "it has reset the connection instead of an answer; does this port take TLS?";
    default:
        return strerror(-error);
    }
}

/* TLS on a wire that is connected; *ret_failure tells why there is none. */
static enum wire_result make_secure(struct wire *wire, const struct attempt *attempt,
                                    struct wire_failure *ret_failure)
{
    int error = secure_new(attempt->context, wire->fd, &wire->secure);

    if (error == 0)
        error = shake_hands(wire, attempt);
    if (error == 0)
        return WIRE_UP;
    ret_failure->error = -error;
    (void)snprintf(ret_failure->words, sizeof ret_failure->words, "%s",
                   wire_problem(wire)); /* it fits */
    if (*ret_failure->words == '\0')
        (void)snprintf(ret_failure->words, sizeof ret_failure->words, "TLS: %s",
                       describe_silence(error)); /* it fits */
    return error == -EINTR ? WIRE_INTERRUPTED : WIRE_UNTRUSTED;
}

/* One address: connect, and agree on TLS. */
static enum wire_result open_address(const struct addrinfo *address,
                                     const struct attempt *attempt, struct wire *ret_wire,
                                     struct wire_failure *failure)
{
    struct wire wire = {.fd = connect_address(address, attempt)};

    if (wire.fd < 0) {
        failure->error = -wire.fd;
        return wire.fd == -EINTR ? WIRE_INTERRUPTED : WIRE_REFUSED;
    }
    enum wire_result result = WIRE_UP;
    if (attempt->context != NULL)
        result = make_secure(&wire, attempt, failure);
    if (result == WIRE_UP)
        *ret_wire = wire;
    else
        wire_close(&wire, true);
    return result;
}

enum wire_result wire_open(const struct options *options, struct secure_context *context,
                           int interrupt_fd, struct wire *ret_wire,
                           struct wire_failure *ret_failure)
{
    const struct attempt attempt = {context, options->timeout_ms, interrupt_fd};
    struct wire_failure failure = {0};
    struct lookup lookup;
    enum wire_result result = WIRE_REFUSED;

    if (lookup_host(options, interrupt_fd, &lookup) < 0)
        return WIRE_INTERRUPTED;
    if (lookup.answer != 0) {
        *ret_failure = (struct wire_failure){.error = lookup.answer,
                                             .system_error = lookup.system_error};
        return result_of_resolver(lookup.answer);
    }
    for (const struct addrinfo *a = lookup.addresses;
         a != NULL && result != WIRE_UP && result != WIRE_INTERRUPTED; a = a->ai_next) {
        failure.addresses++;
        name_peer(a->ai_addr, failure.peer);
        result = open_address(a, &attempt, ret_wire, &failure);
    }
    freeaddrinfo(lookup.addresses);
    if (result == WIRE_UP)
        memcpy(ret_wire->peer, failure.peer, sizeof ret_wire->peer);
    else
        *ret_failure = failure;
    return result;
}

/* After a reset the kernel may also say EPIPE or ENOTCONN, which tells people less. */
static int plain_error(int error)
{
    return error == EPIPE || error == ENOTCONN ? -ECONNRESET : -error;
}

/* Why a call failed with ERROR, unless the connection has a better reason. */
static int reason_of(const struct wire *wire, int error)
{
    int pending = pending_error(wire->fd);

    return plain_error(pending < 0 ? -pending : error);
}

ssize_t wire_send(const struct wire *wire, const unsigned char *bytes, size_t len)
{
    if (wire->secure != NULL)
        return secure_send(wire->secure, bytes, len);
    ssize_t n = send(wire->fd, bytes, len, MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    return reason_of(wire, errno);
}

int wire_half_close(struct wire *wire)
{
    int error = wire->secure != NULL ? secure_finish(wire->secure) : 0;

    if (error < 0)
        return error == -EAGAIN ? 0 : error;
    if (shutdown(wire->fd, SHUT_WR) < 0)
        return reason_of(wire, errno);
    wire->half_closed = true;
    return 0;
}

short wire_events(const struct wire *wire, bool output)
{
    if (wire->secure != NULL)
        return secure_events(wire->secure, output);
    return (short)(POLLIN | (output ? POLLOUT : 0));
}

bool wire_is_heard(const struct wire *wire, short events)
{
    bool is_writable = (events & POLLOUT) != 0;

    return (events & ~POLLOUT) != 0 ||
           (is_writable && wire->secure != NULL && secure_reads_on_output(wire->secure));
}

const char *wire_problem(const struct wire *wire)
{
    return wire->secure != NULL ? secure_problem(wire->secure) : "";
}

ssize_t wire_receive(struct wire *wire, unsigned char *bytes, size_t len)
{
    if (wire->peer_closed)
        return plain_error(-pending_error(wire->fd));
    if (wire->secure != NULL)
        return secure_receive(wire->secure, bytes, len, &wire->peer_closed);
    ssize_t n = recv(wire->fd, bytes, len, 0);
    if (n > 0)
        return n;
    if (n == 0) {
        wire->peer_closed = true;
        return plain_error(-pending_error(wire->fd));
    }
    return errno == EAGAIN || errno == EINTR ? 0 : plain_error(errno);
}

ssize_t wire_drain(struct wire *wire)
{
    unsigned char bytes[DRAIN_BYTES];

    return wire_receive(wire, bytes, sizeof bytes);
}

uint64_t wire_in_flight(const struct wire *wire)
{
    int bytes = 0;

    if (ioctl(wire->fd, SIOCOUTQ, &bytes) < 0 || bytes < 0)
        return UINT64_MAX; /* unknown: nothing counts as acknowledged */
    /* Our FIN counts as a byte until it is acknowledged, behind all others. */
    if (wire->half_closed && bytes > 0)
        bytes--;
    return (uint64_t)bytes;
}

uint64_t wire_on_the_way(const struct wire *wire)
{
    int held = 0, unsent = 0;

    if (ioctl(wire->fd, SIOCOUTQ, &held) < 0 || ioctl(wire->fd, SIOCOUTQNSD, &unsent) < 0)
        return 0;
    return held > unsent ? (uint64_t)(held - unsent) : 0;
}

void wire_close(struct wire *wire, bool abort)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (wire->fd < 0)
        return;
    if (wire->secure != NULL && !abort && !wire->half_closed)
        (void)secure_finish(wire->secure); /* a courtesy */
    secure_free(wire->secure);
    wire->secure = NULL;
    if (abort) /* should it fail, the rest is sent, which at worst repeats messages */
        (void)setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(wire->fd); /* what happened to the bytes was asked before */
    wire->fd = -1;
}
