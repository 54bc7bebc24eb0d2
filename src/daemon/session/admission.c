/* SPDX-License-Identifier: MIT
 *
 * Admission: longest match over the access lists; peers counted in an open hash table
 * behind a lock, taken once when a connection begins and once when it ends.
 */
#include "config.h"

#include "daemon/session/admission.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "os/log.h"
#include "peerlog/hash.h"

/* One peer's connections; count 0: the place is empty. */
struct count {
    uint64_t key; /* peer_key() */
    uint32_t count;
};

/* One peer that is being refused; since 0: the place is empty. */
struct refusal {
    struct peer peer;
    enum admission_verdict reason;
    uint64_t since_ms;
    uint64_t report_ms; /* when the next report is due */
    uint32_t recent;    /* refused since the last report */
    uint64_t all;
};

struct admission {
    pthread_mutex_t lock;
    struct count *counts;
    uint32_t mask;
    struct refusal refusals[PEERLOG_REPORTED_PEERS];
    uint64_t unreported; /* refusals of peers for whom there was no place */
    uint64_t unreported_ms; /* not before then they are reported */
};

int admission_new(uint32_t capacity, struct admission **ret_office)
{
    struct admission *admission = calloc(1, sizeof *admission);
    uint32_t size = 64;

    if (admission == NULL)
        return -ENOMEM;
    while (size < 2 * capacity)
        size *= 2;
    admission->mask = size - 1;
    admission->counts = calloc(size, sizeof *admission->counts);
    int error = admission->counts != NULL ? pthread_mutex_init(&admission->lock, NULL) : ENOMEM;
    if (error != 0) {
        free(admission->counts);
        free(admission);
        return -error;
    }
    *ret_office = admission;
    return 0;
}

struct admission *admission_free(struct admission *admission)
{
    if (admission != NULL) {
        (void)pthread_mutex_destroy(&admission->lock); /* no thread is left to hold it */
        free(admission->counts);
        free(admission);
    }
    return NULL;
}

bool admission_lists_allow(const struct cidr_list *allow, const struct cidr_list *deny,
                           const struct peer *peer)
{
    int denied = cidr_longest_match(deny->ranges, deny->count, peer);
    int allowed = cidr_longest_match(allow->ranges, allow->count, peer);

    if (allowed < 0 && allow->count > 0)
        return false;
    return denied < 0 || denied < allowed;
}

enum admission_verdict admission_by_list(const struct listener_settings *listener,
                                         const struct peer *peer)
{
    return admission_lists_allow(&listener->allow, &listener->deny, peer) ? ADMITTED
                                                                          : REFUSED_DENIED;
}

enum admission_verdict admission_at_door(const struct listener_settings *listener,
                                         const struct peer *peer)
{
    if (!listener->proxy_protocol)
        return admission_by_list(listener, peer);
    if (listener->proxy_from.count > 0 &&
        cidr_longest_match(listener->proxy_from.ranges, listener->proxy_from.count, peer) < 0)
        return REFUSED_NO_BALANCER;
    return ADMITTED;
}

/* --- counting --- */

static uint32_t place_of(const struct admission *admission, uint64_t key)
{
    return hash_key(key) & admission->mask;
}

/* The place of this peer, or the empty one where it belongs. */
static struct count *find_count(struct admission *admission, const struct peer *peer)
{
    uint64_t key = peer_key(peer);
    uint32_t at = place_of(admission, key);

    while (admission->counts[at].count > 0 && admission->counts[at].key != key)
        at = (at + 1) & admission->mask;
    return &admission->counts[at];
}

/* Empty a place, and move up what had to make way for it. */
static void empty_place(struct admission *admission, const struct count *place)
{
    uint32_t hole = (uint32_t)(place - admission->counts);

    for (uint32_t at = (hole + 1) & admission->mask; admission->counts[at].count > 0;
         at = (at + 1) & admission->mask) {
        uint32_t home = place_of(admission, admission->counts[at].key);
        if (((at - home) & admission->mask) >= ((at - hole) & admission->mask)) {
            admission->counts[hole] = admission->counts[at];
            hole = at;
        }
    }
    admission->counts[hole].count = 0;
}

enum admission_verdict admission_enter(struct admission *admission, const struct peer *peer,
                               uint32_t limit)
{
    enum admission_verdict result = ADMITTED;

    (void)pthread_mutex_lock(&admission->lock); /* a plain mutex of ours cannot fail */
    struct count *count = find_count(admission, peer);
    if (limit > 0 && count->count >= limit) {
        result = REFUSED_TOO_MANY;
    } else {
        count->key = peer_key(peer);
        count->count++;
    }
    (void)pthread_mutex_unlock(&admission->lock);
    return result;
}

