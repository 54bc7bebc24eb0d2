/* SPDX-License-Identifier: MIT
 *
 * Sockets of the file system, to listen on: unix(7).
 */
#ifndef PEERLOG_OS_UNIX_SOCKET_H
#define PEERLOG_OS_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>

struct sockaddr_un;

/* Fill in an address. Returns: 0, or -ENAMETOOLONG. */
int unix_socket_address(const char *path, struct sockaddr_un *ret_address);

/*
 * Listen at PATH, in the place of a process before. TYPE is SOCK_STREAM or SOCK_SEQPACKET; MODE is
 * the file's, which is never more open than that.
 * Returns: the descriptor, readable when somebody connects; or negative errno.
 */
int unix_socket_listen(const char *path, int type, mode_t mode);

/* Answers: is nobody at the other end of this connection any more? */
bool unix_socket_is_left(int fd);

/*
 * Let GROUP, by name or number, use the socket at PATH, too, which its mode must allow.
 * Returns: 0, -ENOENT when there is no such group, or negative errno.
 * Blocks: as long as groups are looked up.
 */
int unix_socket_give(const char *path, const char *group);

#endif
