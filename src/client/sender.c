/* SPDX-License-Identifier: MIT
 *
 * Sender: sets the parts up, connects, and decides what follows from how a connection
 * ended: another one, or a report and an exit status.
 */
#include "config.h"

#include "client/sender.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "client/interrupt.h"
#include "client/pump.h"
#include "client/report.h"
#include "client/say.h"
#include "os/clock.h"
#include "peerlog/limits.h"

/* What the functions below answer when the work goes on; exit statuses are not negative. */
#define GO_ON (-1)

/* Room for the names of a version of TLS and a cipher. */
#define DESCRIPTION_BYTES 96u

struct sender {
    struct pump pump;
    uint64_t rest_ms;  /* before the next attempt to connect */
    uint32_t attempts; /* left */
    uint64_t resets;   /* connections that broke with messages acknowledged but perhaps unread */
};

/* --- input from the command line --- */

/* Words as one text with spaces between them. Returns: NULL without memory. */
static char *join_words(char *const *words, int count, size_t *ret_len)
{
    size_t room = 1, len = 0;

    for (int i = 0; i < count; i++)
        room += strlen(words[i]) + 1;
    char *text = malloc(room);
    if (text == NULL)
        return NULL;
    for (int i = 0; i < count; i++) {
        size_t word = strlen(words[i]);
        if (i > 0)
            text[len++] = ' ';
        memcpy(text + len, words[i], word);
        len += word;
    }
    *ret_len = len;
    return text;
}

static int compose_words(struct pump *p)
{
    size_t len;
    char *text = join_words(p->options->words, p->options->word_count, &len);

    if (text == NULL)
        return -ENOMEM;
    p->source.taken = len;
    pump_stamp(p);
    int error = composer_add_text(&p->composer, (const unsigned char *)text, len);
    free(text);
    return error;
}

/* --- one connection after the other --- */

/* Rest before the next attempt. Returns: false when a signal came. */
static bool rest(struct sender *s)
{
    struct pollfd interrupt = {.fd = s->pump.interrupt_fd, .events = POLLIN};

    (void)poll(&interrupt, 1, (int)s->rest_ms); /* a signal shows below as well */
    s->rest_ms *= 2;
    if (s->rest_ms > PEERLOG_CLIENT_RETRY_MAX_MS)
        s->rest_ms = PEERLOG_CLIENT_RETRY_MAX_MS;
    return interrupt_signal() == 0;
}

/* May a new connection help, and is another attempt left? Then use it up. */
static bool try_again(struct sender *s, const char *peer, const char *reason)
{
    struct pump *p = &s->pump;
    bool has_more = p->outbox.acked < p->outbox.composed || !p->source.ended;
    bool is_first = s->attempts == p->options->retries;

    if (!has_more || s->attempts == 0)
        return false;
    if (p->options->verbose || (is_first && !p->options->quiet)) {
        progress_clear(&p->progress);
        say("%s: %s; trying again", peer, reason);
    }
    s->attempts--;
    return true;
}

static void end_progress(struct pump *p)
{
    progress_finish(&p->progress, pump_bytes_done(p), clock_mono_ms());
}

/* How far the messages have come, those on the way from a pipe included. */
static struct outbox_tally count(const struct pump *p)
{
    struct outbox_tally tally = outbox_count(&p->outbox);

    tally.is_confirmed = p->options->relp;
    if (tally.is_confirmed) {
        tally.acked = p->session.confirmed;
        tally.refused = p->session.refused;
    }
    /* A file still has what was read of it. */
    tally.unfinished_bytes = p->source.total > 0 ? 0 : p->source.len;
    return tally;
}

/* Of a file, what was not even read can be sent later. */
static void say_unread(const struct pump *p)
{
    if (!p->source.ended && p->source.total > 0)
        say("\"%s\" was read up to message %" PRIu64 " only", p->source.name,
            p->outbox.messages);
}

