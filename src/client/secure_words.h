/* SPDX-License-Identifier: MIT
 *
 * Secure words: what OpenSSL complains about, for people, with the option that helps. Private
 * to secure.c.
 */
#ifndef PEERLOG_CLIENT_SECURE_WORDS_H
#define PEERLOG_CLIENT_SECURE_WORDS_H

#include <openssl/ssl.h>
#include <stddef.h>

/* Why a file could not be used, from OpenSSL's queue of errors. Valid until the next call. */
const char *secure_file_words(void);

/*
 * Why SSL failed, from its state and OpenSSL's queue of errors, to TEXT; NAME is the one that the
 * certificate should have.
 */
void secure_failure_words(const SSL *ssl, const char *name, char *text, size_t room);

#endif
