/* SPDX-License-Identifier: MIT
 *
 * The STATUS line: what an administrator wants to see at a glance.
 */
#ifndef PEERLOG_DAEMON_METRICS_STATUS_H
#define PEERLOG_DAEMON_METRICS_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct status {
    uint32_t connections;
    uint64_t records;  /* delivered since the start */
    uint64_t waiting;  /* in hand, not yet taken by the output */
    bool output_lost;
    const char *log;     /* which log it is, or NULL */
    const char *trouble; /* something that should be seen, or NULL */
};

/*
 * "42 connections, 1.2k msg/s, 0 waiting, log ok: journal (native)".
 * Returns: the length without the NUL.
 */
size_t status_format(char *dst, size_t room, const struct status *status, double records_per_s);

#endif
