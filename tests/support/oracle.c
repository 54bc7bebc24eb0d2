/* SPDX-License-Identifier: MIT
 *
 * Oracle: see oracle.h. Speed is no concern here; being obviously right is.
 */
#include "config.h"

#include "support/oracle.h"

#include <stdio.h>
#include <string.h>

/* --- PRI --- */

size_t oracle_pri(const unsigned char *text, size_t len, int *ret_value)
{
    size_t digits = 0;
    int value = 0;

    if (len < 3 || text[0] != '<')
        return 0;
    while (1 + digits < len && text[1 + digits] >= '0' && text[1 + digits] <= '9' && digits < 4) {
        value = value * 10 + (text[1 + digits] - '0');
        digits++;
    }
    if (digits < 1 || digits > 3 || 1 + digits >= len || text[1 + digits] != '>')
        return 0;
    *ret_value = value <= 191 ? value : -1;
    return digits + 2;
}

/* --- UTF-8 and escapes --- */

/* POINT in N bytes of UTF-8, whether or not that is its proper length. */
static void encode(uint32_t point, size_t n, unsigned char *dst)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--) {
        dst[i] = (unsigned char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    dst[0] = (unsigned char)(marks[n] | point);
}

/* How many bytes POINT needs; 0 when it is no character. */
static size_t proper_length(uint32_t point)
{
    if (point < 0x80)
        return 1;
    if (point < 0x800)
        return 2;
    if (point >= 0xd800 && point <= 0xdfff)
        return 0;
    if (point < 0x10000)
        return 3;
    return point <= 0x10ffff ? 4 : 0;
}

size_t oracle_utf8(const unsigned char *text, size_t len, uint32_t *ret_point)
{
    static const unsigned char payload[] = {0, 0x7f, 0x1f, 0x0f, 0x07};

    for (size_t n = 1; n <= 4 && n <= len; n++) {
        unsigned char again[4];
        uint32_t point = text[0] & payload[n];
        for (size_t i = 1; i < n; i++)
            point = point << 6 | (text[i] & 0x3f);
        encode(point, n, again);
        if (memcmp(again, text, n) == 0 && proper_length(point) == n) {
            *ret_point = point;
            return n;
        }
    }
    return 0;
}

static bool may_stand(uint32_t point, enum escape_lf lf)
{
    if (point % 0x10000 >= 0xfffe || (point >= 0xfdd0 && point < 0xfdf0))
        return false;
    if (point == '\t')
        return true;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0))
        return false;
    switch (point) {
    case 0x2028: case 0x2029:
        return lf == KEEP_LF;
    case 0x202a: case 0x202b: case 0x202c: case 0x202d: case 0x202e:
    case 0x2066: case 0x2067: case 0x2068: case 0x2069:
        return false;
    default:
        return true;
    }
}

size_t oracle_escape(const unsigned char *text, size_t len, enum escape_lf lf,
                     struct bytes *out)
{
    uint32_t point = 0;
    size_t n = oracle_utf8(text, len, &point);

    if (text[0] == '\n') {
        bytes_add_text(out, lf == KEEP_LF ? "\n" : "\\n");
        return 1;
    }
    if (n > 0 && may_stand(point, lf)) {
        bytes_add(out, text, n);
        return n;
    }
    if (n == 0)
        n = 1;
    for (size_t i = 0; i < n; i++) {
        char hex[5];
        (void)snprintf(hex, sizeof hex, "\\x%02x", text[i]); /* it fits */
        bytes_add_text(out, hex);
    }
    return n;
}
