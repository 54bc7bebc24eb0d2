/* SPDX-License-Identifier: MIT
 *
 * What the two halves of the server share: server.c starts and stops, server_run.c
 * does what is to be done in between. Main's thread; for this folder alone.
 */
#ifndef PEERLOG_DAEMON_SERVER_PRIVATE_H
#define PEERLOG_DAEMON_SERVER_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/session/admission.h"
#include "daemon/ledger/connections.h"
#include "daemon/accept/acceptor.h"
#include "daemon/metrics/counters.h"
#include "daemon/output/output.h"
#include "daemon/parking/parking.h"
#include "daemon/settings/snapshot.h"
#include "daemon/worker/mailbox.h"
#include "daemon/worker/worker.h"
#include "os/gate.h"
#include "peerlog/limits.h"

struct server {
    const char *file;
    struct snapshot *snapshot; /* the newest first; older ones hang on it */
    struct ledger *ledger;
    struct connections table;
    struct parking *parking;
    struct admission *admission;
    struct preface *preface;
    struct output_health health;
    struct worker_events events;
    struct acceptor *acceptor;
    struct worker *workers[PEERLOG_MAX_WORKERS];
    unsigned workers_count;
    struct gate gate;
    struct letter stop_letters[PEERLOG_MAX_WORKERS];
    int set, bell, signals;
    bool stopping;
    int exit_status;
    char trouble[160]; /* for the STATUS line; "": none */

    /* Times of the monotonic clock in milliseconds; 0: never. */
    uint64_t started_ms;
    uint64_t watchdog_every_ms, watchdog_next_ms;
    bool pinged;
    uint64_t status_next_ms, status_last_ms;
    uint64_t status_records;
    char status_text[512];

    _Atomic uint32_t output_ended;
    _Atomic uint32_t workers_ended;
};

/* Everything listens: say so to people and to the service manager. */
void server_ready(struct server *s);

/* Do what is due now. Returns: milliseconds until something is due again, -1: never. */
int server_tick(struct server *s);

/* Read the file again; put it in force if it is good, else change nothing. */
void server_reload(struct server *s);

/* Workers look at the names of the files they write to: they may be others by now. */
void server_refresh(struct server *s);

/* Hand what was taken over to the workers, before their threads are let go. */
void server_hand_out(struct server *s);

/* Connections whose listener is gone are to be closed in good order. */
void server_close_unwanted(struct server *s);

struct listen_fault;

/* Why a socket could not be had: "cannot listen on ...", in DST. */
void server_describe_fault(char *dst, size_t room, const struct listen_fault *fault);

/* All counters since the start of this process. Threads: any. */
void server_sum_counters(const struct server *s, uint64_t totals[COUNTERS]);

/* Say them in one line. */
void server_say_counters(const struct server *s, enum severity severity);

#endif
