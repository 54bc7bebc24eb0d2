/* SPDX-License-Identifier: MIT
 *
 * The census: every worker is asked for its connections, a bounded number in one letter. Rates come
 * of what was seen at the census before.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admin/private.h"
#include "daemon/worker/crew.h"
#include "os/clock.h"
#include "os/heap.h"

/* Two looks at a connection that are closer, in milliseconds, make no rate. */
#define RATE_OVER_MS 500u

/* Of the memory of a list, which comes and goes with each. */
#define KEPT_BYTES (1024u * 1024u)

struct describe_question {
    struct question question;
    struct conn_description descriptions[LETTER_DESCRIPTIONS];
};

/* Bytes a second since the look before; negative when there was none. */
static double rate_of(struct admin *admin, const struct conn_description *of, uint64_t now_ms)
{
    struct sample *sample = &admin->samples[of->slot];

    if (sample->connection != of->connection || of->received < sample->received) {
        *sample = (struct sample){of->connection, of->received, now_ms, -1};
    } else if (now_ms - sample->at_ms >= RATE_OVER_MS) {
        sample->rate = (double)(of->received - sample->received) * 1000 /
                       (double)(now_ms - sample->at_ms);
        sample->received = of->received;
        sample->at_ms = now_ms;
    }
    return sample->rate;
}

/* Answers: did it come through a listener with this tag? "": any. */
static bool has_tag(const struct overview *overview, uint8_t listener, const char *tag)
{
    return *tag == '\0' || (listener < PEERLOG_LISTENER_PLACES &&
                            strcmp(overview->listeners[listener].tag, tag) == 0);
}

static bool is_wanted(const struct wanted *wanted, const struct overview *overview,
                      const struct conn_description *of)
{
    return (!wanted->has_id || of->connection == wanted->id) &&
           (!wanted->has_peer || cidr_longest_match(&wanted->peer, 1, &of->peer) >= 0) &&
           has_tag(overview, of->listener, wanted->listener);
}

/* Returns: 0, or -ENOMEM. */
static int grow(struct census *census, size_t more)
{
    if (census->count + more <= census->room)
        return 0;
    size_t room = 2 * census->room + more;
    struct counted *all = reallocarray(census->all, room, sizeof *all);
    if (all == NULL)
        return -ENOMEM;
    census->all = all;
    census->room = room;
    return 0;
}

/*
 * Ask a worker for its connections from slot *FROM on.
 * Returns: 1 when there may be more, 0 when not, or -ENOMEM.
 */
static int ask_some(struct admin *admin, const struct wanted *wanted, unsigned worker,
                    uint32_t *from, struct census *census)
{
    struct describe_question *ask =
        (void *)question_new(admin, LETTER_DESCRIBE, sizeof *ask);
    uint64_t now_ms = clock_mono_ms();

    if (ask == NULL || grow(census, LETTER_DESCRIPTIONS) < 0) {
        free(ask);
        return -ENOMEM;
    }
    ask->question.letter.describe.from = *from;
    ask->question.letter.describe.descriptions = ask->descriptions;
    if (!ask_worker(admin, worker, &ask->question)) {
        census->absent++;
        return 0;
    }
    for (uint32_t i = 0; i < ask->question.letter.describe.count; i++) {
        double rate = rate_of(admin, &ask->descriptions[i], now_ms);
        if (is_wanted(wanted, census->overview, &ask->descriptions[i]))
            census->all[census->count++] = (struct counted){
                .of = ask->descriptions[i], .worker = worker, .rate = rate};
    }
    *from = ask->question.letter.describe.from;
    int more = ask->question.letter.describe.more;
    free(ask);
    return more;
}

/* --- sorting: the greatest first, equal ones by their numbers --- */

static int compare(double a, double b, const struct counted *left, const struct counted *right)
{
    if (a != b)
        return a > b ? -1 : 1;
    return left->of.connection < right->of.connection ? -1 : 1;
}

static int by_rate(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;

    return compare(a->rate, b->rate, a, b);
}

static int by_bytes(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;

    return compare((double)a->of.received, (double)b->of.received, a, b);
}

