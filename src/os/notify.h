/* SPDX-License-Identifier: MIT
 *
 * The service manager: sd_notify(3), its descriptor store, and the descriptors it
 * hands over. Without one, every call does nothing and says so.
 */
#ifndef PEERLOG_OS_NOTIFY_H
#define PEERLOG_OS_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Answers: is there a service manager that listens? */
bool notify_available(void);

/*
 * Answers: does it keep descriptors for the next process? systemd says so since version 254
 * ($FDSTORE); an older one is believed to until notify_try_store() shows that it does not;
 * other managers are not.
 */
bool notify_stores(void);

/* Say STATE, lines of "NAME=VALUE". Blocks: as long as the manager's queue is full. */
void notify_say(const char *state);

/*
 * Ask the manager to keep FD under NAME for the next process of the unit; it is not
 * dropped when the other end hangs up (FDPOLL=0).
 * Returns: 0 when the request was queued; -ENOTCONN without a manager; negative errno.
 */
int notify_store(const char *name, int fd);

/*
 * Give the manager one descriptor more, in place of that of a process before. It refuses without
 * a word: by closing, and not at once.
 * Returns: the other end, on which EPOLLERR tells that it is not kept; or negative errno.
 */
int notify_try_store(void);

/* What that descriptor is called when it is handed over; it is of no use then. */
#define NOTIFY_TRIAL "trial"

/* Ask it to forget every descriptor of that name. */
void notify_forget(const char *name);

/* Microseconds within which a sign of life is wanted; 0: never. */
uint64_t notify_watchdog_us(void);

/* One descriptor that was handed over. */
struct notify_fd {
    int fd;
    char *name;
};

/*
 * The descriptors handed over at start, made close-on-exec; the environment
 * that told of them is cleared.
 * Returns: 0 with *ret_count of them; or negative errno.
 * Owns:    the caller; notify_free() releases the names and the array.
 */
int notify_inherited(struct notify_fd **ret_fds, size_t *ret_count);
void notify_free(struct notify_fd *fds, size_t count);

#endif
