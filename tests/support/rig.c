/* SPDX-License-Identifier: MIT
 *
 * The rig. A socket is asked what it holds until it holds what was sent: loopback is fast, but
 * nobody promises that it is done when send(2) returns.
 */
#include "config.h"

#include "support/rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ledger/upgrade.h"
#include "daemon/session/conn.h"
#include "daemon/session/transport.h"
#include "os/gate.h"
#include "os/memfd.h"
#include "os/net.h"
#include "peerlog/count.h"
#include "support/intake.h"

#define PATIENCE_MS 20000

static void nothing(void *context)
{
    (void)context; /* the worker tells nobody */
}

static const struct worker_events events = {
    .output_ended = nothing, .slot_freed = nothing, .snapshot_taken = nothing,
    .worker_ended = nothing,
};

/* --- making it --- */

static void make_snapshot(struct rig *rig, const struct rig_plan *plan)
{
    struct settings *settings;

    require(settings_new_default(&settings) == 0, "settings");
    settings->workers = 1;
    settings->output.type = OUTPUT_SYSLOG; /* "auto" would become another kind than the broker */
    settings->listeners[0].proxy_protocol = plan->proxy;
    if (plan->deny != NULL) {
        require(cidr_parse(plan->deny, &rig->denied) == 0, "a range to deny");
        settings->listeners[0].deny = (struct cidr_list){&rig->denied, 1};
    }
    rig->snapshot.settings = settings;
    memset(rig->snapshot.listener_of_id, PEERLOG_NO_LISTENER, sizeof rig->snapshot.listener_of_id);
    rig->snapshot.listener_of_id[0] = 0;
}

static void make_worker(struct rig *rig, const struct rig_plan *plan, unsigned index)
{
    static struct gate gate = GATE_INITIALIZER;
    const struct settings *settings = rig->snapshot.settings;
    const struct worker_plan worker_plan = {
        .index = index, .table = &rig->table, .parking = rig->parking,
        .admission = rig->admission, .preface = rig->preface, .rates = rig->rates,
        .snapshot = &rig->snapshot,
        .longest_message = settings->buffer_size, .health = &rig->health,
        .events = &events, .crew = &rig->crew, .gate = &gate,
    };
    struct worker *worker;

    require(worker_new(&worker_plan, &worker) == 0, "a worker");
    worker->output = output_free(worker->output);
    require(output_new_of(plan->kind, &settings->output, settings->buffer_size, &rig->health,
                          rig->ledger->header->instance, &worker->output) == 0, "an output");
    rig->workers[index] = worker;
}

static void make_workers(struct rig *rig, const struct rig_plan *plan)
{
    for (unsigned i = 0; i <= plan->crew; i++)
        make_worker(rig, plan, i);
    rig->worker = rig->workers[0];
    rig->second = rig->workers[1];
    require(crew_init(&rig->crew, rig->workers, plan->crew ? 2 : 1) == 0, "a crew");
}

/* All but the worker, for whose ledger something may be taken over first. */
static void make_house(struct rig *rig, const struct rig_plan *plan)
{
    memset(rig, 0, sizeof *rig);
    make_snapshot(rig, plan);
    const struct ledger_geometry geometry = {
        .slots = RIG_SLOTS, .inboxes = plan->crew ? 2 : 1,
        .tail_bytes = rig->snapshot.settings->buffer_size + PEERLOG_TERMINATOR_BYTES,
    };
    require(ledger_new(&geometry, &rig->ledger) == 0, "a ledger");
    require(connections_init(&rig->table, rig->ledger, RIG_SLOTS) == 0, "a table");
    require(admission_new(RIG_SLOTS, &rig->admission) == 0, "an admission");
    require(preface_new(rig->admission, &rig->preface) == 0, "a preface");
    require(peer_rates_new(RIG_SLOTS, &rig->rates) == 0, "rates");
    require(parking_new(false, &rig->parking) == 0, "a parking");
}

void rig_begin(struct rig *rig, const struct rig_plan *plan)
{
    make_house(rig, plan);
    atomic_store(&rig->ledger->header->life, LEDGER_LIVE);
    make_workers(rig, plan);
}

void rig_end(struct rig *rig)
{
    for (uint32_t i = 0; i < rig->table.capacity; i++)
        if (atomic_load(&rig->ledger->slots[i].use) == SLOT_LIVE && rig->table.conns[i].fd >= 0)
            (void)close(rig->table.conns[i].fd); /* nobody reads it any more */
    rig->worker = worker_free(rig->worker);
    rig->second = worker_free(rig->second);
    crew_done(&rig->crew);
    rig->parking = parking_free(rig->parking);
    rig->rates = peer_rates_free(rig->rates);
    rig->preface = preface_free(rig->preface);
    rig->admission = admission_free(rig->admission);
    for (size_t i = 0; i < PEERLOG_MAX_WORKERS; i++)
        transport_tools_free(rig->table.tools[i]);
    connections_done(&rig->table);
    rig->ledger = ledger_free(rig->ledger);
    rig->snapshot.settings->listeners[0].deny = (struct cidr_list){NULL, 0}; /* the rig's */
    rig->snapshot.settings = settings_free(rig->snapshot.settings);
}

