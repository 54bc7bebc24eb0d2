/* SPDX-License-Identifier: MIT
 *
 * Seams: what the beginning of a message looks like where none before it had an end. Each
 * is recognised by its own bytes alone, PEERLOG_LOOKAHEAD_BYTES of them at most.
 */
#include "config.h"

#include <string.h>

#include "core/framer_parts.h"

/* In a pattern: 0 is a digit, A and a are letters, _ is a space or a digit. */
#define DATE_RFC3164 "Aaa _0 00:00:00 "
#define DATE_RFC5424 "1 0000-00-00T"

#define SEPARATOR_LOG4JS "__LOG4JS__"
#define SEAM_GELF "}{\"version\""

enum probe framer_probe_count(const unsigned char *text, size_t len, uint64_t *ret_count,
                              size_t *ret_len)
{
    uint64_t count = 0;
    size_t i = 0;

    while (i < len && text[i] >= '0' && text[i] <= '9') {
        if (i == PEERLOG_MAX_COUNT_DIGITS)
            return PROBE_ABSENT;
        count = count * 10 + (uint64_t)(text[i] - '0');
        i++;
    }
    if (i == len)
        return PROBE_UNDECIDED;
    if (i == 0 || text[i] != ' ' || count > PEERLOG_MAX_COUNT)
        return PROBE_ABSENT;
    *ret_count = count;
    *ret_len = i + 1;
    return PROBE_PRESENT;
}

static enum probe probe_pri(const unsigned char *text, size_t len)
{
    switch (priority_probe(text, len)) {
    case PRIORITY_PRESENT:
        return PROBE_PRESENT;
    case PRIORITY_UNDECIDED:
        return PROBE_UNDECIDED;
    case PRIORITY_ABSENT:
        break;
    }
    return PROBE_ABSENT;
}

enum probe framer_probe_pri(const struct framer *f, const unsigned char *from)
{
    return probe_pri(from, (size_t)(f->end - from));
}

enum probe framer_probe_header(const unsigned char *text, size_t len)
{
    uint64_t count;
    size_t skip;
    enum probe probe = framer_probe_count(text, len, &count, &skip);

    return probe == PROBE_PRESENT ? probe_pri(text + skip, len - skip) : probe;
}

static bool fits(char pattern, unsigned char byte)
{
    bool digit = byte >= '0' && byte <= '9';

    switch (pattern) {
    case '0':
        return digit;
    case '_':
        return digit || byte == ' ';
    case 'A':
        return byte >= 'A' && byte <= 'Z';
    case 'a':
        return byte >= 'a' && byte <= 'z';
    default:
        return byte == (unsigned char)pattern;
    }
}

static enum probe probe_pattern(const unsigned char *text, size_t len, const char *pattern)
{
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        if (i == len)
            return PROBE_UNDECIDED;
        if (!fits(pattern[i], text[i]))
            return PROBE_ABSENT;
    }
    return PROBE_PRESENT;
}

static enum probe probe_exact(const unsigned char *text, size_t len, const char *wanted)
{
    size_t want = strlen(wanted);

    if (memcmp(text, wanted, len < want ? len : want) != 0)
        return PROBE_ABSENT;
    return len < want ? PROBE_UNDECIDED : PROBE_PRESENT;
}

/* A PRI, and directly behind it a date as in RFC 3164 or in RFC 5424. */
static enum probe probe_dated(const unsigned char *text, size_t len)
{
    enum probe probe = probe_pri(text, len);

    if (probe != PROBE_PRESENT)
        return probe;
    size_t pri = (size_t)((const unsigned char *)memchr(text, '>', len) - text) + 1;
    enum probe older = probe_pattern(text + pri, len - pri, DATE_RFC3164);
    enum probe newer = probe_pattern(text + pri, len - pri, DATE_RFC5424);
    if (older == PROBE_ABSENT || newer == PROBE_PRESENT)
        return newer;
    return older;
}

enum probe framer_probe_seam(const unsigned char *text, size_t len, size_t *ret_before,
                             size_t *ret_skip)
{
    *ret_before = *ret_skip = 0;
    switch (text[0]) {
    case '<':
        return probe_dated(text, len);
    case '_':
        *ret_skip = strlen(SEPARATOR_LOG4JS);
        return probe_exact(text, len, SEPARATOR_LOG4JS);
    default:
        *ret_before = 1;
        return probe_exact(text, len, SEAM_GELF);
    }
}
