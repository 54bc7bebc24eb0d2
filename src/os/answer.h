/* SPDX-License-Identifier: MIT
 *
 * A question without words and its answer: whoever connects to a socket of the file system
 * asks, and is sent one packet, which comes whole or not at all. Who asks learns
 * of the other's death by the end of the connection.
 */
#ifndef PEERLOG_OS_ANSWER_H
#define PEERLOG_OS_ANSWER_H

#include <stdbool.h>

/* The packet. Both ends are of the same build; another size is no answer. */
struct answer {
    bool good;
    char line[512]; /* what to tell a person, without a newline */
};

/*
 * Listen at PATH, in the place of a process before; only its own user, and root, may ask.
 * Returns: the descriptor, readable when somebody asks; or negative errno.
 */
int answer_listen(const char *path);

/* Take in the next one who asks. Returns: its descriptor for answer_give(), or negative errno. */
int answer_accept(int fd);

/* Answer, and close FD. Who has gone meanwhile misses it. Blocks: never. */
void answer_give(int fd, const struct answer *answer);

/*
 * Ask at PATH and wait for the answer.
 * Returns: 0; -ENOENT or -ECONNREFUSED when nobody is there; -ECONNRESET when it ended before it
 *          answered; -ETIMEDOUT; -EPROTO when it is no answer; or another negative errno.
 * Blocks:  PATIENCE_S seconds, and as long again while others ask.
 */
int answer_ask(const char *path, unsigned patience_s, struct answer *ret_answer);

#endif
