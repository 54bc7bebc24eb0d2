/* SPDX-License-Identifier: MIT
 *
 * The preface: PROXY headers and foreign protocols. Only first bytes come here.
 */
#include "config.h"

#include "daemon/session/preface.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/session/announce.h"
#include "os/clock.h"
#include "os/log.h"

#define NAMED_PEERS 64u
#define NAMED_AGAIN_MS (3600u * 1000u)

/* What may be news: a protocol that is not ours, a refusal, a session that went wrong. */
#define NEWS_PROTOCOL 1
#define NEWS_REFUSAL 1000

/* A peer of which something was said. */
struct named {
    struct peer peer;
    int what; /* NEWS_PROTOCOL, NEWS_REFUSAL, enum preface_news, and up; 0: the place is empty */
    uint64_t until_ms;
};

struct preface {
    struct admission *admission;
    struct announcer *announcer; /* or NULL */
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

void preface_announce_by(struct preface *preface, struct announcer *announcer)
{
    preface->announcer = announcer;
}

/* --- other protocols --- */

/* Answers: is this the first of its kind from this peer within the hour? */
bool preface_is_news(struct preface *preface, const struct peer *peer, int what)
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

void preface_name(struct preface *preface, const struct peer *peer, enum protocol protocol)
{
    char text[PEER_TEXT_BYTES];

    if (protocol == PROTOCOL_NONE || protocol == PROTOCOL_UNDECIDED ||
        !preface_is_news(preface, peer, NEWS_PROTOCOL + (int)protocol))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s sent %s", text, protocol_describe(protocol));
}

void preface_report_fault(struct preface *preface, const struct peer *peer, unsigned number,
                          const char *what)
{
    char text[PEER_TEXT_BYTES];

    if (!preface_is_news(preface, peer, NEWS_FAULT + (int)number))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s sent %s; what came before is logged and answered, and its session "
                             "was closed", text, what);
}

void preface_report_deaf(struct preface *preface, const struct peer *peer)
{
    char text[PEER_TEXT_BYTES];

    if (!preface_is_news(preface, peer, NEWS_DEAF))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s did not read its answers within limits.write_timeout; its "
                             "connection was closed", text);
}

/* --- PROXY headers --- */

void preface_read(const struct stream *stream, const unsigned char *bytes, size_t len, bool at_end,
                  struct preface_header *ret_header)
{
    *ret_header = (struct preface_header){
        .state = stream->proxy.state, .says = {.peer = stream->proxy.peer},
    };
    ret_header->result = proxy_read(&ret_header->state, bytes, len, at_end, &ret_header->says,
                                    &ret_header->len);
}

bool preface_parse(const unsigned char *bytes, size_t len, struct preface_header *ret_header)
{
    preface_read(&(struct stream){.received = 0}, bytes, len, false, ret_header);
    return ret_header->result != PROXY_NEED_MORE;
}

/* The text of an extension; none is as long as its place. */
static void keep_text(char *dst, const struct proxy_text *text)
{
    if (text->len == 0)
        return;
    memcpy(dst, text->bytes, text->len);
    dst[text->len] = '\0';
}

void preface_keep_details(const struct ledger *ledger, uint32_t slot,
                          const struct preface_header *header)
{
    static_assert(sizeof ledger->details->proxy_authority > PROXY_AUTHORITY_BYTES &&
                  sizeof ledger->details->proxy_unique_id > PROXY_UNIQUE_ID_BYTES &&
                  sizeof ledger->details->proxy_tls_name > PROXY_CLIENT_NAME_BYTES,
                  "every text has room");
    const struct proxy_text *texts = header->says.texts;
    struct peer_details *details = &ledger->details[slot];
    uint8_t *flags = &ledger->slots[slot].flags;

    if (texts[PROXY_AUTHORITY].len + texts[PROXY_UNIQUE_ID].len + texts[PROXY_CLIENT_NAME].len == 0)
        return;
    if (!(*flags & SLOT_DETAILED))
        memset(details, 0, sizeof *details);
    keep_text(details->proxy_authority, &texts[PROXY_AUTHORITY]);
    keep_text(details->proxy_unique_id, &texts[PROXY_UNIQUE_ID]);
    keep_text(details->proxy_tls_name, &texts[PROXY_CLIENT_NAME]);
    *flags |= SLOT_DETAILED;
}

/* The true peer is known: it takes the place of the balancer, or is the balancer, if it may. */
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

/* The connection begins now that its peer is known. */
static void tell_begin(const struct preface *preface, const struct snapshot *snapshot,
                       const struct slot *slot)
{
    const struct listener_settings *listener = snapshot_listener(snapshot, slot->listener);

    if (preface->announcer != NULL && listener != NULL && listener->announce == ANNOUNCE_ALL &&
        !(slot->flags & SLOT_LOCAL))
        announce_begin(preface->announcer, &slot->peer,
                       snapshot_listener_text(snapshot, slot->listener));
}

enum segment_verdict preface_judge(struct preface *preface, const struct snapshot *snapshot,
                                   struct slot *slot, const struct preface_header *header,
                                   _Atomic uint64_t *counters)
{
    enum admission_verdict result = ADMITTED;
    struct peer peer = header->result == PROXY_PEER ? header->says.peer : slot->peer;
    char words[160];

    if (header->result == PROXY_LOCAL)
        slot->flags |= SLOT_LOCAL;
    if (header->result == PROXY_ABSENT)
        result = REFUSED_NO_HEADER;
    else if (header->result == PROXY_FAULTY)
        result = REFUSED_BAD_HEADER;
    else
        result = change_peer(preface, snapshot, slot, &peer);
    if (result == ADMITTED) {
        tell_begin(preface, snapshot, slot);
        return VERDICT_PASSED;
    }
    (void)snprintf(words, sizeof words, "its PROXY header is faulty: %s",
                   proxy_describe((enum proxy_fault)header->says.fault)); /* it fits */
    if (result == REFUSED_BAD_HEADER)
        preface_refuse_because(preface, &peer, result, words, counters);
    else
        preface_refuse(preface, &peer, result, counters);
    return VERDICT_REFUSED;
}

void preface_refuse(struct preface *preface, const struct peer *peer, enum admission_verdict why,
                    _Atomic uint64_t *counters)
{
    counter_add(counters, admission_counter(why), 1);
    admission_report(preface->admission, peer, why, clock_mono_ms());
}

static void tell(struct preface *preface, const struct peer *peer, int what, const char *words)
{
    char text[PEER_TEXT_BYTES];

    if (!preface_is_news(preface, peer, what))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s: %s", text, words);
}

void preface_refuse_because(struct preface *preface, const struct peer *peer,
                            enum admission_verdict why, const char *words,
                            _Atomic uint64_t *counters)
{
    preface_refuse(preface, peer, why, counters);
    tell(preface, peer, NEWS_REFUSAL + (int)why, words);
}

void preface_tell(struct preface *preface, const struct peer *peer, enum preface_news news,
                  const char *words)
{
    tell(preface, peer, (int)news, words);
}
