/* SPDX-License-Identifier: MIT
 *
 * unix(7), SOCK_SEQPACKET.
 */
#include "config.h"

#include "os/answer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/unix_socket.h"

int answer_listen(const char *path)
{
    return unix_socket_listen(path, SOCK_SEQPACKET, S_IRUSR | S_IWUSR);
}

int answer_accept(int fd)
{
    int asker = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    return asker < 0 ? -errno : asker;
}

void answer_give(int fd, const struct answer *answer)
{
    (void)send(fd, answer, sizeof *answer, MSG_DONTWAIT | MSG_NOSIGNAL); /* it may have gone */
    (void)close(fd); /* what was sent stays queued */
}

/* Returns: 0, or negative errno as answer_ask(). */
static int ask(int fd, const struct sockaddr_un *address, unsigned patience_s,
               struct answer *ret_answer)
{
    const struct timeval patience = {.tv_sec = (time_t)patience_s};
    struct answer answer;

    /* The one for sending is that of connect(2), when too many ask. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    ssize_t n = recv(fd, &answer, sizeof answer, MSG_TRUNC);
    if (n < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    if (n == 0)
        return -ECONNRESET;
    if (n != (ssize_t)sizeof answer || memchr(answer.line, '\0', sizeof answer.line) == NULL)
        return -EPROTO;
    *ret_answer = answer;
    return 0;
}

int answer_ask(const char *path, unsigned patience_s, struct answer *ret_answer)
{
    struct sockaddr_un address;

    int error = unix_socket_address(path, &address);
    if (error < 0)
        return error;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    error = ask(fd, &address, patience_s, ret_answer);
    (void)close(fd); /* it holds no data any more */
    return error;
}
