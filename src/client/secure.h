/* SPDX-License-Identifier: MIT
 *
 * Secure: TLS on a connected socket that does not block, by OpenSSL. Chain and name of the
 * other side's certificate are checked unless that is refused. A build without OpenSSL
 * has the same functions (secure_none.c), the first of which says so.
 */
#ifndef PEERLOG_CLIENT_SECURE_H
#define PEERLOG_CLIENT_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/options.h"

#define SECURE_PROBLEM_BYTES 320u

/* What all connections share: whom we trust, and who we are. */
struct secure_context;

/*
 * Read the files that OPTIONS name.
 * Returns: 0; or a negative errno with the reason in PROBLEM: -ENOTSUP when this is no build
 *          with TLS, -EINVAL when a file cannot be used, -ENOMEM.
 * Owns:    the caller, for secure_context_free(). OPTIONS must outlive the context.
 * Blocks:  reads files.
 */
int secure_context_new(const struct options *options, struct secure_context **ret_context,
                       char problem[SECURE_PROBLEM_BYTES]);
void secure_context_free(struct secure_context *context);

/* One connection. */
struct secure;

/*
 * Prepare TLS on FD, which stays the caller's and must outlive it.
 * Returns: 0, or -ENOMEM. Owns: the caller, for secure_free().
 */
int secure_new(struct secure_context *context, int fd, struct secure **ret_secure);
void secure_free(struct secure *s);

/*
 * All of these work as far as the socket lets them, and answer with a negative errno when the
 * connection is of no more use: -EPROTO when it is TLS that says so; secure_problem() has the
 * words then. Where -EAGAIN is an answer, the call is to be repeated after poll(2) with
 * secure_events().
 * Blocks: never.
 */

/* Returns: 0 when both sides agree, -EAGAIN before. */
int secure_shake_hands(struct secure *s);

/* Returns: the number of bytes taken, 0 when there is no room now; then offer them again. */
ssize_t secure_send(struct secure *s, const unsigned char *bytes, size_t len);

/*
 * Returns: the number of bytes read; 0 when there are none now, or, with *ret_end, when none
 * will follow: by close_notify, or just by the end of the connection. LEN is 16384 at least.
 */
ssize_t secure_receive(struct secure *s, unsigned char *bytes, size_t len, bool *ret_end);

/* Say that nothing follows. Returns: 0 when that is with the kernel, -EAGAIN before. */
int secure_finish(struct secure *s);

/* The events to wait for, of POLLIN and POLLOUT, when there is OUTPUT or not. */
short secure_events(const struct secure *s, bool output);

/* Answers: does the last call of secure_receive() wait for room to write? */
bool secure_reads_on_output(const struct secure *s);

/* What went wrong, in words; "" when nothing did. */
const char *secure_problem(const struct secure *s);

/* "TLSv1.3, TLS_AES_256_GCM_SHA384" */
const char *secure_describe(const struct secure *s, char *text, size_t room);

#endif
