/* SPDX-License-Identifier: MIT
 *
 * getopt_long(3), and nothing clever.
 */
#include "config.h"

#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#define DEFAULT_FILE SYSCONFDIR "/peerlogd.conf"

static const char usage[] =
    "Usage: peerlogd [OPTION]...\n"
    "Receive messages over TCP and put each into the system log with its peer's address.\n"
    "\n"
    "  -c, --config FILE   read this configuration (default " DEFAULT_FILE ")\n"
    "  -t, --check         check the configuration, report every fault, and exit\n"
    "  -r, --reload        let the running daemon read its configuration again, and say if it did\n"
    "  -h, --help          show this help and exit\n"
    "  -V, --version       show the version and exit\n"
    "\n"
    "peerlogd stays in the foreground; its own words go to standard error.\n"
    "See peerlogd(8) and peerlogd.conf(5).\n";

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 't'},
    {"reload", no_argument, NULL, 'r'},       {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},     {NULL, 0, NULL, 0},
};

/* Print to stdout; an error there is an error of ours. */
static int print(const char *text)
{
    return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? EX_IOERR : EX_OK;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options options = {.file = DEFAULT_FILE};
    int option;

    while ((option = getopt_long(argc, argv, "c:trhV", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.file = optarg;
            options.named = true;
            break;
        case 't':
            options.check = true;
            break;
        case 'r':
            options.reload = true;
            break;
        case 'h':
            return print(usage);
        case 'V':
            return print("peerlogd " PACKAGE_VERSION "\n");
        default:
            (void)fputs("Try 'peerlogd --help'.\n", stderr); /* getopt said what is wrong */
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "peerlogd: '%s' is not an option, and there are no other arguments\n"
                      "Try 'peerlogd --help'.\n", argv[optind]);
        return EX_USAGE;
    }
    *ret_options = options;
    return -1;
}
