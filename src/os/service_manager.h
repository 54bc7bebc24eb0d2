/* SPDX-License-Identifier: MIT
 *
 * The service manager: sd_notify(3), its descriptor store, and the descriptors it
 * hands over. Without one, every call does nothing and says so.
 */
#ifndef PEERLOG_OS_SERVICE_MANAGER_H
#define PEERLOG_OS_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Answers: is there a service manager that listens? */
bool service_manager_available(void);

/*
 * Answers: does it keep descriptors for the next process? systemd says so since version 254
 * ($FDSTORE); an older one is believed to until service_manager_try_store() shows that it does not;
 * other managers are not.
 */
bool service_manager_stores(void);

/* Say STATE, lines of "NAME=VALUE". Blocks: as long as the manager's queue is full. */
void service_manager_say(const char *state);

/*
 * Ask the manager to keep FD under NAME for the next process of the unit; it is not
 * dropped when the other end hangs up (FDPOLL=0).
 * Returns: 0 when the request was queued; -ENOTCONN without a manager; negative errno.
 */
int service_manager_store(const char *name, int fd);

/*
 * Give the manager one descriptor more, in place of that of a process before. It refuses without
 * a word: by closing, and not at once.
 * Returns: the other end, on which EPOLLERR tells that it is not kept; or negative errno.
 */
int service_manager_try_store(void);

/* What that descriptor is called when it is handed over; it is of no use then. */
#define SERVICE_MANAGER_TRIAL "trial"

/* Ask it to forget every descriptor of that name. */
void service_manager_forget(const char *name);

/* Microseconds within which a sign of life is wanted; 0: never. */
uint64_t service_manager_watchdog_us(void);

/* One descriptor that was handed over. */
struct service_manager_fd {
    int fd;
    char *name;
};

/*
 * The descriptors handed over at start, made close-on-exec; the environment
 * that told of them is cleared.
 * Returns: 0 with *ret_count of them; or negative errno.
 * Owns:    the caller; service_manager_free() releases the names and the array.
 */
int service_manager_inherited(struct service_manager_fd **ret_fds, size_t *ret_count);
void service_manager_free(struct service_manager_fd *fds, size_t count);

#endif
