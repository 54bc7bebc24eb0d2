/* SPDX-License-Identifier: MIT
 *
 * Program: see program.h.
 */
#include "config.h"

#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#define PATH_BYTES 4096u

_Noreturn void die(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(EXIT_FAILURE);
}

uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

int open_signals(const int *signals, size_t count)
{
    sigset_t set;
    int fd;

    (void)sigemptyset(&set); /* neither can fail with valid signals */
    for (size_t i = 0; i < count; i++)
        (void)sigaddset(&set, signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        die("sigprocmask");
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        die("signalfd");
    return fd;
}

/* Where it is written until it is whole. */
static void unfinished_path(const char *path, char *ret_path)
{
    (void)snprintf(ret_path, PATH_BYTES, "%s.new", path); /* too long a one does not open */
}

FILE *report_begin(const char *path)
{
    char unfinished[PATH_BYTES];
    FILE *report;

    unfinished_path(path, unfinished);
    report = fopen(unfinished, "we");
    if (report == NULL)
        die(unfinished);
    return report;
}

void report_end(FILE *report, const char *path)
{
    char unfinished[PATH_BYTES];

    unfinished_path(path, unfinished);
    if (fclose(report) != 0 || rename(unfinished, path) != 0)
        die(path);
}
