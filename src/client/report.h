/* SPDX-License-Identifier: MIT
 *
 * Report: what peerlog says about how it ended, and the exit status that goes with it
 * (sysexits.h). How many messages arrived is said as it is known: acknowledged is
 * what the other side's kernel has confirmed, not what its program has read.
 */
#ifndef PEERLOG_CLIENT_REPORT_H
#define PEERLOG_CLIENT_REPORT_H

#include <stddef.h>

#include "client/options.h"
#include "client/outbox.h"
#include "client/wire.h"

#define REPORT_TALLY_BYTES 320u

/* Write TALLY as words: "3 messages sent, 2 acknowledged, 1 may be missing". */
void report_format_tally(char text[REPORT_TALLY_BYTES], const struct outbox_tally *tally);

/* Why there is no connection, in the words of the system. */
const char *report_reason(enum wire_result result, const struct wire_failure *failure);

/*
 * The exit status for ERROR (an errno): EX_OSERR when memory or descriptors are missing,
 * OTHERWISE for everything else.
 */
int report_status(int error, int otherwise);

/* Say why there is no connection. Returns: the exit status. */
int report_unconnected(const struct options *options, enum wire_result result,
                       const struct wire_failure *failure);

/* Say that the connection to PEER broke, and REASON. */
void report_broken(const char *peer, const char *reason, const struct outbox_tally *tally);

/* Say that PEER did not go on in time, and WHAT there was not. */
void report_stalled(const char *peer, const char *what, const struct options *options,
                    const struct outbox_tally *tally);

/* Say that memory is missing. Returns: the exit status. */
int report_no_memory(const struct outbox_tally *tally);

/* Say that a signal ended the work. */
void report_interrupted(const struct outbox_tally *tally);

#endif