static int end_interrupted(struct pump *p)
{
    struct outbox_tally tally = count(p);

    end_progress(p);
    report_interrupted(&tally);
    say_unread(p);
    interrupt_die(interrupt_signal());
}

/* No connection: try again or say why not. Returns: GO_ON, or the exit status. */
static int after_failure(struct sender *s, enum wire_result result,
                         const struct wire_failure *failure)
{
    struct pump *p = &s->pump;
    struct outbox_tally tally = count(p);

    if (result == WIRE_INTERRUPTED)
        return end_interrupted(p);
    bool is_named = *failure->peer != '\0';
    /* A wrong name stays wrong; everything else may pass. */
    if (result != WIRE_NO_HOST && result != WIRE_NO_SERVICE &&
        try_again(s, is_named ? failure->peer : p->options->server,
                  report_reason(result, failure)))
        return rest(s) ? GO_ON : end_interrupted(p);
    end_progress(p);
    int status = report_unconnected(p->options, result, failure);
    if (tally.composed > 0 && p->options->retries > 0 && status != EX_USAGE) {
        char text[REPORT_TALLY_BYTES];
        report_format_tally(text, &tally);
        say("%s", text);
        say_unread(p);
    }
    return status;
}

/* What there was not for too long. */
static const char *name_stall(const struct pump *p, const struct outbox_tally *tally)
{
    if (!p->options->relp && tally->acked == tally->composed)
        return "not closed by the other side";
    if (p->options->relp && p->session.phase == SESSION_OPENING)
        return "no RELP greeting";
    return "no progress";
}

/* A connection ended: go on, or say how it ended. Returns: GO_ON, or the exit status. */
static int after_ending(struct sender *s, enum pump_ending ending, int error)
{
    struct pump *p = &s->pump;

    if (ending == PUMP_INTERRUPTED)
        return end_interrupted(p);
    if ((ending == PUMP_BROKEN || ending == PUMP_STALLED) &&
        try_again(s, p->wire.peer, pump_reason(p, ending == PUMP_BROKEN ? error : ETIMEDOUT))) {
        wire_close(&p->wire, true);
        p->delivery->rewind(p);
        return rest(s) ? GO_ON : end_interrupted(p);
    }
    struct outbox_tally tally = count(p);
    end_progress(p);
    switch (ending) {
    case PUMP_BROKEN:
        report_broken(p->wire.peer, pump_reason(p, error), &tally);
        say_unread(p);
        return EX_IOERR;
    case PUMP_MISUNDERSTOOD:
        report_broken(p->wire.peer, pump_reason(p, error), &tally);
        say_unread(p);
        return EX_PROTOCOL;
    case PUMP_STALLED:
        report_stalled(p->wire.peer, name_stall(p, &tally), p->options, &tally);
        say_unread(p);
        return EX_TEMPFAIL;
    case PUMP_NO_MEMORY:
        return report_no_memory(&tally);
    default:
        return EX_OK;
    }
}

/* A connection has got whole messages across: start counting anew. */
static void note_progress(struct sender *s, enum pump_ending ending)
{
    s->attempts = s->pump.options->retries;
    s->rest_ms = PEERLOG_CLIENT_RETRY_MIN_MS;
    /* Were those messages read too? A reset leaves that open, but for those confirmed. */
    if (!s->pump.options->relp && ending != PUMP_DONE &&
        !(ending == PUMP_BROKEN && pump_had_goodbye(&s->pump)))
        s->resets++;
}

static void say_connected(struct pump *p)
{
    char tls[DESCRIPTION_BYTES];

    progress_clear(&p->progress);
    if (p->wire.secure != NULL)
        say("connected to %s, %s", p->wire.peer,
            secure_describe(p->wire.secure, tls, sizeof tls));
    else
        say("connected to %s", p->wire.peer);
}

