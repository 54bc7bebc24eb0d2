/* SPDX-License-Identifier: MIT
 *
 * Wire: one TCP connection to the other side, with TLS on it if that is asked for. Finds the
 * host, tries each of its addresses, sends, half-closes, throws away what comes back, and knows
 * what the other side's kernel has acknowledged.
 */
#ifndef PEERLOG_CLIENT_WIRE_H
#define PEERLOG_CLIENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/options.h"
#include "client/secure.h"
#include "peerlog/peer.h"

struct wire {
    int fd;           /* -1: none */
    struct secure *secure; /* TLS; NULL: none */
    bool half_closed; /* we have said that nothing follows */
    bool peer_closed; /* the other side has said so */
    char peer[PEER_TEXT_BYTES]; /* the address at the other end */
};

enum wire_result {
    WIRE_UP,
    WIRE_NO_HOST,     /* the name has no address */
    WIRE_NO_SERVICE,  /* the port is no known service */
    WIRE_NO_ANSWER,   /* the resolver cannot say at the moment */
    WIRE_REFUSED,     /* no address could be connected; none took it */
    WIRE_UNTRUSTED,   /* TLS did not come about: failure->words say why */
    WIRE_INTERRUPTED, /* a signal came */
};

/* Why there is no connection. */
struct wire_failure {
    int error;                  /* errno; or what getaddrinfo() answered */
    int system_error;           /* errno where it answered EAI_SYSTEM */
    char words[SECURE_PROBLEM_BYTES];
    int addresses;              /* how many were tried */
    char peer[PEER_TEXT_BYTES]; /* the last one tried */
};

/*
 * Connect to where OPTIONS say, and agree on TLS unless CONTEXT is NULL; for each of the two
 * every address has the whole timeout. INTERRUPT_FD being readable ends the attempt.
 * Returns: WIRE_UP with *ret_wire open, or why not with *ret_failure filled in; but nothing
 *          is in it with WIRE_INTERRUPTED, after which the program is expected to end.
 * Blocks:  in the resolver, and until connected.
 */
enum wire_result wire_open(const struct options *options, struct secure_context *context,
                           int interrupt_fd, struct wire *ret_wire,
                           struct wire_failure *ret_failure);

/*
 * Give BYTES to the kernel, as many as it takes.
 * Returns: their number, 0 when there is no room now; or a negative errno.
 */
ssize_t wire_send(const struct wire *wire, const unsigned char *bytes, size_t len);

/*
 * Say that nothing follows; half_closed tells whether that is done, or to be tried again.
 * Returns: 0, or a negative errno.
 */
int wire_half_close(struct wire *wire);

/* The events to wait for on FD when there is OUTPUT or not. */
short wire_events(const struct wire *wire, bool output);

/* Answers: do EVENTS, which poll(2) has found, mean that wire_receive() has something to do? */
bool wire_is_heard(const struct wire *wire, short events);

/* What TLS has to say about a connection that broke; "" when that is nothing. */
const char *wire_problem(const struct wire *wire);

/*
 * Read what has come, or note that the other side has closed.
 * Returns: the number of bytes, 0 when there are none now or none will follow; or a negative
 *          errno when the connection broke.
 */
ssize_t wire_receive(struct wire *wire, unsigned char *bytes, size_t len);

/*
 * Throw away what has come, note whether the other side has closed, and look for errors.
 * Returns: the number of bytes thrown away, or a negative errno when the connection broke.
 */
ssize_t wire_drain(struct wire *wire);

/* How many bytes sent were not acknowledged. Holds for a broken connection too. */
uint64_t wire_in_flight(const struct wire *wire);

/* How many bytes are on the way: the kernel has sent them, nobody has acknowledged them. */
uint64_t wire_on_the_way(const struct wire *wire);

/* Close; with ABORT nothing that is still in the kernel is sent. The problem is gone then. */
void wire_close(struct wire *wire, bool abort);

#endif
