/* SPDX-License-Identifier: MIT
 *
 * Header: written once for each time stamp and then copied before every message.
 */
#include "config.h"

#include "client/header.h"

#include <stdio.h>
#include <string.h>

/* Room for a time: 2026-11-22T08:12:14.000000+00:00, and for years to come. */
#define TIME_BYTES 48u

bool header_is_word(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

/* RFC 5424 likes the whole name and knows "none"; RFC 3164 wants it without its domain. */
static void set_host(struct header *h, const char *host)
{
    bool is_bsd = h->options->header_form == HEADER_RFC3164;

    if (!header_is_word(host) || *host == '.' || (!is_bsd && h->options->omits_host))
        host = is_bsd ? "localhost" : "-";
    (void)snprintf(h->host, sizeof h->host, "%s", host); /* a longer one is no host name */
    if (is_bsd)
        h->host[strcspn(h->host, ".")] = '\0';
}

void header_init(struct header *h, const struct options *options, const char *host,
                 const char *user)
{
    *h = (struct header){.options = options, .tag = options->tag, .stamp = {.tv_nsec = -1}};
    /* Where the form has no way to do without a tag, or an id would stand alone. */
    bool needs_tag = options->header_form == HEADER_RFC3164 ||
                     options->header_form == HEADER_RFC5424 || options->id != 0;
    if (h->tag == NULL && needs_tag)
        h->tag = header_is_word(user) ? user : "peerlog";
    set_host(h, host);
}

/* 2026-11-22T08:12:14.123456+00:00 */
static void format_long_time(const struct timespec *now, char text[TIME_BYTES])
{
    struct tm tm;
    char zone[8] = "+0000";
    size_t len = 0;

    if (localtime_r(&now->tv_sec, &tm) != NULL) {
        len = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
        (void)strftime(zone, sizeof zone, "%z", &tm); /* it fits: +hhmm */
    }
    if (len == 0)
        (void)snprintf(text, TIME_BYTES, "-");
    else
        (void)snprintf(text + len, TIME_BYTES - len, ".%06ld%.3s:%s", now->tv_nsec / 1000, zone,
                       zone + 3);
}

/* Nov 22 08:12:14 */
static void format_bsd_time(const struct timespec *now, char text[TIME_BYTES])
{
    struct tm tm;

    if (localtime_r(&now->tv_sec, &tm) == NULL ||
        strftime(text, TIME_BYTES, "%b %e %H:%M:%S", &tm) == 0)
        (void)snprintf(text, TIME_BYTES, "Jan  1 00:00:00");
}

void header_stamp(struct header *h, const struct timespec *now)
{
    const struct options *o = h->options;
    char when[TIME_BYTES], id[24] = "";
    const char *structured = *o->structured != '\0' ? o->structured : "-";
    int len = 0;

    if (h->stamp.tv_sec == now->tv_sec && h->stamp.tv_nsec == now->tv_nsec)
        return;
    h->stamp = *now;
    if (o->header_form == HEADER_RFC5424) {
        if (o->omits_time)
            (void)strcpy(when, "-");
        else
            format_long_time(now, when);
        (void)snprintf(id, sizeof id, o->id != 0 ? "%ld" : "-", o->id);
        len = snprintf(h->text, sizeof h->text, "1 %s %s %s %s %s %s ", when, h->host, h->tag, id,
                       o->msgid != NULL ? o->msgid : "-", structured);
    } else if (o->header_form != HEADER_NONE) {
        bool is_short = o->header_form == HEADER_SHORT;
        when[0] = '\0';
        if (!is_short)
            format_bsd_time(now, when);
        if (o->id != 0)
            (void)snprintf(id, sizeof id, "[%ld]", o->id);
        len = snprintf(h->text, sizeof h->text, "%s%s%s%s%s%s%s", when, is_short ? "" : " ",
                       is_short ? "" : h->host, is_short ? "" : " ",
                       h->tag == NULL ? "" : h->tag, id, h->tag == NULL ? "" : ": ");
    }
    h->len = (size_t)len < sizeof h->text ? (size_t)len : sizeof h->text - 1;
}
