/* SPDX-License-Identifier: MIT
 *
 * Report: see report.h.
 */
#include "config.h"

#include "client/report.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

#include "client/say.h"

/* The messages of TALLY. Returns: the length. */
static int format_messages(char text[REPORT_TALLY_BYTES], const struct outbox_tally *tally)
{
    uint64_t missing = tally->sent - tally->acked - tally->refused;
    uint64_t waiting = tally->composed - tally->sent;
    const char *plural = tally->sent == 1 ? "" : "s";
    const char *acked = tally->is_confirmed ? "confirmed" : "acknowledged";
    int len;

    if (tally->sent == 0 && waiting == 1)
        return snprintf(text, REPORT_TALLY_BYTES, "the message was not sent");
    if (tally->sent == 0 && waiting > 0)
        return snprintf(text, REPORT_TALLY_BYTES, "none of %" PRIu64 " messages was sent", waiting);
    if (tally->sent == 0)
        len = snprintf(text, REPORT_TALLY_BYTES, "no message was sent");
    else if (missing == 0 && tally->refused == 0)
        len = snprintf(text, REPORT_TALLY_BYTES, "%" PRIu64 " message%s sent and %s", tally->sent,
                       plural, acked);
    else
        len = snprintf(text, REPORT_TALLY_BYTES, "%" PRIu64 " message%s sent, %" PRIu64
                       " %s, %" PRIu64 " may be missing",
                       tally->sent, plural, tally->acked, acked, missing);
    if (tally->refused > 0)
        len += snprintf(text + len, REPORT_TALLY_BYTES - (size_t)len, ", %" PRIu64 " refused",
                        tally->refused);
    if (waiting > 0)
        len += snprintf(text + len, REPORT_TALLY_BYTES - (size_t)len, ", %" PRIu64 " not sent",
                        waiting);
    return len;
}

void report_format_tally(char text[REPORT_TALLY_BYTES], const struct outbox_tally *tally)
{
    int len = format_messages(text, tally); /* all fits: five numbers of 20 digits and the words */

    if (tally->unfinished_bytes > 0)
        (void)snprintf(text + len, REPORT_TALLY_BYTES - (size_t)len,
                       ", and %" PRIu64 " byte%s of an unfinished line lost",
                       tally->unfinished_bytes, tally->unfinished_bytes == 1 ? "" : "s");
}

static const char *family_hint(const struct options *options)
{
    switch (options->family) {
    case AF_INET:
        return " (looking for IPv4 only)";
    case AF_INET6:
        return " (looking for IPv6 only)";
    default:
        return "";
    }
}

/* What connect() says and people may not understand. */
static const char *refusal_hint(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "; is peerlogd running there, and is this its port?";
    case ETIMEDOUT:
        return "; is the address right, or does a firewall swallow it?";
    default:
        return "";
    }
}

const char *report_reason(enum wire_result result, const struct wire_failure *failure)
{
    if (result == WIRE_UNTRUSTED)
        return failure->words;
    if (result == WIRE_REFUSED)
        return strerror(failure->error);
    return failure->error == EAI_SYSTEM ? strerror(failure->system_error)
                                        : gai_strerror(failure->error);
}

int report_status(int error, int otherwise)
{
    bool is_missing = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;

    return is_missing ? EX_OSERR : otherwise;
}

/* The resolver's answer as an errno, as far as it has one. */
static int answer_error(const struct wire_failure *failure)
{
    return failure->error == EAI_MEMORY ? ENOMEM : failure->system_error;
}

int report_unconnected(const struct options *options, enum wire_result result,
                       const struct wire_failure *failure)
{
    const char *reason = report_reason(result, failure);
    char others[48] = "";

    switch (result) {
    case WIRE_NO_HOST:
        say("no address for host \"%s\"%s: %s", options->server, family_hint(options),
            reason);
        return EX_NOHOST;
    case WIRE_NO_SERVICE:
        say("%s: \"%s\" is no known service; give the port as a number from 1 to 65535",
            options->port_source, options->port);
        return EX_USAGE;
    case WIRE_NO_ANSWER:
        say("cannot look up host \"%s\" now: %s", options->server, reason);
        return report_status(answer_error(failure), EX_TEMPFAIL);
    default:
        if (failure->addresses > 1)
            (void)snprintf(others, sizeof others, " (the last of %d addresses)",
                           failure->addresses);
        say("cannot connect to %s%s: %s%s", failure->peer, others, reason,
            result == WIRE_REFUSED ? refusal_hint(failure->error) : "");
        return report_status(failure->error,
                             result == WIRE_REFUSED ? EX_UNAVAILABLE : EX_PROTOCOL);
    }
}

void report_broken(const char *peer, const char *reason, const struct outbox_tally *tally)
{
    char text[REPORT_TALLY_BYTES];
    bool may_be_unread = !tally->is_confirmed && tally->acked > 0 && tally->acked == tally->sent;
    const char *doubt = tally->acked == 1 ? ", but the other side may not have read it"
                                          : ", but the other side may not have read them all";

    report_format_tally(text, tally);
    say("%s: %s: %s%s", peer, reason, text, may_be_unread ? doubt : "");
}

void report_stalled(const char *peer, const char *what, const struct options *options,
                    const struct outbox_tally *tally)
{
    char text[REPORT_TALLY_BYTES];

    report_format_tally(text, tally);
    say("%s: %s for %g s: %s (--timeout sets the time)", peer, what, options->timeout_ms / 1000.0,
        text);
}

int report_no_memory(const struct outbox_tally *tally)
{
    char text[REPORT_TALLY_BYTES];

    report_format_tally(text, tally);
    say("out of memory: %s", text);
    return EX_OSERR;
}

void report_interrupted(const struct outbox_tally *tally)
{
    char text[REPORT_TALLY_BYTES];

    report_format_tally(text, tally);
    say("interrupted: %s", text);
}
