/* SPDX-License-Identifier: MIT
 *
 * Rounding.
 */
#include "config.h"

#include "ctl/numbers.h"

#include <stdio.h>

#include "peerlog/count.h"

void numbers_count(char dst[NUMBERS_BYTES], double count)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;

    while (count >= 999.5 && unit + 1 < COUNT_OF(units)) {
        count /= 1000;
        unit++;
    }
    (void)snprintf(dst, NUMBERS_BYTES, unit > 0 && count < 9.95 ? "%.1f%s" : "%.0f%s", count,
                   units[unit]);
}

void numbers_age(char dst[NUMBERS_BYTES], uint64_t seconds)
{
    static const struct {
        uint64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    while (i + 1 < COUNT_OF(units) && seconds < 2 * units[i].seconds)
        i++;
    (void)snprintf(dst, NUMBERS_BYTES, "%llu%c", (unsigned long long)(seconds / units[i].seconds),
                   units[i].unit);
}

unsigned numbers_level(double value, double most)
{
    if (value <= 0 || most <= 0)
        return 0;
    unsigned level = (unsigned)(value / most * (NUMBERS_LEVELS - 1) + 0.5);
    return level == 0 ? 1 : level < NUMBERS_LEVELS ? level : NUMBERS_LEVELS - 1;
}
