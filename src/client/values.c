/* SPDX-License-Identifier: MIT
 *
 * Values: one small function for each option that has one. A function that refuses
 * writes into the problem what it got and what it would have taken.
 */
#include "config.h"

#include "client/values.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "peerlog/priority.h"

/* Room for the name of a facility, and for what somebody takes for one. */
#define FACILITY_NAME_BYTES 48u

bool value_refuse(struct parse *p, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(p->problem, OPTIONS_PROBLEM_BYTES, format, arguments); /* cut is fine */
    va_end(arguments);
    return false;
}

/* Digits and nothing else, at most MAX. */
static bool parse_number(const char *text, uint32_t max, uint32_t *ret_number)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0 || number > max)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

bool value_server(struct parse *p, const char *value)
{
    size_t len = strlen(value);

    if (len == 0)
        return value_refuse(p, "%s: a host name or a numeric address is needed", p->source);
    if (value[0] != '[') {
        p->options->server = value;
        return true;
    }
    /* An address in brackets, as in a URL; the copy lives as long as argv does. */
    static char bare[INET6_ADDRSTRLEN + IF_NAMESIZE];
    if (len < 3 || value[len - 1] != ']' || len - 2 >= sizeof bare)
        return value_refuse(p, "%s: \"%s\" is no address in brackets", p->source, value);
    memcpy(bare, value + 1, len - 2);
    bare[len - 2] = '\0';
    p->options->server = bare;
    return true;
}

bool value_port(struct parse *p, const char *value)
{
    uint32_t number = 0;
    bool is_name = isalpha((unsigned char)*value) != 0;

    if (!is_name && (!parse_number(value, UINT16_MAX, &number) || number == 0))
        return value_refuse(p, "%s: \"%s\" is no port; it is a number from 1 to 65535, or the "
                            "name of a service", p->source, value);
    p->options->port = value;
    return true;
}

bool value_file(struct parse *p, const char *value)
{
    p->options->file = value;
    return true;
}

bool value_size(struct parse *p, const char *value)
{
    static const struct {
        const char *suffix;
        uint32_t factor;
    } units[] = {
        {"", 1}, {"K", 1024}, {"KiB", 1024}, {"KB", 1000},
        {"M", 1024 * 1024}, {"MiB", 1024 * 1024}, {"MB", 1000 * 1000},
    };
    size_t digits = strspn(value, "0123456789");
    unsigned long long size = 0;

    for (size_t i = 0; digits > 0 && digits <= PEERLOG_MAX_COUNT_DIGITS && i < COUNT_OF(units); i++)
        if (strcasecmp(value + digits, units[i].suffix) == 0)
            size = strtoull(value, NULL, 10) * units[i].factor;
    if (size < PEERLOG_CLIENT_MIN_TEXT_BYTES || size > PEERLOG_MAX_COUNT)
        return value_refuse(p, "%s: \"%s\" is no size; it is a whole number of bytes from %u to "
                            "%u (16M), perhaps with K or M behind it", p->source, value,
                            PEERLOG_CLIENT_MIN_TEXT_BYTES, PEERLOG_MAX_COUNT);
    p->options->max_bytes = (uint32_t)size;
    return true;
}

/* A facility or a severity: its name, or its number up to MAX. */
static int named_or_number(const char *text, uint32_t max, int (*from_name)(const char *))
{
    uint32_t number;

    return parse_number(text, max, &number) ? (int)number : from_name(text);
}

bool value_priority(struct parse *p, const char *value)
{
    char facility[FACILITY_NAME_BYTES] = "user";
    const char *dot = strchr(value, '.');
    const char *level = dot == NULL ? value : dot + 1;

    if (dot != NULL && (size_t)(dot - value) < sizeof facility) {
        memcpy(facility, value, (size_t)(dot - value));
        facility[dot - value] = '\0';
    } else if (dot != NULL) {
        facility[0] = '\0';
    }
    int number = named_or_number(facility, FACILITY_MAX, facility_from_name);
    int severity = named_or_number(level, SEVERITY_DEBUG, severity_from_name);
    if (number < 0)
        return value_refuse(p, "%s: \"%s\" has no such facility; they are kern, user, mail, "
                            "daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, local0 to "
                            "local7", p->source, value);
    if (severity < 0)
        return value_refuse(p, "%s: \"%s\" has no such level; they are emerg, alert, crit, err, "
                            "warning, notice, info, debug", p->source, value);
    p->options->priority = priority_make((unsigned)number, (unsigned)severity);
    p->has_priority = true;
    return true;
}

