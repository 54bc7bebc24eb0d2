/* SPDX-License-Identifier: MIT
 *
 * Publishing to NATS: send and hear until all is stored.
 *
 * After an answer that is an error, or none, nothing new goes out until all that is out is known;
 * then it begins again at the first that is not acknowledged.
 *
 * The order of a connection is kept, whatever dies: with one replica a load is a chain, all of
 * which is out at once (nats_chain.h); else, and when a chain is broken, in_flight messages of each
 * connection are out, which is one.
 */
#include "config.h"

#include "daemon/output/nats_publisher.h"

#include <errno.h>
#include <string.h>

#include "daemon/output/nats_chain.h"
#include "daemon/output/nats_link.h"
#include "os/clock.h"
#include "os/log.h"

#define ANSWER_MS 5000u /* without any answer: the server is as good as gone */
#define SLICE_MS 250    /* of a wait, so that an end is seen */
#define BUSY_MS 1500u   /* that a leader may have a message on its way */
#define STEP_MS 10000u  /* between two leaders */

/* Where messages stand in this attempt: those of one connection, or of the chain. */
struct progress {
    uint32_t next; /* of load.messages: to be sent */
    uint32_t out;  /* sent, and not answered */
};

struct nats_state {
    struct nats_link link;
    bool is_linked;
    int64_t replicas;      /* of the stream */
    uint32_t attempt, out; /* in this attempt: sent and not answered */
    bool is_chain;         /* the load, in this attempt */
    uint32_t window;       /* of each progress */
    uint64_t busy_ms;      /* since when a message is on its way for the leader; 0: it is not */
    struct progress progress[LEDGER_SEGMENTS];
};

/* --- the link --- */

static void unlink_server(struct nats_state *nats)
{
    if (nats->is_linked)
        nats_link_close(&nats->link);
    nats->is_linked = false;
}

/* What the stream promises: said by the first of the publishers that finds it. */
static void say_stream(struct publisher *p, const struct nats_stream *stream)
{
    long long window_s = (long long)stream->duplicate_window_s;

    if (!publisher_is_news(p, p->settings.stream, stream->was_made))
        return;
    log_say(SEVERITY_INFO, "NATS stream %s%s: %lld replica%s; what is in flight when an outage "
            "lasts longer than its duplicate window, %lld s, may be in it twice",
            p->settings.stream,
            stream->was_made ? " was made" : "", (long long)stream->replicas,
            stream->replicas == 1 ? "" : "s", window_s);
    if (stream->danger != NULL)
        log_say(SEVERITY_WARNING, "NATS stream %s %s", p->settings.stream, stream->danger);
}

static bool link_server(struct publisher *p)
{
    struct nats_state *nats = p->state;
    struct nats_stream stream;
    char words[PUBLISHER_WORDS_BYTES];

    if (nats->is_linked)
        return true;
    int error = nats_link_open(&nats->link, &p->settings, p->longest, &stream, words);
    if (error < 0) {
        publisher_note_trouble(p, error, words);
        return false;
    }
    nats->is_linked = true;
    nats->replicas = stream.replicas;
    say_stream(p, &stream);
    return true;
}

/* --- one attempt --- */

/* Which progress a message belongs to. */
static uint32_t place_of(const struct publisher *p, uint32_t number)
{
    return ((const struct nats_state *)p->state)->is_chain ? 0 : p->load.messages[number].run;
}

/* Where the messages of a progress end. */
static uint32_t end_of(const struct publisher *p, uint32_t place)
{
    const struct load_run *run = &p->load.runs[place];

    return ((const struct nats_state *)p->state)->is_chain ? p->load.messages_count
                                                           : run->first + run->count;
}

/* Send what the window of one progress allows. Returns: 0 or negative errno. */
static int send_some(struct publisher *p, uint32_t place)
{
    struct nats_state *nats = p->state;
    struct progress *progress = &nats->progress[place];
    struct nats_message message = {
        .load = &p->load, .instance = p->instance, .attempt = nats->attempt,
        .is_chained = nats->is_chain,
    };
    int error = 0;

    while (error == 0 && progress->next < end_of(p, place) && progress->out < nats->window) {
        message.number = progress->next++;
        if (p->stored[message.number])
            continue;
        error = nats_link_send(&nats->link, &message);
        progress->out++;
        nats->out++;
    }
    return error;
}

/*
 * An answer, maybe to an attempt before. Returns: 0, or negative errno of a message that has to be
 * sent again.
 */
static int take_answer(struct publisher *p, const struct nats_answer *answer)
{
    struct nats_state *nats = p->state;

    if (answer->number >= p->load.messages_count)
        return 0;
    if (answer->attempt == nats->attempt) {
        nats->progress[place_of(p, answer->number)].out--;
        nats->out--;
    }
    if (answer->error == 0 && !p->stored[answer->number])
        publisher_note_stored(p, answer->number);
    return answer->attempt == nats->attempt ? answer->error : 0;
}

