/* SPDX-License-Identifier: MIT
 *
 * Descriptors over Unix sockets: SCM_RIGHTS, and SO_PEEK_OFF (socket(7)) for looking at a
 * queue without emptying it.
 */
#include "config.h"

#include "os/fd_passing.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Room for one descriptor. */
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int fd_passing_send(int socket_fd, int fd, const void *bytes, size_t len)
{
    union control control = {.bytes = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = len > 0 ? 1 : 0,
        .msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(socket_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int fd_passing_peek(int socket_fd)
{
    union control control;
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
    };
    ssize_t n = recvmsg(socket_fd, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n <= 0)
        return n == 0 ? -ENODATA : -errno;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c == NULL || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof(int)))
        return (message.msg_flags & MSG_CTRUNC) ? -EMFILE : -EBADMSG;
    int fd;
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

int fd_passing_rewind(int socket_fd)
{
    int zero = 0;

    return setsockopt(socket_fd, SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof zero) < 0 ? -errno : 0;
}
