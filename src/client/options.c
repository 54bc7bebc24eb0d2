/* SPDX-License-Identifier: MIT
 *
 * Options: the one table, and what getopt_long(3), --help and the environment make of
 * it. The values are judged in values.c.
 */
#include "config.h"

#include "client/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/header.h"
#include "client/values.h"
#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "peerlog/priority.h"

/* What getopt_long() calls an option: its letter, or one of these. */
enum option_id {
    ID_RFC3164 = 256,
    ID_TLS,
    ID_TLS_CA,
    ID_TLS_CERT,
    ID_TLS_KEY,
    ID_TLS_NAME,
    ID_TLS_INSECURE,
    ID_RFC5424,
    ID_MSGID,
    ID_SD_ID,
    ID_SD_PARAM,
    ID_PRIO_PREFIX,
    ID_NO_ACT,
    ID_FRAMING,
    ID_OCTET_COUNT,
    ID_RELP,
    ID_WINDOW,
    ID_ACK,
    ID_RETRY,
    ID_PROGRESS,
};

struct option_entry {
    int id;
    int has_argument;     /* as in struct option */
    const char *name;     /* NULL: a letter only */
    const char *argument; /* as --help shows it */
    const char *help;
    value_fn apply;       /* NULL: a flag, see raise_flag() */
};

/* --- the options without a value --- */

static void raise_flag(struct parse *p, int id)
{
    struct options *o = p->options;

    switch (id) {
    case '4':
        o->family = AF_INET;
        break;
    case '6':
        o->family = AF_INET6;
        break;
    case ID_TLS:
        o->tls = true;
        break;
    case ID_TLS_INSECURE:
        o->tls = o->tls_insecure = true;
        break;
    case 'e':
        o->skip_empty = true;
        break;
    case ID_RFC3164:
        o->header_form = HEADER_RFC3164;
        break;
    case ID_PRIO_PREFIX:
        o->reads_prefixes = true;
        break;
    case 's':
        o->copies_to_stderr = true;
        break;
    case ID_NO_ACT:
        o->no_act = true;
        break;
    case ID_OCTET_COUNT:
        o->framing = FRAMING_OCTET_COUNTING;
        break;
    case ID_RELP:
        o->relp = true;
        break;
    case ID_ACK:
        o->wants_receipt = true;
        break;
    case 'q':
    case 'v':
        o->quiet = id == 'q';
        o->verbose = id == 'v';
        break;
    case 'h':
        p->result = OPTIONS_HELP;
        break;
    case 'V':
        p->result = OPTIONS_VERSION;
        break;
    default:
        break;
    }
}

/* --- the table --- */

static const struct option_entry table[] = {
    {'n', 1, "server", "HOST", "send to this host (127.0.0.1, or $PEERLOG_SERVER)", value_server},
    {'P', 1, "port", "PORT", "at this port (8888, or $PEERLOG_PORT)", value_port},
    {'4', 0, NULL, "", "use IPv4 only", NULL},
    {'6', 0, NULL, "", "use IPv6 only", NULL},
    {ID_TLS, 0, "tls", "", "encrypt, and know who is there ($PEERLOG_TLS=yes)", NULL},
    {ID_TLS_CA, 1, "tls-ca", "FILE", "trust the certificates in FILE, not the system's",
     value_tls_ca},
    {ID_TLS_CERT, 1, "tls-cert", "FILE", "show the certificate in FILE", value_tls_cert},
    {ID_TLS_KEY, 1, "tls-key", "FILE", "whose key is in FILE (that of the certificate)",
     value_tls_key},
    {ID_TLS_NAME, 1, "tls-name", "NAME", "expect a certificate for NAME (HOST)", value_tls_name},
    {ID_TLS_INSECURE, 0, "tls-insecure", "", "do not look at the certificate", NULL},
    {'f', 1, "file", "FILE", "send the lines of FILE, each as a message", value_file},
    {'e', 0, "skip-empty", "", "do not send empty lines", NULL},
    {'S', 1, "size", "BYTES", "cut messages longer than this into several", value_size},
    {'p', 1, "priority", "FACILITY.LEVEL", "mark messages, as in local0.info", value_priority},
    {ID_PRIO_PREFIX, 0, "prio-prefix", "", "take the priority from a <PRI> before each line", NULL},
    {'t', 1, "tag", "TAG", "put TAG before each message", value_tag},
    {'i', 2, "id", "[=ID]", "put peerlog's process id, or ID, behind the tag", value_id},
    {ID_RFC3164, 0, "rfc3164", "", "send the header of RFC 3164 (BSD syslog)", NULL},
    {ID_RFC5424, 2, "rfc5424", "[=WITHOUT]", "send the header of RFC 5424 (notq,notime,nohost)",
     value_rfc5424},
    {ID_MSGID, 1, "msgid", "MSGID", "put MSGID into the header of RFC 5424", value_msgid},
    {ID_SD_ID, 1, "sd-id", "NAME[@DIGITS]", "begin an element of structured data there",
     value_sd_id},
    {ID_SD_PARAM, 1, "sd-param", "NAME=\"VALUE\"", "put this into the element; repeat as needed",
     value_sd_param},
    {ID_FRAMING, 1, "framing", "HOW", "end messages by lf (default) or nul, or octet-counting",
     value_framing},
    {ID_OCTET_COUNT, 0, "octet-count", "", "the same as --framing=octet-counting", NULL},
    {ID_RELP, 0, "relp", "", "speak RELP: every message is confirmed", NULL},
    {ID_WINDOW, 1, "window", "N", "send up to N messages before the first is confirmed (128)",
     value_window},
    {ID_ACK, 0, "ack", "", "say on standard output that all is logged", NULL},
    {'w', 1, "timeout", "SECONDS", "give up after so long without progress (10; 0: never)",
     value_timeout},
    {ID_RETRY, 1, "retry", "N", "connect again up to N times (0)", value_retry},
    {ID_PROGRESS, 2, "progress", "[=WHEN]", "show progress: auto (default), always, never",
     value_progress},
    {'s', 0, "stderr", "", "write what is sent to standard error, too", NULL},
    {ID_NO_ACT, 0, "no-act", "", "do everything but connect and send", NULL},
    {'q', 0, "quiet", "", "say nothing but errors", NULL},
    {'v', 0, "verbose", "", "say what is done", NULL},
    {'h', 0, "help", "", "show this help and exit", NULL},
    {'V', 0, "version", "", "show the version and exit", NULL},
};

