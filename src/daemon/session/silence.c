/* SPDX-License-Identifier: MIT
 *
 * A table of peers, by hash chains.
 */
#include "config.h"

#include "daemon/session/silence.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/message_ids.h"
#include "os/log.h"
#include "peerlog/hash.h"
#include "peerlog/limits.h"

#define CHAINS 4096u /* a power of two */
#define NOBODY UINT32_MAX

/* No peer is told of later than by this, in seconds. */
#define LOOK_MOST_S 5u

struct heard {
    struct peer peer;
    uint32_t at_s;
    uint32_t silent_s; /* of at_s, when it was said to be silent; 0: it is not */
    uint32_t next;   /* in its chain, or of those that are free */
    uint8_t listener;
};

struct silence {
    pthread_mutex_t lock; /* guards what follows */
    _Atomic uint32_t silent;
    bool overflowed;   /* and that was said */
    uint32_t free;     /* chain */
    uint32_t used;     /* places from here on were never used */
    uint32_t awake_s;  /* until then the log has taken nothing */
    uint32_t looked_s;
    uint32_t chains[CHAINS];
    struct heard heard[PEERLOG_SILENT_PEERS];
};

int silence_new(struct silence **ret_silence)
{
    struct silence *s = calloc(1, sizeof *s); /* costs nothing until used */

    if (s == NULL)
        return -ENOMEM;
    int error = pthread_mutex_init(&s->lock, NULL);
    if (error != 0) {
        free(s);
        return -error;
    }
    s->free = NOBODY;
    *ret_silence = s;
    return 0;
}

struct silence *silence_free(struct silence *s)
{
    if (s != NULL) {
        (void)pthread_mutex_destroy(&s->lock); /* no thread is left to hold it */
        free(s);
    }
    return NULL;
}

uint32_t silence_every_s(const struct settings *settings)
{
    uint32_t every_s = 0;

    for (size_t i = 0; i < settings->listeners_count; i++) {
        uint32_t quarter = settings->listeners[i].silent_after_s / 4;
        if (settings->listeners[i].silent_after_s == 0)
            continue;
        quarter = quarter == 0 ? 1 : quarter < LOOK_MOST_S ? quarter : LOOK_MOST_S;
        every_s = every_s == 0 || quarter < every_s ? quarter : every_s;
    }
    return every_s;
}

/* --- the table --- */

/* Links are indices and 1, so that an empty table is all zero. */
static uint32_t *chain_of(struct silence *s, uint8_t listener, const struct peer *peer)
{
    uint64_t words[2];

    memcpy(words, peer->address, sizeof words);
    return &s->chains[hash_key(words[0] ^ hash_key(words[1] + listener)) % CHAINS];
}

static uint32_t *find(struct silence *s, uint8_t listener, const struct peer *peer)
{
    uint32_t *link = chain_of(s, listener, peer);

    while (*link != 0 && (s->heard[*link - 1].listener != listener ||
                          !peer_same_address(&s->heard[*link - 1].peer, peer)))
        link = &s->heard[*link - 1].next;
    return link;
}

/* Take it out of its chain. Returns: its place. */
static uint32_t forget(struct silence *s, uint32_t index)
{
    struct heard *heard = &s->heard[index];
    uint32_t *link = find(s, heard->listener, &heard->peer);

    *link = heard->next;
    if (heard->silent_s != 0)
        atomic_fetch_sub(&s->silent, 1);
    *heard = (struct heard){.at_s = 0};
    return index;
}

static uint32_t forget_the_longest(struct silence *s)
{
    uint32_t longest = 0;

    if (!s->overflowed)
        log_say(SEVERITY_NOTICE, "silent_after: more than %u peers have spoken; those that were "
                "silent longest are not watched any more", PEERLOG_SILENT_PEERS);
    s->overflowed = true;
    for (uint32_t i = 1; i < PEERLOG_SILENT_PEERS; i++)
        if (s->heard[i].at_s < s->heard[longest].at_s)
            longest = i;
    return forget(s, longest);
}

