/* SPDX-License-Identifier: MIT
 *
 * UTF-8 after RFC 3629: one table of lead bytes, one check of what follows.
 */
#include "config.h"

#include "peerlog/utf8.h"

/* How many bytes a lead byte announces; 0 for bytes that lead nothing. */
static size_t length_of_lead(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

/* The second byte's range is narrower after some leads: overlong, surrogate, too large. */
static bool second_fits(unsigned char lead, unsigned char second)
{
    switch (lead) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return second >= 0x80 && second <= 0xbf;
    }
}

size_t utf8_decode(const unsigned char *text, size_t len, uint32_t *ret_point)
{
    size_t n = length_of_lead(text[0]);

    if (n == 1) {
        *ret_point = text[0];
        return 1;
    }
    if (n == 0 || n > len || !second_fits(text[0], text[1]))
        return 0;

    uint32_t point = (uint32_t)(text[0] & (0x7f >> n)) << 6 | (text[1] & 0x3f);
    for (size_t i = 2; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3f);
    }
    *ret_point = point;
    return n;
}

size_t utf8_cut(const unsigned char *text, size_t at)
{
    if ((text[at] & 0xc0) != 0x80)
        return at;
    for (size_t back = 1; back <= 3; back++) {
        unsigned char byte = text[at - back];
        if ((byte & 0xc0) == 0x80)
            continue;
        /* A lead byte: cut before it when its character reaches over the cut. */
        return length_of_lead(byte) > back ? at - back : at;
    }
    return at;
}
