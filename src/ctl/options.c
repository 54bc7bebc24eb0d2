/* SPDX-License-Identifier: MIT
 *
 * Options, by getopt_long(3).
 */
#include "config.h"

#include "ctl/options.h"

#include <getopt.h>
#include <string.h>

#include "peerlog/count.h"

static const struct option long_options[] = {
    {"socket", required_argument, NULL, 's'},   {"output", required_argument, NULL, 'o'},
    {"peer", required_argument, NULL, 'p'},     {"listener", required_argument, NULL, 'l'},
    {"sort", required_argument, NULL, 'S'},     {"limit", required_argument, NULL, 'n'},
    {"now", no_argument, NULL, 'f'},            {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},        {NULL, 0, NULL, 0},
};

/* Commands, and which of the options each knows. */
static const struct {
    const char *name, *letters;
} commands[] = {
    [COMMAND_STATUS] = {"status", "o"},   [COMMAND_CONNECTIONS] = {"connections", "oplSn"},
    [COMMAND_TOP] = {"top", "plS"},       [COMMAND_TRACE] = {"trace", ""},
    [COMMAND_KILL] = {"kill", "f"},
    [COMMAND_RELOAD] = {"reload", ""},    [COMMAND_METRICS] = {"metrics", ""},
    [COMMAND_REOPEN] = {"reopen", ""},    [COMMAND_SETTINGS] = {"settings", "o"},
};

static bool find_command(const char *name, struct options *o)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(name, commands[i].name) == 0) {
            o->command = (enum command)i;
            return true;
        }
    return false;
}

/* Take one option. Answers: is its value good? */
static bool take(struct options *o, int letter, const char *value)
{
    switch (letter) {
    case 's':
        o->socket = value;
        return true;
    case 'o':
        o->json = strcmp(value, "json") == 0;
        return o->json || strcmp(value, "table") == 0;
    case 'p':
        o->peer = value;
        return true;
    case 'l':
        o->listener = value;
        return true;
    case 'S':
        o->sort = value;
        return true;
    case 'n':
        o->limit = value;
        return true;
    default:
        o->now = true;
        return true;
    }
}

/* The command and what it is about. Returns: what is wrong, or NULL. */
static const char *take_command(struct options *o, int count, char *const *words)
{
    if (count == 0)
        return "a command is missing";
    if (!find_command(words[0], o))
        return "there is no such command";
    bool has_target = o->command == COMMAND_KILL || o->command == COMMAND_TRACE;
    if (has_target && count < 2)
        return "whom? A peer or a range of them is missing";
    if (count > (has_target ? 2 : 1))
        return "there are too many words";
    o->target = words[1];
    return NULL;
}

enum options_result options_parse(int argc, char **argv, struct options *ret_options,
                                  char problem[OPTIONS_PROBLEM_BYTES])
{
    struct options o = {.socket = OPTIONS_SOCKET};
    char given[16] = "";
    int letter;

    opterr = 0;
    while ((letter = getopt_long(argc, argv, "s:o:p:l:S:n:fhV", long_options, NULL)) != -1) {
        if (letter == 'h' || letter == 'V')
            return letter == 'h' ? OPTIONS_HELP : OPTIONS_VERSION;
        if (letter == '?' || !take(&o, letter, optarg)) {
            (void)snprintf(problem, OPTIONS_PROBLEM_BYTES, "%.60s: this option is wrong",
                           argv[optind - 1]);
            return OPTIONS_BAD;
        }
        if (strchr(given, letter) == NULL)
            given[strlen(given)] = (char)letter; /* there are fewer than it has room for */
    }
    const char *fault = take_command(&o, argc - optind, argv + optind);
    if (fault != NULL) {
        (void)snprintf(problem, OPTIONS_PROBLEM_BYTES, "%s", fault);
        return OPTIONS_BAD;
    }
    for (const char *at = given; *at != '\0'; at++)
        if (*at != 's' && strchr(commands[o.command].letters, *at) == NULL) {
            (void)snprintf(problem, OPTIONS_PROBLEM_BYTES, "-%c is not for %s", *at,
                           commands[o.command].name);
            return OPTIONS_BAD;
        }
    *ret_options = o;
    return OPTIONS_RUN;
}

void options_print_help(FILE *stream)
{
    (void)fputs(
        "usage: peerlogctl [-s SOCKET] COMMAND\n"
        "\n"
        "  status              is it up, and the log behind it\n"
        "  connections         who is connected\n"
        "  top                 the same, live; k cuts a connection off\n"
        "  trace PEER|RANGE    what they say, as it comes\n"
        "  kill PEER|RANGE|ID  end connections: what they have sent is logged first\n"
        "  reload              let it read its configuration again, and say if it did\n"
        "  reopen              let it look for what it writes to by its name: a file was moved\n"
        "  settings            those in force, and where each comes from\n"
        "  metrics             all counters, as Prometheus reads them\n"
        "\n"
        "  -s, --socket=PATH   ask this daemon (" OPTIONS_SOCKET ")\n"
        "  -o, --output=FORM   table or json\n"
        "  -p, --peer=RANGE    those from this address or range alone\n"
        "  -l, --listener=TAG  those through listeners with this tag alone\n"
        "  -S, --sort=ORDER    rate, bytes, idle or waiting: the greatest first\n"
        "  -n, --limit=N       not more than so many\n"
        "  -f, --now           kill by a reset, at once\n"
        "  -h, --help          this\n"
        "  -V, --version       the version\n"
        "\n"
        "See peerlogctl(1).\n",
        stream); /* main looks whether it could be written */
}
