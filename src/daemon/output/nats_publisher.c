/* SPDX-License-Identifier: MIT
 *
 * The publisher's thread: connect, take a load, send and hear until it is stored, and again.
 */
#include "config.h"

#include "daemon/output/nats_publisher.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/output/nats_link.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/poller.h"

#define REST_MS 200u    /* after a failure */
#define ANSWER_MS 5000u /* without any answer: the server is as good as gone */
#define SLICE_MS 250    /* of a wait, so that an end is seen */
#define END_MS 500u     /* that an end waits for the thread */

/* Where the messages of one connection stand in this attempt. */
struct progress {
    uint32_t next; /* of load.messages: to be sent */
    uint32_t out;  /* sent, and not answered */
};

struct nats_publisher {
    struct output_settings settings; /* but its lists */
    size_t longest;
    uint64_t instance;
    int bell;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool has_load, closing; /* with the mutex, as what follows */
    bool ended, abandoned;
    _Atomic uint32_t idle;         /* the load is the worker's */
    _Atomic uint32_t acknowledged; /* messages of the load */
    _Atomic int trouble;

    /* The thread's alone. */
    struct nats_link link;
    bool is_linked;
    uint32_t attempt, out; /* in this attempt: sent and not answered */
    uint32_t window;       /* of each connection */
    bool stored[BATCH_RECORDS];
    struct progress progress[LEDGER_SEGMENTS];
    struct load load; /* the worker's while idle */
};

/* --- the worker's side --- */

static int start(struct nats_publisher *p);

int nats_publisher_new(const struct output_settings *settings, size_t longest, uint64_t instance,
                       struct nats_publisher **ret_publisher)
{
    struct nats_publisher *p = calloc(1, sizeof *p);
    int error = -ENOMEM;

    if (p == NULL)
        return -ENOMEM;
    p->settings = *settings;
    p->settings.servers = (struct text_list){.count = 0}; /* they may go; urls has them, too */
    p->longest = longest;
    p->instance = instance;
    p->idle = 1;
    p->bell = bell_new();
    if (p->bell < 0)
        error = p->bell;
    else if (load_init(&p->load, longest) == 0)
        error = start(p);
    if (error == 0) {
        *ret_publisher = p;
        return 0;
    }
    if (p->bell >= 0)
        (void)close(p->bell); /* it holds no data */
    load_done(&p->load);
    free(p);
    return error;
}

static void release(struct nats_publisher *p)
{
    (void)close(p->bell); /* it holds no data */
    (void)pthread_cond_destroy(&p->changed); /* nobody waits */
    (void)pthread_mutex_destroy(&p->mutex);  /* nor holds it */
    load_done(&p->load);
    free(p);
}

void nats_publisher_end(struct nats_publisher *p)
{
    struct timespec until;

    (void)pthread_mutex_lock(&p->mutex); /* it is a plain one, as everywhere here */
    p->closing = true;
    (void)pthread_cond_signal(&p->changed);
    (void)pthread_mutex_unlock(&p->mutex);
    (void)clock_gettime(CLOCK_REALTIME, &until); /* what pthread_timedjoin_np(3) goes by */
    until.tv_nsec += (long)END_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (pthread_timedjoin_np(p->thread, NULL, &until) == 0) {
        release(p);
        return;
    }
    (void)pthread_mutex_lock(&p->mutex);
    bool ended = p->ended;
    p->abandoned = true;
    (void)pthread_detach(p->thread); /* it was not joined */
    (void)pthread_mutex_unlock(&p->mutex);
    if (ended)
        release(p);
}

struct load *nats_publisher_load(struct nats_publisher *p)
{
    return &p->load;
}

bool nats_publisher_is_idle(const struct nats_publisher *p)
{
    return atomic_load_explicit(&p->idle, memory_order_acquire) != 0;
}

void nats_publisher_send(struct nats_publisher *p)
{
    atomic_store(&p->acknowledged, 0);
    atomic_store(&p->idle, 0);
    (void)pthread_mutex_lock(&p->mutex);
    p->has_load = true;
    (void)pthread_cond_signal(&p->changed);
    (void)pthread_mutex_unlock(&p->mutex);
}

uint32_t nats_publisher_acknowledged(const struct nats_publisher *p)
{
    return atomic_load_explicit(&p->acknowledged, memory_order_acquire);
}

int nats_publisher_trouble(const struct nats_publisher *p)
{
    return atomic_load(&p->trouble);
}

int nats_publisher_bell(const struct nats_publisher *p)
{
    return p->bell;
}

/* --- waiting --- */

