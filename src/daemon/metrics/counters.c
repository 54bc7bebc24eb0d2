/* SPDX-License-Identifier: MIT
 *
 * The table of counters, and the line that is made of it.
 */
#include "config.h"

#include "daemon/metrics/counters.h"

#include <stdio.h>

#define REFUSED "peerlogd_connections_refused_total"
#define ENDED "peerlogd_connections_ended_total"

const struct counter_name counter_names[COUNTERS] = {
    [COUNTER_RECORDS] = {"peerlogd_messages_total", NULL,
                         "Records that are in the log.", "messages", 0},
    [COUNTER_BYTES] = {"peerlogd_received_bytes_total", NULL,
                       "Bytes received from peers.", ", bytes", 0},
    [COUNTER_ACCEPTED] = {"peerlogd_connections_accepted_total", NULL,
                          "Connections accepted.", "; connections accepted", 0},
    [COUNTER_REFUSED_DENIED] = {REFUSED, "reason=\"denied\"",
                                "Connections refused, by reason.", ", refused", 5},
    [COUNTER_REFUSED_TOO_MANY] = {REFUSED, "reason=\"connections_per_peer\"", NULL,
                                  ", of them by connections_per_peer", 0},
    [COUNTER_REFUSED_NO_BALANCER] = {REFUSED, "reason=\"proxy_from\"", NULL, NULL, 0},
    [COUNTER_REFUSED_NO_HEADER] = {REFUSED, "reason=\"no_proxy_header\"", NULL, NULL, 0},
    [COUNTER_REFUSED_PLAIN] = {REFUSED, "reason=\"not_tls\"", NULL, NULL, 0},
    [COUNTER_REFUSED_HANDSHAKE] = {REFUSED, "reason=\"tls_handshake\"", NULL, NULL, 0},
    [COUNTER_FAILED] = {"peerlogd_connections_failed_total", NULL,
                        "Connections that could not be accepted or served.", ", failed", 0},
    [COUNTER_UNPARKED] = {"peerlogd_connections_not_kept_total", NULL,
                          "Connections that the service manager does not hold.",
                          ", not kept for a restart", 0},
    [COUNTER_SILENT] = {ENDED, "how=\"silent\"",
                        "Connections that ended in a way worth counting.", ", ended silent", 0},
    [COUNTER_RESETS] = {ENDED, "how=\"error\"", NULL, ", by an error", 0},
    [COUNTER_IDLE_CLOSED] = {ENDED, "how=\"idle\"", NULL, ", idle", 0},
    [COUNTER_FULL] = {"peerlogd_connections_limit_reached_total", NULL,
                      "Times that limits.connections was reached.",
                      "; limits.connections reached", 0},
    [COUNTER_SLOWED] = {"peerlogd_connections_slowed_total", NULL,
                        "Times that a connection was not read because of its rate.",
                        ", slowed down", 0},
    [COUNTER_OVERSIZE] = {"peerlogd_messages_too_long_total", NULL,
                          "Messages that were split, truncated or discarded.",
                          "; messages too long", 0},
    [COUNTER_DISCARDED] = {"peerlogd_messages_discarded_total", NULL,
                           "Messages that were discarded as too long.",
                           ", of them discarded", 0},
    [COUNTER_CLOSED] = {"peerlogd_connections_closed_total", NULL, "Connections that ended.",
                        NULL, 0},
    [COUNTER_ROUNDS] = {"peerlogd_rounds_total", NULL,
                        "Rounds of reading and delivering.", NULL, 0},
    [COUNTER_UNFINISHED] = {"peerlogd_messages_unfinished_total", NULL,
                            "Messages that a stop delivered as far as they had come.", NULL, 0},
    [COUNTER_FOREIGN_BYTES] = {"peerlogd_foreign_bytes_total", NULL,
                               "Bytes of other protocols that were not logged.",
                               "; bytes of other protocols", 0},
    [COUNTER_DEAF] = {ENDED, "how=\"write_timeout\"", NULL, NULL, 0},
};

void counters_sum(uint64_t totals[COUNTERS], const _Atomic uint64_t *block)
{
    for (int i = 0; i < COUNTERS; i++)
        totals[i] += counter_get(block, (enum counter)i);
}

size_t counters_format_line(char *dst, size_t room, const uint64_t totals[COUNTERS])
{
    size_t n = 0;

    dst[0] = '\0';
    for (int i = 0; i < COUNTERS; i++) {
        const struct counter_name *name = &counter_names[i];
        uint64_t value = 0;
        if (name->words == NULL)
            continue;
        for (int k = i; k <= i + name->family; k++)
            value += totals[k];
        int len = snprintf(dst + n, room - n, "%s %llu", name->words, (unsigned long long)value);
        if (len < 0 || (size_t)len >= room - n)
            break;
        n += (size_t)len;
    }
    dst[n] = '\0';
    return n;
}
