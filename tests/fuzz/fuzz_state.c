/* SPDX-License-Identifier: MIT
 *
 * Fuzz the framer from a state of unknown origin, as an inherited ledger may hold it: the
 * first bytes are the state, one gives the length of the carry, two the rules; then the
 * carry and what comes after it. A state that is not refused keeps every contract.
 */
#include "config.h"

#include <string.h>

#include "fuzz/fuzz.h"
#include "peerlog/limits.h"
#include "support/intake.h"

#define HEADER_BYTES (sizeof(struct framer_state) + 4)

/* Long enough for any carry of one or two bytes' length, so that only the state is odd. */
#define LIMIT PEERLOG_MAX_MESSAGE_BYTES

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct intake_rules rules = {
        .framer = {.max_message_bytes = LIMIT},
        .record = {PRIORITY_MODE_FULL, SEVERITY_CRIT, 30, false},
    };
    struct framer_state state;
    struct intake s;

    if (size < HEADER_BYTES)
        return 0;
    memcpy(&state, data, sizeof state);
    const uint8_t *rest = data + sizeof state;
    rules.framer.framing = rest[0] % (FRAMING_CLOSE + 1);
    rules.framer.oversize = rest[1] % (OVERSIZE_DISCARD + 1);
    rules.framer.multiline = rest[1] / 3 % (MULTILINE_NO_PRIORITY + 1);
    rules.framer.flushes = rest[1] / 9 % 2;
    size_t carry = rest[2] | (size_t)rest[3] << 8;
    rest += 4;
    size_t len = size - HEADER_BYTES;
    if (carry > len || !framer_state_valid(&state, carry))
        return 0;

    intake_init(&s, &rules);
    s.state = state;
    bytes_add(&s.carry, rest, carry);
    s.fed = carry;
    for (size_t at = carry; at < len;) {
        size_t n = 1 + rest[at] % 64u;
        n = n < len - at ? n : len - at;
        if (rest[at] >= 0xc0)
            intake_flush(&s, rest + at, n);
        else
            intake_feed(&s, rest + at, n, false);
        at += n;
    }
    intake_feed(&s, NULL, 0, true);
    intake_done(&s);
    return 0;
}
