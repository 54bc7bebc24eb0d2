/* SPDX-License-Identifier: MIT
 *
 * A reload that is asked for and answered, so that whoever reloads knows how it went; SIGHUP
 * gets no answer. The socket is in the service's runtime directory.
 */
#ifndef PEERLOG_DAEMON_RELOAD_REQUEST_H
#define PEERLOG_DAEMON_RELOAD_REQUEST_H

/*
 * Listen for requests, each of which is to be answered as in os/answer.h.
 * Returns: the descriptor; -ENOENT without a runtime directory; or another negative errno.
 */
int reload_request_listen(void);

/*
 * Ask the daemon that runs, and say why it has not reloaded.
 * Returns: an exit status after sysexits.h.
 * Blocks:  20 seconds at most.
 */
int reload_request_send(void);

#endif
