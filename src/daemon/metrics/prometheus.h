/* SPDX-License-Identifier: MIT
 *
 * The table of counters and what is measured beside it, as Prometheus reads it: the text format
 * 0.0.4, or OpenMetrics 1.0. No label has a value that a peer chooses. Pure; any thread.
 */
#ifndef PEERLOG_DAEMON_METRICS_PROMETHEUS_H
#define PEERLOG_DAEMON_METRICS_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/metrics/counters.h"

enum prometheus_form {
    PROMETHEUS_TEXT,
    PROMETHEUS_OPENMETRICS,
};

/* What came through a listener. */
struct prometheus_listener {
    const char *name; /* the address that it is bound to */
    uint64_t syslog, relp; /* messages, by session */
    uint64_t bytes;
};

/* What is so now. */
struct prometheus_now {
    const char *version; /* of the program */
    uint64_t connections;
    uint64_t connections_limit;
    uint64_t waiting;      /* records in hand that the log did not take yet */
    uint64_t workers;
    uint64_t outputs_lost; /* workers that have no log now */
    uint64_t lost_s;       /* for how long, in seconds */
    uint64_t started_s;    /* of the process, seconds since 1970 */
    uint64_t inbox_bytes;  /* in use in the inboxes of all workers, */
    uint64_t inbox_room;   /* and how large these are */
    uint64_t lots;         /* that hold copies of sockets, */
    uint64_t parked;       /* copies in them of connections that live, */
    uint64_t dead;         /* and of those that do not */
    uint64_t takeovers;    /* from a process before, since the ledger was first made */
    uint64_t silent;       /* peers that spoke before */
    const struct prometheus_listener *listeners;
    size_t listeners_count;
};

/* Room for all of it and a NUL. */
#define PROMETHEUS_BYTES 98304u

/*
 * Write it to DST, with a NUL.
 * Returns: the length without the NUL; lines that do not fit are left out.
 */
size_t prometheus_format(char *dst, size_t room, enum prometheus_form form,
                         const uint64_t totals[COUNTERS], const struct prometheus_now *now);

/* The media type of a form, for HTTP. */
const char *prometheus_media_type(enum prometheus_form form);

#endif
