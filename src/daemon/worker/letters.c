/* SPDX-License-Identifier: MIT
 *
 * The worker answers its letters.
 */
#include "config.h"

#include "daemon/worker/private.h"

#include <string.h>

#include "daemon/session/conn.h"
#include "os/log.h"

/* Answers: was this one told goodbye, as its peer is denied? What it has said is still read. */
static bool leave_if_denied(struct worker *w, uint32_t i)
{
    struct connections *table = w->plan.table;
    struct slot *slot = &table->ledger->slots[i];
    const struct listener_settings *listener = snapshot_listener(w->round.snapshot, slot->listener);

    if (!worker_owns(w, i) || table->conns[i].fd < 0 || slot->flags & SLOT_LEAVING ||
        slot->stream.awaits_proxy || listener == NULL ||
        admission_by_list(listener, &slot->peer) == ADMITTED)
        return false;
    slot->flags |= SLOT_LEAVING;
    connections_note_ending(slot, ENDING_DENIED);
    table->conns[i].active_s = w->now_s;
    conn_say_goodbye(table, i);
    return true;
}

static void say_denied(uint32_t count)
{
    if (count > 0)
        log_say(SEVERITY_NOTICE, "told goodbye, because their peers are denied now: %u",
                (unsigned)count);
}

/* Peers that the new settings deny. */
static void leave_all_denied(struct worker *w)
{
    const struct ledger *ledger = w->plan.table->ledger;
    uint32_t count = 0;

    for (uint32_t i = ledger_next_live(ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(ledger, i + 1))
        count += leave_if_denied(w, i);
    say_denied(count);
}

void worker_leave_denied(struct worker *w, const uint32_t *slots, uint32_t count)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < count; i++)
        left += leave_if_denied(w, slots[i]);
    if (left > 0)
        worker_plan_sweep(w, true);
    say_denied(left);
}

void worker_take_snapshot(struct worker *w)
{
    const struct snapshot *wanted = w->snapshot_wanted;

    if (wanted == w->round.snapshot)
        return;
    /* The output may be what keeps the round from ending: it changes first; a loss announces
     * itself. */
    (void)output_change(w->output, &wanted->settings->output, w->round.batch);
    if (!round_is_empty(&w->round) ||
        !output_settings_equal(&w->output->settings, &wanted->settings->output))
        return; /* again: after the round, or when there is memory for the new output */
    w->round.snapshot = wanted;
    leave_all_denied(w);
    worker_plan_sweep(w, true);
    atomic_store_explicit(&w->snapshot_used, wanted, memory_order_release);
    w->plan.events->snapshot_taken(w->plan.events->context);
}

/* End a connection: at once, or when all that it sent is logged. */
static bool kill_connection(struct worker *w, uint32_t i, uint64_t connection, bool now)
{
    struct slot *slot = &w->plan.table->ledger->slots[i];
    struct conn *conn = &w->plan.table->conns[i];

    if (i >= w->plan.table->capacity || !worker_owns(w, i) || slot->connection != connection ||
        conn->fd < 0 || w->draining)
        return false;
    if (!(slot->flags & SLOT_LEAVING))
        conn_say_goodbye(w->plan.table, i);
    slot->flags |= SLOT_LEAVING;
    connections_note_ending(slot, ENDING_TOLD);
    conn->by_reset = conn->by_reset || now;
    conn->sweeps_left = now ? 1 : PEERLOG_LEAVE_S;
    /* The next sweep ends it, unless it is to be heard and still sends. */
    conn->active_s = w->now_s > PEERLOG_LEAVE_S ? w->now_s - PEERLOG_LEAVE_S : 0;
    worker_plan_sweep(w, true);
    return true;
}

/*
 * Bytes that wait in the kernel. It is asked only of those that may have some: a connection that
 * was silent, while the log takes all, was read to its end.
 */
