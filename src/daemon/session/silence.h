/* SPDX-License-Identifier: MIT
 *
 * Silence: which peers have spoken, and when last, where a listener has silent_after. One that says
 * nothing for so long is said once, and again when it is back, whether it is connected or not:
 * devices that connect for each message are peers as well. Workers tell what they have heard now
 * and then, and main looks; nothing of this is on the way of a message.
 *
 * It is counted anew when the process is.
 */
#ifndef PEERLOG_DAEMON_SESSION_SILENCE_H
#define PEERLOG_DAEMON_SESSION_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/settings/snapshot.h"

struct silence;

/* Returns: 0, or negative errno.  Owns: release it with silence_free(). */
int silence_new(struct silence **ret_silence);
struct silence *silence_free(struct silence *silence);

/*
 * How often workers tell, and main looks, in seconds, by these settings; 0: no listener has
 * silent_after. Pure; any thread.
 */
uint32_t silence_every_s(const struct settings *settings);

/*
 * PEER was heard through listener ID at AT_S, seconds of the monotonic clock. Of more than
 * PEERLOG_SILENT_PEERS the one that was silent longest is forgotten.
 * Threads: any.
 */
void silence_heard(struct silence *silence, uint8_t id, const struct peer *peer, uint32_t at_s);

/*
 * Say who is silent at NOW_S and who is back. BLOCKED: the log takes nothing, so nobody is heard,
 * and a peer has its time once more when it does.
 * Threads: main.
 */
void silence_look(struct silence *silence, const struct snapshot *snapshot, uint32_t now_s,
                  bool blocked);

/* A peer that is silent. */
struct silent_peer {
    struct peer peer; /* its port says nothing */
    uint8_t listener; /* its place in the ledger */
    uint32_t for_s;   /* how long it was when it was looked for last */
};

/* How many are silent, and the first MOST of them. Returns: how many of these. Threads: any. */
uint32_t silence_count(const struct silence *silence);
size_t silence_list(struct silence *silence, struct silent_peer *dst, size_t most);

#endif
