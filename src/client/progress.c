/* SPDX-License-Identifier: MIT
 *
 * Progress: the rate is the mean since the start, which is what the time left follows.
 */
#include "config.h"

#include "client/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "peerlog/count.h"

#define DEFAULT_COLUMNS 80u
#define MIN_BAR_CELLS 8u
#define MAX_BAR_CELLS 60u
#define FIELD_BYTES 32u
#define FIELDS 4u
#define MAX_SECONDS 359999999u /* what is longer is as good as never */

/* 999 bytes, 1.5 KiB, 12.0 MiB, ... */
static void format_bytes(double bytes, const char *behind, char text[FIELD_BYTES])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        (void)snprintf(text, FIELD_BYTES, "%.0f B%s", bytes, behind);
        return;
    }
    while (value >= 1024 && unit < COUNT_OF(units) - 1) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(text, FIELD_BYTES, "%.1f %s%s", value, units[unit], behind);
}

/* 0:07, 12:34, 3:00:00 */
static void format_seconds(double time, const char *behind, char text[FIELD_BYTES])
{
    unsigned seconds = time < MAX_SECONDS ? (unsigned)time : MAX_SECONDS;
    unsigned hours = seconds / 3600, minutes = seconds / 60 % 60, rest = seconds % 60;

    if (hours > 0)
        (void)snprintf(text, FIELD_BYTES, "%u:%02u:%02u%s", hours, minutes, rest, behind);
    else
        (void)snprintf(text, FIELD_BYTES, "%u:%02u%s", minutes, rest, behind);
}

/* "[#####     ] " in CELLS cells, filled by PERCENT. */
static size_t put_bar(char *dst, size_t cells, unsigned percent)
{
    size_t filled = cells * percent / 100;

    dst[0] = '[';
    memset(dst + 1, '#', filled);
    memset(dst + 1 + filled, ' ', cells - filled);
    dst[1 + cells] = ']';
    dst[2 + cells] = ' ';
    return cells + 3;
}

/* Fields between two spaces, as many as stay below COLUMNS: half a number would mislead. */
static size_t join_fields(char fields[FIELDS][FIELD_BYTES], size_t columns,
                          char text[FIELDS * FIELD_BYTES])
{
    size_t len = 0;

    for (size_t i = 0; i < FIELDS; i++) {
        const char *space = len > 0 ? "  " : "";
        size_t more = strlen(space) + strlen(fields[i]);
        if (*fields[i] == '\0')
            continue;
        if (len + more >= columns)
            break;
        (void)snprintf(text + len, FIELDS * FIELD_BYTES - len, "%s%s", space, fields[i]);
        len += more; /* it fits: no field is as long as its room with two spaces */
    }
    text[len] = '\0';
    return len;
}

/* Percentage, bytes, rate and time; a field that is not known stays empty. Returns: percent. */
static unsigned format_fields(char fields[FIELDS][FIELD_BYTES], uint64_t done, uint64_t total,
                              uint64_t elapsed_ms)
{
    double per_ms = elapsed_ms > 0 ? (double)done / (double)elapsed_ms : 0;
    bool is_under_way = total > 0 && done < total;
    unsigned percent = is_under_way ? (unsigned)((double)done * 100 / (double)total) : 100;

    if (total > 0)
        (void)snprintf(fields[0], FIELD_BYTES, "%3u%%", percent);
    format_bytes((double)done, "", fields[1]);
    format_bytes(per_ms * 1000, "/s", fields[2]);
    if (!is_under_way)
        format_seconds((double)elapsed_ms / 1000, "", fields[3]);
    else if (per_ms > 0)
        format_seconds((double)(total - done) / per_ms / 1000, " left", fields[3]);
    return percent;
}

size_t progress_format(char line[PROGRESS_LINE_BYTES], size_t columns, uint64_t done,
                       uint64_t total, uint64_t elapsed_ms)
{
    char fields[FIELDS][FIELD_BYTES] = {""}, text[FIELDS * FIELD_BYTES];
    unsigned percent = format_fields(fields, done, total, elapsed_ms);
    size_t at = 0;

    size_t len = join_fields(fields, SIZE_MAX, text);
    if (total > 0 && columns > len + MIN_BAR_CELLS + 3) {
        size_t cells = columns - len - 4;
        at = put_bar(line, cells < MAX_BAR_CELLS ? cells : MAX_BAR_CELLS, percent);
    } else if (len >= columns) {
        len = join_fields(fields, columns, text);
    }
    memcpy(line + at, text, len + 1);
    return at + len;
}

static void draw(struct progress *p, uint64_t done, uint64_t now_ms, const char *behind)
{
    char line[PROGRESS_LINE_BYTES], whole[PROGRESS_LINE_BYTES + 16];
    struct winsize size;
    size_t columns = DEFAULT_COLUMNS;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    (void)progress_format(line, columns, done, p->total, now_ms - p->started_ms);
    int len = snprintf(whole, sizeof whole, "\r%s\x1b[K%s", line, behind);
    ssize_t written = write(STDERR_FILENO, whole, (size_t)len);
    (void)written; /* a line that is not seen does no harm */
    p->is_drawn = true;
    p->drawn_ms = now_ms;
}

void progress_init(struct progress *p, const struct options *options, uint64_t total,
                   uint64_t now_ms)
{
    bool wanted = options->progress == PROGRESS_ALWAYS ||
                  (options->progress == PROGRESS_AUTO && total > 0 && !options->quiet &&
                   !options->copies_to_stderr && isatty(STDERR_FILENO) == 1);

    *p = (struct progress){.is_shown = wanted, .is_forced = options->progress == PROGRESS_ALWAYS,
                           .total = total, .started_ms = now_ms};
}

void progress_show(struct progress *p, uint64_t done, uint64_t now_ms)
{
    uint64_t since = p->is_drawn ? p->drawn_ms : p->started_ms;

    if (p->is_shown && now_ms - since >= PROGRESS_INTERVAL_MS)
        draw(p, done, now_ms, "");
}

void progress_clear(const struct progress *p)
{
    static const char clear[] = "\r\x1b[K";

    if (!p->is_shown || !p->is_drawn)
        return;
    ssize_t written = write(STDERR_FILENO, clear, sizeof clear - 1);
    (void)written; /* a line that is not seen does no harm */
}

void progress_finish(struct progress *p, uint64_t done, uint64_t now_ms)
{
    /* What was over before it could be drawn is not worth a line, unless asked for. */
    if (p->is_shown && (p->is_drawn || p->is_forced))
        draw(p, done, now_ms, "\n");
    p->is_shown = false;
}
