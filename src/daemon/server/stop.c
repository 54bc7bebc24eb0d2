/* SPDX-License-Identifier: MIT
 *
 * The server's end: the acceptor first, then the workers. Whether another process will take
 * over decides what becomes of messages without an end: they wait in the ledger for the rest of
 * them, or are delivered as they are. Main's thread.
 */
#include "config.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/accept/acceptor.h"
#include "daemon/server/private.h"
#include "daemon/worker/worker.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/service_manager.h"
#include "os/poller.h"
#include "os/signals.h"

/* For how long a stopping process that leaves a successor goes on delivering. */
#define HAND_OVER_MS 1000u

/* A second signal does not wait: what is in hand stays in the ledger, or is lost. */
static void wait_for_workers(struct server *s)
{
    while (atomic_load(&s->workers_ended) < s->workers_count) {
        bell_wait_or(s->bell, s->signals, 1000);
        int signal = signals_next(s->signals);
        if (signal == SIGTERM || signal == SIGINT) {
            log_say(SEVERITY_WARNING,
                    "told to stop twice: stopping without delivering the rest");
            _exit(EX_IOERR);
        }
    }
}

/* Connections that stopped in the middle of a message. */
static unsigned count_unfinished(const struct server *s)
{
    unsigned count = 0;

    for (uint32_t i = ledger_next_live(s->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(s->ledger, i + 1))
        if (!s->table.conns[i].in_hand && s->ledger->slots[i].stream.tail_bytes > 0)
            count++;
    return count;
}

/* The letters are the server's, and it outlives the workers. */
static void stop_answered(struct letter *letter)
{
    (void)letter;
}

static void post_stop(struct server *s, bool keep, uint32_t time_ms)
{
    for (unsigned i = 0; i < s->workers_count; i++) {
        s->stop_letters[i] = (struct letter){
            .kind = LETTER_STOP, .answered = stop_answered,
            .stop = {.keep = keep, .at_ms = clock_mono_ms() + time_ms},
        };
        worker_post(s->workers[i], &s->stop_letters[i]);
    }
}

/* What is left when all workers have ended. */
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
    uint64_t totals[COUNTERS];

    if (atomic_load(&s->output_ended))
        time_ms = 0; /* there is no reader to deliver to */
    post_stop(s, keep, time_ms);
    wait_for_workers(s);
    for (unsigned i = 0; i < s->workers_count; i++) {
        remains.lost = worker_join(s->workers[i]) == WORKER_ENDED_LOST || remains.lost;
        remains.waiting += worker_waiting(s->workers[i]);
    }
    server_sum_counters(s, totals);
    remains.unfinished = totals[COUNTER_UNFINISHED];
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

    service_manager_say("STOPPING=1\nSTATUS=delivering what is in hand");
    acceptor_stop(s->acceptor, keep);
    crew_close(&s->crew); /* each worker reads what is its own, and none is given more */
    struct remains remains = stop_workers(s, keep);
    say_remains(s, &remains, keep);
    atomic_store(&s->ledger->header->life, LEDGER_CLEAN);
    server_say_counters(s, SEVERITY_INFO);
    if (s->exit_status != EX_OK)
        return s->exit_status;
    return remains.lost ? EX_IOERR : EX_OK;
}
