/* SPDX-License-Identifier: MIT
 *
 * TCP sockets on Linux: tcp(7), socket(7), unix facts in the comments.
 */
#include "config.h"

#include "os/net.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What is left of 1,500 bytes for data, with headers of IPv4 and timestamps. */
#define ETHERNET_SEGMENT_BYTES 1448

/*
 * Of the memory that a socket may yet take for what it sends, a part this large is for bytes: the
 * rest is the kernel's, for its own 1,280 bytes beside those of each segment, however short.
 */
#define SEND_ROOM_PARTS 4

/* A socket's figures are looked up this often until they belong together. */
#define SAMPLES_MOST 100000

/*
 * The kernel's struct tcp_info as far as it is needed, each at the place that is fixed for
 * ever. That of the C library ends sooner or later than this, as its version has it.
 */
struct tcp_info_received {
    uint8_t state;           /* tcpi_state */
    uint8_t between[119];    /* cppcheck-suppress unusedStructMember */
    uint64_t bytes_acked;    /* tcpi_bytes_acked, at 120; since Linux 4.1 */
    uint64_t bytes_received; /* tcpi_bytes_received, at 128; since Linux 4.1 */
};
static_assert(offsetof(struct tcp_info_received, bytes_received) == 128, "as in the kernel");

static void fill_sockaddr(const struct peer *address, struct sockaddr_storage *ret_sa,
                          socklen_t *ret_len)
{
    memset(ret_sa, 0, sizeof *ret_sa);
    if (address->family == PEER_IPV4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&in.sin_addr, address->address, 4);
        memcpy(ret_sa, &in, sizeof in);
        *ret_len = sizeof in;
    } else {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port),
                                   .sin6_scope_id = address->scope};
        memcpy(&in6.sin6_addr, address->address, 16);
        memcpy(ret_sa, &in6, sizeof in6);
        *ret_len = sizeof in6;
    }
}

static int set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

int net_adopt_listener(int fd)
{
    int listening = 0;
    socklen_t len = sizeof listening;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
        return -errno;
    if (!listening)
        return -EINVAL;
    int error = set_flag(fd, SOL_SOCKET, SO_OOBINLINE, 1);
    if (error == 0)
        error = set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    net_set_end(fd, END_RESET);
    /* Whoever opened it may have left it blocking: systemd does by default. */
    int flags = fcntl(fd, F_GETFL);
    if (error == 0 && (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
        error = -errno;
    return error;
}

void net_limit_segments(int listener, bool limit)
{
    (void)set_flag(listener, IPPROTO_TCP, TCP_MAXSEG,
                   limit ? ETHERNET_SEGMENT_BYTES : 0); /* without it is only slower */
}

/* What a new listening socket needs before it is bound. */
static int prepare_listener(int fd, const struct peer *address)
{
    int error = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);

    if (error == 0 && address->family == PEER_IPV6)
        error = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    return error;
}

/* An address that is not there yet may come. */
static int bind_even_if_absent(int fd, const struct sockaddr *sa, socklen_t len)
{
    if (bind(fd, sa, len) == 0)
        return 0;
    if (errno != EADDRNOTAVAIL)
        return -errno;
    int error = set_flag(fd, IPPROTO_IP, IP_FREEBIND, 1); /* of both families */
    return error == 0 && bind(fd, sa, len) < 0 ? -errno : error;
}

bool net_waits_for_address(int listener)
{
    int free_bound = 0;
    socklen_t len = sizeof free_bound;

    return getsockopt(listener, IPPROTO_IP, IP_FREEBIND, &free_bound, &len) == 0 &&
           free_bound != 0;
}

int net_listen(const struct peer *address, int backlog)
{
    struct sockaddr_storage sa;
    socklen_t len;

    fill_sockaddr(address, &sa, &len);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    int error = prepare_listener(fd, address);
    if (error == 0)
        error = bind_even_if_absent(fd, (const struct sockaddr *)&sa, len);
    if (error == 0 && listen(fd, backlog) < 0)
        error = -errno;
    if (error == 0)
        error = net_adopt_listener(fd);
    if (error < 0) {
        (void)close(fd); /* it never listened */
        return error;
    }
    return fd;
}

int net_set_keepalive(int listener, int idle_s, int every_s, int probes)
{
    int error = set_flag(listener, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);

    if (error == 0)
        error = set_flag(listener, IPPROTO_TCP, TCP_KEEPINTVL, every_s);
    return error == 0 ? set_flag(listener, IPPROTO_TCP, TCP_KEEPCNT, probes) : error;
}

int net_local_address(int fd, struct peer *ret_address)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        return -errno;
    return peer_from_sockaddr((struct sockaddr *)&sa, ret_address);
}

int net_peer_address(int fd, struct peer *ret_peer)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    if (getpeername(fd, (struct sockaddr *)&sa, &len) < 0)
        return -errno;
    return peer_from_sockaddr((struct sockaddr *)&sa, ret_peer);
}

int net_accept(int listener, struct peer *ret_peer)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return -errno;
    if (peer_from_sockaddr((struct sockaddr *)&sa, ret_peer) < 0)
        memset(ret_peer, 0, sizeof *ret_peer);
    return fd;
}

uint64_t net_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;

    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
        return 0;
    return cookie;
}

uint32_t net_unread(int fd)
{
    int unread = 0;

    if (ioctl(fd, SIOCINQ, &unread) < 0 || unread < 0)
        return 0;
    return (uint32_t)unread;
}