void options_print_help(FILE *stream)
{
    (void)fputs("Usage: peerlog [OPTION]... [MESSAGE]...\n"
                "Send MESSAGE, or each line of a file or of standard input, to a log daemon.\n"
                "Without an option that asks for a header the text goes as it is.\n\n",
                stream);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const struct option_entry *e = &table[i];
        char left[64];
        const char *name = e->name == NULL ? "" : e->name;
        const char *space = e->has_argument == 1 ? " " : "";
        int n = e->id < ID_RFC3164 ? snprintf(left, sizeof left, "-%c%s", e->id, *name ? ", " : "")
                                   : snprintf(left, sizeof left, "    ");
        (void)snprintf(left + n, sizeof left - (size_t)n, "%s%s%s%s", *name ? "--" : "", name,
                       space, e->argument);
        (void)fprintf(stream, "  %-32s%s\n", left, e->help);
    }
    (void)fputs("\nExamples:\n"
                "  peerlog hello from \"$HOSTNAME\"\n"
                "  tail -F app.log | peerlog -n logs.example.net -t app --retry 1000\n"
                "\nThe exit status is 0 when the other side has read everything: peerlog(1).\n",
                stream);
}

uint32_t options_max_bytes(const struct options *options)
{
    if (options->max_bytes != 0)
        return options->max_bytes;
    return options->relp ? PEERLOG_CLIENT_RELP_MESSAGE_BYTES : PEERLOG_MAX_COUNT;
}

/* --- reading the command line --- */

static const struct option_entry *entry_of(int id)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (table[i].id == id)
            return &table[i];
    return NULL;
}

/* What getopt_long() wants to know, made from the table. */
static void fill_getopt_tables(char letters[], struct option long_options[])
{
    *letters++ = ':';
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const struct option_entry *e = &table[i];
        if (e->name != NULL)
            *long_options++ = (struct option){e->name, e->has_argument, NULL, e->id};
        if (e->id >= ID_RFC3164)
            continue;
        *letters++ = (char)e->id;
        if (e->has_argument == 1)
            *letters++ = ':';
    }
    *letters = '\0';
    *long_options = (struct option){0};
}

/*
 * Why getopt_long() answered '?' or ':'. It leaves the letter or the number of the option in
 * optopt, 0 when that is a long name it does not know. WORD is the one before optind, which
 * holds a long option but not always a letter.
 */
static bool refuse_option(struct parse *p, int answer, const char *word)
{
    const struct option_entry *e = entry_of(optopt);
    char letter[] = {'-', (char)optopt, '\0'};

    if (answer == ':')
        return value_refuse(p, "%s needs a value: %s; see \"peerlog --help\"",
                            strncmp(word, "--", 2) == 0 ? word : letter,
                            e == NULL ? "" : e->argument);
    if (e != NULL)
        return value_refuse(p, "%s takes no value; see \"peerlog --help\"", word);
    if (optopt == 0)
        return value_refuse(p, "%s is no option, or the start of several; see \"peerlog "
                            "--help\"", word);
    return value_refuse(p, "%s is no option; see \"peerlog --help\"", letter);
}

