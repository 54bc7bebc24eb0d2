/* SPDX-License-Identifier: MIT
 *
 * Interrupt: the handler writes to an eventfd, so no wait can miss a signal and no signal
 * has to be blocked.
 */
#include "config.h"

#include "client/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A handler can reach nothing but file scope. */
static int event_fd = -1;
static volatile sig_atomic_t caught;

static void handle(int number)
{
    static const uint64_t one = 1;
    int saved_errno = errno;

    caught = number;
    ssize_t written = write(event_fd, &one, sizeof one);
    (void)written; /* it is full only when it is readable already */
    errno = saved_errno;
}

static int catch_one(int number)
{
    struct sigaction old;
    struct sigaction action = {.sa_handler = handle, .sa_flags = (int)SA_RESETHAND};

    if (sigaction(number, NULL, &old) < 0)
        return -errno;
    if (old.sa_handler == SIG_IGN)
        return 0;
    return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}

int interrupt_catch(void)
{
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        return -errno;
    (void)signal(SIGPIPE, SIG_IGN); /* can not fail for this signal */
    int error = catch_one(SIGINT);
    if (error == 0)
        error = catch_one(SIGTERM);
    return error < 0 ? error : event_fd;
}

int interrupt_signal(void)
{
    return caught;
}

void interrupt_die(int number)
{
    (void)signal(number, SIG_DFL); /* can not fail for a signal that came */
    (void)raise(number);
    _exit(128 + number); /* only if the signal is blocked */
}