bool net_at_end(int fd)
{
    char byte;

    return recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static int tcp_state(int fd, struct tcp_info_received *ret_info)
{
    socklen_t len = sizeof *ret_info;

    memset(ret_info, 0, sizeof *ret_info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret_info, &len) < 0)
        return -errno;
    return len < sizeof *ret_info ? -ENOTSUP : 0;
}

/*
 * A FIN counts as one received byte. Whether one came is written in the state, except
 * in CLOSE: there a reset that followed a FIN has left EPIPE instead of ECONNRESET.
 */
static bool fin_was_counted(int fd, unsigned state)
{
    int error = 0;
    socklen_t len = sizeof error;

    switch (state) {
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
    case TCP_CLOSING:
    case TCP_TIME_WAIT:
        return true;
    case TCP_CLOSE:
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == EPIPE;
    default:
        return false;
    }
}

int net_stream_state(int fd, struct net_stream *ret_state)
{
    struct tcp_info_received before, after;
    uint32_t unread = 0;
    int error = tcp_state(fd, &after);

    /* The peer may go on sending, but not for long: nothing is read, and its window closes. */
    bool belong_together = false;
    for (int i = 0; error == 0 && !belong_together && i < SAMPLES_MOST; i++) {
        before = after;
        unread = net_unread(fd);
        error = tcp_state(fd, &after);
        belong_together = before.bytes_received == after.bytes_received &&
                          before.state == after.state;
    }
    if (error < 0)
        return error;
    if (!belong_together)
        return -EAGAIN;
    uint64_t fin = fin_was_counted(fd, after.state) ? 1 : 0;
    uint64_t gone = unread + fin;
    ret_state->unread = unread;
    ret_state->taken = after.bytes_received > gone ? after.bytes_received - gone : 0;
    ret_state->open = after.state == TCP_ESTABLISHED || after.state == TCP_CLOSE_WAIT;
    return 0;
}

uint32_t net_send_room(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof memory;

    /* Not by the bytes that are queued: each small write has taken a buffer of its own. */
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) < 0 ||
        memory[SK_MEMINFO_SNDBUF] <= memory[SK_MEMINFO_WMEM_QUEUED])
        return 0;
    return (memory[SK_MEMINFO_SNDBUF] - memory[SK_MEMINFO_WMEM_QUEUED]) / SEND_ROOM_PARTS;
}

int net_send_whole(int fd, const void *bytes, size_t len)
{
    ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return -errno;
    if ((size_t)n == len)
        return 0;
    (void)shutdown(fd, SHUT_RDWR); /* what came is still read, and then its end */
    return -EPIPE;
}

int net_written(int fd, uint64_t *ret_written)
{
    struct tcp_info_received before, info;
    int queued = 0;
    int error = tcp_state(fd, &info);

    if (error < 0)
        return error;
    /* Bytes that are acknowledged between the two questions would be missing, or count twice. */
    do {
        before = info;
        error = ioctl(fd, SIOCOUTQ, &queued) < 0 ? -errno : tcp_state(fd, &info);
    } while (error == 0 && info.bytes_acked != before.bytes_acked);
    if (error == 0)
        *ret_written = info.bytes_acked + (uint64_t)queued;
    return error;
}

void net_wait_for_bytes(int fd, uint32_t bytes)
{
    (void)set_flag(fd, SOL_SOCKET, SO_RCVLOWAT, (int)bytes); /* else it is told too often */
}

void net_acknowledge_now(int fd)
{
    (void)set_flag(fd, IPPROTO_TCP, TCP_QUICKACK, 1); /* else it is acknowledged later */
}

void net_set_end(int fd, enum net_end end)
{
    /* Zero seconds of lingering are no lingering but a reset: tcp(7), socket(7). */
    struct linger linger = {.l_onoff = end == END_RESET, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger); /* it is a socket */
}

void net_abort(int fd)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    (void)connect(fd, &nobody, sizeof nobody); /* a reset, at once; it may be gone already */
    (void)close(fd);
}

void net_shutdown_close(int fd)
{
    /* It may have said more than we have read: also while we say goodbye. */
    if (net_unread(fd) == 0) {
        net_set_end(fd, END_FIN);
        (void)shutdown(fd, SHUT_RDWR); /* the peer may be gone already */
    }
    if (net_unread(fd) > 0)
        net_abort(fd);
    else
        (void)close(fd); /* everything was read */
}

/* Answers: is this a socket, but not one of TYPE? */
static bool is_not_of_type(const char *path, int type)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || strlen(path) >= sizeof sa.sun_path) {
        if (fd >= 0)
            (void)close(fd); /* it was not used */
        return false;
    }
    memcpy(sa.sun_path, path, strlen(path) + 1);
    bool other = connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0 && errno == EPROTOTYPE;
    (void)close(fd); /* nothing was sent */
    return other;
}

/* The same of datagrams, or streams. It never connects to one of streams: somebody would see it. */
static bool is_of_another_type(const char *path, bool streams)
{
    return is_not_of_type(path, SOCK_DGRAM) && !(streams && is_not_of_type(path, SOCK_SEQPACKET));
}

const char *net_describe_log_socket(const char *path, bool streams)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return NULL;
    if (S_ISREG(st.st_mode))
        return "is a file, and no socket";
    if (S_ISFIFO(st.st_mode))
        return "is a FIFO, and no socket";
    if (S_ISDIR(st.st_mode))
        return "is a directory, and no socket";
    if (!S_ISSOCK(st.st_mode))
        return "is a device, and no socket";
    if (is_of_another_type(path, streams))
        return "is a socket of another type, that takes no datagrams";
    return NULL;
}
