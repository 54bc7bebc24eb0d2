/* SPDX-License-Identifier: MIT
 *
 * Publishing to NATS: send and hear until all is stored.
 *
 * Of one connection's messages no more than in_flight are out at once. With one, their order in the
 * stream is theirs, whatever dies. After an answer that is an error, or none, nothing new goes out
 * until all that is out is known; then it begins again at the first that is not acknowledged.
 */
#include "config.h"

#include "daemon/output/nats_publisher.h"

#include <errno.h>
#include <string.h>

#include "daemon/output/nats_link.h"
#include "os/clock.h"
#include "os/log.h"

#define ANSWER_MS 5000u /* without any answer: the server is as good as gone */
#define SLICE_MS 250    /* of a wait, so that an end is seen */

/* Where the messages of one connection stand in this attempt. */
struct progress {
    uint32_t next; /* of load.messages: to be sent */
    uint32_t out;  /* sent, and not answered */
};

struct nats_state {
    struct nats_link link;
    bool is_linked;
    uint32_t attempt, out; /* in this attempt: sent and not answered */
    uint32_t window;       /* of each connection */
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
    say_stream(p, &stream);
    return true;
}

/* --- one attempt --- */

static uint32_t end_of_run(const struct publisher *p, uint32_t run)
{
    return p->load.runs[run].first + p->load.runs[run].count;
}

/* Send what the window of one connection allows. Returns: 0 or negative errno. */
static int send_run(struct publisher *p, uint32_t run)
{
    struct nats_state *nats = p->state;
    struct progress *progress = &nats->progress[run];
    int error = 0;

    while (error == 0 && progress->next < end_of_run(p, run) && progress->out < nats->window) {
        uint32_t number = progress->next++;
        if (p->stored[number])
            continue;
        error = nats_link_send(&nats->link, &p->load, p->instance, nats->attempt, number);
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
    uint32_t run = p->load.messages[answer->number].run;
    if (answer->attempt == nats->attempt) {
        nats->progress[run].out--;
        nats->out--;
    }
    if (answer->error == 0 && !p->stored[answer->number])
        publisher_note_stored(p, answer->number);
    return answer->attempt == nats->attempt ? answer->error : 0;
}

/* Begin again at the first message of each connection that is not stored. */
static int begin_attempt(struct publisher *p)
{
    struct nats_state *nats = p->state;
    int error = 0;

    nats->attempt++;
    nats->out = 0;
    for (uint32_t i = 0; i < p->load.runs_count; i++)
        nats->progress[i] = (struct progress){.next = p->load.runs[i].first};
    for (uint32_t i = 0; i < p->load.runs_count && error == 0; i++)
        error = send_run(p, i);
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
    return send_run(p, p->load.messages[answer->number].run);
}

/* A leader is new, or a stream was full: after a failure it is one at a time to the end of it. */
static bool attempt(struct publisher *p, bool is_first)
{
    struct nats_state *nats = p->state;
    struct nats_answer answer = {.words = "cannot send"};
    uint64_t heard_ms = clock_mono_ms();

    nats->window = is_first ? p->settings.in_flight : 1;
    int error = begin_attempt(p);
    while (error == 0 && !publisher_is_stored(p) && !publisher_is_closing(p))
        error = go_on(p, &heard_ms, &answer);
    if (error < 0) {
        publisher_note_trouble(p, error, answer.words);
        if (error == -ENOTCONN || error == -ETIMEDOUT)
            unlink_server(nats);
        else
            let_settle(p);
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
