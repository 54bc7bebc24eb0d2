/* SPDX-License-Identifier: MIT
 *
 * Greeting: PROXY headers and other protocols. Only the first bytes of a connection come here.
 */
#include "config.h"

#include "daemon/greeting.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/log.h"
#include "peerlog/protocol_detect.h"
#include "peerlog/proxy.h"

#define NAMED_PEERS 64u
#define NAMED_AGAIN_MS (3600u * 1000u)

/* A peer whose protocol was named. */
struct named {
    struct peer peer;
    enum protocol protocol; /* PROTOCOL_NONE: the place is empty */
    uint64_t until_ms;
};

struct greeter {
    struct admission_office *office;
    pthread_mutex_t lock;
    struct named named[NAMED_PEERS];
};

int greeter_new(struct admission_office *office, struct greeter **ret_greeter)
{
    struct greeter *greeter = calloc(1, sizeof *greeter);

    if (greeter == NULL)
        return -ENOMEM;
    greeter->office = office;
    int error = pthread_mutex_init(&greeter->lock, NULL);
    if (error != 0) {
        free(greeter);
        return -error;
    }
    *ret_greeter = greeter;
    return 0;
}

struct greeter *greeter_free(struct greeter *greeter)
{
    if (greeter != NULL) {
        (void)pthread_mutex_destroy(&greeter->lock); /* nobody is left to hold it */
        free(greeter);
    }
    return NULL;
}

/* --- other protocols --- */

/* Answers: is this the first of its kind from this peer within the hour? */
static bool is_news(struct greeter *greeter, const struct peer *peer, enum protocol protocol)
{
    uint64_t now_ms = clock_mono_ms();
    struct named *place = &greeter->named[0];
    bool news = true;

    (void)pthread_mutex_lock(&greeter->lock); /* a plain mutex of ours cannot fail */
    for (size_t i = 0; i < NAMED_PEERS && news; i++) {
        struct named *named = &greeter->named[i];
        if (named->protocol == protocol && peer_same_address(&named->peer, peer) &&
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
            .peer = *peer, .protocol = protocol, .until_ms = now_ms + NAMED_AGAIN_MS,
        };
    (void)pthread_mutex_unlock(&greeter->lock);
    return news;
}

static void name_protocol(struct greeter *greeter, const struct peer *peer,
                          const unsigned char *bytes, size_t len)
{
    enum protocol protocol = protocol_detect(bytes, len);
    char text[PEER_TEXT_BYTES];

    if (protocol == PROTOCOL_NONE || protocol == PROTOCOL_UNDECIDED ||
        !is_news(greeter, peer, protocol))
        return;
    (void)peer_format(peer, text);
    log_say(SEVERITY_NOTICE, "%s sent %s", text, protocol_describe(protocol));
}

/* --- PROXY headers --- */

/* The true peer is known: it takes the place of the balancer, if it may. */
static enum greeting change_peer(struct greeter *greeter, const struct rulebook *rules,
                                 struct slot *slot, const struct peer *peer)
{
    const uint32_t limit = rules->settings->limits.connections_per_peer;
    const struct listener_settings *listener = rulebook_listener(rules, slot->listener);
    enum admission result = ADMITTED;

    admission_leave(greeter->office, &slot->peer);
    if (listener != NULL)
        result = admission_by_list(listener, peer);
    if (result == ADMITTED)
        result = admission_enter(greeter->office, peer, limit);
    if (result != ADMITTED) {
        (void)admission_enter(greeter->office, &slot->peer, 0); /* until it is closed */
        admission_report(greeter->office, peer, result, clock_mono_ms());
        return GREETING_REFUSED;
    }
    slot->peer = *peer;
    return GREETING_PASS;
}

static enum greeting hear_header(struct greeter *greeter, const struct rulebook *rules,
                                 struct slot *slot, const unsigned char *bytes, size_t len,
                                 size_t *ret_skip)
{
    struct peer peer;

    switch (proxy_parse(bytes, len, &peer, ret_skip)) {
    case PROXY_NEED_MORE:
        return GREETING_WAIT;
    case PROXY_PEER:
        slot->stream.awaits_proxy = 0;
        return change_peer(greeter, rules, slot, &peer);
    case PROXY_NO_PEER:
    case PROXY_LOCAL:
        slot->stream.awaits_proxy = 0;
        return GREETING_PASS;
    case PROXY_ABSENT:
    case PROXY_FAULTY:
        break;
    }
    admission_report(greeter->office, &slot->peer, REFUSED_NO_HEADER, clock_mono_ms());
    return GREETING_REFUSED;
}

enum greeting greeter_hear(struct greeter *greeter, const struct rulebook *rules, struct slot *slot,
                           const unsigned char *bytes, size_t len, size_t *ret_skip)
{
    *ret_skip = 0;
    if (slot->stream.awaits_proxy) {
        enum greeting greeting = hear_header(greeter, rules, slot, bytes, len, ret_skip);
        if (greeting != GREETING_PASS)
            return greeting;
    }
    name_protocol(greeter, &slot->peer, bytes + *ret_skip, len - *ret_skip);
    return GREETING_PASS;
}