void rig_inherit(struct rig *rig, const struct rig_plan *plan, int fd, int lot_fd,
                 struct takeover_report *ret_report)
{
    char name[] = "lot-0";
    struct inherited lot = {.fd = lot_fd, .name = name, .kind = INHERITED_LOT};
    struct inheritance in = {.items = &lot, .count = 1};
    uint32_t layout;

    make_house(rig, plan);
    int error = ledger_open(fd, &in.ledger, &layout);
    if (error == -EPROTONOSUPPORT)
        error = ledger_upgrade(fd, &in.ledger);
    require(error == 0, "an inherited ledger");
    require(takeover_run(&in, &rig->table, rig->parking, ret_report) == 0, "a takeover");
    atomic_store(&rig->ledger->header->life, LEDGER_LIVE);
    (void)ledger_free(in.ledger);
    make_workers(rig, plan);
    for (uint32_t i = ledger_next_live(rig->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(rig->ledger, i + 1)) {
        (void)admission_enter(rig->admission, &rig->ledger->slots[i].peer, 0);
        atomic_store(&rig->table.conns[i].owner, 1);
        rig->table.conns[i].wants = CONN_WANTS_READ;
    }
}

/* --- connections --- */

/* Both ends of a TCP connection; the daemon's comes first. */
static void make_connection(int fds[2], struct peer *ret_peer)
{
    struct peer address;
    int listener;

    require(peer_parse("127.0.0.1", 0, &address) == 0, "an address");
    listener = net_listen(&address, 1);
    require(listener >= 0 && net_local_address(listener, &address) == 0, "a listening socket");
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(address.port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fds[1] >= 0 && connect(fds[1], (struct sockaddr *)&sa, sizeof sa) == 0, "a client");
    struct pollfd wait = {.fd = listener, .events = POLLIN};
    require(poll(&wait, 1, PATIENCE_MS) == 1, "a connection");
    fds[0] = net_accept(listener, ret_peer);
    require(fds[0] >= 0, "a connection that is accepted");
    (void)close(listener); /* it has had its one connection */
}

uint32_t rig_connect(struct rig *rig, int *ret_client)
{
    struct conn_birth birth = {
        .lot = 0, .listener = 0, .framing = FRAMING_AUTO,
        .awaits_proxy = rig->snapshot.settings->listeners[0].proxy_protocol,
    };
    uint32_t slot = connections_take(&rig->table);
    int fds[2];

    require(slot != CONNECTION_NONE, "a slot");
    make_connection(fds, &birth.peer);
    birth.fd = fds[0];
    birth.cookie = net_cookie(fds[0]);
    require(admission_enter(rig->admission, &birth.peer, 0) == ADMITTED, "room for a peer");
    connections_open(&rig->table, slot, &birth);
    require(worker_adopt(rig->worker, slot) == 0, "a worker that takes it");
    *ret_client = fds[1];
    return slot;
}

void rig_say(const struct rig *rig, uint32_t slot, int client, const void *bytes, size_t len)
{
    int fd = rig->table.conns[slot].fd;
    uint32_t before = net_unread(fd);
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    require(send(client, bytes, len, MSG_NOSIGNAL) == (ssize_t)len, "a client that can speak");
    while (net_unread(fd) < before + len)
        require(poll(&wait, 1, PATIENCE_MS) == 1, "bytes to arrive");
}

void rig_say_goodbye(const struct rig *rig, uint32_t slot, int client)
{
    struct pollfd wait = {.fd = rig->table.conns[slot].fd, .events = POLLRDHUP};

    require(shutdown(client, SHUT_WR) == 0, "a client that can say goodbye");
    require(poll(&wait, 1, PATIENCE_MS) == 1, "a goodbye to arrive");
}

void rig_read(struct rig *rig, uint32_t slot, uint32_t ready)
{
    struct worker *worker = rig->workers[atomic_load(&rig->table.conns[slot].owner) - 1];

    require(round_has_room(&worker->round, slot), "room in the round");
    require(worker_read(worker, slot, ready), "an output that does not block yet");
}

/* --- what a process leaves --- */

int rig_leave(const struct rig *rig)
{
    const struct ledger *ledger = rig->ledger;
    int fd = memfd_make("copy", ledger->size);
    void *memory;
    size_t size;
    off_t from = 0;

    require(fd >= 0 && memfd_map(fd, &memory, &size) == 0, "a copy of the ledger");
    while ((from = lseek(ledger->fd, from, SEEK_DATA)) >= 0) {
        off_t to = lseek(ledger->fd, from, SEEK_HOLE);
        memcpy((char *)memory + from, (char *)ledger->header + from, (size_t)(to - from));
        from = to;
    }
    memfd_unmap(memory, size);
    return fd;
}

void rig_make_pair(int pair[2])
{
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

    require(socketpair(AF_UNIX, type, 0, pair) == 0, "a pair of sockets");
}

void rig_feed(struct rig *rig, uint32_t slot, const void *bytes, size_t len)
{
    unsigned char unread[4096];
    int *fd = &rig->table.conns[slot].fd;
    int pair[2];

    rig_make_pair(pair);
    ssize_t n = recv(*fd, unread, sizeof unread, MSG_PEEK | MSG_DONTWAIT);
    require(n <= 0 || write(pair[1], unread, (size_t)n) == n, "room for what was unread");
    require(write(pair[1], bytes, len) == (ssize_t)len, "room for more");
    (void)close(pair[1]); /* the end of the stream */
    (void)close(*fd);     /* a copy */
    *fd = pair[0];
}
