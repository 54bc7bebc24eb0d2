/* SPDX-License-Identifier: MIT
 *
 * Interrupt: SIGINT and SIGTERM as something to wait for, so that peerlog can say what
 * was sent before it goes. A second one of either kind ends the program at once.
 */
#ifndef PEERLOG_CLIENT_INTERRUPT_H
#define PEERLOG_CLIENT_INTERRUPT_H

/*
 * Catch the signals from now on; one that is ignored stays so (nohup).
 * Returns: a descriptor that becomes readable when one comes, or a negative errno.
 * Threads: one.
 */
int interrupt_catch(void);

/* The signal that came, or 0. */
int interrupt_signal(void);

/* End this program as the signal would have ended it. Does not return. */
void interrupt_die(int number) __attribute__((noreturn));

#endif
