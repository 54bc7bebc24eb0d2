/* SPDX-License-Identifier: MIT
 *
 * Signals: blocked in every thread, read from one descriptor in one place; and the
 * note that a crashing process leaves behind.
 */
#ifndef PEERLOG_OS_SIGNALS_H
#define PEERLOG_OS_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * Ignore SIGPIPE and SIGXFSZ: who writes is told by an error. Before anything is written.
 */
void signals_ignore_writes(void);

/*
 * Block SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPWR.
 * Returns: a descriptor that is readable when one of them came; or negative errno.
 * Threads: call it before any other thread starts.
 */
int signals_open(void);

/*
 * The next signal that came.
 * Returns: its number, or 0 when there is none.
 */
int signals_next(int fd);

/*
 * Called with the signal's number, in the crashing thread unless it was SENT by another
 * process (a watchdog does that). It must be async-signal-safe.
 */
typedef void signals_crash_fn(int signal, bool sent);

/*
 * Call NOTE when the process crashes (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT),
 * and let it die of the signal afterwards.
 */
void signals_on_crash(signals_crash_fn *note);

/* "SIGKILL" for 9; never NULL. */
const char *signals_name(int signal);

#endif
