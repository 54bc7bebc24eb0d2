/* SPDX-License-Identifier: MIT
 *
 * Decimal digits.
 */
#include "config.h"

#include "peerlog/number.h"

size_t number_format(char *dst, uint64_t number)
{
    char digits[NUMBER_MAX_DIGITS];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < n; i++)
        dst[i] = digits[n - 1 - i];
    return n;
}
