/* SPDX-License-Identifier: MIT
 *
 * What the parts of the server share: server.c starts and holds it together, server_run.c
 * does what is to be done while it runs, server_stop.c stops it. Main's thread; nobody
 * else includes this.
 */
#ifndef PEERLOG_DAEMON_SERVER_PARTS_H
#define PEERLOG_DAEMON_SERVER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/admission.h"
#include "daemon/connection.h"
#include "daemon/listener.h"
#include "daemon/output.h"
#include "daemon/parking.h"
#include "daemon/rulebook.h"
#include "daemon/worker.h"
#include "peerlog/limits.h"

/* What main waits for. */
enum tag { TAG_BELL, TAG_SIGNALS, TAG_REQUESTS, TAG_TRIAL };

struct server {
    const char *file;
    struct rulebook *rules; /* the newest first; older ones hang on it */
    struct ledger *ledger;
    struct connections table;
    struct parking *parking;
    struct admission_office *office;
    struct greeter *greeter;
    struct output_health health;
    struct worker_events events;
    struct listener *listener;
    struct worker *workers[PEERLOG_MAX_WORKERS];
    unsigned workers_count;
    pthread_mutex_t gate;
    int set, bell, signals;
    int requests; /* for a reload; -1: nobody can ask */
    int trial;    /* tells when the service manager does not keep its other end; or -1 */
    bool stopping;
    bool last; /* no process follows, whatever the service manager keeps */
    int exit_status;
    char trouble[160]; /* for the STATUS line; "": none */
    char reload_fault[400]; /* the first of the reload that goes on; "": none yet */
    unsigned reload_faults; /* and how many there are */

    /* Times of the monotonic clock in milliseconds; 0: never. */
    uint64_t started_ms;
    uint64_t watchdog_every_ms, watchdog_next_ms;
    bool pinged;
    uint64_t status_next_ms, status_last_ms;
    uint64_t status_records;
    char status_text[256];

    _Atomic uint32_t output_ended;
    _Atomic uint32_t workers_ended;
};

/* Everything listens: say so to people and to the service manager. */
void server_ready(struct server *s);

/* Do what is due now. Returns: milliseconds until something is due again, -1: never. */
int server_tick(struct server *s);

/*
 * Read the file again; put it in force if it is good, else change nothing.
 * Answers: is it in force? Else s->reload_fault says why.
 */
bool server_reload(struct server *s);

/* The service manager keeps nothing: say so, and leave it nothing. Or do not ask any more. */
void server_hear_refusal(struct server *s);
void server_end_trial(struct server *s);

/*
 * Let reloads be asked for, where there is a runtime directory; answer one; and end it: who
 * still waits is told by the end of its connection.
 */
void server_open_requests(struct server *s);
void server_answer_request(struct server *s);
void server_close_requests(struct server *s);

/* Keep this text as the last good configuration. */
void server_keep_config(struct server *s, const char *config, size_t bytes);

/* How many of WANTED connections the descriptor limit allows; says so when it is fewer. */
uint32_t server_connection_limit(uint32_t wanted, bool parked);

/* Hand what was taken over to the workers, before their threads are let go. */
void server_hand_out(struct server *s);

/* Connections whose listener is gone are to be closed in good order. */
void server_bid_farewells(struct server *s);

/*
 * Stop: read what the sockets hold, deliver it, and leave the rest to the next process if there
 * will be one.
 * Returns: an exit status.  Blocks: until it is delivered, for a bounded time.
 */
int server_stop(struct server *s);

struct listening_fault;

/* What to tell a person who could not listen: "cannot listen on ...", in DST. */
void server_describe_fault(char *dst, size_t room, const struct listening_fault *fault);

/* Say all counters in one line. */
void server_say_counters(struct server *s, enum severity severity);

#endif