static bool parse_words(struct parse *p, int argc, char **argv)
{
    char letters[2 * COUNT_OF(table) + 2];
    struct option long_options[COUNT_OF(table) + 1];
    int id;

    fill_getopt_tables(letters, long_options);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    while ((id = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        const struct option_entry *e = entry_of(id);
        if (e == NULL)
            return refuse_option(p, id, argv[optind - 1]);
        (void)snprintf(p->source, sizeof p->source, "--%s", e->name == NULL ? "" : e->name);
        if (e->apply == NULL)
            raise_flag(p, id);
        else if (!e->apply(p, optarg))
            return false;
        if (p->result != OPTIONS_RUN)
            return true;
    }
    p->options->words = argv + optind;
    p->options->word_count = argc - optind;
    return true;
}

/* What the command line leaves open, the environment says, or it is the default. */
static bool fill_address(struct parse *p)
{
    static char default_port[sizeof "65535"];
    const char *server = getenv("PEERLOG_SERVER");
    const char *port = getenv("PEERLOG_PORT");

    (void)snprintf(default_port, sizeof default_port, "%u", PEERLOG_DEFAULT_PORT); /* it fits */
    (void)strcpy(p->source, "PEERLOG_SERVER");
    if (p->options->server == NULL &&
        !value_server(p, server != NULL && *server != '\0' ? server : PEERLOG_DEFAULT_ADDRESS))
        return false;
    p->options->port_source = "--port";
    if (p->options->port != NULL)
        return true;
    (void)strcpy(p->source, "PEERLOG_PORT");
    p->options->port_source = "PEERLOG_PORT";
    return value_port(p, port != NULL && *port != '\0' ? port : default_port);
}

/* What the command line leaves open of TLS; these change nothing while it is off. */
static bool fill_tls(struct parse *p)
{
    static const struct {
        const char *variable;
        value_fn apply;
    } variables[] = {
        {"PEERLOG_TLS", value_tls},           {"PEERLOG_TLS_CA", value_tls_ca},
        {"PEERLOG_TLS_CERT", value_tls_cert}, {"PEERLOG_TLS_KEY", value_tls_key},
        {"PEERLOG_TLS_NAME", value_tls_name}, {"PEERLOG_TLS_INSECURE", value_tls_insecure},
    };

    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        const char *value = getenv(variables[i].variable);
        (void)snprintf(p->source, sizeof p->source, "%s", variables[i].variable); /* it fits */
        if (value != NULL && *value != '\0' && !variables[i].apply(p, value))
            return false;
    }
    if (p->options->tls && p->options->tls_key != NULL && p->options->tls_cert == NULL)
        return value_refuse(p, "--tls-key needs --tls-cert: the certificate that the key belongs "
                            "to");
    return true;
}

/* RFC 5424, section 6.2.5: an APP-NAME is printable ASCII without spaces. */
static bool check_app_name(struct parse *p)
{
    const char *tag = p->options->tag;

    if (tag == NULL || *tag == '\0' || header_is_word(tag))
        return true;
    return value_refuse(p, "--tag: \"%s\" cannot stand in a header of RFC 5424; there a tag is "
                        "printable ASCII without spaces", tag);
}

/* MSGID and structured data have a place in the header of RFC 5424 only. */
static bool choose_header(struct parse *p)
{
    struct options *o = p->options;
    bool is_structured = o->msgid != NULL || p->element_count > 0;

    if (is_structured && o->header_form == HEADER_RFC3164)
        return value_refuse(p, "--%s needs the header of RFC 5424; --rfc3164 has no place for it",
                            o->msgid != NULL ? "msgid" : "sd-id");
    if (is_structured)
        o->header_form = HEADER_RFC5424;
    else if (o->header_form == HEADER_NONE &&
             (p->has_priority || o->reads_prefixes || o->tag != NULL || o->id != 0))
        o->header_form = HEADER_SHORT;
    return o->header_form != HEADER_RFC5424 || check_app_name(p);
}

/* RELP has frames of its own; they are made of messages with octet counts. */
static bool settle_relp(struct parse *p)
{
    struct options *o = p->options;

    if (o->framing == FRAMING_NUL)
        return value_refuse(p, "--relp and --framing=nul exclude each other: RELP says itself "
                            "where a message ends");
    o->framing = FRAMING_OCTET_COUNTING;
    return true;
}

/* What follows from several options together. */
static bool settle(struct parse *p)
{
    struct options *o = p->options;

    if (o->file != NULL && o->word_count > 0)
        return value_refuse(p, "--file and a message exclude each other; \"%s\" is too much",
                      o->words[0]);
    if (!choose_header(p))
        return false;
    o->adds_pri = o->header_form == HEADER_NONE && o->framing == FRAMING_OCTET_COUNTING && !o->relp;
    if (p->has_window && !o->relp)
        return value_refuse(p, "--window needs --relp: without it nothing is confirmed one by one");
    return !o->relp || settle_relp(p);
}

enum options_result options_parse(int argc, char **argv, struct options *ret_options,
                                  char problem[OPTIONS_PROBLEM_BYTES])
{
    struct parse p = {.options = ret_options, .problem = problem, .result = OPTIONS_RUN};

    *ret_options = (struct options){
        .family = AF_UNSPEC,
        .framing = FRAMING_LF,
        .priority = priority_make(FACILITY_USER, SEVERITY_NOTICE),
        .timeout_ms = PEERLOG_CLIENT_TIMEOUT_MS,
        .window = PEERLOG_CLIENT_WINDOW,
    };
    if (!parse_words(&p, argc, argv))
        return OPTIONS_BAD;
    if (p.result != OPTIONS_RUN)
        return p.result;
    return settle(&p) && fill_address(&p) && fill_tls(&p) ? OPTIONS_RUN : OPTIONS_BAD;
}
