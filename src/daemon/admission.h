/* SPDX-License-Identifier: MIT
 *
 * Admission: who may connect. Access lists of the listener, and limits. Refusals are counted
 * and reported once an interval for each peer, with begin and end.
 * Everything here belongs to the listener's thread.
 */
#ifndef PEERLOG_DAEMON_ADMISSION_H
#define PEERLOG_DAEMON_ADMISSION_H

#include <stdint.h>

#include "daemon/settings.h"

enum admission {
    ADMITTED,
    REFUSED_DENIED, /* a deny list names it more closely than an allow list, or none allows it */
};

/* May this peer connect through this listener? The longest prefix wins; deny wins a tie. */
enum admission admission_by_list(const struct listener_settings *listener, const struct peer *peer);

#endif