void admission_leave(struct admission *admission, const struct peer *peer)
{
    (void)pthread_mutex_lock(&admission->lock);
    struct count *count = find_count(admission, peer);
    if (count->count > 1)
        count->count--;
    else if (count->count == 1)
        empty_place(admission, count);
    (void)pthread_mutex_unlock(&admission->lock);
}

/* --- reporting --- */

static const char *words_of(enum admission_verdict reason)
{
    switch (reason) {
    case REFUSED_TOO_MANY:
        return "it has limits.connections_per_peer connections already";
    case REFUSED_NO_HEADER:
        return "it did not begin with a PROXY header (proxy_protocol = true)";
    case REFUSED_BAD_HEADER:
        return "its PROXY header is faulty";
    case REFUSED_PLAIN:
        return "it does not speak TLS (tls = \"required\")";
    case REFUSED_HANDSHAKE:
        return "its TLS handshake failed";
    case REFUSED_NO_BALANCER:
        return "it is not among proxy_from";
    default:
        return "denied";
    }
}

static struct refusal *find_refusal(struct admission *admission, const struct peer *peer,
                                    enum admission_verdict reason)
{
    struct refusal *empty = NULL;

    for (size_t i = 0; i < PEERLOG_REPORTED_PEERS; i++) {
        struct refusal *refusal = &admission->refusals[i];
        if (refusal->since_ms == 0)
            empty = empty != NULL ? empty : refusal;
        else if (refusal->reason == reason && peer_same_address(&refusal->peer, peer))
            return refusal;
    }
    return empty;
}

void admission_report(struct admission *admission, const struct peer *peer,
                      enum admission_verdict reason, uint64_t now_ms)
{
    char address[PEER_TEXT_BYTES];
    bool begins = false;

    (void)pthread_mutex_lock(&admission->lock);
    struct refusal *refusal = find_refusal(admission, peer, reason);
    if (refusal == NULL) {
        admission->unreported++;
    } else {
        begins = refusal->since_ms == 0;
        if (begins)
            *refusal = (struct refusal){
                .peer = *peer, .reason = reason, .since_ms = now_ms > 0 ? now_ms : 1,
                .report_ms = now_ms + PEERLOG_REPORT_S * 1000,
            };
        refusal->recent += !begins;
        refusal->all++;
    }
    (void)pthread_mutex_unlock(&admission->lock);
    if (begins) {
        (void)peer_format_address(peer, address);
        log_say(SEVERITY_NOTICE, "refusing %s: %s", address, words_of(reason));
    }
}

enum counter admission_counter(enum admission_verdict reason)
{
    if (reason == REFUSED_BAD_HEADER)
        return COUNTER_REFUSED_NO_HEADER;
    return (enum counter)(COUNTER_REFUSED_DENIED + (int)reason - REFUSED_DENIED);
}

/* The interval of one refused peer is over: report it, or its end. */
static void report(struct refusal *refusal)
{
    char address[PEER_TEXT_BYTES];

    (void)peer_format_address(&refusal->peer, address);
    if (refusal->recent > 0) {
        log_say(SEVERITY_NOTICE, "refusing %s: %s (%u connections in the last minute)", address,
                words_of(refusal->reason), (unsigned)refusal->recent);
        refusal->recent = 0;
        refusal->report_ms += PEERLOG_REPORT_S * 1000;
    } else {
        log_say(SEVERITY_NOTICE, "no longer refusing %s (%llu connections were refused)", address,
                (unsigned long long)refusal->all);
        refusal->since_ms = 0;
    }
}

int admission_tick(struct admission *admission, uint64_t now_ms)
{
    uint64_t next_ms = 0;

    (void)pthread_mutex_lock(&admission->lock);
    for (size_t i = 0; i < PEERLOG_REPORTED_PEERS; i++) {
        struct refusal *refusal = &admission->refusals[i];
        if (refusal->since_ms != 0 && refusal->report_ms <= now_ms)
            report(refusal);
        if (refusal->since_ms != 0 && (next_ms == 0 || refusal->report_ms < next_ms))
            next_ms = refusal->report_ms;
    }
    if (admission->unreported > 0 && admission->unreported_ms <= now_ms) {
        log_say(SEVERITY_NOTICE, "refusing more peers than are named here (%llu connections)",
                (unsigned long long)admission->unreported);
        admission->unreported = 0;
        admission->unreported_ms = now_ms + PEERLOG_REPORT_S * 1000;
    }
    if (admission->unreported > 0 && (next_ms == 0 || admission->unreported_ms < next_ms))
        next_ms = admission->unreported_ms;
    (void)pthread_mutex_unlock(&admission->lock);
    if (next_ms == 0)
        return -1;
    return next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
}
