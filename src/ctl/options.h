/* SPDX-License-Identifier: MIT
 *
 * The command line of peerlogctl: which command, of which daemon.
 */
#ifndef PEERLOG_CTL_OPTIONS_H
#define PEERLOG_CTL_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

/* Where the service listens. */
#define OPTIONS_SOCKET "/run/peerlogd/admin"

enum command {
    COMMAND_STATUS,
    COMMAND_CONNECTIONS,
    COMMAND_TOP,
    COMMAND_TRACE,
    COMMAND_KILL,
    COMMAND_RELOAD,
    COMMAND_METRICS,
    COMMAND_REOPEN,
    COMMAND_SETTINGS,
};

struct options {
    const char *socket;
    enum command command;
    const char *target;   /* of kill: a peer, a range of them, or a connection's number; of trace:
                             a peer or a range */
    const char *peer;     /* of these alone; NULL: of all */
    const char *listener; /* with this tag alone; NULL: with any */
    const char *sort;     /* rate, bytes, idle, waiting; NULL: as they are */
    const char *limit;    /* not more than so many; NULL: all */
    bool json;
    bool now; /* kill by a reset */
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_BAD,
};

#define OPTIONS_PROBLEM_BYTES 160u

/*
 * Read the command line; texts in *RET_OPTIONS are those of ARGV.
 * Returns: what to do; after OPTIONS_BAD, PROBLEM says why.
 */
enum options_result options_parse(int argc, char **argv, struct options *ret_options,
                                  char problem[OPTIONS_PROBLEM_BYTES]);

void options_print_help(FILE *stream);

#endif
