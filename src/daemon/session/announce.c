/* SPDX-License-Identifier: MIT
 *
 * Lines, and how many of them there were.
 */
#include "config.h"

#include "daemon/session/announce.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/message_ids.h"
#include "os/clock.h"
#include "os/log.h"
#include "peerlog/limits.h"

enum occasion { OCCASION_BEGIN, OCCASION_END, OCCASIONS };

struct announcer {
    void (*counted)(void *context);
    void *context;
    pthread_mutex_t lock; /* guards what follows */
    uint64_t since_ms;    /* the interval's begin */
    uint32_t lines;       /* said in it */
    uint32_t more[OCCASIONS]; /* and not said */
};

int announcer_new(void (*counted)(void *context), void *context, struct announcer **ret_announcer)
{
    struct announcer *a = calloc(1, sizeof *a);

    if (a == NULL)
        return -ENOMEM;
    int error = pthread_mutex_init(&a->lock, NULL);
    if (error != 0) {
        free(a);
        return -error;
    }
    a->counted = counted;
    a->context = context;
    *ret_announcer = a;
    return 0;
}

struct announcer *announcer_free(struct announcer *a)
{
    if (a != NULL) {
        (void)pthread_mutex_destroy(&a->lock); /* no thread is left to hold it */
        free(a);
    }
    return NULL;
}

static bool has_more(const struct announcer *a)
{
    return a->more[OCCASION_BEGIN] > 0 || a->more[OCCASION_END] > 0;
}

/* The interval is over: another one begins, when what was not said in this one is told. */
static void end_interval(struct announcer *a, uint64_t now_ms)
{
    if (has_more(a))
        log_say(SEVERITY_INFO, "in %u seconds %u more connections began, and %u more ended",
                PEERLOG_ANNOUNCE_S, (unsigned)a->more[OCCASION_BEGIN],
                (unsigned)a->more[OCCASION_END]);
    a->since_ms = now_ms;
    a->lines = a->more[OCCASION_BEGIN] = a->more[OCCASION_END] = 0;
}

/* now_ms may be earlier than the begin: another thread looked at the clock, and was overtaken. */
static bool is_over(const struct announcer *a, uint64_t now_ms)
{
    return now_ms >= a->since_ms + PEERLOG_ANNOUNCE_S * 1000;
}

/* Answers: is there a line free for it? Else it is counted. */
static bool take_line(struct announcer *a, enum occasion occasion)
{
    uint64_t now_ms = clock_mono_ms();
    bool first = false;

    (void)pthread_mutex_lock(&a->lock); /* a plain mutex of ours cannot fail */
    if (is_over(a, now_ms))
        end_interval(a, now_ms);
    bool free_line = a->lines < PEERLOG_ANNOUNCE_LINES;
    if (free_line) {
        a->lines++;
    } else {
        first = !has_more(a);
        a->more[occasion]++;
    }
    (void)pthread_mutex_unlock(&a->lock);
    if (first)
        a->counted(a->context);
    return free_line;
}

void announce_begin(struct announcer *a, const struct peer *peer, const char *listener)
{
    char text[PEER_TEXT_BYTES];

    if (!take_line(a, OCCASION_BEGIN))
        return;
    (void)peer_format(peer, text);
    log_event(SEVERITY_INFO, MESSAGE_ID_CONNECTED, "%s: connected to %s", text, listener);
}

const char *announce_describe(unsigned ending)
{
    static const char *const words[SLOT_ENDINGS] = {
        [ENDING_GOODBYE] = "it said goodbye",
        [ENDING_RESET] = "it was reset by the peer, or on the way",
        [ENDING_IDLE] = "nothing came for limits.idle_timeout",
        [ENDING_TOLD] = "an administrator ended it",
        [ENDING_DENIED] = "its peer is denied now",
        [ENDING_UNWANTED] = "its listener is gone",
        [ENDING_REFUSED] = "its PROXY header was refused",
        [ENDING_HANDSHAKE] = "its TLS handshake was not done",
        [ENDING_FOREIGN] = "it speaks another protocol",
        [ENDING_FAULT] = "what it sent has ended its session",
        [ENDING_CUT] = "its stream of TLS was cut",
        [ENDING_DEAF] = "it did not read its answers within limits.write_timeout",
        [ENDING_STOP] = "peerlogd stops",
    };

    return ending < SLOT_ENDINGS ? words[ending] : "for a reason that is not known";
}

void announce_end(struct announcer *a, const struct slot *slot)
{
    char text[PEER_TEXT_BYTES], after[32] = "";
    uint32_t now_s = (uint32_t)clock_wall_s();

    if (!take_line(a, OCCASION_END))
        return;
    (void)peer_format(&slot->peer, text);
    if (slot->since_s != 0)
        (void)snprintf(after, sizeof after, " after %u s",
                       now_s > slot->since_s ? (unsigned)(now_s - slot->since_s) : 0);
    log_event(SEVERITY_INFO, MESSAGE_ID_DISCONNECTED,
              "%s: ended%s, with %llu messages in %llu bytes: %s", text, after,
              (unsigned long long)slot->stream.sequence,
              (unsigned long long)slot->stream.received, announce_describe(slot->ending));
}

uint64_t announce_tick(struct announcer *a, uint64_t now_ms)
{
    uint64_t due_ms = 0;

    (void)pthread_mutex_lock(&a->lock);
    if (has_more(a) && is_over(a, now_ms))
        end_interval(a, now_ms);
    if (has_more(a))
        due_ms = a->since_ms + PEERLOG_ANNOUNCE_S * 1000;
    (void)pthread_mutex_unlock(&a->lock);
    return due_ms;
}
