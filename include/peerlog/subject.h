/* SPDX-License-Identifier: MIT
 *
 * Subjects of a broker: names with dots between their tokens, and places for what is known of a
 * message, such as "logs.%{listener}.%{address}". Whatever a value is, it stays one token. Pure;
 * any thread.
 */
#ifndef PEERLOG_SUBJECT_H
#define PEERLOG_SUBJECT_H

#include <stddef.h>

/* Room for every subject that a template of SUBJECT_TEMPLATE_BYTES becomes, and its NUL. */
#define SUBJECT_TEMPLATE_BYTES 128u
#define SUBJECT_BYTES 512u

/*
 * Check a template: tokens of letters, digits, "_", ":" and "-", none empty, or places.
 * Returns: NULL when it is good, or what is wrong, for people.
 */
const char *subject_fault(const char *text);

/*
 * Fill a template that was checked. In a value, what a token may not have becomes "_", the dots of
 * an address too; an empty value is "_".
 * Returns: the length; DST has SUBJECT_BYTES.
 */
size_t subject_expand(const char *text, const char *listener, const char *address, char *dst);

/* The wildcard that takes all subjects of a template: "logs.*.*". Returns: as subject_expand(). */
size_t subject_pattern(const char *text, char *dst);

#endif
