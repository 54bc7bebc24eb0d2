/* SPDX-License-Identifier: MIT
 *
 * The admin: answers over HTTP what a person or Prometheus asks of a daemon that runs. It is a
 * module (os/module.h), because of its libraries, and is loaded when it is asked for the first
 * time. It has a thread of its own, which asks workers and main by letters, waits for their
 * answers a bounded time, and is never waited for.
 *
 * Here is what main and the module say to each other.
 */
#ifndef PEERLOG_DAEMON_ADMIN_ADMIN_H
#define PEERLOG_DAEMON_ADMIN_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/ledger/connections.h"
#include "daemon/metrics/counters.h"
#include "daemon/output/output.h"
#include "daemon/worker/mailbox.h"
#include "daemon/worker/worker.h"

struct admin;
struct silence;

/* A listener of the settings in force. */
struct overview_listener {
    char text[PEER_TEXT_BYTES]; /* the address it is bound to; "": nothing listens */
    char tag[PEERLOG_MAX_TAG_BYTES + 1];
    uint8_t framing;  /* enum framing */
    uint8_t tls_mode; /* enum tls_mode */
    bool proxy_protocol;
};

/* What only main's thread can tell, as it was when it answered; it was zero when it was asked. */
struct overview {
    char file[SETTINGS_FILE_BYTES]; /* of the configuration; "": there is none */
    char trouble[160];              /* as in the STATUS line; "": none */
    uint8_t output_type;            /* enum output_type */
    char output_path[SETTINGS_FILE_BYTES];
    uint32_t connections_limit;
    struct overview_listener listeners[PEERLOG_LISTENER_PLACES]; /* by their place in the ledger */
};

enum errand_kind {
    ERRAND_OVERVIEW,
    ERRAND_RELOAD,
    ERRAND_REOPEN, /* what is written to, by its name */
    ERRAND_SETTINGS,
};

/* What is asked of main by a LETTER_ERRAND. */
struct errand {
    enum errand_kind kind;
    bool good;      /* answer to ERRAND_RELOAD, */
    char line[512]; /* and what is to be told of it */
    struct overview overview; /* answer to ERRAND_OVERVIEW */

    /*
     * ERRAND_SETTINGS: called by main's thread with those in force, and the file they are of, or
     * NULL. It leaves its answer in TAKEN, which DROP releases when nobody waits for it any more.
     */
    void (*take)(struct errand *errand, const struct settings *settings, const char *file);
    void (*drop)(struct errand *errand);
    void *taken;
};

struct crew;

struct admin_plan {
    int fd;         /* the listening socket, or -1; the admin's */
    int metrics_fd; /* that for counters alone, likewise */
    const struct metrics_settings *metrics; /* who may connect there; copied */
    uint64_t started_ms; /* of the process, by the monotonic clock */
    const struct connections *table;
    struct worker *const *workers;
    unsigned workers_count;
    struct crew *crew;
    const struct output_health *health;
    struct silence *silence; /* who is silent */
    const struct parking *parking;
    void *context;
    void (*post)(void *context, struct letter *letter); /* to main, as worker_post() */
    /* The address that the listener in place ID is bound to; "" when there is none. */
    void (*name)(void *context, uint32_t id, char dst[PEER_TEXT_BYTES]);
    void (*sum)(void *context, uint64_t totals[COUNTERS]); /* what this process has counted */
};

/* What the module brings; its symbol is admin_module. */
struct admin_module {
    const char *version; /* of the daemon it was built with; first, and so in every version */

    /*
     * Start its thread. Returns: 0, or negative errno.
     * Owns: the admin owns PLAN's descriptors, also when it fails; it is released with free().
     */
    int (*start)(const struct admin_plan *plan, struct admin **ret_admin);

    /* End its thread. Main answers no letters meanwhile. Blocks: for a moment. */
    void (*stop)(struct admin *admin);

    /* When no worker can answer a letter any more. Returns: NULL. */
    struct admin *(*free)(struct admin *admin);
};

#endif