/* Begin again at the first message of each connection that is not stored. */
static int begin(struct publisher *p)
{
    struct nats_state *nats = p->state;
    uint32_t places = nats->is_chain ? 1 : p->load.runs_count;
    int error = 0;

    nats->attempt++;
    nats->out = 0;
    for (uint32_t i = 0; i < places; i++)
        nats->progress[i] = (struct progress){.next = p->load.runs[i].first};
    for (uint32_t i = 0; i < places && error == 0; i++)
        error = send_some(p, i);
    return error;
}

/* Hear until all that is out is known, or the time is over; nothing new goes out. */
static void let_settle(struct publisher *p)
{
    struct nats_state *nats = p->state;
    uint64_t until_ms = clock_mono_ms() + ANSWER_MS;
    struct nats_answer answer;

    while (nats->out > 0 && clock_mono_ms() < until_ms && !publisher_is_closing(p)) {
        int error = nats_link_answer(&nats->link, SLICE_MS, &answer);
        if (error == 0)
            (void)take_answer(p, &answer); /* it is sent again anyway */
        else if (error != -EAGAIN)
            break;
    }
    if (nats->out > 0)
        unlink_server(nats);
}

/* Wait for one answer and send what it makes room for. Returns: 0 or negative errno, and WORDS. */
static int go_on(struct publisher *p, uint64_t *heard_ms, struct nats_answer *answer)
{
    struct nats_state *nats = p->state;
    int error = nats_link_answer(&nats->link, SLICE_MS, answer);

    if (error == -EAGAIN) {
        strcpy(answer->words, "no answer");
        return clock_mono_ms() - *heard_ms > ANSWER_MS ? -ETIMEDOUT : 0;
    }
    if (error < 0) {
        strcpy(answer->words, "the connection was lost");
        return error;
    }
    *heard_ms = clock_mono_ms();
    error = take_answer(p, answer);
    if (error < 0 || answer->number >= p->load.messages_count)
        return error;
    return send_some(p, place_of(p, answer->number));
}

/*
 * What a leader refused when the stream was full it takes for something on its way, until it leads
 * no more or forgets it with the duplicate window. That may be long, so another one is asked for,
 * by one of the publishers.
 */
static void judge_leader(struct publisher *p, int error)
{
    static _Atomic uint64_t next_ms; /* when one may be asked for again */
    struct nats_state *nats = p->state;
    uint64_t now_ms = clock_mono_ms(), at_ms = atomic_load(&next_ms);

    if (error != -EBUSY)
        nats->busy_ms = 0;
    else if (nats->busy_ms == 0)
        nats->busy_ms = now_ms;
    if (error != -EBUSY || !nats->is_linked || now_ms < nats->busy_ms + BUSY_MS)
        return;
    if (now_ms < at_ms || !atomic_compare_exchange_strong(&next_ms, &at_ms, now_ms + STEP_MS))
        return;
    if (nats_link_step_down(&nats->link, p->settings.stream) == 0)
        log_say(SEVERITY_INFO, "NATS stream %s: another leader was asked for", p->settings.stream);
}

/* Returns: 0: it is stored, or this is the end; or negative errno: the link is settled, or gone. */
static int send_all(struct publisher *p)
{
    struct nats_state *nats = p->state;
    struct nats_answer answer = {.words = "cannot send"};
    uint64_t heard_ms = clock_mono_ms();
    int error = begin(p);

    while (error == 0 && !publisher_is_stored(p) && !publisher_is_closing(p))
        error = go_on(p, &heard_ms, &answer);
    if (error < 0 && error != -ECANCELED)
        publisher_note_trouble(p, error, answer.words);
    if (error == -ENOTCONN || error == -ETIMEDOUT)
        unlink_server(nats);
    else if (error < 0)
        let_settle(p);
    judge_leader(p, error);
    return error;
}

/*
 * A leader is new, or a stream was full: after a failure it is one at a time to the end of it. What
 * is out of a chain then may still come; it is stored behind the one before it, or not.
 */
static bool attempt(struct publisher *p, bool is_first)
{
    struct nats_state *nats = p->state;
    bool is_chain = is_first && p->settings.in_flight == 1 && nats->replicas == 1 &&
                    nats_chain_begin(p);

    nats->is_chain = is_chain;
    nats->window = is_chain ? BATCH_RECORDS : is_first ? p->settings.in_flight : 1;
    int error = send_all(p);
    if (is_chain) {
        nats_chain_end(error == -ECANCELED);
        nats->is_chain = false;
        nats->window = 1;
        if (error == -ECANCELED && nats->is_linked)
            (void)send_all(p); /* it has said what went wrong */
    }
    return publisher_is_stored(p);
}

static void close_link(struct publisher *p)
{
    unlink_server(p->state);
    nats_ReleaseThreadMemory();
}

const struct publisher_kind nats_publisher = {
    .name = "nats",
    .place = "NATS stream",
    .state_bytes = sizeof(struct nats_state),
    .connect = link_server,
    .attempt = attempt,
    .close = close_link,
};
