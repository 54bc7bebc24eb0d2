/* SPDX-License-Identifier: MIT
 *
 * Loop: our own prefix, found again behind what a log daemon puts before it.
 */
#include "config.h"

#include "peerlog/loop.h"

#include <stdint.h>
#include <string.h>

#include "peerlog/limits.h"
#include "peerlog/peer.h"

/* A tag, a process, and what stands around them. */
#define NEEDLE_BYTES (PEERLOG_MAX_TAG_BYTES + 32u)

/* What is still to be looked at. */
struct rest {
    const unsigned char *text;
    size_t len;
};

/* Go behind NEEDLE, wherever it is. Returns: false when it is nowhere. */
static bool pass_needle(struct rest *rest, const char *needle)
{
    size_t n = strlen(needle);
    const unsigned char *at = memmem(rest->text, rest->len, needle, n);

    if (at == NULL)
        return false;
    rest->len -= (size_t)(at - rest->text) + n;
    rest->text = at + n;
    return true;
}

/* Does an address with its port come next, and a space? */
static bool names_peer(const struct rest *rest)
{
    struct peer peer;
    size_t n = peer_parse_text(rest->text, rest->len, &peer);

    return n > 0 && n < rest->len && rest->text[n] == ' ';
}

/* BEFORE, TAG, BETWEEN, PID and BEHIND in one. Returns: false when they are too long. */
static bool compose(char needle[NEEDLE_BYTES], const char *const parts[5])
{
    size_t at = 0;

    for (size_t i = 0; i < 5; i++) {
        size_t n = strlen(parts[i]);
        if (n >= NEEDLE_BYTES - at)
            return false;
        memcpy(needle + at, parts[i], n + 1);
        at += n;
    }
    return true;
}

/* "TAG[PID]: " */
static bool is_traditional(struct rest rest, const char *tag, const char *pid)
{
    char needle[NEEDLE_BYTES];

    if (!compose(needle, (const char *const[]){"", tag, "[", pid, "]: "}))
        return false;
    while (pass_needle(&rest, needle))
        if (names_peer(&rest))
            return true;
    return false;
}

/* " TAG PID ", the MSGID, and structured data, or "-" for none (RFC 5424, section 6). */
static bool is_rfc5424(struct rest rest, const char *tag, const char *pid)
{
    char needle[NEEDLE_BYTES];

    if (!compose(needle, (const char *const[]){" ", tag, " ", pid, " "}) ||
        !pass_needle(&rest, needle) || !pass_needle(&rest, " ") || rest.len == 0)
        return false;
    return pass_needle(&rest, *rest.text == '[' ? "] " : "- ") && names_peer(&rest);
}

bool loop_carries_prefix(const unsigned char *text, size_t len, const char *tag, const char *pid)
{
    struct rest rest = {text, len < LOOP_SEARCH_BYTES ? len : LOOP_SEARCH_BYTES};

    return is_traditional(rest, tag, pid) || is_rfc5424(rest, tag, pid);
}
