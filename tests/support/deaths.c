/* SPDX-License-Identifier: MIT
 *
 * Deaths: the process is a worker that is stepped through its rounds: it opens segments, receives,
 * frames, offers, delivers a few records at a time, commits, carries halves of messages, and ends
 * connections. The successor sees copies: of the ledger, and of what the sockets hold.
 */
#include "config.h"

#include "support/deaths.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/fd_passing.h"
#include "peerlog/count.h"
#include "support/in_range.h"
#include "support/intake.h"
#include "support/stepping.h"

#define CHUNKS 2u
#define CARRY_BYTES 64u

/* What one connection says, in two chunks that are cut within a message. */
struct client {
    int fd;
    uint32_t slot;
    uint64_t connection;
    struct peer named; /* by its PROXY header */
    char stream[DEATHS_STREAM_BYTES];
    size_t len, cut;
};

/* What the stepped process and we share beside the ledger. */
struct shared {
    struct broker broker;
    uint32_t chunks; /* that were sent */
    volatile uint32_t pauses; /* odd while the log has taken what it takes, and is waited for */
};

struct trial {
    struct deaths_plan plan;
    struct rig *rig; /* of the process that dies */
    struct rig first, second;
    struct shared *shared;
    struct client clients[DEATHS_CONNECTIONS];
    int lot[2];
    uint32_t deaths, repeats;
};

/* --- the process that dies --- */

static void say_chunk(struct trial *t, struct client *client, uint32_t chunk)
{
    const char *from = client->stream + (chunk == 0 ? 0 : client->cut);
    size_t len = chunk == 0 ? client->cut : client->len - client->cut;

    rig_say(t->rig, client->slot, client->fd, from, len);
    if (chunk + 1 == CHUNKS && !t->plan.flush)
        rig_say_goodbye(t->rig, client->slot, client->fd);
}

/* The log takes a few, and says a little later that they are safe. */
static void finish_round_of(struct trial *t, struct worker *worker)
{
    while (!worker_finish_round(worker)) {
        t->shared->pauses++;
        worker->output->retry_at_ms = 0;
        broker->room = t->plan.a_time;
        broker->acks += t->plan.a_time - 1;
        t->shared->pauses++;
    }
}

static void finish_round(struct trial *t)
{
    finish_round_of(t, t->rig->worker);
    if (t->rig->second != NULL)
        finish_round_of(t, t->rig->second);
}

/* Those that were just heard go to the other worker. */
static void change_workers(const struct trial *t, uint32_t turn)
{
    struct worker *giver = t->rig->workers[turn % 2], *taker = t->rig->workers[(turn + 1) % 2];

    const struct crew_decision all = {CREW_GIVE, taker->plan.index, CREW_WHOLE};

    require(worker_give(giver, &all) || turn > 1, "connections that change their worker");
    worker_answer_bell(taker);
}

/* The last record has waited in vain for its end; then the stream ends. */
static void flush_and_end(struct trial *t)
{
    for (uint32_t i = 0; i < t->plan.connections; i++)
        round_flush(&t->rig->worker->round, t->clients[i].slot);
    finish_round(t);
    for (uint32_t i = 0; i < t->plan.connections; i++) {
        rig_say_goodbye(t->rig, t->clients[i].slot, t->clients[i].fd);
        rig_read(t->rig, t->clients[i].slot, RIG_READABLE);
    }
    finish_round(t);
}

static void work(void *context)
{
    struct trial *t = context;

    if (t->plan.heir) {
        round_replay(&t->rig->worker->round, &t->rig->ledger->inboxes[0]);
        finish_round(t);
    }
    for (uint32_t chunk = t->plan.heir ? 1 : 0; chunk < t->plan.rounds; chunk++) {
        for (uint32_t i = 0; i < t->plan.connections && chunk < CHUNKS; i++)
            say_chunk(t, &t->clients[i], chunk);
        t->shared->chunks = chunk < CHUNKS ? chunk + 1 : CHUNKS;
        for (uint32_t i = 0; i < t->plan.connections; i++) {
            /* The others are read once more. */
            bool last = chunk + 1 == CHUNKS && i % 2 == 0 && !t->plan.flush;
            uint32_t slot = t->clients[i].slot;
            if (atomic_load(&t->rig->ledger->slots[slot].use) == SLOT_LIVE)
                rig_read(t->rig, slot, last ? RIG_GOODBYE : RIG_READABLE);
        }
        finish_round(t);
        if (t->plan.moves)
            change_workers(t, chunk);
    }
    if (t->plan.flush)
        flush_and_end(t);
}

