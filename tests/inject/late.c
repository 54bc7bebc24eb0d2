/* SPDX-License-Identifier: MIT
 *
 * A client on a busy machine, by LD_PRELOAD: send() comes back when the answer is there, and after
 * $PEERLOG_LATE_MS more.
 */
#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef ssize_t send_fn(int fd, const void *bytes, size_t len, int flags);

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    send_fn *real = (send_fn *)dlsym(RTLD_NEXT, "send");
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    ssize_t n = real(fd, bytes, len, flags);

    (void)poll(&answer, 1, -1);
    (void)poll(NULL, 0, atoi(getenv("PEERLOG_LATE_MS")));
    return n;
}
