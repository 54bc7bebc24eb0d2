/* SPDX-License-Identifier: MIT
 *
 * Strings of JSON: a block at a time as long as nothing needs to change, in a loop that compilers
 * make a few instructions of.
 */
#include "config.h"

#include "daemon/output/json.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK_BYTES 32u

/* Answers: are all bytes of a block to be written as they are? */
static bool is_plain(const unsigned char block[BLOCK_BYTES])
{
    unsigned char found = 0;

    for (size_t i = 0; i < BLOCK_BYTES; i++)
        found |= (unsigned char)((block[i] < 0x20) | (block[i] == '"') | (block[i] == '\\'));
    return found == 0;
}

/* The letter behind the backslash of the short forms; 0: there is none. */
static char short_form(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\n':
        return 'n';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

/* One byte. Returns: how many it became. */
static size_t put_byte(char *dst, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    char letter = short_form(byte);

    if (letter != '\0') {
        dst[0] = '\\';
        dst[1] = letter;
        return 2;
    }
    if (byte >= 0x20) {
        dst[0] = (char)byte;
        return 1;
    }
    memcpy(dst, "\\u00", 4);
    dst[4] = digits[byte >> 4];
    dst[5] = digits[byte & 15];
    return 6;
}

size_t json_escape(char *dst, const char *text, size_t len)
{
    size_t n = 0, at = 0;

    while (at < len) {
        while (len - at >= BLOCK_BYTES && is_plain((const unsigned char *)text + at)) {
            memcpy(dst + n, text + at, BLOCK_BYTES);
            n += BLOCK_BYTES;
            at += BLOCK_BYTES;
        }
        /* The last few, seen together with those before them. */
        if (len - at < BLOCK_BYTES && len >= BLOCK_BYTES &&
            is_plain((const unsigned char *)text + len - BLOCK_BYTES)) {
            memcpy(dst + n, text + at, len - at);
            return n + len - at;
        }
        for (size_t i = 0; i < BLOCK_BYTES && at < len; i++)
            n += put_byte(dst + n, (unsigned char)text[at++]);
    }
    return n;
}