/* --- the successor --- */

static bool lives(const struct rig *rig, const struct client *client)
{
    return atomic_load(&rig->ledger->slots[client->slot].use) == SLOT_LIVE;
}

/* Read all to the end, as the next process does. */
static void read_on(const struct trial *t, struct rig *rig)
{
    for (int turn = 0; turn < 4; turn++) {
        for (uint32_t i = 0; i < t->plan.connections; i++)
            if (lives(rig, &t->clients[i]))
                rig_read(rig, t->clients[i].slot, RIG_READABLE);
        assert_true(worker_finish_round(rig->worker));
    }
}

/* Its socket is still needed by the stepped process: the successor gets one that is like it. */
static void feed(const struct trial *t, struct rig *rig, const struct client *client)
{
    const size_t sent[] = {0, client->cut, client->len};
    size_t from = sent[t->shared->chunks];

    rig_feed(rig, client->slot, client->stream + from, client->len - from);
}

static int dup_lot(const struct trial *t)
{
    return fcntl(t->lot[0], F_DUPFD_CLOEXEC, 0);
}

static void succeed(struct trial *t, struct takeover_report *ret_report)
{
    struct rig rig;

    rig_inherit(&rig, &t->plan.after, rig_leave(t->rig), dup_lot(t), ret_report);
    assert_int_equal(ret_report->damaged, 0);
    for (uint32_t i = 0; i < t->plan.connections; i++)
        if (lives(&rig, &t->clients[i]) && rig.table.conns[t->clients[i].slot].fd >= 0)
            feed(t, &rig, &t->clients[i]);
    for (uint32_t i = rig.ledger->header->inboxes; i > 0; i--) {
        round_replay(&rig.worker->round, &rig.ledger->inboxes[i - 1]);
        assert_true(worker_finish_round(rig.worker));
    }
    read_on(t, &rig);
    rig_end(&rig);
}

/* --- the verdict --- */

/* What became of one record. */
struct fate {
    uint32_t before, after; /* times that it is in the log */
    bool is_first_marked;   /* it says that it may be a repeat, and is none */
};

static struct fate fate_of(const struct trial *t, const struct broker *successor,
                           const struct client *client, uint32_t number)
{
    const struct broker *const brokers[] = {&t->shared->broker, successor};
    struct fate fate = {0};

    for (uint32_t k = 0; k < COUNT_OF(brokers); k++)
        for (uint32_t i = 0; i < brokers[k]->count; i++) {
            const struct broker_record *record = &brokers[k]->records[i];
            if (record->connection != client->connection || record->sequence != number)
                continue;
            assert_int_equal(record->number % 10, number);
            if (fate.before + fate.after == 0)
                fate.is_first_marked = record->repeat;
            else
                assert_true(record->repeat);
            fate.before += k == 0;
            fate.after += k == 1;
        }
    return fate;
}

/* Its segment in an inbox; NULL: it has none. */
static const struct segment *find_segment(const struct trial *t, uint32_t slot)
{
    const struct ledger *ledger = t->rig->ledger;

    for (uint32_t k = 0; k < ledger->header->inboxes; k++)
        for (uint32_t i = 0; i < atomic_load(&ledger->inboxes[k].segments); i++)
            if (ledger->inboxes[k].segment[i].slot == slot)
                return &ledger->inboxes[k].segment[i];
    return NULL;
}

