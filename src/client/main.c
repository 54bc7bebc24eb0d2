/* SPDX-License-Identifier: MIT
 *
 * Main: peerlog, the client. Reads the options, and either sends or says who it is.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "client/options.h"
#include "client/say.h"
#include "client/sender.h"

/* What fills a place is kept on purpose, which the analyzer of gcc takes for a leak. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 13
#pragma GCC diagnostic ignored "-Wanalyzer-fd-leak"
#endif

/*
 * A standard stream that is closed would make room for a socket in its place. Standard
 * input is opened for writing and standard output for reading, so that using them fails.
 */
static void fill_standard_streams(void)
{
    static const int modes[] = {
        [STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDWR,
    };

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", modes[fd]); /* the lowest free number: this place */
}

/* What was printed may still fail to be written. */
static int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EX_OK;
    say("standard output: %s", strerror(errno));
    return EX_IOERR;
}

int main(int argc, char **argv)
{
    struct options options;
    char problem[OPTIONS_PROBLEM_BYTES];

    (void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal; a failed write says more */
    fill_standard_streams();
    switch (options_parse(argc, argv, &options, problem)) {
    case OPTIONS_HELP:
        options_print_help(stdout);
        return finish_output();
    case OPTIONS_VERSION:
        (void)puts("peerlog " PACKAGE_VERSION);
        return finish_output();
    case OPTIONS_BAD:
        say("%s", problem);
        return EX_USAGE;
    default:
        return sender_run(&options);
    }
}