/* Wait for a load. Returns: false when it is time to end. */
static bool await_load(struct nats_publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->has_load && !p->closing)
        (void)pthread_cond_wait(&p->changed, &p->mutex);
    bool closing = p->closing;
    p->has_load = false;
    (void)pthread_mutex_unlock(&p->mutex);
    return !closing;
}

static bool is_closing(struct nats_publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool closing = p->closing;
    (void)pthread_mutex_unlock(&p->mutex);
    return closing;
}

/* Rest after a failure, or until the end. */
static void rest(struct nats_publisher *p)
{
    uint64_t until_us = clock_mono_us() + REST_MS * 1000u;
    const struct timespec until = {
        .tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000) * 1000,
    };

    (void)pthread_mutex_lock(&p->mutex);
    while (!p->closing &&
           pthread_cond_clockwait(&p->changed, &p->mutex, CLOCK_MONOTONIC, &until) == 0)
        ; /* woken for something else */
    (void)pthread_mutex_unlock(&p->mutex);
}

/* --- trouble --- */

/* Publishers of several workers have the same trouble: it is said once. */
static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;
static char said[NATS_WORDS_BYTES];

static void say_once(const struct nats_publisher *p, const char *words)
{
    (void)pthread_mutex_lock(&saying); /* it is a plain one */
    if (strcmp(said, words) != 0 && *words != '\0')
        log_say(SEVERITY_WARNING, "NATS stream %s: %s", p->settings.stream, words);
    (void)snprintf(said, sizeof said, "%s", words); /* it fits */
    (void)pthread_mutex_unlock(&saying);
}

/* Say what is wrong when it is something new; output.c says that the log is away. */
static void note_trouble(struct nats_publisher *p, int error, const char *words)
{
    if (atomic_exchange(&p->trouble, error) == error)
        return;
    say_once(p, words);
    bell_ring(p->bell);
}

static void unlink_server(struct nats_publisher *p)
{
    if (p->is_linked)
        nats_link_close(&p->link);
    p->is_linked = false;
}

/* Returns: whether another publisher has said it. That a stream was made is said by a maker of it
 * even if another one has found it and spoken before. */
static bool is_said(const char *name, bool was_made)
{
    static char said_of[PEERLOG_MAX_TAG_BYTES + 1];
    static bool said_made;

    (void)pthread_mutex_lock(&saying); /* it is a plain one */
    bool is_known = strcmp(said_of, name) == 0;
    bool ret = is_known && (said_made || !was_made);
    said_made = was_made || (is_known && said_made);
    (void)snprintf(said_of, sizeof said_of, "%s", name); /* it fits */
    (void)pthread_mutex_unlock(&saying);
    return ret;
}

/* What the stream promises: said by the first of the publishers that finds it. */
static void say_stream(struct nats_publisher *p, const struct nats_stream *stream)
{
    long long window_s = (long long)stream->duplicate_window_s;

    if (is_said(p->settings.stream, stream->was_made))
        return;
    log_say(SEVERITY_INFO, "NATS stream %s%s: %lld replica%s; what is in flight when an outage "
            "lasts longer than its duplicate window, %lld s, may be in it twice",
            p->settings.stream,
            stream->was_made ? " was made" : "", (long long)stream->replicas,
            stream->replicas == 1 ? "" : "s", window_s);
    if (stream->danger != NULL)
        log_say(SEVERITY_WARNING, "NATS stream %s %s", p->settings.stream, stream->danger);
}

static bool link_server(struct nats_publisher *p)
{
    struct nats_stream stream;
    char words[NATS_WORDS_BYTES];

    if (p->is_linked)
        return true;
    int error = nats_link_open(&p->link, &p->settings, p->longest, &stream, words);
    if (error < 0) {
        note_trouble(p, error, words);
        return false;
    }
    p->is_linked = true;
    say_stream(p, &stream);
    return true;
}

/* --- one attempt --- */

static uint32_t end_of_run(const struct nats_publisher *p, uint32_t run)
{
    return p->load.runs[run].first + p->load.runs[run].count;
}

/* Send what the window of one connection allows. Returns: 0 or negative errno. */
static int send_run(struct nats_publisher *p, uint32_t run)
{
    struct progress *progress = &p->progress[run];
    int error = 0;

    while (error == 0 && progress->next < end_of_run(p, run) && progress->out < p->window) {
        uint32_t number = progress->next++;
        if (p->stored[number])
            continue;
        error = nats_link_send(&p->link, &p->load, p->instance, p->attempt, number);
        progress->out++;
        p->out++;
    }
    return error;
}

