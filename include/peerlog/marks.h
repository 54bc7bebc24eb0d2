/* SPDX-License-Identifier: MIT
 *
 * Marks: what the daemon writes between a peer and its text in outputs of text, such as
 * "[part 2] ". A peer that begins its text like that must not look the same, so an
 * output writes the bracket of such a text as \x5b. Pure; any thread.
 */
#ifndef PEERLOG_MARKS_H
#define PEERLOG_MARKS_H

#include <stdbool.h>
#include <stddef.h>

/* Answers: does TEXT, which begins with "[", begin with one of our marks? */
bool marks_match(const unsigned char *text, size_t len);

/* Answers: does TEXT begin with one of our marks, or is it one? Most texts begin otherwise. */
static inline bool marks_imitated(const unsigned char *text, size_t len)
{
    return len > 0 && text[0] == '[' && marks_match(text, len);
}

#endif
