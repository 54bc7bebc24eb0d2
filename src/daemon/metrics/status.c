/* SPDX-License-Identifier: MIT
 *
 * One line of numbers, rounded so that it can be read.
 */
#include "config.h"

#include "daemon/metrics/status.h"

#include <stdarg.h>
#include <stdio.h>

/* 950, 1.2k, 38k, 1.5M */
static void format_rate(char dst[16], double rate)
{
    static const char *const units[] = {"", "k", "M", "G"};
    size_t unit = 0;

    while (rate >= 999.5 && unit < 3) {
        rate /= 1000;
        unit++;
    }
    (void)snprintf(dst, 16, unit > 0 && rate < 9.95 ? "%.1f%s" : "%.0f%s", rate, units[unit]);
}

struct line {
    char *dst;
    size_t room, len;
};

/* What does not fit is cut. */
__attribute__((format(printf, 2, 3)))
static void add(struct line *line, const char *format, ...)
{
    size_t left = line->room - line->len;
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(line->dst + line->len, left, format, arguments);
    va_end(arguments);
    if (n > 0)
        line->len += (size_t)n < left ? (size_t)n : left - 1;
}

/* The log is away: nothing else matters as much. */
static void add_loss(struct line *line, const struct status *status)
{
    add(line, "log LOST");
    if (status->lost_since != NULL && *status->lost_since != '\0')
        add(line, " since %s", status->lost_since);
    if (status->log != NULL)
        add(line, ": %s", status->log);
    add(line, ", %llu waiting; ", (unsigned long long)status->waiting);
}

static void add_load(struct line *line, const struct status *status, double records_per_s)
{
    char rate[16];

    format_rate(rate, records_per_s);
    add(line, "%u connection%s, %s msg/s", (unsigned)status->connections,
        status->connections == 1 ? "" : "s", rate);
    if (!status->output_lost)
        add(line, ", %llu waiting, log ok%s%s", (unsigned long long)status->waiting,
            status->log != NULL ? ": " : "", status->log != NULL ? status->log : "");
}

size_t status_format(char *dst, size_t room, const struct status *status, double records_per_s)
{
    struct line line = {.dst = dst, .room = room};

    if (status->output_lost)
        add_loss(&line, status);
    if (status->limit > 0 && status->connections >= status->limit)
        add(&line, "limits.connections reached, clients wait; ");
    if (status->trouble != NULL)
        add(&line, "%s; ", status->trouble);
    if (status->silent > 0)
        add(&line, "%u peer%s silent; ", (unsigned)status->silent,
            status->silent == 1 ? "" : "s");
    add_load(&line, status, records_per_s);
    return line.len;
}
