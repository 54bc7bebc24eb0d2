/* SPDX-License-Identifier: MIT
 *
 * Subjects: a template is gone through once, token by token.
 */
#include "config.h"

#include "peerlog/subject.h"

#include <stdbool.h>
#include <string.h>

#define LISTENER "%{listener}"
#define ADDRESS "%{address}"

static bool is_safe(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == ':' || c == '-';
}

/* The length of the place at TEXT; 0 when there is none. */
static size_t place_len(const char *text)
{
    if (strncmp(text, LISTENER, sizeof LISTENER - 1) == 0)
        return sizeof LISTENER - 1;
    return strncmp(text, ADDRESS, sizeof ADDRESS - 1) == 0 ? sizeof ADDRESS - 1 : 0;
}

const char *subject_fault(const char *text)
{
    size_t token = 0, places = 0;

    for (const char *at = text; *at != '\0'; at++) {
        size_t place = place_len(at);
        if (*at == '.' && token == 0)
            return "has an empty token";
        if (*at == '%' && (place == 0 || ++places > 2))
            return "may have %{listener} and %{address} once each, and no other place";
        if (*at != '.' && place == 0 && !is_safe(*at))
            return "may have letters, digits, \"_\", \":\" and \"-\", and dots between its tokens";
        token = *at == '.' ? 0 : token + 1;
        at += place > 0 ? place - 1 : 0;
    }
    return token == 0 ? "has an empty token" : NULL;
}

static size_t put_token(char *dst, const char *value)
{
    size_t n = 0;

    for (; value[n] != '\0'; n++)
        dst[n] = is_safe(value[n]) ? value[n] : '_';
    if (n == 0)
        dst[n++] = '_';
    return n;
}

size_t subject_expand(const char *text, const char *listener, const char *address, char *dst)
{
    size_t n = 0;

    while (*text != '\0') {
        size_t place = place_len(text);
        if (place == 0) {
            dst[n++] = *text++;
            continue;
        }
        n += put_token(dst + n, place == sizeof LISTENER - 1 ? listener : address);
        text += place;
    }
    dst[n] = '\0';
    return n;
}

size_t subject_pattern(const char *text, char *dst)
{
    size_t n = 0, token = 0;
    bool filled = false;

    for (;; text++) {
        if (*text == '.' || *text == '\0') {
            if (filled) { /* a token with a place in it may be anything */
                n = token;
                dst[n++] = '*';
            }
            dst[n++] = *text;
            token = n;
            filled = false;
            if (*text == '\0')
                return n - 1;
            continue;
        }
        size_t place = place_len(text);
        filled = filled || place > 0;
        if (place > 0)
            text += place - 1;
        else
            dst[n++] = *text;
    }
}