/* Returns: the exit status. */
static int send_everything(struct sender *s)
{
    struct pump *p = &s->pump;
    int status = GO_ON;

    while (status == GO_ON) {
        struct wire_failure failure;
        enum wire_result result = wire_open(p->options, p->context, p->interrupt_fd, &p->wire,
                                            &failure);
        if (result != WIRE_UP) {
            status = after_failure(s, result, &failure);
            continue;
        }
        if (p->options->verbose)
            say_connected(p);
        uint64_t before = p->delivery->settled(p);
        int error = 0;
        enum pump_ending ending = pump_run(p, &error);
        if (p->delivery->settled(p) > before)
            note_progress(s, ending);
        status = after_ending(s, ending, error);
    }
    wire_close(&p->wire, false);
    return status;
}

/* --- setting up --- */

static int prepare_composer(struct pump *p)
{
    char host[HEADER_HOST_BYTES] = "";
    const char *user = "";
    const struct options *o = p->options;

    if (o->header_form != HEADER_NONE) {
        (void)gethostname(host, sizeof host - 1); /* without one, the header says so */
        const struct passwd *entry = o->tag == NULL ? getpwuid(geteuid()) : NULL;
        if (entry != NULL)
            user = entry->pw_name;
    }
    if (composer_init(&p->composer, o, &p->outbox, host, user) == 0)
        return EX_OK;
    say("--size: %u bytes leave no room for text behind a header; with this one, %zu are the "
        "least", options_max_bytes(o), composer_least_bytes(&p->composer));
    return EX_USAGE;
}

/* What TLS needs to know, before there is a connection. */
static int prepare_tls(struct pump *p)
{
    char problem[SECURE_PROBLEM_BYTES];

    if (!p->options->tls || p->options->no_act)
        return EX_OK;
    if (p->options->tls_insecure && !p->options->quiet)
        say("--tls-insecure: anybody on the way may read and change what is sent");
    int error = secure_context_new(p->options, &p->context, problem);
    if (error == 0)
        return EX_OK;
    say("%s", problem);
    return error == -ENOTSUP ? EX_USAGE : report_status(-error, EX_NOINPUT);
}

/* The words become messages at once; otherwise the file is opened. */
static int prepare_input(struct pump *p)
{
    const struct options *o = p->options;
    int error;

    if (o->word_count > 0) {
        p->source = (struct source){.fd = -1, .ended = true};
        if (compose_words(p) == 0)
            return EX_OK;
        struct outbox_tally tally = count(p);
        return report_no_memory(&tally);
    }
    error = source_open(&p->source, o->file);
    if (error == 0)
        return EX_OK;
    say("cannot read \"%s\": %s", p->source.name, strerror(-error));
    return report_status(-error, EX_NOINPUT);
}

/* What became of the input on its way here. Returns: the exit status. */
static int conclude_input(const struct pump *p)
{
    const struct options *o = p->options;
    const struct composer *c = &p->composer;

    if (c->cut > 0 && (o->verbose || (o->max_bytes == 0 && !o->quiet)))
        say("cut in %" PRIu64 " place%s: a message can have %u bytes", c->cut,
            c->cut == 1 ? "" : "s", options_max_bytes(o));
    if (c->breaks > 0 && (o->verbose || (o->framing == FRAMING_NUL && !o->quiet)))
        say("split at %" PRIu64 " %s inside messages; --framing=octet-counting can carry them",
            c->breaks, o->framing == FRAMING_NUL ? "NUL" : "LF");
    if (p->source_error == 0)
        return EX_OK;
    say("\"%s\": %s; the %" PRIu64 " byte%s before %s %s", p->source.name,
        strerror(p->source_error), p->source.taken, p->source.taken == 1 ? "" : "s",
        p->source.taken == 1 ? "was" : "were", o->no_act ? "read" : "sent");
    return EX_IOERR;
}

/* The receipt, on standard output. Returns: the exit status. */
static int write_receipt(const struct pump *p)
{
    const char *plural = p->outbox.messages == 1 ? "" : "s";

    (void)printf("%" PRIu64 " message%s, all %s\n", p->outbox.messages, plural,
                 p->options->relp ? "confirmed" : "logged"); /* what fails shows below */
    if (fflush(stdout) == 0)
        return EX_OK;
    say("standard output: %s", strerror(errno));
    return EX_IOERR;
}

