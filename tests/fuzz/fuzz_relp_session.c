/* SPDX-License-Identifier: MIT
 *
 * Fuzz the RELP session of the daemon. The first byte is the rule for long messages; the rest
 * is what a client says, in itself or behind an "open". Cut anyhow it comes to what the oracle
 * says of the whole: the same records, the same transactions to be answered, the same end.
 */
#include "config.h"

#include <string.h>

#include "fuzz/fuzz.h"
#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "support/relp_talk.h"

#define OPEN "1 open 14 relp_version=0\n"

static void compare(struct span said, const struct framer_rules *rules)
{
    static const size_t steps[] = {1, 2, 7, 64, 300, SIZE_MAX};
    struct bytes wanted = {0};

    relp_oracle(said, rules, &wanted);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct relp_talk t = {.rules = *rules};
        relp_talk_run(&t, said, steps[i]);
        require(t.heard.len == wanted.len && memcmp(t.heard.data, wanted.data, wanted.len) == 0,
                "cut anyhow, it comes to what the whole does");
        relp_talk_done(&t);
    }
    bytes_done(&wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct framer_rules rules = {.max_message_bytes = PEERLOG_MIN_MESSAGE_BYTES};
    struct bytes said = {0};

    if (size == 0)
        return 0;
    rules.oversize = data[0] % (OVERSIZE_DISCARD + 1);
    if (data[0] & 0x80)
        bytes_add_text(&said, OPEN);
    bytes_add(&said, data + 1, size - 1);
    compare(bytes_span(&said), &rules);
    (void)relp_guess(said.data, said.len);
    bytes_done(&said);
    return 0;
}
