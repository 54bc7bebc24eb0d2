/* SPDX-License-Identifier: MIT
 *
 * Strangers: clients that speak another protocol to a port for log messages, recognised
 * by the first bytes they send. Pure; any thread.
 */
#ifndef PEERLOG_STRANGER_H
#define PEERLOG_STRANGER_H

#include <stddef.h>

enum stranger {
    STRANGER_NONE,
    STRANGER_TLS,
    STRANGER_HTTP,
    STRANGER_SSH,
    STRANGER_RELP,
};

/* Who begins a connection with these bytes? */
enum stranger stranger_recognise(const unsigned char *bytes, size_t len);

/* What to tell an administrator: "a TLS ClientHello; this port takes plain text". */
const char *stranger_describe(enum stranger stranger);

#endif
