/* SPDX-License-Identifier: MIT
 *
 * Escape. The fast pass looks at blocks of plain bytes at once and leaves only what is
 * not printable ASCII to the slow one, so clean text costs next to nothing.
 */
#include "config.h"

#include "peerlog/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "peerlog/utf8.h"

/* Sixteen bytes that are compared at once; compilers make vector instructions of it. */
typedef uint8_t block __attribute__((vector_size(16)));
typedef uint64_t block_words __attribute__((vector_size(16)));

static bool is_bidi_override(uint32_t point)
{
    return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* May this character stand in a line of text? */
static bool is_safe(uint32_t point, enum escape_lf lf)
{
    if (point < 0x20)
        return point == '\t' || (point == '\n' && lf == KEEP_LF);
    return (point < 0x7f || point > 0x9f) && !is_bidi_override(point);
}

/*
 * The character at TEXT: its length, and whether it may stand as it is.
 * A byte that begins no character counts as one unsafe byte.
 */
static size_t judge(const unsigned char *text, size_t len, enum escape_lf lf, bool *ret_safe)
{
    uint32_t point = 0;
    size_t n = utf8_decode(text, len, &point);

    *ret_safe = n > 0 && is_safe(point, lf);
    return n > 0 ? n : 1;
}

/* Sixteen bytes at TEXT: are they all printable ASCII or TAB? */
static bool is_plain(const unsigned char *text)
{
    block b;

    memcpy(&b, text, sizeof b);
    block suspect = (block)((b - 0x20) >= 0x5f) & (block)(b != '\t');
    block_words words = (block_words)suspect;
    return (words[0] | words[1]) == 0;
}

/* How many bytes at TEXT are plain, in whole blocks. */
static size_t plain_bytes(const unsigned char *text, size_t len)
{
    size_t n = 0;

    while (len - n >= sizeof(block) && is_plain(text + n))
        n += sizeof(block);
    return n;
}

size_t escape_clean_bytes(const unsigned char *text, size_t len, enum escape_lf lf)
{
    size_t at = 0;

    while (at < len) {
        at += plain_bytes(text + at, len - at);
        /* One block, or the rest, byte by byte; then try the fast way again. */
        size_t until = len - at > sizeof(block) ? at + sizeof(block) : len;
        while (at < until) {
            bool safe = true;
            size_t n = judge(text + at, len - at, lf, &safe);
            if (!safe)
                return at;
            at += n;
        }
    }
    return len;
}

static size_t put_hex(char *dst, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";

    dst[0] = '\\';
    dst[1] = 'x';
    dst[2] = digits[byte >> 4];
    dst[3] = digits[byte & 15];
    return 4;
}

/* The safe form of the unsafe character of N bytes at TEXT, 2 to 16 bytes. */
static size_t put_escaped(char *dst, const unsigned char *text, size_t n)
{
    size_t len = 0;

    if (*text == '\n') {
        dst[0] = '\\';
        dst[1] = 'n';
        return 2;
    }
    for (size_t i = 0; i < n; i++)
        len += put_hex(dst + len, text[i]);
    return len;
}

size_t escape_write(char *dst, size_t room, const unsigned char *text, size_t len,
                    enum escape_lf lf, size_t *ret_taken)
{
    size_t at = 0, out = 0;

    while (at < len) {
        char piece[16];
        bool safe = true;
        size_t n = judge(text + at, len - at, lf, &safe);
        size_t need = safe ? n : put_escaped(piece, text + at, n);
        if (need > room - out)
            break;
        memcpy(dst + out, safe ? (const void *)(text + at) : piece, need);
        out += need;
        at += n;
    }
    *ret_taken = at;
    return out;
}
