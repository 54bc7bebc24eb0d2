/* SPDX-License-Identifier: MIT
 *
 * The server's end: the listener first, then the workers. Whether another process will take
 * over decides what becomes of messages without an end: they wait in the ledger for the rest of
 * them, or are delivered as they are. Main's thread.
 */
#include "config.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/listener.h"
#include "daemon/server_parts.h"
#include "daemon/worker.h"
#include "os/log.h"
#include "os/notify.h"
#include "os/poller.h"
#include "os/signals.h"

/* For how long a stopping process that leaves a successor goes on delivering. */
#define HAND_OVER_MS 1000u

/* A second signal does not wait: what is in hand stays in the ledger, or is lost. */
static void wait_for_workers(struct server *s)
{
    struct epoll_event events[2];

    while (atomic_load(&s->workers_ended) < s->workers_count) {
        int n = poller_wait(s->set, events, 2, 1000);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == TAG_BELL)
                bell_hush(s->bell);
            int signal = signals_next(s->signals);
            if (signal == SIGTERM || signal == SIGINT) {
                log_say(SEVERITY_WARNING,
                        "told to stop twice: stopping without delivering the rest");
                _exit(EX_IOERR);
            }
        }
    }
}

/* Connections that stopped in the middle of a message. */
static unsigned count_unfinished(const struct server *s)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < ledger_slots_high(s->ledger); i++) {
        const struct slot *slot = &s->ledger->slots[i];
        if (atomic_load(&slot->use) == SLOT_LIVE && !s->table.conns[i].in_hand &&
            slot->stream.tail_bytes > 0)
            count++;
    }
    return count;
}

struct remains {
    uint64_t waiting;    /* records in hand that the log did not take */
    uint64_t unfinished; /* messages without an end that were delivered */
    bool lost;
};

/* Let the workers come to their end, and see what they leave. */
static struct remains stop_workers(struct server *s, bool keep)
{
    uint32_t time_ms = keep ? HAND_OVER_MS : PEERLOG_STOP_MS;
    struct remains remains = {.lost = false};

    if (atomic_load(&s->output_ended))
        time_ms = 0; /* there is nobody to deliver to */
    for (unsigned i = 0; i < s->workers_count; i++)
        worker_stop(s->workers[i], keep, time_ms);
    wait_for_workers(s);
    for (unsigned i = 0; i < s->workers_count; i++) {
        const struct worker_stats *stats = worker_stats(s->workers[i]);
        remains.lost = worker_join(s->workers[i]) == WORKER_ENDED_LOST || remains.lost;
        remains.waiting += atomic_load(&stats->waiting);
        remains.unfinished += stats_get(&stats->unfinished);
    }
    return remains;
}

static void say_remains(const struct server *s, const struct remains *remains, bool keep)
{
    unsigned connections = connections_count(&s->table), unfinished = count_unfinished(s);
    char note[64] = "";

    if (remains->unfinished > 0)
        log_say(SEVERITY_INFO, "delivered %llu message%s as far as they had come: their end did "
                "not, and no process follows", (unsigned long long)remains->unfinished,
                remains->unfinished == 1 ? "" : "s");
    if (remains->lost)
        log_say(SEVERITY_ERR, "stopped with messages that the log did not take: %llu in hand, and "
                "what waits in %u connections", (unsigned long long)remains->waiting, connections);
    if (remains->lost || !keep || connections == 0)
        return;
    if (unfinished > 0)
        (void)snprintf(note, sizeof note, "; %u more wait there for their end", unfinished);
    log_say(SEVERITY_INFO, "leaving %u connections, %llu messages in hand, to the next process%s",
            connections, (unsigned long long)remains->waiting, note);
}

int server_stop(struct server *s)
{
    bool keep = parking_available(s->parking) && !s->last;

    notify_say("STOPPING=1\nSTATUS=delivering what is in hand");
    listener_stop(s->listener, keep);
    struct remains remains = stop_workers(s, keep);
    say_remains(s, &remains, keep);
    atomic_store(&s->ledger->header->life, LEDGER_CLEAN);
    server_say_counters(s, SEVERITY_INFO);
    if (s->exit_status != EX_OK)
        return s->exit_status;
    return remains.lost ? EX_IOERR : EX_OK;
}
