/* SPDX-License-Identifier: MIT
 *
 * Lookup: see lookup.h. Numeric addresses are answered at once and without a thread.
 */
#include "config.h"

#include "client/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the thread works on. On the heap: it must last as long as the thread. */
struct job {
    const struct options *options;
    struct lookup lookup;
    int done_fd; /* becomes readable when the answer is there */
};

static void look_up(const struct options *options, int flags, struct lookup *ret_lookup)
{
    struct addrinfo hints = {
        .ai_family = options->family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = flags,
    };
    struct addrinfo *addresses = NULL;

    int answer = getaddrinfo(options->server, options->port, &hints, &addresses);
    *ret_lookup = (struct lookup){
        .answer = answer,
        .system_error = answer == EAI_SYSTEM ? errno : 0,
        .addresses = answer == 0 ? addresses : NULL,
    };
}

static void *work(void *argument)
{
    static const uint64_t one = 1;
    struct job *job = argument;

    look_up(job->options, 0, &job->lookup);
    ssize_t written = write(job->done_fd, &one, sizeof one);
    (void)written; /* an eventfd that is zero has room */
    return NULL;
}

/* Signals stay with the thread that waits. Returns: 0, or an errno. */
static int start_thread(struct job *job, pthread_t *ret_thread)
{
    sigset_t all, before;

    (void)sigfillset(&all); /* cannot fail */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* nor can this, with these arguments */
    int error = pthread_create(ret_thread, NULL, work, job);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* Returns: false when a signal came. */
static bool wait_for_answer(const struct job *job, int interrupt_fd)
{
    struct pollfd fds[2] = {
        {.fd = interrupt_fd, .events = POLLIN},
        {.fd = job->done_fd, .events = POLLIN},
    };

    while (fds[0].revents == 0 && fds[1].revents == 0)
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return true; /* no memory: the join waits too, only a signal is not seen */
    return fds[0].revents == 0;
}

static int look_up_in_thread(struct job *job, int interrupt_fd, struct lookup *ret_lookup)
{
    pthread_t thread;

    if (start_thread(job, &thread) != 0) {
        look_up(job->options, 0, ret_lookup); /* as well as it goes: a second signal ends it */
        return 0;
    }
    if (!wait_for_answer(job, interrupt_fd))
        return -EINTR;
    (void)pthread_join(thread, NULL); /* it is ours, and ends now */
    *ret_lookup = job->lookup;
    return 0;
}

int lookup_host(const struct options *options, int interrupt_fd, struct lookup *ret_lookup)
{
    int error = 0;

    look_up(options, AI_NUMERICHOST, ret_lookup);
    if (ret_lookup->answer != EAI_NONAME)
        return 0;
    struct job *job = malloc(sizeof *job);
    int done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (job == NULL || done_fd < 0) {
        look_up(options, 0, ret_lookup);
    } else {
        *job = (struct job){.options = options, .done_fd = done_fd};
        error = look_up_in_thread(job, interrupt_fd, ret_lookup);
    }
    if (error < 0)
        return error; /* the thread goes on with job and descriptor */
    if (done_fd >= 0)
        (void)close(done_fd); /* only this program knew it */
    free(job);
    return 0;
}
