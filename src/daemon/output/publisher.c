/* SPDX-License-Identifier: MIT
 *
 * The publisher's thread: connect, take a load, try until it is stored, and again.
 */
#include "config.h"

#include "daemon/output/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/heap.h"
#include "os/log.h"
#include "os/poller.h"

#define REST_MS 200u  /* after a failure */
#define IDLE_MS 1000u /* between two looks at what a library has to say without a load */
#define END_MS 500u   /* that an end waits for the thread */

/* A broker's library asks for the memory of each message, and gives it back at once. */
#define KEPT_BYTES (4u * 1024u * 1024u)

static int start(struct publisher *p);

/* --- the worker's side --- */

static void release(struct publisher *p)
{
    if (p->bell >= 0)
        (void)close(p->bell); /* it holds no data */
    load_done(&p->load);
    free(p->state);
    free(p);
}

int publisher_new(const struct publisher_kind *kind, const struct output_settings *settings,
                  size_t longest, uint64_t instance, struct publisher **ret_publisher)
{
    struct publisher *p = calloc(1, sizeof *p);
    int error = -ENOMEM;

    if (p == NULL)
        return -ENOMEM;
    heap_keep(KEPT_BYTES);
    p->kind = kind;
    p->settings = *settings; /* its lists may go; they are in it as texts, too */
    p->settings.servers = p->settings.brokers = p->settings.properties =
        (struct text_list){.count = 0};
    p->longest = longest;
    p->instance = instance;
    p->idle = 1;
    p->state = calloc(1, kind->state_bytes);
    p->bell = bell_new();
    if (p->bell < 0)
        error = p->bell;
    else if (p->state != NULL && load_init(&p->load, longest) == 0)
        error = start(p);
    if (error < 0) {
        release(p);
        return error;
    }
    *ret_publisher = p;
    return 0;
}

static void release_joined(struct publisher *p)
{
    (void)pthread_cond_destroy(&p->changed); /* nobody waits */
    (void)pthread_mutex_destroy(&p->mutex);  /* nor holds it */
    release(p);
}

/* Wait with the mutex until something changes, or this time is over. Returns: false then. */
static bool wait_for_change(struct publisher *p, uint64_t until_us)
{
    const struct timespec until = {
        .tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000) * 1000,
    };

    return pthread_cond_clockwait(&p->changed, &p->mutex, CLOCK_MONOTONIC, &until) == 0;
}

void publisher_end(struct publisher *p)
{
    uint64_t until_us = clock_mono_us() + END_MS * 1000u;

    (void)pthread_mutex_lock(&p->mutex); /* it is a plain one, as everywhere here */
    p->closing = true;
    (void)pthread_cond_signal(&p->changed);
    while (!p->ended && wait_for_change(p, until_us))
        ; /* woken for something else */
    bool ended = p->ended;
    p->abandoned = !ended;
    if (p->abandoned)
        (void)pthread_detach(p->thread); /* nobody joins it any more */
    (void)pthread_mutex_unlock(&p->mutex);
    if (ended) {
        (void)pthread_join(p->thread, NULL); /* it returns, and does nothing else */
        release_joined(p);
    }
}

bool publisher_is_idle(const struct publisher *p)
{
    return atomic_load_explicit(&p->idle, memory_order_acquire) != 0;
}

void publisher_send(struct publisher *p)
{
    atomic_store(&p->acknowledged, 0);
    atomic_store(&p->idle, 0);
    (void)pthread_mutex_lock(&p->mutex);
    p->has_load = true;
    (void)pthread_cond_signal(&p->changed);
    (void)pthread_mutex_unlock(&p->mutex);
}

uint32_t publisher_acknowledged(const struct publisher *p)
{
    return atomic_load_explicit(&p->acknowledged, memory_order_acquire);
}

int publisher_trouble(const struct publisher *p)
{
    return atomic_load(&p->trouble);
}

const char *publisher_place(const struct output_settings *settings)
{
    return settings->type == OUTPUT_KAFKA ? settings->topic : settings->stream;
}

/* --- waiting --- */

/* Let the library say what it has to say, without the mutex. */
static void look_around(struct publisher *p)
{
    (void)pthread_mutex_unlock(&p->mutex);
    p->kind->idle(p);
    (void)pthread_mutex_lock(&p->mutex);
}

