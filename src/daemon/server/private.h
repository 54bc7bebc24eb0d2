/* SPDX-License-Identifier: MIT
 *
 * What the parts of the server share: server.c starts it and is its loop, supervise.c does what is
 * due by the clock, reload.c takes up another configuration, stop.c stops. Main's thread; for this
 * folder alone.
 */
#ifndef PEERLOG_DAEMON_SERVER_PRIVATE_H
#define PEERLOG_DAEMON_SERVER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/session/admission.h"
#include "daemon/ledger/connections.h"
#include "daemon/accept/acceptor.h"
#include "daemon/metrics/counters.h"
#include "daemon/output/output.h"
#include "daemon/parking/parking.h"
#include "daemon/settings/snapshot.h"
#include "daemon/worker/crew.h"
#include "daemon/worker/mailbox.h"
#include "daemon/worker/worker.h"
#include "os/gate.h"
#include "peerlog/limits.h"

struct admin;
struct announcer;
struct admin_module;
struct silence;
struct server;

/* A descriptor that main's loop waits for, and what is to be done then. */
typedef void watch_fn(struct server *s);
struct watch {
    int fd;
    watch_fn *ready; /* NULL: it is not watched */
};

struct server {
    const char *file;
    struct snapshot *snapshot; /* the newest first; older ones hang on it */
    struct ledger *ledger;
    struct connections table;
    struct parking *parking;
    struct admission *admission;
    struct preface *preface;
    struct announcer *announcer;
    struct silence *silence;
    struct peer_rates *rates;
    struct output_health health;
    struct worker_events events;
    struct acceptor *acceptor;
    struct worker *workers[PEERLOG_MAX_WORKERS];
    unsigned workers_count;
    struct crew crew;
    struct gate gate;
    struct letter stop_letters[PEERLOG_MAX_WORKERS];
    int set, bell, signals;
    struct watch bell_watch, signals_watch, requests_watch, trial_watch, admin_watch;
    int requests; /* for a reload; -1: nobody can ask */
    int admin_socket; /* on which nobody has asked yet; or -1 */
    int metrics_socket; /* likewise, to scrape */
    const struct admin_module *admin_module; /* once somebody has */
    struct admin *admin;
    struct mailbox mailbox; /* what the admin asks of main */
    pthread_mutex_t names_lock; /* guards: */
    char names[LEDGER_LISTENERS][PEER_TEXT_BYTES]; /* of listeners, for the admin */
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
    uint64_t advise_next_ms;
    uint64_t silence_next_ms;
    uint64_t silence_taken[PEERLOG_MAX_WORKERS]; /* records of each, when it was looked last */
    void (*advise)(const struct settings *settings, bool news);
    char status_text[512];

    _Atomic uint32_t output_ended;
    _Atomic uint32_t workers_ended;
};

/* Everything listens: say so to people and to the service manager. */
void server_ready(struct server *s);

/* Do what is due now. Returns: milliseconds until something is due again, -1: never. */
int server_tick(struct server *s);

/* Say what is to be said of the settings in force; NEWS: they are new. */
void server_advise(struct server *s, bool news);

/*
 * Watch FD for EVENTS from now on; READY is called when there are some. WATCH stays the caller's.
 * Returns: 0, or negative errno.
 */
int server_watch(struct server *s, struct watch *watch, int fd, uint32_t events, watch_fn *ready);
void server_unwatch(struct server *s, struct watch *watch);

/*
 * Read the file again; put it in force if it is good, else change nothing.
 * Answers: is it in force? Else s->reload_fault says why.
 */
bool server_reload(struct server *s);

/* Say in a line how the last one went; GOOD is what it answered. */
void server_describe_reload(const struct server *s, bool good, char *dst, size_t room);

/* The service manager's trial is over: nothing was refused so far. */
void server_end_trial(struct server *s);

/*
 * Let reloads be asked for, where there is a runtime directory; and end it: a request that waits
 * is told by the end of its connection.
 */
void server_open_requests(struct server *s);
void server_close_requests(struct server *s);

/*
 * Let administrators ask: the module that answers them is loaded when the first one does. To close
 * ends its thread; to free is for when no worker runs any more.
 */
void server_open_admin(struct server *s);
void server_close_admin(struct server *s);
void server_free_admin(struct server *s);

/* Listeners have changed: the admin is to know their addresses. */
void server_note_listeners(struct server *s);

/* Do what the admin asks of main. */
void server_answer_admin(struct server *s);

/* A line for each socket of NOW that was not in BEFORE; NULL is an empty set. */
void server_say_listening(const struct listen_set *now, const struct listen_set *before);

/* Workers look at the names of the files they write to: they may be others by now. */
void server_refresh(struct server *s);

/* Hand what was taken over to the workers, before their threads are let go. */
void server_hand_out(struct server *s);

/* Connections whose listener is gone are to be closed in good order. */
void server_close_unwanted(struct server *s);

/*
 * Stop: read what the sockets hold, deliver it, and leave the rest to the next process if there
 * will be one.
 * Returns: an exit status.  Blocks: until it is delivered, for a bounded time.
 */
int server_stop(struct server *s);

struct listen_fault;

/* Why a socket could not be had: "cannot listen on ...", in DST. */
void server_describe_fault(char *dst, size_t room, const struct listen_fault *fault);

/* All counters since the start of this process. Threads: any. */
void server_sum_counters(const struct server *s, uint64_t totals[COUNTERS]);

/* Say them in one line. */
void server_say_counters(const struct server *s, enum severity severity);

#endif