static uint32_t take_place(struct silence *s)
{
    uint32_t index = s->free;

    if (index != NOBODY) {
        s->free = s->heard[index].next;
        return index;
    }
    return s->used < PEERLOG_SILENT_PEERS ? s->used++ : forget_the_longest(s);
}

static void give_place(struct silence *s, uint32_t index)
{
    s->heard[index].next = s->free;
    s->free = index;
}

void silence_heard(struct silence *s, uint8_t id, const struct peer *peer, uint32_t at_s)
{
    (void)pthread_mutex_lock(&s->lock); /* a plain mutex of ours cannot fail */
    uint32_t index = *find(s, id, peer);
    if (index == 0) {
        index = take_place(s) + 1;
        uint32_t *chain = chain_of(s, id, peer);
        s->heard[index - 1] = (struct heard){.peer = *peer, .listener = id, .next = *chain};
        *chain = index;
    }
    struct heard *heard = &s->heard[index - 1];
    if (heard->at_s < at_s)
        heard->at_s = at_s;
    (void)pthread_mutex_unlock(&s->lock);
}

/* --- looking --- */

static void say(struct heard *heard, const struct snapshot *snapshot, uint32_t now_s, bool back)
{
    char address[PEER_TEXT_BYTES];

    (void)peer_format_address(&heard->peer, address);
    if (back)
        log_event(SEVERITY_NOTICE, MESSAGE_ID_HEARD_AGAIN,
                  "%s: says something again, after %u s (to %s)", address,
                  (unsigned)(heard->at_s - heard->silent_s),
                  snapshot_listener_text(snapshot, heard->listener));
    else
        log_event(SEVERITY_WARNING, MESSAGE_ID_SILENT,
                  "%s: has said nothing for %u s, and spoke before (to %s)", address,
                  (unsigned)(now_s - heard->at_s),
                  snapshot_listener_text(snapshot, heard->listener));
}

/* Look at one. AFTER_S: how long it may be silent. */
static void look_at(struct silence *s, struct heard *heard, const struct snapshot *snapshot,
                    uint32_t now_s, uint32_t after_s)
{
    uint32_t since_s = heard->at_s > s->awake_s ? heard->at_s : s->awake_s;

    if (heard->silent_s != 0 && heard->at_s > heard->silent_s) {
        atomic_fetch_sub(&s->silent, 1);
        say(heard, snapshot, now_s, true);
        heard->silent_s = 0;
    } else if (heard->silent_s == 0 && now_s > since_s && now_s - since_s >= after_s) {
        heard->silent_s = heard->at_s;
        atomic_fetch_add(&s->silent, 1);
        say(heard, snapshot, now_s, false);
    }
}

void silence_look(struct silence *s, const struct snapshot *snapshot, uint32_t now_s, bool blocked)
{
    /* What workers have heard since they last told is not known yet. */
    uint32_t late_s = silence_every_s(snapshot->settings) + 1;

    (void)pthread_mutex_lock(&s->lock);
    s->looked_s = now_s;
    if (blocked)
        s->awake_s = now_s;
    for (uint32_t i = 0; i < s->used; i++) {
        struct heard *heard = &s->heard[i];
        if (heard->peer.family == PEER_UNKNOWN)
            continue; /* nobody is there */
        const struct listener_settings *listener = snapshot_listener(snapshot, heard->listener);
        if (listener == NULL || listener->silent_after_s == 0)
            give_place(s, forget(s, i)); /* nobody wants to know any more */
        else
            look_at(s, heard, snapshot, now_s, listener->silent_after_s + late_s);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

uint32_t silence_count(const struct silence *s)
{
    return atomic_load(&s->silent);
}

size_t silence_list(struct silence *s, struct silent_peer *dst, size_t most)
{
    size_t n = 0;

    (void)pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->used && n < most; i++) {
        const struct heard *heard = &s->heard[i];
        if (heard->silent_s != 0)
            dst[n++] = (struct silent_peer){
                .peer = heard->peer, .listener = heard->listener,
                .for_s = s->looked_s > heard->at_s ? s->looked_s - heard->at_s : 0,
            };
    }
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}
