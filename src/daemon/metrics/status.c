/* SPDX-License-Identifier: MIT
 *
 * One line of numbers, rounded so that it can be read.
 */
#include "config.h"

#include "daemon/metrics/status.h"

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

size_t status_format(char *dst, size_t room, const struct status *status, double records_per_s)
{
    char rate[16];

    format_rate(rate, records_per_s);
    int n = snprintf(dst, room, "%u connection%s, %s msg/s, %llu waiting, log %s%s%s%s%s",
                     (unsigned)status->connections, status->connections == 1 ? "" : "s", rate,
                     (unsigned long long)status->waiting, status->output_lost ? "LOST" : "ok",
                     status->log != NULL ? ": " : "", status->log != NULL ? status->log : "",
                     status->trouble != NULL ? "; " : "",
                     status->trouble != NULL ? status->trouble : "");
    return n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}
