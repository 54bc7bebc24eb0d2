/* SPDX-License-Identifier: MIT
 *
 * The names under which the service manager's store keeps what is ours. A process knows
 * by them what it inherits; so they are as fixed as the ledger's layout is.
 */
#ifndef PEERLOG_DAEMON_LEDGER_NAMES_H
#define PEERLOG_DAEMON_LEDGER_NAMES_H

/* A ledger: its generation and its instance. */
#define NAME_LEDGER_PREFIX "ledger-"
#define NAME_LEDGER_FORMAT NAME_LEDGER_PREFIX "%llu-%016llx"

/* A lot of parked connections: its number. */
#define NAME_LOT_PREFIX "lot-"
#define NAME_LOT_FORMAT NAME_LOT_PREFIX "%u"

/* A listening socket of our own: its place in the ledger. No tag may have brackets. */
#define NAME_LISTENER_FORMAT "listener[%u]"

/* Room for any of them and its NUL. */
#define NAME_BYTES 48u

#endif
