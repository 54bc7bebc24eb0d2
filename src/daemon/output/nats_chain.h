/* SPDX-License-Identifier: MIT
 *
 * Chains: loads of which each message names the one before it, and is stored by the stream right
 * behind that or not at all. So all of it can be on its way at once, and its order is kept
 * whatever dies. What anybody else stores in between breaks a chain. So the publishers of this
 * process take turns; and when it was another process, loads go out unchained for a while.
 *
 * Threads: any.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_NATS_CHAIN_H
#define PEERLOG_DAEMON_OUTPUT_NATS_CHAIN_H

#include <stdbool.h>

struct publisher;

/*
 * Answers: may this publisher's load be a chain? If so it ends with nats_chain_end().
 * Blocks:  while that of another one goes on, for a second at most.
 */
bool nats_chain_begin(struct publisher *publisher);

/* IS_BROKEN: somebody else has stored something in between. */
void nats_chain_end(bool is_broken);

#endif