/* Wait for a load. Returns: false when it is time to end. */
static bool await_load(struct publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->has_load && !p->closing) {
        if (p->kind->idle == NULL)
            (void)pthread_cond_wait(&p->changed, &p->mutex);
        else if (!wait_for_change(p, clock_mono_us() + IDLE_MS * 1000u))
            look_around(p);
    }
    bool closing = p->closing;
    p->has_load = false;
    (void)pthread_mutex_unlock(&p->mutex);
    return !closing;
}

bool publisher_is_closing(struct publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool closing = p->closing;
    (void)pthread_mutex_unlock(&p->mutex);
    return closing;
}

void publisher_rest(struct publisher *p)
{
    uint64_t until_us = clock_mono_us() + REST_MS * 1000u;

    (void)pthread_mutex_lock(&p->mutex);
    while (!p->closing && wait_for_change(p, until_us))
        ; /* woken for something else */
    (void)pthread_mutex_unlock(&p->mutex);
}

/* --- what is said --- */

/* Publishers of several workers have the same trouble: it is said once. */
static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;
static char said[PUBLISHER_WORDS_BYTES];

static void say_once(const struct publisher *p, const char *words)
{
    (void)pthread_mutex_lock(&saying); /* it is a plain one */
    if (strcmp(said, words) != 0 && *words != '\0')
        log_say(SEVERITY_WARNING, "%s %s: %s", p->kind->place, publisher_place(&p->settings),
                words);
    (void)snprintf(said, sizeof said, "%s", words); /* it fits */
    (void)pthread_mutex_unlock(&saying);
}

void publisher_note_trouble(struct publisher *p, int error, const char *words)
{
    if (atomic_exchange(&p->trouble, error) == error)
        return;
    say_once(p, words);
    bell_ring(p->bell);
}

bool publisher_is_news(const struct publisher *p, const char *name, bool was_made)
{
    static char known[SETTINGS_FILE_BYTES];
    static bool said_made;
    char now[sizeof known];

    (void)snprintf(now, sizeof now, "%s %s", p->kind->place, name); /* it fits */
    (void)pthread_mutex_lock(&saying); /* it is a plain one */
    bool is_known = strcmp(known, now) == 0;
    bool is_news = !is_known || (was_made && !said_made);
    said_made = was_made || (is_known && said_made);
    (void)snprintf(known, sizeof known, "%s", now);
    (void)pthread_mutex_unlock(&saying);
    return is_news;
}

/* --- delivering --- */

void publisher_note_stored(struct publisher *p, uint32_t number)
{
    uint32_t n = atomic_load_explicit(&p->acknowledged, memory_order_relaxed);

    p->stored[number] = true;
    while (n < p->load.messages_count && p->stored[n])
        n++;
    atomic_store_explicit(&p->acknowledged, n, memory_order_release);
}

bool publisher_is_stored(const struct publisher *p)
{
    return atomic_load_explicit(&p->acknowledged, memory_order_relaxed) == p->load.messages_count;
}

/* Deliver the load, however long it takes. Returns: false when it is time to end. */
static bool deliver(struct publisher *p)
{
    bool is_first = true;

    memset(p->stored, 0, sizeof p->stored);
    while (!publisher_is_closing(p)) {
        if (p->kind->connect(p) && p->kind->attempt(p, is_first)) {
            publisher_note_trouble(p, 0, "");
            atomic_store_explicit(&p->idle, 1, memory_order_release);
            bell_ring(p->bell);
            return true;
        }
        is_first = false;
        publisher_rest(p);
    }
    return false;
}

static void *publish(void *argument)
{
    struct publisher *p = argument;

    while (!publisher_is_closing(p) && !p->kind->connect(p))
        publisher_rest(p);
    publisher_note_trouble(p, 0, "");
    while (await_load(p) && deliver(p))
        ; /* and the next one */
    p->kind->close(p);
    (void)pthread_mutex_lock(&p->mutex);
    p->ended = true;
    (void)pthread_cond_signal(&p->changed);
    bool abandoned = p->abandoned;
    (void)pthread_mutex_unlock(&p->mutex);
    if (abandoned)
        release_joined(p);
    return NULL;
}

static int start(struct publisher *p)
{
    (void)pthread_mutex_init(&p->mutex, NULL); /* plain ones cannot fail */
    (void)pthread_cond_init(&p->changed, NULL);
    int error = pthread_create(&p->thread, NULL, publish, p);
    if (error != 0)
        return -error;
    (void)pthread_setname_np(p->thread, p->kind->name); /* a name is only a help */
    return 0;
}