bool value_tag(struct parse *p, const char *value)
{
    size_t len = strlen(value);

    if (len == 0 || len > PEERLOG_CLIENT_MAX_TAG_BYTES)
        return value_refuse(p, "%s: a tag has 1 to %u bytes; this one has %zu", p->source,
                      PEERLOG_CLIENT_MAX_TAG_BYTES, len);
    for (size_t i = 0; i < len; i++)
        if (iscntrl((unsigned char)value[i]))
            return value_refuse(p, "%s: \"%s\" has a control character; a tag is one line of text",
                          p->source, value);
    p->options->tag = value;
    return true;
}

/* As logger(1) takes it: ps(1) and others put blanks before a number. */
bool value_id(struct parse *p, const char *value)
{
    uint32_t id = (uint32_t)getpid();
    const char *digits = value == NULL ? NULL : value + strspn(value, " \t\n\v\f\r");

    if (digits != NULL && *digits == '+')
        digits++;
    if (digits != NULL && (!parse_number(digits, INT32_MAX, &id) || id == 0))
        return value_refuse(p, "%s: \"%s\" is no process id; it is a number from 1 to %d",
                            p->source, value, INT32_MAX);
    p->options->id = (long)id;
    return true;
}

/* Time quality is never sent, so to do without it is always granted. */
bool value_rfc5424(struct parse *p, const char *value)
{
    static const char *const names[] = {"notq", "notime", "nohost"};
    bool omits[COUNT_OF(names)] = {false};

    for (const char *at = value; at != NULL; at = *at == ',' ? at + 1 : NULL) {
        size_t len = strcspn(at, ","), i = 0;
        while (i < COUNT_OF(names) && (strlen(names[i]) != len || strncmp(at, names[i], len) != 0))
            i++;
        if (i == COUNT_OF(names))
            return value_refuse(p, "%s: \"%s\" is no list of notq, notime and nohost", p->source,
                                value);
        omits[i] = true;
        at += len;
    }
    p->options->header_form = HEADER_RFC5424;
    p->options->omits_time = omits[1];
    p->options->omits_host = omits[2];
    return true;
}

bool value_framing(struct parse *p, const char *value)
{
    if (strcmp(value, "lf") == 0)
        p->options->framing = FRAMING_LF;
    else if (strcmp(value, "nul") == 0)
        p->options->framing = FRAMING_NUL;
    else if (strcmp(value, "octet-counting") == 0)
        p->options->framing = FRAMING_OCTET_COUNTING;
    else
        return value_refuse(p, "%s: \"%s\" is no framing; it is lf, nul or octet-counting",
                            p->source, value);
    return true;
}

bool value_window(struct parse *p, const char *value)
{
    uint32_t window = 0;

    if (!parse_number(value, PEERLOG_CLIENT_MAX_WINDOW, &window) || window == 0)
        return value_refuse(p, "%s: \"%s\" is no number of messages; it is 1 to %u", p->source,
                            value, PEERLOG_CLIENT_MAX_WINDOW);
    p->options->window = window;
    p->has_window = true;
    return true;
}

bool value_timeout(struct parse *p, const char *value)
{
    bool is_plain = *value != '\0' && strspn(value, "0123456789.") == strlen(value);
    char *end = NULL;

    double seconds = is_plain ? strtod(value, &end) : -1;
    if (end == NULL || *end != '\0' || (seconds > 0 && seconds < 0.001) ||
        seconds * 1000 > PEERLOG_CLIENT_MAX_TIMEOUT_MS)
        return value_refuse(p, "%s: \"%s\" is no time; it is seconds from 0.001 to %u, or 0 for "
                            "ever", p->source, value, PEERLOG_CLIENT_MAX_TIMEOUT_MS / 1000);
    p->options->timeout_ms = (uint32_t)(seconds * 1000);
    return true;
}

bool value_retry(struct parse *p, const char *value)
{
    if (!parse_number(value, PEERLOG_CLIENT_MAX_RETRIES, &p->options->retries))
        return value_refuse(p, "%s: \"%s\" is no number of attempts; it is 0 to %u", p->source,
                            value, PEERLOG_CLIENT_MAX_RETRIES);
    return true;
}

bool value_progress(struct parse *p, const char *value)
{
    if (value == NULL || strcmp(value, "always") == 0)
        p->options->progress = PROGRESS_ALWAYS;
    else if (strcmp(value, "auto") == 0)
        p->options->progress = PROGRESS_AUTO;
    else if (strcmp(value, "never") == 0)
        p->options->progress = PROGRESS_NEVER;
    else
        return value_refuse(p, "%s: \"%s\" is not auto, always or never", p->source, value);
    return true;
}
