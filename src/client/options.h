/* SPDX-License-Identifier: MIT
 *
 * Options: what the command line and the environment ask of peerlog.
 *
 * One table names every option with its argument and its line of help; parsing and
 * --help come from it. Values are checked here and nowhere else. Where logger(1)
 * has an option of the same name it means the same.
 */
#ifndef PEERLOG_CLIENT_OPTIONS_H
#define PEERLOG_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "peerlog/framer.h"
#include "peerlog/limits.h"

/* What stands before the text of each message. */
enum header_form {
    HEADER_NONE,    /* nothing: the text as it is */
    HEADER_SHORT,   /* <PRI>TAG[ID]: -- the receiver adds time and host */
    HEADER_RFC3164, /* <PRI>Mmm dd hh:mm:ss HOST TAG[ID]: */
    HEADER_RFC5424, /* <PRI>1 TIME HOST TAG ID MSGID STRUCTURED-DATA */
};

enum progress_when {
    PROGRESS_AUTO, /* for a regular file, with a terminal on standard error */
    PROGRESS_ALWAYS,
    PROGRESS_NEVER,
};

/* Everything that was asked; the strings belong to argv, the environment or the program. */
struct options {
    const char *server; /* a name or a numeric address, without brackets */
    const char *port;   /* a number or a service name */
    const char *port_source; /* who said so: "--port", "PEERLOG_PORT" */
    int family;         /* AF_UNSPEC, AF_INET or AF_INET6 */

    bool tls;
    bool tls_insecure;    /* whoever is there will do */
    const char *tls_ca;   /* file of those we trust; NULL: the system's */
    const char *tls_cert; /* file of our certificate; NULL: none */
    const char *tls_key;  /* file of its key; NULL: it is in the same */
    const char *tls_name; /* of the other side; NULL: the server's */

    const char *file;    /* NULL or "-": standard input */
    char *const *words;  /* the message, when word_count > 0 */
    int word_count;
    bool skip_empty;     /* lines without a character are no messages */

    bool relp;           /* RELP; framing then is that of the outbox, octet counting */
    uint32_t window;     /* messages without an answer, at most */
    enum framing framing;         /* FRAMING_LF, FRAMING_NUL or FRAMING_OCTET_COUNTING */
    enum header_form header_form;
    bool omits_time;     /* from a header of RFC 5424 */
    bool omits_host;
    bool adds_pri;       /* octet counting alone: a PRI for each text that has none */
    uint8_t priority;    /* of headers and added PRIs */
    const char *tag;     /* NULL: none, or the user's name where the form needs one */
    long id;             /* 0: none */
    const char *msgid;   /* NULL: none */
    char structured[PEERLOG_CLIENT_STRUCTURED_BYTES]; /* "[ID NAME=\"VALUE\"]..."; "": none */
    bool reads_prefixes; /* a line may begin with its own PRI */
    uint32_t max_bytes;  /* longest message, header included; 0: not asked for */

    uint32_t timeout_ms; /* to connect, and without progress; 0: for ever */
    uint32_t retries;
    enum progress_when progress;
    bool copies_to_stderr; /* what is sent */
    bool no_act;           /* do all but send */
    bool wants_receipt;    /* on standard output, in words */
    bool quiet;
    bool verbose;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_BAD, /* the problem says what, where, and what would be right */
};

#define OPTIONS_PROBLEM_BYTES 400u

/*
 * Read environment and command line (PEERLOG_SERVER and PEERLOG_PORT set defaults).
 * The order of ARGV may change, as getopt_long(3) does it.
 * Returns: what to do; on OPTIONS_BAD one line is in PROBLEM, for say() to escape.
 * Owns:    nothing; ret_options points into ARGV and the environment.
 * Threads: one, as getopt_long() has a global state.
 */
enum options_result options_parse(int argc, char **argv, struct options *ret_options,
                                  char problem[OPTIONS_PROBLEM_BYTES]);

/* The longest message, header included, whether it was asked for or not. */
uint32_t options_max_bytes(const struct options *options);

/* Write the help text to STREAM; the caller checks the stream for errors. */
void options_print_help(FILE *stream);

#endif
