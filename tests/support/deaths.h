/* SPDX-License-Identifier: MIT
 *
 * The ledger's proof: a process dies after each single store into the ledger, and after each
 * moment in which the log takes records. A successor takes over what it left at that instant,
 * reads what is still in the sockets, and every record is in the log exactly once, or a second
 * time with a mark that it may be.
 */
#ifndef PEERLOG_TESTS_DEATHS_H
#define PEERLOG_TESTS_DEATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/rig.h"

#ifdef __SANITIZE_THREAD__
#define DEATHS_CONNECTIONS 8u /* it makes each step long, and there is one thread */
#else
#define DEATHS_CONNECTIONS 64u
#endif
#define DEATHS_ROUNDS 3u /* two with bytes, and one for ends that are read later */
#define DEATHS_STREAM_BYTES 384u

struct deaths_plan {
    struct rig_plan before; /* of the process that dies */
    struct rig_plan after;  /* of its successor */
    uint32_t connections;
    uint32_t records; /* of each */
    uint32_t rounds;
    uint32_t a_time; /* records that the log takes at once */
    bool flush; /* the last record is flushed, and the stream ends behind that */
    bool moves; /* connections change their worker between two rounds */
    bool heir; /* the process that dies goes through what another left when it died */

    /*
     * Make the wire's bytes of a stream, LEN of at most DEATHS_STREAM_BYTES, in its place; CUT is
     * where it is cut in two. NULL: they are the same.
     */
    void (*wire)(uint32_t index, char *stream, size_t *len, size_t *cut);

    /* Connection INDEX, in SLOT, is to be established without a handshake. NULL: there is none. */
    void (*establish)(struct rig *rig, uint32_t slot, uint32_t index);
};

/* Go through all deaths of this plan; what is wrong fails the test. */
void deaths_try_all(const struct deaths_plan *plan);

#endif
