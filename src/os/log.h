/* SPDX-License-Identifier: MIT
 *
 * The program's own words, on stderr, a line each; apart from what its peers say.
 * Where stderr is the journal, lines begin with "<N>" as sd-daemon(3) has it, and
 * those with a message identifier go there as structured entries. Where a service manager has
 * found no journal, or the stream to it has broken, all go to the journal's own socket
 * instead, as soon as it is there.
 */
#ifndef PEERLOG_OS_LOG_H
#define PEERLOG_OS_LOG_H

#include "peerlog/priority.h"

/*
 * Say who speaks and from which severity on. A line that stderr has no room for is not said: no
 * thread waits for the program that reads it.
 * Threads: before any other thread starts, and log_set_level() from any.
 */
void log_init(const char *program);
void log_set_level(enum severity highest_number);

/*
 * Say one line, formatted as by printf(3). Bytes from the network must be
 * escaped before. Errors of stderr are ignored: there is nobody left to tell.
 * Threads: any.
 */
void log_say(enum severity severity, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The same with a message identifier, 32 hexadecimal digits, under which
 * the journal's catalog explains it.
 */
void log_event(enum severity severity, const char *message_id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
