/* SPDX-License-Identifier: MIT
 *
 * The preface: PROXY headers and foreign protocols. Only first bytes come here.
 */
#include "config.h"

#include "daemon/session/preface.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/log.h"
#include "peerlog/protocol_detect.h"

#define NAMED_PEERS 64u
#define NAMED_AGAIN_MS (3600u * 1000u)

/* What may be news: a protocol that is not ours, a refusal, a session that went wrong. */
#define NEWS_PROTOCOL 1
#define NEWS_REFUSAL 1000
#define NEWS_DEAF 2000
#define NEWS_FAULT 3000

/* A peer of which something was said. */
struct named {
    struct peer peer;
    int what; /* NEWS_PROTOCOL, NEWS_REFUSAL, NEWS_FAULT and up; 0: the place is empty */
    uint64_t until_ms;
};

struct preface {
    struct admission *admission;
    pthread_mutex_t lock;
    struct named named[NAMED_PEERS];
};

int preface_new(struct admission *admission, struct preface **ret_preface)
{
    struct preface *preface = calloc(1, sizeof *preface);

    if (preface == NULL)
        return -ENOMEM;
    preface->admission = admission;
    int error = pthread_mutex_init(&preface->lock, NULL);
    if (error != 0) {
        free(preface);
        return -error;
    }
    *ret_preface = preface;
    return 0;
}

struct preface *preface_free(struct preface *preface)
{
    if (preface != NULL) {
        (void)pthread_mutex_destroy(&preface->lock); /* no thread is left to hold it */
        free(preface);
    }
    return NULL;
}

/* --- other protocols --- */

/* Answers: is this the first of its kind from this peer within the hour? */
static bool is_news(struct preface *preface, const struct peer *peer, int what)
{
    uint64_t now_ms = clock_mono_ms();
    struct named *place = &preface->named[0];
    bool news = true;

    (void)pthread_mutex_lock(&preface->lock); /* a plain mutex of ours cannot fail */
    for (size_t i = 0; i < NAMED_PEERS && news; i++) {
        struct named *named = &preface->named[i];
        if (named->what == what && peer_same_address(&named->peer, peer) &&
            named->until_ms > now_ms)
            news = false;
        if (named->until_ms < place->until_ms)
            place = named;
    }
    /* With every place taken, more of them are not named until an hour has passed. */
    if (news && place->until_ms > now_ms)
        news = false;
    else if (news)
        *place = (struct named){
            .peer = *peer, .what = what, .until_ms = now_ms + NAMED_AGAIN_MS,
        };
    (void)pthread_mutex_unlock(&preface->lock);
    return news;
}

void preface_detect(struct preface *preface, const struct peer *peer, const unsigned char *bytes,
                    size_t len)
{
    enum protocol protocol = protocol_detect(bytes, len);
    char text[PEER_TEXT_BYTES];

    if (protocol == PROTOCOL_NONE || protocol == PROTOCOL_UNDECIDED ||
        !is_news(preface, peer, NEWS_PROTOCOL + (int)protocol))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s sent %s", text, protocol_describe(protocol));
}

void preface_report_fault(struct preface *preface, const struct peer *peer, unsigned number,
                          const char *what)
{
    char text[PEER_TEXT_BYTES];

    if (!is_news(preface, peer, NEWS_FAULT + (int)number))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s sent %s; what came before is logged and answered, and its session "
                             "was closed", text, what);
}

void preface_report_deaf(struct preface *preface, const struct peer *peer)
{
    char text[PEER_TEXT_BYTES];

    if (!is_news(preface, peer, NEWS_DEAF))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s did not read its answers within limits.write_timeout; its "
                             "connection was closed", text);
}

/* --- PROXY headers --- */

bool preface_parse(const unsigned char *bytes, size_t len, struct preface_header *ret_header)
{
    *ret_header = (struct preface_header){.len = 0};
    ret_header->result = proxy_parse(bytes, len, &ret_header->peer, &ret_header->len);
    return ret_header->result != PROXY_NEED_MORE;
}

/* The true peer is known: it takes the place of the balancer, if it may. */
static enum admission_verdict change_peer(struct preface *preface, const struct snapshot *snapshot,
                                          struct slot *slot, const struct peer *peer)
{
    const uint32_t limit = snapshot->settings->limits.connections_per_peer;
    const struct listener_settings *listener = snapshot_listener(snapshot, slot->listener);
    enum admission_verdict result = ADMITTED;

    admission_leave(preface->admission, &slot->peer);
    if (listener != NULL)
        result = admission_by_list(listener, peer);
    if (result == ADMITTED)
        result = admission_enter(preface->admission, peer, limit);
    if (result != ADMITTED) {
        (void)admission_enter(preface->admission, &slot->peer, 0); /* until it is closed */
        return result;
    }
    slot->peer = *peer;
    return ADMITTED;
}

enum segment_verdict preface_judge(struct preface *preface, const struct snapshot *snapshot,
                                   struct slot *slot, const struct preface_header *header,
                                   _Atomic uint64_t *counters)
{
    enum admission_verdict result = ADMITTED;
    const struct peer *peer = &slot->peer;

    if (header->result == PROXY_ABSENT || header->result == PROXY_FAULTY) {
        result = REFUSED_NO_HEADER;
    } else if (header->result == PROXY_PEER) {
        peer = &header->peer;
        result = change_peer(preface, snapshot, slot, peer);
    }
    if (result == ADMITTED)
        return VERDICT_PASSED;
    preface_refuse(preface, peer, result, counters);
    return VERDICT_REFUSED;
}

void preface_refuse(struct preface *preface, const struct peer *peer, enum admission_verdict why,
                    _Atomic uint64_t *counters)
{
    counter_add(counters, admission_counter(why), 1);
    admission_report(preface->admission, peer, why, clock_mono_ms());
}

void preface_refuse_because(struct preface *preface, const struct peer *peer,
                            enum admission_verdict why, const char *words,
                            _Atomic uint64_t *counters)
{
    char text[PEER_TEXT_BYTES];

    preface_refuse(preface, peer, why, counters);
    if (!is_news(preface, peer, NEWS_REFUSAL + (int)why))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s: %s", text, words);
}
