/* SPDX-License-Identifier: MIT
 *
 * The worker as one of a crew: it measures how long it has something to do, looks ten times a
 * second whether that is too much or too little, and gives connections to another worker when it
 * is so.
 *
 * A connection changes its worker between two rounds, when nothing of it is in hand and nothing
 * is owed to it: all that is known of it is then in its slot and tail, and no inbox names it. A
 * letter takes it across; until that is read nobody watches it, and what it says waits in its
 * socket. The poller tells of what is there, not of what has come, so nothing is missed.
 */
#include "config.h"

#include "daemon/worker/private.h"

#include <assert.h>
#include <stdlib.h>

#include "daemon/session/conn.h"
#include "daemon/session/session.h"
#include "os/clock.h"

/* How often it looks at itself, in milliseconds. */
#define LOOK_EVERY_MS 100u

/* So many are given in one letter at most: the work of one turn. */
#define GIFTS 256u

/* Connections on their way to another worker; it frees this. */
struct gift {
    struct letter letter;
    uint32_t slots[GIFTS];
};

/* --- measuring --- */

void worker_weigh(struct worker *w, uint32_t slot, uint64_t bytes)
{
    struct sharing *s = &w->sharing;
    uint64_t connection = w->plan.table->ledger->slots[slot].connection;

    if (s->heaviest == connection) {
        s->ahead += bytes;
    } else if (s->ahead >= bytes) {
        s->ahead -= bytes;
    } else {
        s->heaviest = connection;
        s->ahead = bytes - s->ahead;
    }
}

/* Thousandths of the time since the look before, if any, in which it had something to do. */
static unsigned measure(struct sharing *s)
{
    uint64_t now_us = clock_mono_us();
    uint64_t passed_us = s->looked_at_us > 0 ? now_us - s->looked_at_us : 0;
    uint64_t idle_us = s->idle_us;

    s->looked_at_us = now_us;
    s->idle_us = 0;
    return idle_us < passed_us ? (unsigned)((passed_us - idle_us) * CREW_WHOLE / passed_us) : 0;
}

/* What is the case, and for how long it has been so. */
static void look(struct worker *w, struct crew_view *view)
{
    struct sharing *s = &w->sharing;
    const uint64_t now_ms = s->looked_at_ms = w->turn_ms;
    unsigned use = measure(s);

    crew_publish(w->plan.crew, w->plan.index, use, now_ms);
    crew_look(w->plan.crew, w->plan.index, now_ms, view);
    if (use < CREW_BUSY || s->size != view->size)
        s->busy_from_ms = now_ms;
    if (!crew_is_calm(view) || s->size != view->size)
        s->calm_from_ms = now_ms;
    s->size = view->size;
    view->busy_ms = now_ms - s->busy_from_ms;
    view->calm_ms = now_ms - s->calm_from_ms;
}

/* --- giving --- */

/*
 * Answers: can it be another worker's from here on? Nothing of it is left here. (Of one that was
 * heard at least once the acceptor has let go, too.)
 */
static bool is_movable(const struct worker *w, uint32_t slot)
{
    struct connections *table = w->plan.table;
    const struct conn *conn = &table->conns[slot];

    return worker_owns(w, slot) && table->ledger->slots[slot].stream.received > 0 &&
           conn->fd >= 0 && !conn->in_hand && conn->state == CONN_OPEN &&
           conn->wants == CONN_WANTS_READ && !conn->looping && !conn->by_reset &&
           !(table->ledger->slots[slot].flags & SLOT_LEAVING) &&
           conn_is_established(table, slot) && !session_owes(table, slot);
}

/* It is on its way. */
static void let_go(struct worker *w, uint32_t slot, struct gift *gift)
{
    worker_tell_heard(w, slot, w->heard_s); /* the next worker does not know who was */
    (void)conn_unwatch(w->plan.table, slot, w->set); /* it is watched */
    round_let_go(&w->round, slot);
    atomic_store_explicit(&w->plan.table->conns[slot].owner, 0, memory_order_release);
    atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    counter_add(w->counters, COUNTER_MOVED, 1);
    gift->slots[gift->letter.adopt.count++] = slot;
}

/* Take a share of those that were heard of late; not the heaviest, which is busy anywhere. */
static void pick(struct worker *w, unsigned share, struct gift *gift)
{
    const struct connections *table = w->plan.table;
    unsigned due = CREW_WHOLE / 2;

    for (uint32_t i = ledger_next_live(table->ledger, 0);
         i != LEDGER_NO_SLOT && gift->letter.adopt.count < GIFTS;
         i = ledger_next_live(table->ledger, i + 1)) {
        if (!is_movable(w, i) || table->conns[i].active_s + 1 < w->now_s ||
            table->ledger->slots[i].connection == w->sharing.heaviest)
            continue;
        due += share;
        if (due < CREW_WHOLE)
            continue;
        due -= CREW_WHOLE;
        let_go(w, i, gift);
    }
}

