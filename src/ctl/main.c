/* SPDX-License-Identifier: MIT
 *
 * Main: peerlogctl asks a peerlogd that runs.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/options.h"

/* What was printed may still fail to be written. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    (void)fprintf(stderr, "peerlogctl: standard output: %s\n", strerror(errno));
    return EX_IOERR;
}

static int run(const struct options *options)
{
    struct asker *asker = asker_new(options->socket);

    if (asker == NULL) {
        (void)fprintf(stderr, "peerlogctl: %s\n", strerror(ENOMEM));
        return EX_OSERR;
    }
    int status = commands_run(asker, options);
    (void)asker_free(asker);
    return status;
}

int main(int argc, char **argv)
{
    char problem[OPTIONS_PROBLEM_BYTES];
    struct options options;

    switch (options_parse(argc, argv, &options, problem)) {
    case OPTIONS_HELP:
        options_print_help(stdout);
        return finish(EX_OK);
    case OPTIONS_VERSION:
        (void)puts("peerlogctl " PACKAGE_VERSION);
        return finish(EX_OK);
    case OPTIONS_BAD:
        (void)fprintf(stderr, "peerlogctl: %s; -h shows help\n", problem);
        return EX_USAGE;
    default:
        return finish(run(&options));
    }
}
