/* SPDX-License-Identifier: MIT
 *
 * Loop: is a message one that this very process wrote before? A log daemon that forwards all it
 * gets to a port of ours sends our own work back, and it comes again with every turn. Pure;
 * any thread.
 */
#ifndef PEERLOG_LOOP_H
#define PEERLOG_LOOP_H

#include <stdbool.h>
#include <stddef.h>

/* How far into a text the prefix is looked for: behind the time and the name of a machine. */
#define LOOP_SEARCH_BYTES 512u

/*
 * Answers: does TEXT carry what this process puts before every text: "TAG[PID]: ADDRESS:PORT ",
 * or the same as RFC 5424 has it, "TAG PID MSGID STRUCTURED-DATA ADDRESS:PORT "? TAG
 * and PID are those of the process. What comes in a loop comes without end: it is
 * enough to ask this of a message now and then.
 */
bool loop_carries_prefix(const unsigned char *text, size_t len, const char *tag, const char *pid);

#endif