/* Was its header judged, as far as the ledger tells? */
static bool was_admitted(const struct trial *t, const struct client *client)
{
    const struct segment *segment = find_segment(t, client->slot);
    const struct slot *slot = &t->rig->ledger->slots[client->slot];

    if (segment != NULL)
        return !segment->start.awaits_proxy || atomic_load(&segment->verdict) == VERDICT_PASSED;
    return atomic_load(&slot->use) == SLOT_FREE || !slot->stream.awaits_proxy;
}

/* Is it one that the successor's list denies, and that nobody let in before? */
static bool is_refused(const struct trial *t, const struct client *client)
{
    struct cidr denied;

    if (t->plan.after.deny == NULL || was_admitted(t, client))
        return false;
    require(cidr_parse(t->plan.after.deny, &denied) == 0, "a range to deny");
    return cidr_longest_match(&denied, 1, &client->named) >= 0;
}

/* Every record of a connection is there once, or marked; of one that was refused, none is. */
static void judge(const struct trial *t, const struct broker *successor,
                  const struct client *client)
{
    bool refused = is_refused(t, client);

    for (uint32_t number = 1; number <= t->plan.records; number++) {
        struct fate fate = fate_of(t, successor, client, number);
        if (refused) {
            assert_int_equal(fate.before + fate.after, 0);
            continue;
        }
        assert_true(fate.before + fate.after >= 1);
        assert_true(fate.before <= (t->plan.heir ? 2 : 1) && fate.after <= 1);
        if (t->shared->pauses % 2 != 0 && !t->plan.heir)
            assert_false(fate.is_first_marked); /* the log came back without it */
    }
}

/* Each connection's records come in order, and no more are marked than were offered. */
static void judge_order(const struct trial *t, const struct broker *successor, uint32_t repeats)
{
    uint64_t last[DEATHS_CONNECTIONS + 1] = {0};
    uint32_t marked = 0;

    for (uint32_t i = 0; i < successor->count; i++) {
        const struct broker_record *record = &successor->records[i];
        assert_int_in_range(record->connection, 1, t->plan.connections);
        assert_true(record->sequence > last[record->connection]);
        last[record->connection] = record->sequence;
        marked += record->repeat;
    }
    assert_int_equal(marked, repeats);
}

/* It has died just here. */
static void look(void *context)
{
    static struct broker successor;
    struct takeover_report report;
    struct trial *t = context;

    successor = (struct broker){.room = UINT32_MAX};
    broker = &successor;
    succeed(t, &report);
    broker = &t->shared->broker;
    for (uint32_t i = 0; i < t->plan.connections; i++)
        judge(t, &successor, &t->clients[i]);
    judge_order(t, &successor, report.repeats);
    t->deaths++;
    t->repeats += report.repeats;
}

/* --- trials --- */

static void fill_stream(const struct trial *t, struct client *client, uint32_t index)
{
    char address[32];
    int n = 0;

    (void)snprintf(address, sizeof address, "192.0.2.%u", index + 1);
    require(peer_parse(address, 4711, &client->named) == 0, "a peer");
    if (t->plan.before.proxy)
        n = snprintf(client->stream, DEATHS_STREAM_BYTES, "PROXY TCP4 %s 198.51.100.1 4711 514\r\n",
                     address);
    for (uint32_t number = 1; number <= t->plan.records; number++) {
        if (number == 2)
            client->cut = (size_t)n + 6; /* in the middle of a message */
        n += snprintf(client->stream + n, DEATHS_STREAM_BYTES - (size_t)n,
                      number < t->plan.records ? "<13>message %u%u\n" : "<13>message %u%u", index,
                      number);
    }
    client->len = (size_t)n;
    if (t->plan.wire != NULL)
        t->plan.wire(index, client->stream, &client->len, &client->cut);
}

/* Another process reads and delivers a little, and dies; its heir is the one that is stepped. */
static void let_another_die(struct trial *t)
{
    struct takeover_report report;

    for (uint32_t i = 0; i < t->plan.connections; i++) {
        say_chunk(t, &t->clients[i], 0);
        rig_read(t->rig, t->clients[i].slot, RIG_READABLE);
    }
    t->shared->chunks = 1;
    broker->room = t->plan.a_time;
    assert_false(worker_finish_round(t->rig->worker));
    /* It died while the log was taking all the others. */
    round_offer(&t->rig->worker->round);
    rig_inherit(&t->second, &t->plan.before, rig_leave(t->rig), dup_lot(t), &report);
    assert_true(report.repeats > 0);
    rig_end(&t->first);
    t->rig = &t->second;
}

