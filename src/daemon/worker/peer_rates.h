/* SPDX-License-Identifier: MIT
 *
 * How fast each peer may be, over all its connections, whichever workers they have: the moment
 * from which on its next message is allowed, which whoever reads one of them moves on. Only what
 * lies in the future is worth remembering, so a peer without connections needs no goodbye.
 */
#ifndef PEERLOG_DAEMON_WORKER_PEER_RATES_H
#define PEERLOG_DAEMON_WORKER_PEER_RATES_H

#include <stdint.h>

#include "peerlog/peer.h"

struct peer_rates;

/*
 * Places for about PEERS of them; memory is used when they are. With many more that are ahead
 * of their rate at the same time, those that are least so are forgotten, and may begin anew.
 * Returns: 0, or -ENOMEM.  Owns: release it with peer_rates_free().
 */
int peer_rates_new(uint32_t peers, struct peer_rates **ret_rates);
struct peer_rates *peer_rates_free(struct peer_rates *rates);

/*
 * PEER has used COST_NS of its time; 0 only asks. NOW_NS is of the monotonic clock.
 * Returns: until when all of its time is used, NOW_NS at least.
 * Threads: any.  Blocks: never, and takes no lock.
 */
uint64_t peer_rates_charge(struct peer_rates *rates, const struct peer *peer, uint64_t cost_ns,
                           uint64_t now_ns);

#endif
