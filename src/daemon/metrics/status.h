/* SPDX-License-Identifier: MIT
 *
 * The STATUS line: what an administrator wants to see at a glance.
 */
#ifndef PEERLOG_DAEMON_METRICS_STATUS_H
#define PEERLOG_DAEMON_METRICS_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a moment, in text. */
#define STATUS_MOMENT_BYTES 32u

struct status {
    uint32_t connections;
    uint32_t limit;    /* how many there may be; 0: it does not matter */
    uint32_t silent;   /* peers that spoke before */
    uint64_t records;  /* delivered since the start */
    uint64_t waiting;  /* in hand, not yet taken by the output */
    bool output_lost;
    const char *lost_since; /* a moment in text, when it is lost */
    const char *log;     /* which log it is, or NULL */
    const char *trouble; /* something that should be seen, or NULL */
};

/*
 * "42 connections, 1.2k msg/s, 0 waiting, log ok: journal (native)"; but the worst thing comes
 * first: "log LOST since 14:03:05: journal (native), 300 waiting; 42 connections, 0 msg/s".
 * Returns: the length without the NUL.
 */
size_t status_format(char *dst, size_t room, const struct status *status, double records_per_s);

#endif
