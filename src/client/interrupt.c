/* SPDX-License-Identifier: MIT
 *
 * Interrupt: the handler writes to an eventfd, so no wait can miss a signal and no signal
 * has to be blocked.
 */
#include "config.h"

#include "client/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define COUNT 2

static const int numbers[COUNT] = {SIGINT, SIGTERM};

/* A handler can reach nothing but file scope. */
static int event_fd = -1;
static bool is_caught[COUNT]; /* written before the handler is in place */
static volatile sig_atomic_t caught;

static void handle(int number)
{
    static const uint64_t one = 1;
    int saved_errno = errno;

    caught = number;
    for (size_t i = 0; i < COUNT; i++)
        if (is_caught[i])
            (void)signal(numbers[i], SIG_DFL); /* cannot fail for a signal that was caught */
    ssize_t written = write(event_fd, &one, sizeof one);
    (void)written; /* it is full only when it is readable already */
    errno = saved_errno;
}

static int catch_one(int number, bool *ret_is_caught)
{
    struct sigaction old;
    struct sigaction action = {.sa_handler = handle};

    if (sigaction(number, NULL, &old) < 0)
        return -errno;
    if (old.sa_handler == SIG_IGN)
        return 0;
    (void)sigfillset(&action.sa_mask); /* cannot fail; so the handler runs once */
    *ret_is_caught = true;
    return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}

int interrupt_catch(void)
{
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        return -errno;
    for (size_t i = 0; i < COUNT; i++) {
        int error = catch_one(numbers[i], &is_caught[i]);
        if (error < 0)
            return error;
    }
    return event_fd;
}

int interrupt_signal(void)
{
    return caught;
}

void interrupt_die(int number)
{
    (void)signal(number, SIG_DFL); /* cannot fail for a signal that came */
    (void)raise(number);
    _exit(128 + number); /* only if the signal is blocked */
}
