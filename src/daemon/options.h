/* SPDX-License-Identifier: MIT
 *
 * The command line of peerlogd.
 */
#ifndef PEERLOG_DAEMON_OPTIONS_H
#define PEERLOG_DAEMON_OPTIONS_H

#include <stdbool.h>

struct options {
    const char *file; /* the configuration file */
    bool named;       /* it was named on the command line */
    bool check;       /* only check it */
    bool reload;      /* ask the daemon that runs to read its file again */
};

/*
 * Read the command line. --help and --version print to stdout.
 * Returns: -1 to go on with *ret_options, or the status to exit with.
 */
int options_parse(int argc, char **argv, struct options *ret_options);

#endif
