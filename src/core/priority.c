/* SPDX-License-Identifier: MIT
 *
 * PRI in, names in and out. The digits of a PRI are bounded before they are read.
 */
#include "config.h"

#include "peerlog/priority.h"

#include <errno.h>
#include <strings.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"

struct name {
    const char *name;
    int number;
};

/* The first name of a number is its standard one. */
static const struct name severities[] = {
    {"emerg", 0}, {"alert", 1},  {"crit", 2}, {"err", 3},   {"warning", 4}, {"notice", 5},
    {"info", 6},  {"debug", 7},  {"panic", 0}, {"error", 3}, {"warn", 4},
};

static const struct name facilities[] = {
    {"kern", 0},    {"user", 1},    {"mail", 2},    {"daemon", 3},  {"auth", 4},
    {"syslog", 5},  {"lpr", 6},     {"news", 7},    {"uucp", 8},    {"cron", 9},
    {"authpriv", 10}, {"ftp", 11},  {"ntp", 12},    {"audit", 13},  {"console", 14},
    {"solaris-cron", 15}, {"local0", 16}, {"local1", 17}, {"local2", 18}, {"local3", 19},
    {"local4", 20}, {"local5", 21}, {"local6", 22}, {"local7", 23}, {"security", 4},
};

enum priority_probe priority_probe(const unsigned char *text, size_t len)
{
    if (len == 0)
        return PRIORITY_UNDECIDED;
    if (text[0] != '<')
        return PRIORITY_ABSENT;
    for (size_t i = 1; i < len; i++) {
        if (text[i] == '>')
            return i > 1 ? PRIORITY_PRESENT : PRIORITY_ABSENT;
        if (text[i] < '0' || text[i] > '9' || i > PEERLOG_MAX_PRI_DIGITS)
            return PRIORITY_ABSENT;
    }
    return PRIORITY_UNDECIDED;
}

size_t priority_parse(const unsigned char *text, size_t len, uint8_t *ret_priority)
{
    if (priority_probe(text, len) != PRIORITY_PRESENT)
        return 0;
    unsigned value = 0;
    size_t i = 1;
    for (; text[i] != '>'; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    if (value > PEERLOG_MAX_PRI)
        return 0;
    *ret_priority = (uint8_t)value;
    return i + 1;
}

static int number_of(const struct name *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(names[i].name, name) == 0)
            return names[i].number;
    return -EINVAL;
}

int severity_from_name(const char *name)
{
    return number_of(severities, COUNT_OF(severities), name);
}

int facility_from_name(const char *name)
{
    return number_of(facilities, COUNT_OF(facilities), name);
}

const char *severity_name(unsigned severity)
{
    return severity <= SEVERITY_DEBUG ? severities[severity].name : "?";
}

const char *facility_name(unsigned facility)
{
    return facility <= FACILITY_MAX ? facilities[facility].name : "?";
}