/* A message is stored: the prefix that is may have grown. */
static void note_stored(struct nats_publisher *p, uint32_t number)
{
    uint32_t n = atomic_load_explicit(&p->acknowledged, memory_order_relaxed);

    p->stored[number] = true;
    while (n < p->load.messages_count && p->stored[n])
        n++;
    atomic_store_explicit(&p->acknowledged, n, memory_order_release);
}

/*
 * An answer, maybe to an attempt before. Returns: 0, or negative errno of a message that has to be
 * sent again.
 */
static int take_answer(struct nats_publisher *p, const struct nats_answer *answer)
{
    if (answer->number >= p->load.messages_count)
        return 0;
    uint32_t run = p->load.messages[answer->number].run;
    if (answer->attempt == p->attempt) {
        p->progress[run].out--;
        p->out--;
    }
    if (answer->error == 0 && !p->stored[answer->number])
        note_stored(p, answer->number);
    return answer->attempt == p->attempt ? answer->error : 0;
}

static bool is_stored(const struct nats_publisher *p)
{
    return atomic_load_explicit(&p->acknowledged, memory_order_relaxed) == p->load.messages_count;
}

/* Begin again at the first message of each connection that is not stored. */
static int begin_attempt(struct nats_publisher *p)
{
    int error = 0;

    p->attempt++;
    p->out = 0;
    for (uint32_t i = 0; i < p->load.runs_count; i++)
        p->progress[i] = (struct progress){.next = p->load.runs[i].first};
    for (uint32_t i = 0; i < p->load.runs_count && error == 0; i++)
        error = send_run(p, i);
    return error;
}

/* Hear until all that is out is known, or the time is over; nothing new goes out. */
static void let_settle(struct nats_publisher *p)
{
    uint64_t until_ms = clock_mono_ms() + ANSWER_MS;
    struct nats_answer answer;

    while (p->out > 0 && clock_mono_ms() < until_ms && !is_closing(p)) {
        int error = nats_link_answer(&p->link, SLICE_MS, &answer);
        if (error == 0)
            (void)take_answer(p, &answer); /* it is sent again anyway */
        else if (error != -EAGAIN)
            break;
    }
    if (p->out > 0)
        unlink_server(p);
}

/* Wait for one answer and send what it makes room for. Returns: 0 or negative errno, and WORDS. */
static int go_on(struct nats_publisher *p, uint64_t *heard_ms, struct nats_answer *answer)
{
    int error = nats_link_answer(&p->link, SLICE_MS, answer);

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

/* One attempt. Returns: true when all of the load is stored. */
static bool attempt(struct nats_publisher *p)
{
    struct nats_answer answer = {.words = "cannot send"};
    uint64_t heard_ms = clock_mono_ms();
    int error = begin_attempt(p);

    while (error == 0 && !is_stored(p) && !is_closing(p))
        error = go_on(p, &heard_ms, &answer);
    if (error < 0) {
        note_trouble(p, error, answer.words);
        if (error == -ENOTCONN || error == -ETIMEDOUT)
            unlink_server(p);
        else
            let_settle(p);
    }
    return is_stored(p);
}

/* Deliver the load, however long it takes. Returns: false when it is time to end. */
static bool deliver(struct nats_publisher *p)
{
    memset(p->stored, 0, sizeof p->stored);
    p->window = p->settings.in_flight;
    while (!is_closing(p)) {
        if (link_server(p) && attempt(p)) {
            note_trouble(p, 0, "");
            atomic_store_explicit(&p->idle, 1, memory_order_release);
            bell_ring(p->bell);
            return true;
        }
        p->window = 1; /* a leader is new, or a stream was full: one at a time to the end of it */
        rest(p);
    }
    return false;
}

static void *publish(void *argument)
{
    struct nats_publisher *p = argument;

    while (!is_closing(p) && !link_server(p))
        rest(p);
    note_trouble(p, 0, "");
    while (await_load(p) && deliver(p))
        ; /* and the next one */
    unlink_server(p);
    nats_ReleaseThreadMemory();
    (void)pthread_mutex_lock(&p->mutex);
    p->ended = true;
    bool abandoned = p->abandoned;
    (void)pthread_mutex_unlock(&p->mutex);
    if (abandoned)
        release(p);
    return NULL;
}

static int start(struct nats_publisher *p)
{
    (void)pthread_mutex_init(&p->mutex, NULL); /* plain ones cannot fail */
    (void)pthread_cond_init(&p->changed, NULL);
    int error = pthread_create(&p->thread, NULL, publish, p);
    if (error != 0)
        return -error;
    (void)pthread_setname_np(p->thread, "nats"); /* a name is only a help */
    return 0;
}
