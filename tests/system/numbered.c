/* SPDX-License-Identifier: MIT
 *
 * Numbered messages: "s12 n345 abcdefgh #1c291ca3". The checksum is an FNV-1a of all
 * before it, which is enough to notice a piece that went astray.
 */
#include "config.h"

#include "numbered.h"

#include <string.h>

#define CHECKSUM_BYTES 10u /* " #" and 8 digits */

static uint32_t checksum(const char *text, size_t len)
{
    uint32_t sum = 2166136261u;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)text[i]) * 16777619u;
    return sum;
}

static char *write_number(char *at, uint64_t number)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static char *write_checksum(char *at, uint32_t sum)
{
    static const char hex[] = "0123456789abcdef";

    *at++ = ' ';
    *at++ = '#';
    for (int shift = 28; shift >= 0; shift -= 4)
        *at++ = hex[(sum >> shift) & 15u];
    return at;
}

size_t numbered_write(const struct numbered *message, uint32_t max_padding, char *text)
{
    uint64_t mixed = (message->number + 1) * 0x9e3779b97f4a7c15u + message->stream;
    size_t padding = (size_t)((mixed >> 32) % (max_padding + 1u));
    char *at = text;

    *at++ = 's';
    at = write_number(at, message->stream);
    *at++ = ' ';
    *at++ = 'n';
    at = write_number(at, message->number);
    *at++ = ' ';
    for (size_t i = 0; i < padding; i++)
        *at++ = (char)('a' + (mixed + i) % 26);
    at = write_checksum(at, checksum(text, (size_t)(at - text)));
    return (size_t)(at - text);
}

/* Reads digits up to a space. Returns: what follows it, or NULL. */
static const char *read_number(const char *at, const char *end, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *first = at;

    while (at < end && *at >= '0' && *at <= '9' && at - first < 19)
        number = number * 10 + (uint64_t)(*at++ - '0');
    if (at == first || at == end || *at != ' ')
        return NULL;
    *ret_number = number;
    return at + 1;
}

bool numbered_read(const char *text, size_t len, struct numbered *ret_message)
{
    char expected[CHECKSUM_BYTES];
    const char *end;
    const char *at;
    uint64_t stream;
    uint64_t number;

    if (len < CHECKSUM_BYTES + 6 || text[0] != 's')
        return false;
    end = text + len - CHECKSUM_BYTES;
    at = read_number(text + 1, end, &stream);
    if (at == NULL || at == end || *at != 'n' || stream >= NUMBERED_MAX_STREAMS)
        return false;
    if (read_number(at + 1, end, &number) == NULL)
        return false;
    (void)write_checksum(expected, checksum(text, len - CHECKSUM_BYTES));
    if (memcmp(expected, end, CHECKSUM_BYTES) != 0)
        return false;
    *ret_message = (struct numbered){.stream = (uint32_t)stream, .number = number};
    return true;
}
