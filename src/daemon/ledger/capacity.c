/* SPDX-License-Identifier: MIT
 *
 * Capacity: descriptors in, connections out.
 */
#include "config.h"

#include "daemon/ledger/capacity.h"

#include <sys/resource.h>

#include "os/log.h"
#include "peerlog/limits.h"

uint32_t capacity_usable(uint64_t descriptors, uint32_t wanted, bool parked)
{
    uint64_t usable = descriptors > 2 * PEERLOG_SPARE_DESCRIPTORS
                          ? descriptors - PEERLOG_SPARE_DESCRIPTORS
                          : descriptors / 2;

    if (parked)
        usable = usable / 4 * 3; /* parked copies have a limit of their own, the dead included */
    if (usable >= wanted)
        return wanted;
    return usable > 0 ? (uint32_t)usable : 1;
}

uint32_t capacity_of_process(uint32_t wanted, bool parked)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* raising to the hard limit is allowed */
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    uint32_t usable = capacity_usable(limit.rlim_cur, wanted, parked);
    if (usable < wanted)
        log_say(SEVERITY_WARNING,
                "limits.connections = %u needs more descriptors than LimitNOFILE=%llu; using %u",
                (unsigned)wanted, (unsigned long long)limit.rlim_cur, (unsigned)usable);
    return usable;
}
