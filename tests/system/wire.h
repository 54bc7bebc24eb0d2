/* SPDX-License-Identifier: MIT
 *
 * The wire of a stream: a socket, plain or under TLS by OpenSSL's ordinary client interface. It
 * tells how much went into it, and how the other side ended.
 */
#ifndef PEERLOG_TESTS_WIRE_H
#define PEERLOG_TESTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wire;

/* How wires are to speak TLS. */
struct wire_rules {
    const char *ca;   /* file in PEM; NULL: they are plain */
    uint64_t updates; /* change keys after so many bytes; 0: never */
};

enum wire_word {
    WIRE_SILENCE,
    WIRE_TEXT,      /* it said something */
    WIRE_GOODBYE,   /* it ended in good order, under TLS by close_notify and FIN */
    WIRE_TRUNCATED, /* FIN without close_notify */
    WIRE_FAULT,     /* see wire_fault() */
};

/*
 * Take up a connected socket, which blocks, and shake hands; the NUMBER chooses version and suite.
 * Returns: it, or NULL with errno set. Owns: FD stays the caller's. Blocks: for the handshake.
 */
struct wire *wire_new(const struct wire_rules *rules, uint32_t number, int fd);
struct wire *wire_free(struct wire *wire);

/*
 * Send; what was not taken must be offered again, with the same bytes.
 * Returns: how many were taken; -1 with errno EAGAIN, or another: it is broken.
 */
ssize_t wire_send(struct wire *wire, const void *bytes, size_t len);

/* Nothing more comes: close_notify, then FIN. Returns: 0; -1 with errno: as wire_send(). */
int wire_end(struct wire *wire);

/* Hear what the other side has to say. */
enum wire_word wire_hear(struct wire *wire);

/* What was wrong. */
const char *wire_fault(const struct wire *wire);

#endif
