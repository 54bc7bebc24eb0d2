/* SPDX-License-Identifier: MIT
 *
 * Format: prefixes, marks and numbers, written by hand because they stand on the
 * way of every message.
 */
#include "config.h"

#include "daemon/output/format.h"

#include <string.h>

#include "peerlog/number.h"

size_t format_hex(char *dst, uint64_t number)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < 16; i++)
        dst[i] = digits[number >> (60 - 4 * i) & 15];
    return 16;
}

size_t format_text(char *dst, const char *text)
{
    size_t n = strlen(text);

    memcpy(dst, text, n);
    return n;
}

void format_stamp(struct stamp *stamp, time_t now_s)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;

    if (stamp->second == now_s && stamp->text[0] != '\0')
        return;
    if (localtime_r(&now_s, &tm) == NULL)
        tm = (struct tm){.tm_mday = 1}; /* a year beyond int: any time will do */
    const int pairs[4] = {tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec};
    memcpy(stamp->text, months[(unsigned)tm.tm_mon % 12], 3);
    for (size_t i = 0; i < 4; i++) {
        unsigned value = (unsigned)pairs[i] % 100;
        stamp->text[3 + 3 * i] = i < 2 ? ' ' : ':';
        stamp->text[4 + 3 * i] = (char)('0' + value / 10);
        stamp->text[5 + 3 * i] = (char)('0' + value % 10);
    }
    if (stamp->text[4] == '0')
        stamp->text[4] = ' '; /* the day is padded by a space (RFC 3164, section 4.1.2) */
    stamp->text[15] = '\0';
    stamp->second = now_s;
}

static size_t put_counted(char *dst, const char *before, uint64_t first, const char *between,
                          uint64_t second, const char *after)
{
    size_t n = format_text(dst, before);

    n += number_format(dst + n, first);
    n += format_text(dst + n, between);
    if (second > 0)
        n += number_format(dst + n, second);
    n += format_text(dst + n, after);
    return n;
}

/* "[count 1 too short] ": by how much a count did not fit, if that is known. */
static size_t put_misfit(char *dst, const struct record *record)
{
    uint32_t have = record->have_bytes, want = record->want_bytes;

    if (have == want)
        return format_text(dst, "[count too short] ");
    return put_counted(dst, "[count ", have > want ? have - want : want - have,
                       have > want ? " too short" : " too long", 0, "] ");
}

size_t format_marks(char *dst, const struct record *record)
{
    size_t n = 0;

    if (record->flags & RECORD_REPEAT)
        n += format_text(dst + n, "[repeat?] ");
    if (record->flags & FRAME_SPLIT)
        n += put_counted(dst + n, "[part ", record->part,
                         record->flags & FRAME_LAST ? ", last" : "", 0, "] ");
    if (record->flags & FRAME_TRUNCATED)
        n += put_counted(dst + n, "[truncated, ", record->cut_bytes, " bytes cut", 0, "] ");
    if (record->flags & FRAME_INCOMPLETE)
        n += put_counted(dst + n, "[incomplete, ", record->have_bytes, " of ", record->want_bytes,
                         " bytes] ");
    if (record->flags & FRAME_MISFIT)
        n += put_misfit(dst + n, record);
    if (record->flags & FRAME_CONTINUED)
        n += format_text(dst + n, "[continued] ");
    if (record->flags & FRAME_UNFINISHED)
        n += format_text(dst + n, "[unfinished] ");
    return n;
}

size_t format_piece(char *dst, uint32_t piece, int last)
{
    return put_counted(dst, "[piece ", piece, last ? ", last" : "", 0, "] ");
}

size_t format_escaped(char *dst, const struct record *record, size_t clean, enum escape_lf lf)
{
    size_t n = clean, taken;

    memcpy(dst, record->text, clean);
    if (clean == record->len)
        return n;
    if (clean == 0 && marks_imitated(record->text, record->len)) {
        n = format_text(dst, FORMAT_BRACKET);
        clean = 1;
    }
    return n + escape_write(dst + n, (record->len - clean) * ESCAPE_MAX_GROWTH,
                            record->text + clean, record->len - clean, lf, &taken);
}

/* Inline: it stands in each line of syslog, too. */
static inline __attribute__((always_inline)) size_t
put_line_prefix(char *dst, const struct record *record, const struct source *source)
{
    size_t n = 0;

    if (source->label->show_peer) {
        n = source->peer_len;
        memcpy(dst, source->peer_text, n);
        dst[n++] = ' ';
    }
    if (format_has_marks(record))
        n += format_marks(dst + n, record);
    return n;
}

size_t format_line_prefix(char *dst, const struct record *record, const struct source *source)
{
    return put_line_prefix(dst, record, source);
}

size_t format_syslog_prefix(char *dst, const struct record *record, const struct source *source,
                            const struct stamp *stamp, const char *pid)
{
    size_t n = 0;

    dst[n++] = '<';
    n += number_format(dst + n, record->priority);
    dst[n++] = '>';
    memcpy(dst + n, stamp->text, 15);
    n += 15;
    dst[n++] = ' ';
    n += format_text(dst + n, source->label->tag);
    n += format_text(dst + n, pid);
    return n + put_line_prefix(dst + n, record, source);
}
