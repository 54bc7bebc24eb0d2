/* SPDX-License-Identifier: MIT
 *
 * Peers' bytes as JSON wants them: UTF-8, in which each byte that is none became U+FFFD; and as
 * base64 (RFC 4648), which has them exactly. Pure but for memory; any thread.
 */
#ifndef PEERLOG_DAEMON_ADMIN_SAFE_TEXT_H
#define PEERLOG_DAEMON_ADMIN_SAFE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Answers: is TEXT valid UTF-8 as it is? */
bool safe_text_is_same(const unsigned char *text, size_t len);

/* How long it becomes. */
size_t safe_text_bytes(const unsigned char *text, size_t len);

/* It, without a NUL; and as base64, with one. Returns: NULL without memory. Owns: the caller. */
char *safe_text(const unsigned char *text, size_t len);
char *safe_text_base64(const unsigned char *text, size_t len);

#endif
