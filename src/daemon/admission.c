/* SPDX-License-Identifier: MIT
 *
 * Access lists: longest match wins, no allow list means everyone.
 */
#include "config.h"

#include "daemon/admission.h"

enum admission admission_by_list(const struct listener_settings *listener, const struct peer *peer)
{
    int denied = cidr_longest_match(listener->deny.ranges, listener->deny.count, peer);
    int allowed = cidr_longest_match(listener->allow.ranges, listener->allow.count, peer);

    if (allowed < 0 && listener->allow.count > 0)
        return REFUSED_DENIED;
    return denied >= 0 && denied >= allowed ? REFUSED_DENIED : ADMITTED;
}
