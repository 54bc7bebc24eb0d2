/* SPDX-License-Identifier: MIT
 *
 * A thread that makes files durable, because fdatasync(2) may take long and a worker waits for
 * nothing but its poller. Each worker has its own; the thread has what it was given until it is
 * done.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_FILE_SYNC_H
#define PEERLOG_DAEMON_OUTPUT_FILE_SYNC_H

#include <stdbool.h>
#include <stdint.h>

struct file;
struct file_sync;

/*
 * Start one; what it is given is synced after DELAY_MS, so that what comes meanwhile goes with it.
 * Returns: 0, or negative errno.
 * Owns:    the caller, until file_sync_end().
 */
int file_sync_new(uint32_t delay_ms, struct file_sync **ret_sync);

/*
 * Sync what it has, and let go of it; NULL is allowed. A disk that hangs is left to the thread,
 * which lets go of everything if it ever comes to its end.
 * Answers: is all durable that could be made so?  Blocks: for PEERLOG_SYNC_END_MS at most.
 */
bool file_sync_end(struct file_sync *sync);

/*
 * FILE was written to.
 * Returns: 0, or -ENOMEM.  Threads: its worker.  Blocks: never.
 */
int file_sync_add(struct file_sync *sync, struct file *file);

/*
 * All that was added is to be durable: begin, unless that has begun.
 * Threads: its worker.  Blocks: never.
 */
void file_sync_begin(struct file_sync *sync);

/*
 * Returns: 0 when all that was added before the last file_sync_begin() is durable; -EAGAIN while
 *          it is not; or the negative errno of what could not be made so, once.
 */
int file_sync_result(struct file_sync *sync);

/* Answers: has what it syncs now not come to the disk for PEERLOG_SYNC_LATE_MS? Blocks: never. */
bool file_sync_is_late(struct file_sync *sync);

/* Readable when there is a result. */
int file_sync_descriptor(const struct file_sync *sync);

#endif
