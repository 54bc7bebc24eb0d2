/* SPDX-License-Identifier: MIT
 *
 * Strings of JSON: eight bytes at a time as long as nothing needs to change.
 */
#include "config.h"

#include "daemon/output/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* A bit is set in each byte that is zero, and none when there is no such byte. */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH(0x01)) & ~word & EACH(0x80);
}

/* Answers: are all eight bytes of WORD to be written as they are? */
static bool is_plain(uint64_t word)
{
    uint64_t controls = (word - EACH(0x20)) & ~word & EACH(0x80);

    return (controls | zero_bytes(word ^ EACH('"')) | zero_bytes(word ^ EACH('\\'))) == 0;
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
    uint64_t word;

    while (at < len) {
        while (len - at >= sizeof word) {
            memcpy(&word, text + at, sizeof word);
            if (!is_plain(word))
                break;
            memcpy(dst + n, &word, sizeof word);
            n += sizeof word;
            at += sizeof word;
        }
        for (size_t i = 0; i < sizeof word && at < len; i++)
            n += put_byte(dst + n, (unsigned char)text[at++]);
    }
    return n;
}
