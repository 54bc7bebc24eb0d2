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
#define BLOCK_BYTES 16u
typedef uint8_t block __attribute__((vector_size(BLOCK_BYTES)));
typedef uint64_t block_words __attribute__((vector_size(BLOCK_BYTES)));

static bool is_bidi_override(uint32_t point)
{
    return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

static bool is_line_separator(uint32_t point)
{
    return point == 0x2028 || point == 0x2029;
}

/* The last two of every plane, and a row that Unicode has set apart. */
static bool is_noncharacter(uint32_t point)
{
    return (point & 0xfffe) == 0xfffe || (point >= 0xfdd0 && point <= 0xfdef);
}

/* Is it one of the few from U+2028 on that may not stand in a line of text? */
static bool is_rare_and_unsafe(uint32_t point, enum escape_lf lf)
{
    if (is_line_separator(point))
        return lf == ESCAPE_LF;
    return is_bidi_override(point) || is_noncharacter(point);
}

/* May this character stand in a line of text? For letters of all kinds a few comparisons tell. */
static bool is_safe(uint32_t point, enum escape_lf lf)
{
    if (point < 0x20)
        return point == '\t' || (point == '\n' && lf == KEEP_LF);
    if (point < 0x2028)
        return point < 0x7f || point > 0x9f;
    if (point > 0x2069 && point < 0xfdd0)
        return true;
    return !is_rare_and_unsafe(point, lf);
}

/* Printable ASCII and TAB: most of all text, and never in need of a closer look. */
static bool is_plain_byte(unsigned char byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t';
}

/*
 * The character at TEXT: its length, and whether it may stand as it is.
 * A byte that begins no character counts as one unsafe byte.
 */
static size_t judge(const unsigned char *text, size_t len, enum escape_lf lf, bool *ret_safe)
{
    uint32_t point = *text;
    size_t n = point < 0x80 ? 1 : utf8_decode(text, len, &point);

    *ret_safe = n > 0 && is_safe(point, lf);
    return n > 0 ? n : 1;
}

/* Of sixteen bytes at TEXT, those that are neither printable ASCII nor TAB. */
static block suspects(const unsigned char *text)
{
    block b;

    memcpy(&b, text, BLOCK_BYTES);
    return (block)((b - 0x20) >= 0x5f) & (block)(b != '\t');
}

static bool is_none(block found)
{
    block_words words = (block_words)found;

    return (words[0] | words[1]) == 0;
}

/* Four blocks at TEXT: are they all plain? */
static bool are_plain(const unsigned char *text)
{
    return is_none(suspects(text) | suspects(text + BLOCK_BYTES) |
                   suspects(text + 2 * BLOCK_BYTES) | suspects(text + 3 * BLOCK_BYTES));
}

/* How many bytes at TEXT are plain, in whole blocks. */
static size_t plain_blocks(const unsigned char *text, size_t len)
{
    size_t n = 0;

    while (len - n >= BLOCK_BYTES && is_none(suspects(text + n)))
        n += BLOCK_BYTES;
    return n;
}

/* The same for text that is likely to be plain as a whole, whose last bytes are no block. */
static size_t plain_bytes(const unsigned char *text, size_t len)
{
    size_t n = 0;

    while (len - n >= 4 * BLOCK_BYTES && are_plain(text + n))
        n += 4 * BLOCK_BYTES;
    n += plain_blocks(text + n, len - n);
    /* They are the end of a block that begins in what was seen. */
    if (len - n < BLOCK_BYTES && len >= BLOCK_BYTES && is_none(suspects(text + len - BLOCK_BYTES)))
        n = len;
    return n;
}

/*
 * How much of TEXT, which begins with something else than plain bytes, needs no change.
 * A function of its own, so that plain text does not pay for it.
 */
__attribute__((noinline)) static size_t safe_bytes(const unsigned char *text, size_t len,
                                                   enum escape_lf lf)
{
    size_t at = 0;

    while (at < len) {
        /* One block, or the rest, byte by byte; then try the fast way again. */
        size_t until = len - at > BLOCK_BYTES ? at + BLOCK_BYTES : len;
        while (at < until) {
            bool safe = true;
            size_t n = is_plain_byte(text[at]) ? 1 : judge(text + at, len - at, lf, &safe);
            if (!safe)
                return at;
            at += n;
        }
        at += plain_blocks(text + at, len - at);
    }
    return at;
}

/* How much of TEXT, of which AT bytes are plain, needs no change. */
static size_t clean_from(const unsigned char *text, size_t at, size_t len, enum escape_lf lf)
{
    while (at < len && is_plain_byte(text[at]))
        at++;
    return at < len ? at + safe_bytes(text + at, len - at, lf) : len;
}

size_t escape_clean_bytes(const unsigned char *text, size_t len, enum escape_lf lf)
{
    return clean_from(text, plain_bytes(text, len), len, lf);
}

/* Write the safe form of the unsafe character of N bytes at TEXT. */
static void put_escaped(char *dst, const unsigned char *text, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    if (*text == '\n') {
        dst[0] = '\\';
        dst[1] = 'n';
        return;
    }
    for (size_t i = 0; i < n; i++) {
        *dst++ = '\\';
        *dst++ = 'x';
        *dst++ = digits[text[i] >> 4];
        *dst++ = digits[text[i] & 15];
    }
}

/* Text on its way to a place where it is safe. */
struct passage {
    const unsigned char *text;
    size_t len;
    char *dst;
    size_t room;
    enum escape_lf lf;
};

/* TAKEN bytes of text became WRITTEN bytes. */
static void advance(struct passage *p, size_t taken, size_t written)
{
    p->text += taken;
    p->len -= taken;
    p->dst += written;
    p->room -= written;
}

/* Copy what is clean, as far as there is room; a character that does not fit is not clean. */
static void pass_clean(struct passage *p)
{
    size_t most = p->len < p->room ? p->len : p->room;
    size_t n = clean_from(p->text, plain_blocks(p->text, most), most, p->lf);

    memcpy(p->dst, p->text, n);
    advance(p, n, n);
}

/* Write the unsafe characters that come first, as far as there is room. */
static void pass_unsafe(struct passage *p)
{
    while (p->len > 0 && !is_plain_byte(*p->text)) {
        bool safe = true;
        size_t n = judge(p->text, p->len, p->lf, &safe);
        size_t need = *p->text == '\n' ? 2 : n * ESCAPE_MAX_GROWTH;
        if (safe || need > p->room)
            return;
        put_escaped(p->dst, p->text, n);
        advance(p, n, need);
    }
}

size_t escape_write(char *dst, size_t room, const unsigned char *text, size_t len,
                    enum escape_lf lf, size_t *ret_taken)
{
    struct passage p = {.text = text, .len = len, .dst = dst, .room = room, .lf = lf};
    size_t before;

    /* In turns, until nothing is left or nothing more fits. */
    do {
        before = p.len;
        pass_clean(&p);
        pass_unsafe(&p);
    } while (p.len > 0 && p.len < before);
    *ret_taken = len - p.len;
    return room - p.room;
}
