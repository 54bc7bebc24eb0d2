/* SPDX-License-Identifier: MIT
 *
 * Parking: a copy of each accepted socket, held where it outlives the process. Sockets are
 * sent into a lot (one AF_UNIX stream pair that is never read), whose other end the service
 * manager keeps. The next process looks into the lots without taking anything out.
 *
 * Storing each socket by itself would make the manager compare each with each other.
 * Without a service manager nothing is parked, and everything else works the same.
 */
#ifndef PEERLOG_DAEMON_PARKING_PARKING_H
#define PEERLOG_DAEMON_PARKING_PARKING_H

#include <stdbool.h>
#include <stdint.h>

struct parking;

/*
 * Make a parking. AVAILABLE: is there a manager to keep the lots?
 * Returns: 0, or negative errno.  Owns: release it with parking_free().
 */
int parking_new(bool available, struct parking **ret_parking);
struct parking *parking_free(struct parking *parking);

/* Answers: are sockets kept for the next process? Threads: any. */
bool parking_available(const struct parking *parking);

/* The manager keeps nothing: no more sockets are parked. Threads: any. */
void parking_give_up(struct parking *parking);

/*
 * Park a copy of FD.
 * Returns: 0 with the lot in *ret_lot; -ENOTCONN without a manager; or negative errno:
 *          the socket is not kept.
 * Threads: the acceptor.
 */
int parking_park(struct parking *parking, int fd, uint16_t *ret_lot);

/* A connection parked in LOT ended: its copy there is dead. Threads: any. */
void parking_leave(struct parking *parking, uint16_t index);

/*
 * Called for each socket found in a lot. FD is a descriptor of one's own. Unless KEEP there
 * are no descriptors left for it: it is to be hung up on, if it is not a second copy.
 * Returns: true when it was taken on: it lives. The callee owns FD in any case.
 */
typedef bool parking_found_fn(void *context, int fd, uint16_t lot, bool keep);

/*
 * Take on an inherited lot: look at each socket in it. When all descriptors but a reserve
 * are used up, the others are not to be kept.
 * Returns: how many were found, or negative errno: it is no lot.
 * Owns:    the parking owns FD and keeps NAME's meaning, unless it fails.
 * Threads: main, at start.
 */
int parking_inherit(struct parking *parking, int fd, const char *name, parking_found_fn *found,
                    void *context);

/* Answers: were inherited sockets hung up on, for want of descriptors? Threads: main. */
bool parking_dismissed(const struct parking *parking);

/*
 * Called for each socket of a lot that is being rewritten: answers whether it still lives,
 * and moves its slot to lot TO, unless TO is LOT_NONE: then it only answers.
 */
typedef bool parking_move_fn(void *context, int fd, uint16_t from, uint16_t to);

/*
 * Drop lots in which everything is dead, and rewrite one of those of which more than half is,
 * or more than an eighth, when there are nearly as many copies as the kernel allows.
 * Returns: is there another one that should be rewritten soon?
 * Threads: the acceptor, from time to time.
 */
bool parking_sweep(struct parking *parking, parking_move_fn *move, void *context);

/* Answers: has enough ended since the last sweep that another one is worth it? Any thread. */
bool parking_wants_sweep(const struct parking *parking);

/* What is parked now, more or less: it changes while it is looked at. Threads: any. */
struct parking_view {
    uint32_t lots, alive, dead;
};
void parking_look(const struct parking *parking, struct parking_view *ret_view);

#endif