static int by_idle(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;

    return compare(a->of.silent_s, b->of.silent_s, a, b);
}

static int by_waiting(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;

    return compare((double)a->of.unread + a->of.tail_bytes, (double)b->of.unread + b->of.tail_bytes,
                   a, b);
}

static void sort(struct census *census, enum wanted_order order)
{
    static int (*const orders[])(const void *, const void *) = {
        [ORDER_BY_SLOT] = NULL, [ORDER_BY_RATE] = by_rate, [ORDER_BY_BYTES] = by_bytes,
        [ORDER_BY_IDLE] = by_idle, [ORDER_BY_WAITING] = by_waiting,
    };

    if (orders[order] != NULL && census->count > 1)
        qsort(census->all, census->count, sizeof census->all[0], orders[order]);
}

/* --- all of it --- */

/* Ask all workers. Returns: 0, or -ENOMEM. */
static int ask_all(struct admin *admin, const struct wanted *wanted, struct census *census)
{
    for (unsigned i = 0; i < admin->plan.workers_count; i++) {
        uint32_t from = 0;
        int more = worker_load(admin->plan.workers[i]) > 0; /* those that have none sleep on */
        while (more > 0)
            more = ask_some(admin, wanted, i, &from, census);
        if (more < 0)
            return more;
    }
    return 0;
}

int census_take(struct admin *admin, const struct overview *overview, const struct wanted *wanted,
                struct census *ret_census)
{
    struct census census = {.overview = overview};

    heap_keep(KEPT_BYTES);
    /* Each is seen once, and none is missed. */
    crew_hold(admin->plan.crew);
    int error = ask_all(admin, wanted, &census);
    crew_release(admin->plan.crew);
    if (error < 0) {
        free(census.all);
        return error;
    }
    sort(&census, wanted->order);
    if (wanted->limit > 0 && census.count > wanted->limit)
        census.count = wanted->limit;
    *ret_census = census;
    return 0;
}

static int by_address(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;
    int order = memcmp(a->of.peer.address, b->of.peer.address, sizeof a->of.peer.address);

    if (order != 0)
        return order;
    return a->of.peer.scope != b->of.peer.scope
               ? (a->of.peer.scope < b->of.peer.scope ? -1 : 1)
               : a->of.peer.family - b->of.peer.family;
}

static int by_rate_and_bytes(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;

    return a->rate != b->rate ? by_rate(left, right) : by_bytes(left, right);
}

void census_by_address(struct census *census)
{
    size_t kept = 0;

    if (census->count > 1)
        qsort(census->all, census->count, sizeof census->all[0], by_address);
    for (size_t i = 0; i < census->count; i++) {
        struct counted one = census->all[i], *last = kept > 0 ? &census->all[kept - 1] : NULL;
        one.connections = 1;
        one.rate = one.rate < 0 ? 0 : one.rate;
        if (last == NULL || !peer_same_address(&last->of.peer, &one.of.peer)) {
            census->all[kept++] = one;
            continue;
        }
        last->connections++;
        last->rate += one.rate;
        last->of.received += one.of.received;
        last->of.records += one.of.records;
    }
    census->count = kept;
    if (kept > 1)
        qsort(census->all, kept, sizeof census->all[0], by_rate_and_bytes);
}

/* Answers: did this worker have it, and is it ended? */
static bool end_at(struct admin *admin, unsigned worker, const struct counted *connection, bool now)
{
    struct question *ask = question_new(admin, LETTER_KILL, sizeof *ask);

    if (ask == NULL)
        return false;
    ask->letter.kill.slot = connection->of.slot;
    ask->letter.kill.connection = connection->of.connection;
    ask->letter.kill.now = now;
    if (!ask_worker(admin, worker, ask))
        return false;
    bool done = ask->letter.kill.done;
    free(ask);
    return done;
}

bool census_end(struct admin *admin, const struct counted *connection, bool now)
{
    /* It may be another worker's by now, and is in its mailbox then. */
    for (unsigned i = 0; i < admin->plan.workers_count; i++)
        if (end_at(admin, (connection->worker + i) % admin->plan.workers_count, connection, now))
            return true;
    return false;
}
