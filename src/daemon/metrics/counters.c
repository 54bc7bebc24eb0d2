/* SPDX-License-Identifier: MIT
 *
 * The table of counters, and the line that is made of it.
 */
#include "config.h"

#include "daemon/metrics/counters.h"

#include <stdio.h>

#define REFUSED "peerlogd_connections_refused_total"
#define ENDED "peerlogd_connections_ended_total"
#define TOO_LONG "peerlogd_messages_too_long_total"
#define TROUBLE "peerlogd_parse_trouble_total"
#define SHAKES "peerlogd_tls_handshakes_total"
#define HINTS "peerlogd_protocol_hints_total"

const struct counter_name counter_names[COUNTERS] = {
    /* These two are told for each listener. */
    [COUNTER_RECORDS] = {NULL, NULL, NULL, "messages", 0},
    [COUNTER_BYTES] = {NULL, NULL, NULL, ", bytes", 0},
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
    [COUNTER_OVERSIZE] = {NULL, NULL, NULL, "; messages too long", 0}, /* told by its parts */
    [COUNTER_DISCARDED] = {TOO_LONG, "became=\"discarded\"",
                           "Messages longer than buffer_size, by what became of them.",
                           ", of them discarded", 0},
    [COUNTER_SPLIT] = {TOO_LONG, "became=\"split\"", NULL, NULL, 0},
    [COUNTER_TRUNCATED] = {TOO_LONG, "became=\"truncated\"", NULL, NULL, 0},
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
    [COUNTER_REPEATS] = {"peerlogd_messages_repeated_total", NULL,
                         "Records that may be in the log twice, and are marked so.", NULL, 0},
    [COUNTER_MISFIT] = {TROUBLE, "kind=\"count\"",
                        "What was wrong with what peers sent, by kind: counts that did not fit, "
                        "streams without any end, messages that waited for their end in vain, "
                        "streams that were cut, sessions that were faulty.", NULL, 0},
    [COUNTER_ENDLESS] = {TROUBLE, "kind=\"endless\"", NULL, NULL, 0},
    [COUNTER_LATE_END] = {TROUBLE, "kind=\"unfinished\"", NULL, NULL, 0},
    [COUNTER_CUT] = {TROUBLE, "kind=\"cut\"", NULL, NULL, 0},
    [COUNTER_FAULT] = {TROUBLE, "kind=\"session\"", NULL, NULL, 0},
    [COUNTER_BATCHES] = {"peerlogd_output_batches_total", NULL,
                         "Batches that the log has taken.", NULL, 0},
    [COUNTER_OUTPUT_LOSSES] = {"peerlogd_output_losses_total", NULL,
                               "Times that the log went away.", NULL, 0},
    [COUNTER_OUTPUT_LOST_MS] = {NULL, NULL, NULL, NULL, 0}, /* told in seconds */
    [COUNTER_OUTPUT_FAILED_OPENINGS] = {"peerlogd_output_retries_total", NULL,
                                        "Attempts to reach the log that failed.", NULL, 0},
    [COUNTER_TLS_12] = {SHAKES, "result=\"done\",version=\"1.2\"",
                        "TLS handshakes, by result and by version of TLS.", NULL, 0},
    [COUNTER_TLS_13] = {SHAKES, "result=\"done\",version=\"1.3\"", NULL, NULL, 0},
    [COUNTER_TLS_FAILED] = {SHAKES, "result=\"failed\",version=\"\"", NULL, NULL, 0},
    [COUNTER_TLS_TIMEOUT] = {SHAKES, "result=\"timeout\",version=\"\"", NULL, NULL, 0},
    [COUNTER_HINT_TLS] = {HINTS, "protocol=\"tls\"",
                          "Connections that were seen to speak another protocol, by protocol.",
                          NULL, 0},
    [COUNTER_HINT_HTTP] = {HINTS, "protocol=\"http\"", NULL, NULL, 0},
    [COUNTER_HINT_SSH] = {HINTS, "protocol=\"ssh\"", NULL, NULL, 0},
    [COUNTER_HINT_RELP] = {HINTS, "protocol=\"relp\"", NULL, NULL, 0},
    [COUNTER_HINT_PROXY] = {HINTS, "protocol=\"proxy\"", NULL, NULL, 0},
    [COUNTER_HINT_BEATS] = {HINTS, "protocol=\"beats\"", NULL, NULL, 0},
    [COUNTER_HINT_GZIP] = {HINTS, "protocol=\"gzip\"", NULL, NULL, 0},
    [COUNTER_HINT_ZLIB] = {HINTS, "protocol=\"zlib\"", NULL, NULL, 0},
    [COUNTER_HINT_ZLIB_MESSAGES] = {HINTS, "protocol=\"zlib_messages\"", NULL, NULL, 0},
    [COUNTER_HINT_UTF16] = {HINTS, "protocol=\"utf16\"", NULL, NULL, 0},
    [COUNTER_HINT_JAVA] = {HINTS, "protocol=\"java\"", NULL, NULL, 0},
    [COUNTER_HINT_LOG4CPLUS] = {HINTS, "protocol=\"log4cplus\"", NULL, NULL, 0},
    [COUNTER_HINT_PICKLE] = {HINTS, "protocol=\"pickle\"", NULL, NULL, 0},
    [COUNTER_HINT_MQTT] = {HINTS, "protocol=\"mqtt\"", NULL, NULL, 0},
    [COUNTER_HINT_AMQP] = {HINTS, "protocol=\"amqp\"", NULL, NULL, 0},
    [COUNTER_HINT_REDIS] = {HINTS, "protocol=\"redis\"", NULL, NULL, 0},
    [COUNTER_MOVED] = {"peerlogd_connections_moved_total", NULL,
                       "Times that a connection was given to another worker.", NULL, 0},
};

const uint32_t counters_within_us[COUNTERS_WITHIN] = {
    50, 100, 250, 500, 1000, 2500, 10000, 50000, 250000, 1000000, 5000000, 30000000,
};

enum counter counters_place_of(uint64_t taken_us)
{
    int i = 0;

    while (i < COUNTERS_WITHIN && taken_us > counters_within_us[i])
        i++;
    return (enum counter)(COUNTER_TAKEN_WITHIN + i);
}

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
