/* SPDX-License-Identifier: MIT
 *
 * The publisher of an output to a broker: a thread that may block, because its worker may not. It
 * gets one load at a time, and tries until all of it is stored. What a broker's library is told,
 * a kind of publisher knows; its functions run in this thread alone.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_PUBLISHER_H
#define PEERLOG_DAEMON_OUTPUT_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/output/load.h"
#include "daemon/settings/settings.h"

struct publisher;

/* Room for what is wrong, for people. */
#define PUBLISHER_WORDS_BYTES 256u

/* Functions may block for seconds, but look at publisher_is_closing() now and then. */
struct publisher_kind {
    const char *name;   /* of the thread */
    const char *place;  /* before the name of the stream, for people: "NATS stream" */
    size_t state_bytes; /* of publisher->state, which is zero at first */

    /* Returns: false after publisher_note_trouble(): it is called again, after a rest. */
    bool (*connect)(struct publisher *publisher);

    /*
     * Send what is not stored of the load, and hear of it, by publisher_note_stored(). IS_FIRST:
     * nothing of this load was sent before.
     * Returns: true when all is stored; false after publisher_note_trouble(): it is called again,
     * after a rest, connected.
     */
    bool (*attempt)(struct publisher *publisher, bool is_first);

    /* Without a load, once a second. Or NULL. */
    void (*idle)(struct publisher *publisher);

    /* The end of the thread, connected or not. */
    void (*close)(struct publisher *publisher);
};

struct publisher {
    const struct publisher_kind *kind;
    struct output_settings settings; /* but its lists */
    size_t longest;                  /* of a message, in bytes */
    uint64_t instance;               /* of the ledger */
    int bell;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool has_load, closing; /* with the mutex, as what follows */
    bool ended, abandoned;
    _Atomic uint32_t idle;         /* the load is the worker's */
    _Atomic uint32_t acknowledged; /* messages of the load, from the first one on */
    _Atomic int trouble;           /* what keeps it from going on, negative errno; 0: nothing */

    /* The thread's alone. */
    void *state; /* private to the kind */
    bool stored[BATCH_RECORDS];
    struct load load; /* the worker's while idle */
};

/* --- for the worker --- */

/*
 * Start the thread, which connects. LONGEST: of a message, in bytes.
 * Returns: 0, or negative errno.
 * Owns:    the publisher has a copy of the settings. End it with publisher_end().
 */
int publisher_new(const struct publisher_kind *kind, const struct output_settings *settings,
                  size_t longest, uint64_t instance, struct publisher **ret_publisher);

/*
 * What is out and not acknowledged may be stored or not. A thread that hangs in the library ends
 * by itself, later. Blocks: for a moment.
 */
void publisher_end(struct publisher *publisher);

/* Answers: is its load the worker's, to be filled and handed over by publisher_send()? */
bool publisher_is_idle(const struct publisher *publisher);
void publisher_send(struct publisher *publisher);

/* How many messages of the load are acknowledged, from the first one on. */
uint32_t publisher_acknowledged(const struct publisher *publisher);

/* What keeps it from going on, negative errno; 0: nothing. */
int publisher_trouble(const struct publisher *publisher);

/* --- for the kind --- */

bool publisher_is_closing(struct publisher *publisher);

/* Say what is wrong when it is something new; output.c says that the log is away. */
void publisher_note_trouble(struct publisher *publisher, int error, const char *words);

/* Rest after a failure, or until the end. */
void publisher_rest(struct publisher *publisher);

/* Message NUMBER of the load is stored. */
void publisher_note_stored(struct publisher *publisher, uint32_t number);

/* Answers: is all of the load stored? */
bool publisher_is_stored(const struct publisher *publisher);

/*
 * Publishers of several workers find the same place, of this NAME: what it promises is said once.
 * That it was made is said by a maker of it even if another one has found it and spoken before.
 * Answers: is it to be said?
 */
bool publisher_is_news(const struct publisher *publisher, const char *name, bool was_made);

/* The name of the stream, or of the topic. */
const char *publisher_place(const struct output_settings *settings);

#endif
