/* SPDX-License-Identifier: MIT
 *
 * epoll(7): a set of descriptors and one wait for all of them, plus the two descriptors
 * that turn other events into readable ones. Functions return negative errno on failure.
 * poller_add() may be called from any thread; it wakes and orders memory.
 */
#ifndef PEERLOG_OS_POLLER_H
#define PEERLOG_OS_POLLER_H

#include <stdint.h>
#include <sys/epoll.h>

/* A new set. Returns: its descriptor, close-on-exec, or negative errno. */
int poller_new(void);

/* Watch FD for EVENTS (EPOLLIN, ...); TAG comes back with each of them. */
int poller_add(int poller, int fd, uint32_t events, uint64_t tag);
int poller_change(int poller, int fd, uint32_t events, uint64_t tag);
int poller_remove(int poller, int fd);

/*
 * Wait for events, at most TIMEOUT_MS milliseconds; -1: for ever, 0: not at all.
 * Returns: how many of EVENTS were filled, 0 after the time or a signal.
 * Blocks:  yes.
 */
int poller_wait(int poller, struct epoll_event *events, int room, int timeout_ms);

/* A bell: readable after bell_ring(), silent after bell_hush(). */
int bell_new(void);
void bell_ring(int bell);
void bell_hush(int bell);

/* Wait until it rings, at most TIMEOUT_MS milliseconds (-1: for ever), and hush it. Blocks: yes. */
void bell_wait(int bell, int timeout_ms);

/* The same, or until OTHER, a descriptor, is readable. */
void bell_wait_or(int bell, int other, int timeout_ms);

#endif
