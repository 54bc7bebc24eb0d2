/* SPDX-License-Identifier: MIT
 *
 * Capacity: descriptors in, connections out.
 */
#include "config.h"

#include "daemon/ledger/capacity.h"

#include <sys/resource.h>

#include "os/log.h"
#include "peerlog/limits.h"

uint32_t capacity_usable(uint64_t descriptors, const struct capacity_wish *wish)
{
    uint64_t spare = PEERLOG_SPARE_DESCRIPTORS + (uint64_t)wish->files;
    uint64_t usable = descriptors > 2 * spare ? descriptors - spare : descriptors / 2;

    if (wish->parked)
        usable = usable / 4 * 3; /* parked copies have a limit of their own, the dead included */
    if (usable >= wish->connections)
        return wish->connections;
    return usable > 0 ? (uint32_t)usable : 1;
}

uint32_t capacity_of_process(const struct capacity_wish *wish)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wish->connections;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* raising to the hard limit is allowed */
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    uint32_t usable = capacity_usable(limit.rlim_cur, wish);
    if (usable < wish->connections)
        log_say(SEVERITY_WARNING,
                "limits.connections = %u needs more descriptors than LimitNOFILE=%llu; using %u",
                (unsigned)wish->connections, (unsigned long long)limit.rlim_cur, (unsigned)usable);
    return usable;
}
