/* SPDX-License-Identifier: MIT
 *
 * epoll(7) and eventfd(2), nothing hidden.
 */
#include "config.h"

#include "os/poller.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int poller_new(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static int control(int poller, int operation, int fd, uint32_t events, uint64_t tag)
{
    struct epoll_event event = {.events = events, .data.u64 = tag};

    return epoll_ctl(poller, operation, fd, &event) < 0 ? -errno : 0;
}

int poller_add(int poller, int fd, uint32_t events, uint64_t tag)
{
    return control(poller, EPOLL_CTL_ADD, fd, events, tag);
}

int poller_change(int poller, int fd, uint32_t events, uint64_t tag)
{
    return control(poller, EPOLL_CTL_MOD, fd, events, tag);
}

int poller_remove(int poller, int fd)
{
    return control(poller, EPOLL_CTL_DEL, fd, 0, 0);
}

int poller_wait(int poller, struct epoll_event *events, int room, int timeout_ms)
{
    int n = epoll_wait(poller, events, room, timeout_ms);

    return n < 0 ? 0 : n; /* EINTR; nothing else can happen to a valid set */
}

int bell_new(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

void bell_ring(int bell)
{
    uint64_t one = 1;

    (void)!write(bell, &one, sizeof one); /* a full counter rings as well */
}

void bell_hush(int bell)
{
    uint64_t count;

    (void)!read(bell, &count, sizeof count); /* an empty counter is silent already */
}

void bell_wait_or(int bell, int other, int timeout_ms)
{
    struct pollfd waits[] = {{.fd = bell, .events = POLLIN}, {.fd = other, .events = POLLIN}};

    (void)poll(waits, 2, timeout_ms); /* a signal only makes it shorter */
    bell_hush(bell);
}

void bell_wait(int bell, int timeout_ms)
{
    bell_wait_or(bell, -1, timeout_ms); /* poll(2) ignores what is negative */
}