static void begin_trial(struct trial *t)
{
    t->shared = mmap(NULL, sizeof *t->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0);
    assert_true(t->shared != MAP_FAILED);
    broker = &t->shared->broker;
    rig_make_pair(t->lot);
    t->rig = &t->first;
    rig_begin(t->rig, &t->plan.before);
    for (uint32_t i = 0; i < t->plan.connections; i++) {
        struct client *client = &t->clients[i];
        client->slot = rig_connect(t->rig, &client->fd);
        client->connection = t->rig->ledger->slots[client->slot].connection;
        fill_stream(t, client, i);
        if (t->plan.establish != NULL)
            t->plan.establish(t->rig, client->slot, i);
        int fd = t->rig->table.conns[client->slot].fd;
        assert_int_equal(fd_passing_send(t->lot[1], fd, "p", 1), 0);
    }
}

static void end_trial(struct trial *t)
{
    for (uint32_t i = 0; i < t->plan.connections; i++)
        (void)close(t->clients[i].fd); /* it has said what it had to say */
    rig_end(t->rig);
    (void)close(t->lot[0]); /* copies */
    (void)close(t->lot[1]);
    (void)munmap(t->shared, sizeof *t->shared); /* it was mapped */
}

static size_t watch_inbox(const struct trial *t, const struct inbox *inbox, struct watched *regions)
{
    const uint32_t n = t->plan.connections;

    regions[0] = (struct watched){inbox, offsetof(struct inbox, counters)};
    regions[1] = (struct watched){inbox->segment, n * sizeof inbox->segment[0]};
    regions[2] = (struct watched){inbox->bytes, n * t->clients[0].len};
    regions[3] = (struct watched){inbox->before, n * sizeof inbox->before[0]};
    return 4;
}

/* Everything that a successor finds: inboxes, slots, tails, and what the log has. */
static size_t watch(struct trial *t, struct watched *regions)
{
    const struct ledger *ledger = t->rig->ledger;
    size_t n = 0;

    regions[n++] = (struct watched){&t->shared->broker.count, sizeof t->shared->broker.count};
    regions[n++] = (struct watched){(const void *)(uintptr_t)&t->shared->pauses, sizeof(uint32_t)};
    for (uint32_t i = 0; i < ledger->header->inboxes; i++)
        n += watch_inbox(t, &ledger->inboxes[i], regions + n);
    regions[n++] = (struct watched){ledger->slots, t->plan.connections * sizeof ledger->slots[0]};
    regions[n++] = (struct watched){ledger->transports,
                                    t->plan.connections * sizeof ledger->transports[0]};
    if (t->plan.moves)
        regions[n++] = (struct watched){t->rig->table.conns,
                                        t->plan.connections * sizeof t->rig->table.conns[0]};
    for (uint32_t i = 0; i < t->plan.connections; i++)
        regions[n++] = (struct watched){ledger_tail(ledger, t->clients[i].slot), CARRY_BYTES};
    return n;
}

void deaths_try_all(const struct deaths_plan *plan)
{
    static struct trial t;
    struct watched regions[DEATHS_CONNECTIONS + 16];

    if (!stepping_is_possible())
        skip();
    t = (struct trial){.plan = *plan};
    begin_trial(&t);
    if (t.plan.heir)
        let_another_die(&t);
    stepping_run(work, look, &t, regions, watch(&t, regions));
    uint32_t each = t.plan.rounds == DEATHS_ROUNDS ? t.plan.records : 1;
    assert_true(t.plan.heir || t.shared->broker.count == t.plan.connections * each);
    print_message("%u connections: %u deaths, %u repeats\n", (unsigned)t.plan.connections,
                  (unsigned)t.deaths, (unsigned)t.repeats);
    end_trial(&t);
}