static uint32_t count_unread(const struct worker *w, uint32_t i, uint32_t silent_s)
{
    if (silent_s > 1 && w->plan.table->conns[i].state == CONN_OPEN &&
        atomic_load_explicit(&w->waiting, memory_order_relaxed) == 0)
        return 0;
    return conn_unread(w->plan.table, i);
}

static void describe(const struct worker *w, uint32_t i, struct conn_description *ret)
{
    const struct slot *slot = &w->plan.table->ledger->slots[i];
    const struct conn *conn = &w->plan.table->conns[i];
    uint32_t silent_s = w->now_s > conn->active_s ? w->now_s - conn->active_s : 0;

    *ret = (struct conn_description){
        .peer = slot->peer, .connection = slot->connection, .slot = i,
        .received = slot->stream.received, .records = slot->stream.sequence,
        .silent_s = silent_s,
        .tail_bytes = slot->stream.tail_bytes, .unread = count_unread(w, i, silent_s),
        .listener = slot->listener, .framing = slot->framing, .transport = slot->transport,
        .session = slot->stream.session, .slowed = conn->state == CONN_SLOWED,
        .leaving = (slot->flags & SLOT_LEAVING) != 0, .since_s = slot->since_s,
        .problem = slot->problem, .owes = conn->wants == CONN_WANTS_WRITE,
        .blocked = atomic_load_explicit(&w->waiting, memory_order_relaxed) > 0,
    };
    if (slot->stream.session == SESSION_SYSLOG && !slot->stream.awaits_proxy)
        ret->ends = (uint8_t)framer_shown_ends(&slot->stream.framer);
}

/* As many as one letter takes; their worker is not kept from its work by more. */
static void describe_connections(const struct worker *w, struct letter *letter)
{
    const struct ledger *ledger = w->plan.table->ledger;
    uint32_t i = ledger_next_live(ledger, letter->describe.from);

    letter->describe.count = 0;
    while (i != LEDGER_NO_SLOT && letter->describe.count < LETTER_DESCRIPTIONS) {
        if (worker_owns(w, i))
            describe(w, i, &letter->describe.descriptions[letter->describe.count++]);
        i = ledger_next_live(ledger, i + 1);
    }
    letter->describe.more = i != LEDGER_NO_SLOT;
    letter->describe.from = letter->describe.more ? i : 0;
}

static void exchange_trace(struct worker *w, struct letter *letter)
{
    struct trace *before = w->trace;

    if (!w->round.notes_ends)
        memset(w->round.ends, 0, w->round.batch->count); /* of these nobody knows */
    round_note_ends(&w->round, letter->trace != NULL);
    w->trace = letter->trace;
    w->traced_at_s = w->now_s;
    letter->trace = before;
}

static void answer(struct worker *w, struct letter *letter)
{
    switch (letter->kind) {
    case LETTER_STOP:
        w->stop_keep = letter->stop.keep;
        w->stop_at_ms = letter->stop.at_ms;
        if (!w->draining)
            worker_begin_draining(w);
        break;
    case LETTER_SNAPSHOT:
        w->snapshot_wanted = letter->snapshot; /* it is taken up between two rounds */
        break;
    case LETTER_KILL:
        letter->kill.done = kill_connection(w, letter->kill.slot, letter->kill.connection,
                                            letter->kill.now);
        break;
    case LETTER_DESCRIBE:
        describe_connections(w, letter);
        break;
    case LETTER_REFRESH:
        output_refresh(w->output);
        break;
    case LETTER_TRACE:
        exchange_trace(w, letter);
        break;
    case LETTER_ADOPT:
        worker_take(w, letter);
        break;
    case LETTER_ERRAND:
        break; /* no worker is sent on one */
    }
    letter->answered(letter);
}

void worker_answer_bell(struct worker *w)
{
    struct letter *next;

    bell_hush(w->bell);
    atomic_store_explicit(&w->pongs, atomic_load(&w->pings), memory_order_release);
    for (struct letter *letter = mailbox_take(&w->mailbox); letter != NULL; letter = next) {
        next = letter->next; /* the answer may free it */
        answer(w, letter);
    }
}
