/* SPDX-License-Identifier: MIT
 *
 * Passing: descriptors in messages over Unix sockets (unix(7), SCM_RIGHTS).
 */
#ifndef PEERLOG_OS_FD_PASSING_H
#define PEERLOG_OS_FD_PASSING_H

#include <stddef.h>

/*
 * Send a copy of descriptor FD, beside LEN bytes, over a connected Unix socket. A stream
 * socket needs one byte at least.
 * Returns: 0, or negative errno as from sendmsg(2): -EAGAIN when there is no room.
 * Owns:    FD stays the caller's.
 * Threads: any.  Blocks: never.
 */
int fd_passing_send(int socket_fd, int fd, const void *bytes, size_t len);

/*
 * Look at the next byte that waits, and take a copy of the descriptor that came with it; both
 * stay where they are, and the next look is at what comes behind. fd_passing_rewind() comes first.
 * Returns: the copy, close-on-exec; -ENODATA or -EAGAIN behind the last one, -EBADMSG when
 *          the byte came alone, -EMFILE when there is no descriptor to be had; or negative errno.
 * Owns:    the caller owns the copy.
 * Threads: any.  Blocks: never.
 */
int fd_passing_peek(int socket_fd);

/* From now on looking begins at the first one. Returns: 0, or negative errno. */
int fd_passing_rewind(int socket_fd);

#endif
