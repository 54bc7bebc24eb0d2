/* SPDX-License-Identifier: MIT
 *
 * A script of records: bytes of a fuzzer become records that are sealed by true keys, sound
 * and unsound ones, so that what comes behind the seal is reached. Both fuzzers of TLS read it.
 *
 * Each step is a letter and what belongs to it:
 *
 *   t LEN       text of LEN bytes                  p LEN PADDING   the same with padding
 *   l MORE      text of 16384 - 32 + MORE bytes    e               no text
 *   k ASKS      KeyUpdate                          c               close_notify
 *   a LEVEL ALERT                                  o TYPE LEN ...  any type, and its bytes
 *   x AT        a bit of the last record is changed
 *   w LEN ...   bytes of the wire, as they are
 */
#ifndef PEERLOG_TESTS_TLS_SCRIPT_H
#define PEERLOG_TESTS_TLS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/intake.h"
#include "tls/suite.h"
#include "tls/tls_record.h"

/* More steps than this are not read: OpenSSL's patience with empty records is 32. */
#define SCRIPT_MAX_STEPS 30u

struct script {
    const uint8_t *data;
    size_t size;
    const struct tls_suite *suite;
    struct tls_half half; /* of the reader */
    unsigned steps;
    unsigned warnings;    /* alerts that might be ignored */
    bool has_messages;    /* other handshake messages than a whole KeyUpdate */
    size_t last;          /* where the last record begins */
};

/* Read one step, and add what it makes to WIRE. Returns: was there one? */
bool script_step(struct script *script, struct bytes *wire);

#endif
