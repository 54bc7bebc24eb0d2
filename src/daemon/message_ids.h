/* SPDX-License-Identifier: MIT
 *
 * MESSAGE_ID of each of the daemon's own words that an administrator may want to look
 * up, wait for or count. Fixed for ever: filters and alarms are built on them. The texts that
 * `journalctl -x` shows for them are in systemd/peerlogd.catalog, and a test
 * compares the two lists.
 */
#ifndef PEERLOG_DAEMON_MESSAGE_IDS_H
#define PEERLOG_DAEMON_MESSAGE_IDS_H

/* A listener accepts connections. */
#define MESSAGE_ID_LISTENING "56f47156116b4582b57a4f6dd4800839"

/* A changed configuration is in force. */
#define MESSAGE_ID_RELOADED "856e15b998614d7286f78507cae16ceb"

/* A changed configuration has faults; the old one stays in force. */
#define MESSAGE_ID_RELOAD_REFUSED "add1d59f4c5b4e0aabcd8f533a372c17"

/* Connections and messages of the process before were taken over. */
#define MESSAGE_ID_TOOK_OVER "36dd894a7bec45d397a5478406c40b6e"

/* The log does not take messages; clients wait. */
#define MESSAGE_ID_OUTPUT_LOST "e0b71e3b0c2b44378dd57b0c064d16de"

/* The log takes messages again. */
#define MESSAGE_ID_OUTPUT_BACK "859b36ffccab419eab256e065a90b8aa"

/* A message was longer than buffer_size (once for a connection). */
#define MESSAGE_ID_OVERSIZE "71d165839d3d4f3b967362bf1bbd126b"

/* A connection was closed whose bytes were in hand at two deaths in a row. */
#define MESSAGE_ID_POISON "f00be8a709b647ff9b9d6b07955b453a"

/* The daemon dies again and again soon after its start. */
#define MESSAGE_ID_DEATH_LOOP "52226049a44946bcb24b436ed4121d0d"

/* The service manager refuses to keep descriptors. */
#define MESSAGE_ID_NOT_KEPT "ad109af871104a76a6f20eb8996cfc81"

/* The file is broken; the configuration of the process before is in force. */
#define MESSAGE_ID_LAST_GOOD_SETTINGS "f8ad145a053e40ab87b10879abf9e24b"

/* A connection brings back what we have logged; and when that ends. */
#define MESSAGE_ID_LOOP "6f9d1c5be2a34a0f8b7745d3c1e09ab2"

/* A connection has begun, and one has ended, where its listener announces them. */
#define MESSAGE_ID_CONNECTED "1fabf3959d164a0560e28648a3c52b4e"
#define MESSAGE_ID_DISCONNECTED "4226b6314c405e366af98053fd5ba4d0"

/* A peer that spoke before says nothing for silent_after, and it is back. */
#define MESSAGE_ID_SILENT "925866a86aed12cda9d839cf5a5eeda1"
#define MESSAGE_ID_HEARD_AGAIN "54e5bfb1fb83147b19d7ab571ca93fcf"

#endif
