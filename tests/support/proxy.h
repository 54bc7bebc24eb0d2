/* SPDX-License-Identifier: MIT
 *
 * What tests and fuzzer of PROXY headers share: a stream in pieces, carried as a daemon would;
 * and a second reading of the specification, slow and plain, that sees the stream at once.
 */
#ifndef PEERLOG_TESTS_PROXY_H
#define PEERLOG_TESTS_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "peerlog/proxy.h"
#include "support/intake.h"

/* How version 2 begins, and what it says of TCP over IPv4: 12 bytes of addresses. */
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES4 "\xc0\0\x02\x07\xc6\x33\x64\x01\xc6\xf1\x02\x02"
#define PEER4 "192.0.2.7:50929"

/* What is said of a stream. */
struct proxy_saying {
    enum proxy_result result;
    size_t len; /* of the header; 0 without an answer */
    struct proxy_header header;
};

/* The second reading of a stream that ends. It does not say what is wrong. */
struct proxy_saying proxy_oracle(struct span stream);

/*
 * What proxy_read() says of a stream that comes in pieces, cut at COUNT rising positions. Each
 * piece lies in an allocation of its size; the contract of the state is checked between.
 */
struct proxy_saying proxy_feed(struct span stream, const size_t *cuts, size_t count, bool at_end);

/* In two anywhere, in three, in single bytes: WANTED is always said of a stream that goes on. */
void proxy_check_cuts(struct span stream, const struct proxy_saying *wanted);

/* Answers: do both say the same? Of what is faulty only the result is compared. */
bool proxy_same(const struct proxy_saying *a, const struct proxy_saying *b);

#endif
