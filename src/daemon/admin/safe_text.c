/* SPDX-License-Identifier: MIT
 *
 * One pass, with or without a place to write to.
 */
#include "config.h"

#include "daemon/admin/safe_text.h"

#include <stdlib.h>
#include <string.h>

#include "peerlog/utf8.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
#define REPLACEMENT_BYTES (sizeof replacement - 1)

/* Write to DST, if it is not NULL. Returns: the length. *ret_same: nothing was replaced. */
static size_t make(char *dst, const unsigned char *text, size_t len, bool *ret_same)
{
    size_t n = 0;

    *ret_same = true;
    for (size_t at = 0; at < len;) {
        uint32_t point;
        size_t bytes = utf8_decode(text + at, len - at, &point);
        const void *from = bytes > 0 ? (const void *)(text + at) : replacement;
        size_t put = bytes > 0 ? bytes : REPLACEMENT_BYTES;
        if (dst != NULL)
            memcpy(dst + n, from, put);
        *ret_same = *ret_same && bytes > 0;
        n += put;
        at += bytes > 0 ? bytes : 1;
    }
    return n;
}

bool safe_text_is_same(const unsigned char *text, size_t len)
{
    bool same;

    (void)make(NULL, text, len, &same);
    return same;
}

size_t safe_text_bytes(const unsigned char *text, size_t len)
{
    bool same;

    return make(NULL, text, len, &same);
}

char *safe_text(const unsigned char *text, size_t len)
{
    char *dst = malloc(len * REPLACEMENT_BYTES + 1);
    bool same;

    if (dst != NULL)
        (void)make(dst, text, len, &same);
    return dst;
}

char *safe_text_base64(const unsigned char *text, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *dst = malloc((len + 2) / 3 * 4 + 1), *at = dst;

    if (dst == NULL)
        return NULL;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)text[i] << 16;
        bits |= have > 1 ? (uint32_t)text[i + 1] << 8 : 0;
        bits |= have > 2 ? (uint32_t)text[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            *at++ = k <= have ? digits[bits >> (18 - 6 * k) & 63u] : '=';
    }
    *at = '\0';
    return dst;
}
