/* SPDX-License-Identifier: MIT
 *
 * Admission: who may connect, and how often. Access lists of the listener, and a count of
 * the connections of each peer: an IPv4 address, or an IPv6 /64.
 *
 * Refusals are reported for each peer when they begin, once an interval while they
 * go on, and when they end.
 */
#ifndef PEERLOG_DAEMON_SESSION_ADMISSION_H
#define PEERLOG_DAEMON_SESSION_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/metrics/counters.h"
#include "daemon/settings/settings.h"

enum admission_verdict {
    ADMITTED,
    REFUSED_DENIED,      /* by the access lists */
    REFUSED_TOO_MANY,    /* it has limits.connections_per_peer already */
    REFUSED_NO_BALANCER, /* proxy_from does not name it */
    REFUSED_NO_HEADER,   /* it did not begin with a PROXY header */
    REFUSED_PLAIN,       /* it does not speak TLS, which its listener requires */
    REFUSED_HANDSHAKE,   /* its TLS handshake failed */
    REFUSED_BAD_HEADER,  /* its PROXY header is faulty; counted as none */
    ADMISSIONS,
};

struct admission;

/*
 * An admission for at most CAPACITY connections at a time.
 * Returns: 0, or -ENOMEM.  Owns: release it with admission_free().
 */
int admission_new(uint32_t capacity, struct admission **ret_office);
struct admission *admission_free(struct admission *admission);

/* Answers: may this address connect? The longest prefix wins; deny wins a tie. Pure; any thread. */
bool admission_lists_allow(const struct cidr_list *allow, const struct cidr_list *deny,
                           const struct peer *peer);

/*
 * May this address connect through this listener? The longest prefix wins; deny wins a tie.
 * Pure; any thread.
 */
enum admission_verdict admission_by_list(const struct listener_settings *listener,
                                         const struct peer *peer);

/*
 * The same of an address that has just connected. The lists are about true peers: behind a
 * balancer they are asked when it has named one, and here it is only asked whether it is one.
 */
enum admission_verdict admission_at_door(const struct listener_settings *listener,
                                         const struct peer *peer);

/*
 * Count a connection of this peer, unless it has LIMIT already (0: no limit).
 * Threads: any.
 */
enum admission_verdict admission_enter(struct admission *admission, const struct peer *peer,
                               uint32_t limit);

/* One that was counted has ended. Threads: any. */
void admission_leave(struct admission *admission, const struct peer *peer);

/* Report a refusal, at NOW_MS of the monotonic clock. Threads: any. */
void admission_report(struct admission *admission, const struct peer *peer,
                      enum admission_verdict reason, uint64_t now_ms);

/* Where refusals for this reason are counted, by the thread that refuses. */
enum counter admission_counter(enum admission_verdict reason);

/*
 * Report what is due. Returns: milliseconds until more is, or -1.
 * Threads: the acceptor.
 */
int admission_tick(struct admission *admission, uint64_t now_ms);

#endif