/* What is left to say of the connections? Returns: the exit status. */
static int conclude_delivery(const struct sender *s)
{
    const struct pump *p = &s->pump;
    const struct session *session = &p->session;

    if (session->refused > 0) {
        say("%" PRIu64 " of %" PRIu64 " message%s refused for good, the last one with \"%s\"",
            session->refused, p->outbox.messages,
            p->outbox.messages == 1 ? " was" : session->refused == 1 ? "s was" : "s were",
            session->refusal);
        return EX_DATAERR;
    }
    if (s->resets > 0) {
        say("%" PRIu64 " connection%s broke before: what was acknowledged there last may not have "
            "been read", s->resets, s->resets == 1 ? "" : "s");
        return EX_IOERR;
    }
    const char *plural = p->outbox.messages == 1 ? "" : "s";
    if (p->options->verbose && p->options->relp)
        say("%s has confirmed %" PRIu64 " message%s", p->wire.peer, session->confirmed, plural);
    else if (p->options->verbose)
        say("%s has read %" PRIu64 " message%s, %" PRIu64 " bytes", p->wire.peer,
            p->outbox.messages, plural, p->outbox.composed);
    return EX_OK;
}

/* The last connection ended well. Returns: the exit status. */
static int conclude(const struct sender *s)
{
    int delivery = conclude_delivery(s);
    int status = conclude_input(&s->pump);

    if (delivery != EX_OK || status != EX_OK)
        return delivery != EX_OK ? delivery : status;
    return s->pump.options->wants_receipt ? write_receipt(&s->pump) : EX_OK;
}

/* Everything but connecting and sending. Returns: the exit status. */
static int rehearse(struct pump *p)
{
    enum pump_ending ending = pump_rehearse(p);

    if (ending == PUMP_INTERRUPTED)
        interrupt_die(interrupt_signal());
    if (ending == PUMP_NO_MEMORY) {
        say("out of memory");
        return EX_OSERR;
    }
    if (p->options->verbose)
        say("%" PRIu64 " message%s, %" PRIu64 " bytes; nothing was sent (--no-act)",
            p->outbox.messages, p->outbox.messages == 1 ? "" : "s", p->outbox.composed);
    return conclude_input(p);
}

int sender_run(const struct options *options)
{
    struct sender s = {
        .pump = {.options = options, .wire = {.fd = -1},
                 .delivery = options->relp ? &delivery_relp : &delivery_plain},
        .rest_ms = PEERLOG_CLIENT_RETRY_MIN_MS,
        .attempts = options->retries,
    };

    outbox_init(&s.pump.outbox, options->framing);
    int status = prepare_composer(&s.pump);
    if (status == EX_OK && options->relp &&
        session_init(&s.pump.session, &s.pump.outbox, options->window) < 0)
        status = report_no_memory(&(struct outbox_tally){0});
    if (status == EX_OK)
        status = prepare_tls(&s.pump);
    if (status == EX_OK)
        status = prepare_input(&s.pump);
    if (status != EX_OK)
        goto done;
    s.pump.interrupt_fd = interrupt_catch();
    if (s.pump.interrupt_fd < 0) {
        say("cannot catch signals: %s", strerror(-s.pump.interrupt_fd));
        status = EX_OSERR;
        goto done;
    }
    if (options->no_act) {
        status = rehearse(&s.pump);
        goto done;
    }
    progress_init(&s.pump.progress, options, s.pump.source.total, clock_mono_ms());
    status = send_everything(&s);
    if (status == EX_OK)
        status = conclude(&s);
done:
    source_close(&s.pump.source);
    session_done(&s.pump.session);
    secure_context_free(s.pump.context);
    outbox_done(&s.pump.outbox);
    return status;
}
