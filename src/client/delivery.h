/* SPDX-License-Identifier: MIT
 *
 * Delivery: how messages get across a connection, and when they count as delivered. Plain is
 * a stream whose bytes the other side's kernel acknowledges, and whose end is the receipt;
 * RELP has an answer for each message. The pump drives either.
 *
 * All functions return 0 or a negative errno where they return an int; -ENOMEM is ours, all
 * others mean that the connection is of no more use.
 */
#ifndef PEERLOG_CLIENT_DELIVERY_H
#define PEERLOG_CLIENT_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

struct pump;

struct delivery {
    /* The wire is up. */
    int (*begin)(struct pump *p);

    /* Give the wire what it takes; when the source has ended and all is sent, say so. */
    int (*send)(struct pump *p);

    /* The wire is readable, has ended, or is broken. */
    int (*hear)(struct pump *p);

    /* Bring outbox.acked up to date. Answers: is there progress? */
    bool (*look)(struct pump *p);

    /* Is there anything that the other side owes us? */
    bool (*is_owed)(const struct pump *p);

    /* Do bytes wait for the wire? */
    bool (*has_output)(const struct pump *p);

    /* Is everything delivered, and the connection of no more use? On true *ret_error is set. */
    bool (*is_over)(struct pump *p, int *ret_error);

    /* Is everything delivered, although the connection is still of use? */
    bool (*is_certain)(const struct pump *p);

    /* How much is delivered for good; it only grows. */
    uint64_t (*settled)(const struct pump *p);

    /* The connection has ended: what follows goes over another one. */
    void (*rewind)(struct pump *p);
};

extern const struct delivery delivery_plain;
extern const struct delivery delivery_relp;

#endif
