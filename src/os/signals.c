/* SPDX-License-Identifier: MIT
 *
 * signalfd(2) for the orderly ones, sigaction(2) for the last one.
 */
#include "config.h"

#include "os/signals.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "peerlog/count.h"

static signals_crash_fn *crash_note;

void signals_ignore_writes(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigaction(SIGPIPE, &ignore, NULL); /* neither of them is reserved */
    (void)sigaction(SIGXFSZ, &ignore, NULL);
}

int signals_open(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGUSR2);
    (void)sigaddset(&set, SIGPWR);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0)
        return -error;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int signals_next(int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info)
        return 0;
    return (int)info.ssi_signo;
}

/* SA_RESETHAND has put the default action back: raising again ends the process. */
static void on_crash(int signal, siginfo_t *info, void *context)
{
    (void)context;
    crash_note(signal, info->si_code == SI_USER && info->si_pid != getpid());
    (void)raise(signal);
}

void signals_on_crash(signals_crash_fn *note)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {
        .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | (int)SA_RESETHAND,
    };

    crash_note = note;
    for (size_t i = 0; i < COUNT_OF(crashes); i++)
        (void)sigaction(crashes[i], &action, NULL); /* none of them is reserved */
}

const char *signals_name(int signal)
{
    switch (signal) {
    case SIGKILL:
        return "SIGKILL";
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGILL:
        return "SIGILL";
    case SIGFPE:
        return "SIGFPE";
    case SIGABRT:
        return "SIGABRT";
    default:
        return "a signal";
    }
}
