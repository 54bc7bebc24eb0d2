/* SPDX-License-Identifier: MIT
 *
 * Fuzz the guess who speaks. The input is the start of a stream. What is said about it may
 * change only once as more of it comes, at the latest with byte PROTOCOL_DETECT_BYTES; while
 * it is undecided no message of some length waits; and what begins as syslog is nothing else.
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "peerlog/protocol_detect.h"
#include "support/intake.h"

/* Behind this only the last beginning is of interest. */
#define ALL_BEGINNINGS (PROTOCOL_DETECT_BYTES + 8u)

/* A message of so many bytes may wait while its protocol is undecided. */
#define SHORT_MESSAGE 4u

static bool has_long_message(const uint8_t *bytes, size_t len)
{
    size_t from = 0;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\0')
            continue;
        if (i - from > SHORT_MESSAGE + (bytes[i] == '\n' && i > from && bytes[i - 1] == '\r'))
            return true;
        from = i + 1;
    }
    return false;
}

static enum protocol check_beginning(const uint8_t *data, size_t len)
{
    unsigned char *bytes = exact_copy(data, len);
    enum protocol protocol = protocol_detect(bytes, len);
    size_t refusal_len = 0;

    require(protocol < PROTOCOLS && strlen(protocol_describe(protocol)) > 0, "it has a name");
    require(protocol != PROTOCOL_UNDECIDED || len < PROTOCOL_DETECT_BYTES, "it is decided in time");
    require(protocol != PROTOCOL_UNDECIDED || !has_long_message(bytes, len), "no message waits");
    require(len == 0 || bytes[0] != '<' || protocol == PROTOCOL_NONE, "syslog is known at once");
    if (protocol_refusal(protocol, &refusal_len) != NULL)
        require(refusal_len > 0 && protocol_has_no_text(protocol), "who is refused sends no text");
    free(bytes);
    return protocol;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum protocol before = PROTOCOL_UNDECIDED;

    for (size_t len = 0; len <= size; len++) {
        if (len > ALL_BEGINNINGS && len < size)
            continue;
        enum protocol now = check_beginning(data, len);
        require(before == PROTOCOL_UNDECIDED || now == before, "an answer stands");
        before = now;
    }
    return 0;
}