/* Take all of the round before: they have just been heard, and the others may stay. */
static void pick_heard(struct worker *w, struct gift *gift)
{
    for (uint32_t i = 0; i < w->round.committed && gift->letter.adopt.count < GIFTS; i++)
        if (is_movable(w, w->round.inbox->segment[i].slot))
            let_go(w, w->round.inbox->segment[i].slot, gift);
    w->round.committed = 0;
}

/* The letter was read. */
static void free_gift(struct letter *letter)
{
    free(letter->context);
}

static void post_gift(struct worker *to, struct gift *gift)
{
    atomic_fetch_add_explicit(&to->load, gift->letter.adopt.count, memory_order_relaxed);
    worker_post(to, &gift->letter);
}

bool worker_give(struct worker *w, const struct crew_decision *work)
{
    struct crew *crew = w->plan.crew;
    struct gift *gift = calloc(1, sizeof *gift);
    bool given = false;

    if (gift == NULL)
        return false;
    gift->letter = (struct letter){.kind = LETTER_ADOPT, .answered = free_gift, .context = gift,
                                   .adopt = {.slots = gift->slots}};
    if (crew_begin_move(crew)) {
        if (work->share == CREW_WHOLE)
            pick_heard(w, gift);
        else
            pick(w, work->share, gift);
        given = gift->letter.adopt.count > 0;
        if (given)
            post_gift(crew->workers[work->to], gift);
        crew_end_move(crew);
    }
    if (!given)
        free(gift);
    return given;
}

/* Answers: have connections ended here since the last look? Then others begin, too. */
static bool has_turnover(const struct worker *w)
{
    return counter_get(w->counters, COUNTER_CLOSED) - w->sharing.closed > 1;
}

/* A larger crew is one with work for all, or soon with work. Answers: is it larger? */
static bool grow(struct worker *w, const struct crew_view *view, const struct crew_decision *work)
{
    struct crew *crew = w->plan.crew;

    if (!crew_resize(crew, view->size, view->size + 1))
        return false;
    if (worker_give(w, work) || has_turnover(w))
        return true;
    (void)crew_resize(crew, view->size + 1, view->size);
    return false;
}

/* What could not be done now is tried again at the next look. */
static void obey(struct worker *w, const struct crew_view *view)
{
    const struct crew_decision decision = crew_decide(view);
    bool done = false;

    switch (decision.step) {
    case CREW_STAY:
        return;
    case CREW_GIVE:
        done = worker_give(w, &decision);
        break;
    case CREW_GROW:
        done = grow(w, view, &decision);
        break;
    case CREW_SHRINK:
        done = crew_resize(w->plan.crew, view->size, view->size - 1);
        break;
    }
    if (done) /* what was measured before tells nothing any more */
        w->sharing.busy_from_ms = w->sharing.calm_from_ms = w->turn_ms;
}

/* Look at itself, and do what follows from it. */
static void review(struct worker *w)
{
    struct crew_view view = {.self = 0};

    look(w, &view);
    obey(w, &view);
    w->sharing.ahead = w->sharing.heaviest = 0;
    w->sharing.closed = counter_get(w->counters, COUNTER_CLOSED);
}

/* Work goes to others: away with what was just heard. */
static void pass_on(struct worker *w)
{
    struct crew_view view = {.self = 0};

    crew_look(w->plan.crew, w->plan.index, w->turn_ms, &view);
    obey(w, &view);
}

void worker_share(struct worker *w)
{
    if (w->plan.crew->count == 1 || w->draining || w->events_next != w->events_count ||
        !round_is_empty(&w->round))
        return;
    if (w->turn_ms - w->sharing.looked_at_ms >= LOOK_EVERY_MS)
        review(w);
    else if (w->round.committed > 0 && !crew_has(w->plan.crew, w->plan.index))
        pass_on(w);
}

/* --- taking --- */

static void take(struct worker *w, uint32_t slot)
{
    struct conn *conn = &w->plan.table->conns[slot];

    atomic_store_explicit(&conn->owner, (uint16_t)(w->plan.index + 1), memory_order_release);
    if (conn_watch(w->plan.table, slot, w->set) < 0)
        worker_watch_later(w, slot);
}

void worker_take(struct worker *w, const struct letter *letter)
{
    assert(!w->draining); /* the crew is closed before a stop */
    for (uint32_t i = 0; i < letter->adopt.count; i++)
        take(w, letter->adopt.slots[i]);
    worker_leave_denied(w, letter->adopt.slots, letter->adopt.count);
    worker_expect_flush(w); /* what they carry may have waited for long */
}
