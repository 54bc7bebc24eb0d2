/* SPDX-License-Identifier: MIT
 *
 * Sockets: TCP as the daemon wants it, and what the kernel knows of a connection.
 * Every descriptor is close-on-exec and non-blocking from birth.
 */
#ifndef PEERLOG_OS_NET_H
#define PEERLOG_OS_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "peerlog/peer.h"

/*
 * Listen on a numeric address; an IPv6 "::" serves both families. Accepted sockets
 * inherit SO_OOBINLINE, SO_KEEPALIVE, and an end by a reset: see net_set_end().
 * Returns: the descriptor; or negative errno as from socket(2), bind(2), listen(2).
 */
int net_listen(const struct peer *address, int backlog);

/*
 * Set on an inherited listening socket what net_listen() sets.
 * Returns: 0, or negative errno; -ENOTSOCK or -EINVAL when it is no TCP listener.
 */
int net_adopt_listener(int fd);

/*
 * Let peers that connect to a listening socket send segments as on usual Ethernet at most, or any
 * again. Clients that cork each batch wait for a full segment, which on loopback is 64 KiB.
 */
void net_limit_segments(int listener, bool limit);

/* The address a socket is bound to. Returns: 0, or negative errno. */
int net_local_address(int fd, struct peer *ret_address);

/* The other end of a connection. Returns: 0, or negative errno. */
int net_peer_address(int fd, struct peer *ret_peer);

/* Answers: was the address not there when this socket of net_listen() was bound to it? */
bool net_waits_for_address(int listener);

/*
 * Connections that this listening socket accepts from now on are asked whether their peers are
 * there after IDLE_S seconds of silence, then every EVERY_S seconds, PROBES times.
 * Returns: 0 or negative errno.
 */
int net_set_keepalive(int listener, int idle_s, int every_s, int probes);

/*
 * Accept one connection.
 * Returns: its descriptor with *ret_peer; or negative errno as from accept4(2).
 */
int net_accept(int listener, struct peer *ret_peer);

/* The kernel's number for a socket: the same in every process. 0 if unknown. */
uint64_t net_cookie(int fd);

/* What the kernel knows of a connection's receiving side. */
struct net_stream {
    uint64_t taken;  /* bytes that were read from it, since it began */
    uint32_t unread; /* bytes that wait in it */
    bool open;       /* our side has not shut it down: data can still be read */
};

/*
 * Returns: 0; -EAGAIN when the peer sends too fast to tell; or another negative errno.
 * The figures are exact when no other thread reads from the socket meanwhile.
 */
int net_stream_state(int fd, struct net_stream *ret_state);

/* Bytes that wait to be read; 0 when there are none or it can't be told. */
uint32_t net_unread(int fd);

/* Answers: has its peer ended it in good order, with nothing left to be read? */
bool net_at_end(int fd);

/*
 * Bytes that a send(2) takes now, unless the kernel runs short of memory: a quarter of what the
 * buffer has free, because more than the bytes themselves counts. 0 when it can't be told.
 */
uint32_t net_send_room(int fd);

/*
 * Send LEN bytes, without waiting: all or nothing. When the kernel takes a part of them, the
 * stream ends behind that, for nothing right could follow.
 * Returns: 0, or negative errno: -EAGAIN: nothing was taken; -EPIPE: the connection is at an end.
 */
int net_send_whole(int fd, const void *bytes, size_t len);

/* Bytes that were written to it, since it began. Returns: 0, or negative errno. */
int net_written(int fd, uint64_t *ret_written);

/* Let the poller tell of it only when so many bytes wait, or the stream has ended. */
void net_wait_for_bytes(int fd, uint32_t bytes);

/* Acknowledge what comes at once, for as long as the kernel sees fit: tcp(7). */
void net_acknowledge_now(int fd);

/* How a peer learns that the last descriptor of its connection was closed. */
enum net_end {
    END_RESET, /* by RST: not all that it said was logged */
    END_FIN,   /* by FIN, which says that all was read */
};

/* Choose it, for a close by us and for our death. */
void net_set_end(int fd, enum net_end end);

/* Reset the connection and close, whoever has copies of it: not all that it said was logged. */
void net_abort(int fd);

/*
 * Say goodbye in both directions and close; for sockets of which copies exist elsewhere. A peer
 * that has said more meanwhile is reset.
 */
void net_shutdown_close(int fd);

/*
 * Why no datagrams, nor STREAMS if these would do, can be sent to the socket at PATH, to stand
 * behind its name: "is a FIFO, and no socket".
 * Returns: NULL when they can, or when nothing is there or nobody receives.
 */
const char *net_describe_log_socket(const char *path, bool streams);

#endif
