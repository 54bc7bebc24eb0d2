/* SPDX-License-Identifier: MIT
 *
 * Fuzz escapes and UTF-8. The first character chooses what becomes of LF, the second
 * the room; the rest is text. The oracle says what must come out; nothing unsafe
 * stays, and no room cuts a character or an escape in two.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "peerlog/escape.h"
#include "peerlog/utf8.h"
#include "support/intake.h"
#include "support/oracle.h"

#define HEADER_BYTES 2u

/* The shortest text that utf8_cut() takes. */
#define LEAST_CUT 4u

/* What the rules make of LEN bytes of TEXT. Owns: the caller. */
static struct bytes safe_form(const uint8_t *text, size_t len, enum escape_lf lf)
{
    struct bytes out = {0};

    bytes_add_text(&out, "");
    for (size_t at = 0; at < len;)
        at += oracle_escape(text + at, len - at, lf, &out);
    return out;
}

static void check_whole(const uint8_t *text, size_t len, enum escape_lf lf)
{
    struct bytes wanted = safe_form(text, len, lf);
    size_t clean = 0, taken = 0;
    char *dst = malloc(wanted.len + 1);

    require(dst != NULL, "memory for a test");
    /* As long as both agree byte by byte, the text was clean; a backslash begins an escape. */
    while (clean < len) {
        struct bytes one = {0};
        size_t n = oracle_escape(text + clean, len - clean, lf, &one);
        bool same = one.len == n && memcmp(one.data, text + clean, n) == 0;
        bytes_done(&one);
        if (!same)
            break;
        clean += n;
    }
    require(escape_clean_bytes(text, len, lf) == clean, "clean as far as the oracle says");
    require(escape_write(dst, wanted.len, text, len, lf, &taken) == wanted.len && taken == len,
            "everything fits where it must");
    require(memcmp(dst, wanted.data, wanted.len) == 0, "written as the oracle says");
    require(wanted.len <= len * ESCAPE_MAX_GROWTH, "growth is bounded");
    require(escape_clean_bytes((unsigned char *)dst, wanted.len, lf) == wanted.len,
            "what was written is clean");
    free(dst);
    bytes_done(&wanted);
}

/* The same text through one window of ROOM bytes after the other. */
static void check_windows(const uint8_t *text, size_t len, enum escape_lf lf, size_t room)
{
    char *dst = malloc(room + 1);

    require(dst != NULL, "memory for a test");
    for (size_t at = 0; at < len;) {
        struct bytes one = {0};
        size_t taken = 0;
        size_t first = oracle_escape(text + at, len - at, lf, &one);
        size_t wrote = escape_write(dst, room, text + at, len - at, lf, &taken);
        struct bytes wanted = safe_form(text + at, taken, lf);
        require(wrote <= room && taken <= len - at, "the room is kept");
        require(wrote == wanted.len && memcmp(dst, wanted.data, wrote) == 0,
                "whole characters are written whole");
        require((taken == 0) == (one.len > room), "what fits is written");
        /* The next one did not fit, or there is none. */
        if (taken > 0 && at + taken < len) {
            one.len = 0;
            (void)oracle_escape(text + at + taken, len - at - taken, lf, &one); /* its form */
            require(one.len > room - wrote, "the room is used");
        }
        at += taken > 0 ? taken : first;
        bytes_done(&wanted);
        bytes_done(&one);
    }
    free(dst);
}

static void check_characters(const uint8_t *text, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        uint32_t a = 0, b = 0;
        require(utf8_decode(text + at, len - at, &a) == oracle_utf8(text + at, len - at, &b) &&
                    a == b,
                "a character is what the oracle says");
    }
}

/* No valid character reaches over the cut. */
static void check_cut(const uint8_t *text, size_t len, size_t at)
{
    size_t cut = utf8_cut(text, at);

    require(cut <= at && at - cut <= 3, "a cut moves by less than a character");
    for (size_t from = cut >= 3 ? cut - 3 : 0; from < cut; from++) {
        uint32_t point = 0;
        require(from + oracle_utf8(text + from, len - from, &point) <= cut,
                "a cut splits no character");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER_BYTES)
        return 0;
    enum escape_lf lf = (data[0] & 1) != 0 ? KEEP_LF : ESCAPE_LF;
    size_t room = data[1], len = size - HEADER_BYTES;
    unsigned char *text = exact_copy(data + HEADER_BYTES, len);

    check_whole(text, len, lf);
    check_windows(text, len, lf, room);
    check_characters(text, len);
    for (size_t at = LEAST_CUT; at < len; at++)
        check_cut(text, len, at);
    free(text);
    return 0;
}
