/* SPDX-License-Identifier: MIT
 *
 * Fuzz the ledger as it is inherited from a hostile or torn memfd. The input is a row of
 * changes to a sound ledger: an area, an offset, a length, and what to write there. What
 * ledger_open() lets pass is taken over, with and without sockets, and then worked off as a
 * worker would: every record is read to its last byte, and every connection ends.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ledger/connections.h"
#include "daemon/session/preface.h"
#include "daemon/ledger/ledger.h"
#include "daemon/parking/parking.h"
#include "daemon/worker/round.h"
#include "daemon/settings/snapshot.h"
#include "daemon/takeover/takeover.h"
#include "fuzz/fuzz.h"
#include "os/log.h"
#include "os/net.h"
#include "support/intake.h"

#define SLOTS 6u
#define INBOXES 2u
#define LIVE 4u
#define SOCKETS 2u
#define TAIL_BYTES 1000u

/* One change: area, offset in two bytes, length. */
#define CHANGE_BYTES 4u

/* A worker's view of the world, made once. */
static struct snapshot rules;
static struct admission *admission;
static struct preface *preface;

static void begin(void)
{
    static bool begun;

    if (begun)
        return;
    begun = true;
    log_set_level(SEVERITY_EMERG);
    require(settings_new_default(&rules.settings) == 0, "memory for settings");
    require(admission_new(SLOTS * 8, &admission) == 0, "memory for an admission");
    require(preface_new(admission, &preface) == 0, "memory for a preface");
}

/* --- a sound ledger --- */

static void fill_segment(struct inbox *inbox, uint32_t index, uint32_t slot, const char *text)
{
    struct segment *segment = &inbox->segment[index];
    uint32_t len = (uint32_t)strlen(text);

    segment->slot = slot;
    segment->from = index * 4096;
    segment->room = 4096;
    segment->start.sequence = 7;
    atomic_store(&segment->fresh, len);
    memcpy(inbox->bytes + segment->from, text, len);
    atomic_store(&inbox->segments, index + 1);
}

static void fill_inbox(struct inbox *inbox, uint32_t slot)
{
    inbox->max_message_bytes = 300;
    inbox->oversize = OVERSIZE_SPLIT;
    fill_segment(inbox, 0, slot, "<13>one\ntwo\n12 <13>counted\nthr");
    fill_segment(inbox, 1, slot + 1, "PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\nfour\nfive");
    inbox->segment[1].start.awaits_proxy = 1;
    atomic_store(&inbox->delivered, 1);
    atomic_store(&inbox->offered, 3);
}

/* Four connections, each with a segment; the first two have SOCKETS. */
static struct ledger *make_sound(const int sockets[SOCKETS])
{
    const struct ledger_geometry geometry = {SLOTS, INBOXES, TAIL_BYTES};
    struct ledger *ledger;

    require(ledger_new(&geometry, &ledger) == 0, "a ledger");
    for (uint32_t i = 0; i < LIVE; i++) {
        struct slot *slot = &ledger->slots[i];
        slot->connection = i + 1;
        slot->cookie = i < SOCKETS ? net_cookie(sockets[i]) : 1000 + i;
        require(peer_parse("192.0.2.7", (uint16_t)(500 + i), &slot->peer) == 0, "an address");
        slot->stream.tail_bytes = 3;
        memcpy(ledger_tail(ledger, i), "abc", 3);
        atomic_store(&slot->use, SLOT_LIVE);
    }
    atomic_store(&ledger->header->slots_high, LIVE);
    for (uint32_t k = 0; k < INBOXES; k++)
        fill_inbox(&ledger->inboxes[k], k * 2);
    atomic_store(&ledger->header->life, LEDGER_LIVE);
    return ledger;
}

/* --- changes --- */

static unsigned char *find_area(struct ledger *ledger, unsigned area, size_t *ret_size)
{
    struct inbox *inbox = &ledger->inboxes[area & 1];

    switch (area / 2 % 4) {
    case 0:
        *ret_size = offsetof(struct ledger_header, config) + 256;
        return (unsigned char *)ledger->header;
    case 1:
        *ret_size = SLOTS * sizeof(struct slot);
        return (unsigned char *)ledger->slots;
    case 2:
        *ret_size = offsetof(struct inbox, segment) + 4 * sizeof(struct segment);
        return (unsigned char *)inbox;
    default:
        *ret_size = 2 * 4096;
        return (area & 1) != 0 ? ledger->tails : inbox->bytes;
    }
}

/* Apply one change of the input. Returns: the bytes it took; 0 at the end. */
static size_t change(struct ledger *ledger, const uint8_t *data, size_t size)
{
    size_t area_size;

    if (size <= CHANGE_BYTES)
        return 0;
    unsigned char *area = find_area(ledger, data[0], &area_size);
    size_t offset = (size_t)(data[1] | data[2] << 8) % area_size;
    size_t len = 1 + data[3] % 64u;
    if (len > size - CHANGE_BYTES)
        len = size - CHANGE_BYTES;
    if (len > area_size - offset)
        len = area_size - offset;
    memcpy(area + offset, data + CHANGE_BYTES, len);
    return CHANGE_BYTES + len;
}

/* --- what a worker does with it --- */

/* The output of this world: it reads everything. */
static void swallow(struct round *r)
{
    struct batch *batch = r->batch;
    unsigned sum = 0;

    for (uint32_t i = batch->delivered; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        require(record->source < LEDGER_SEGMENTS, "a record's source is in the batch");
        for (uint32_t k = 0; k < record->len; k++)
            sum += record->text[k];
    }
    require(sum != UINT32_MAX, "never"); /* so that the reading is not left out */
    if (batch->delivered < batch->count)
        round_offer(r);
    batch_deliver(batch, batch->count - batch->delivered);
    round_delivered(r);
}

static void work_off(struct round *r, struct connections *table, struct inbox *inbox)
{
    uint32_t ended[LEDGER_SEGMENTS];

    round_replay(r, inbox);
    while (!round_frame(r))
        swallow(r);
    swallow(r);
    if (round_is_empty(r))
        return;
    uint32_t count = round_commit(r, ended);
    for (uint32_t i = 0; i < count; i++) {
        struct slot *slot = &table->ledger->slots[ended[i]];
        require(ended[i] < table->capacity, "what has ended is in the table");
        require(atomic_load(&slot->use) == SLOT_LIVE, "a connection ends once");
        if (table->conns[ended[i]].fd >= 0)
            (void)close(table->conns[ended[i]].fd); /* a copy of ours */
        round_forget(r, ended[i]);
        connections_give(table, ended[i]);
    }
}

static void check_streams(const struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->header->slots; i++) {
        const struct slot *slot = &ledger->slots[i];
        char text[PEER_TEXT_BYTES];
        if (atomic_load(&slot->use) != SLOT_LIVE)
            continue;
        require(ledger_slot_valid(slot), "a slot that was taken over is sound");
        require(ledger_stream_valid(ledger, &slot->stream), "and so is its stream");
        require(peer_format(&slot->peer, text) < sizeof text, "and its peer has a name");
    }
}

static void work(struct connections *table)
{
    struct round r;

    require(round_init(&r, table, &rules, preface, &table->ledger->inboxes[0]) == 0,
            "memory for a round");
    for (uint32_t k = 0; k < table->ledger->header->inboxes; k++)
        work_off(&r, table, &table->ledger->inboxes[k]);
    round_done(&r);
    check_streams(table->ledger);
}

/* --- the heir --- */

static void close_all(struct connections *table)
{
    for (uint32_t i = 0; i < table->capacity; i++)
        if (atomic_load(&table->ledger->slots[i].use) == SLOT_LIVE && table->conns[i].fd >= 0)
            (void)close(table->conns[i].fd); /* a copy of ours */
}

/* A lot as a manager would hand it over, with SOCKETS in it. */
static int make_lot(const int sockets[SOCKETS])
{
    int pair[2];

    require(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a lot");
    for (unsigned i = 0; i < SOCKETS; i++) {
        union {
            char bytes[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control = {.bytes = {0}};
        struct iovec iov = {.iov_base = (char[]){'p'}, .iov_len = 1};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                                 .msg_controllen = sizeof control.bytes};
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &sockets[i], sizeof(int));
        require(sendmsg(pair[1], &message, 0) == 1, "a socket in the lot");
    }
    (void)close(pair[1]); /* what was sent stays queued */
    return pair[0];
}

static void inherit(struct ledger *old, const int sockets[SOCKETS])
{
    struct inherited lot = {.fd = make_lot(sockets), .name = (char[]){"lot-1"},
                            .kind = INHERITED_LOT};
    struct inheritance in = {.items = &lot, .count = 1, .ledger = old};
    struct ledger_geometry geometry = {2, 1, 300};
    struct takeover_report report;
    struct connections table;
    struct parking *parking;
    struct ledger *ledger;

    takeover_grow(&in, &geometry);
    require(parking_new(false, &parking) == 0, "memory for parking");
    if (geometry.slots <= 4096 && ledger_new(&geometry, &ledger) == 0) {
        require(connections_init(&table, ledger, 64) == 0, "memory for connections");
        require(takeover_run(&in, &table, parking, &report) == 0, "a takeover");
        work(&table);
        close_all(&table);
        connections_done(&table);
        (void)ledger_free(ledger);
    }
    (void)parking_free(parking);
    if (lot.fd >= 0)
        (void)close(lot.fd); /* the parking did not take it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int sockets[SOCKETS];
    struct ledger *sound, *old;
    uint32_t layout;

    begin();
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "sockets");
    sound = make_sound(sockets);
    for (size_t n; (n = change(sound, data, size)) > 0; data += n, size -= n)
        continue;
    int fd = fcntl(sound->fd, F_DUPFD_CLOEXEC, 3);
    require(fd >= 0, "a descriptor");
    (void)ledger_free(sound);
    (void)ledger_count_unreadable(fd); /* it must only survive */
    if (ledger_open(fd, &old, &layout) == 0) {
        inherit(old, sockets);
        (void)ledger_free(old);
    } else {
        (void)close(fd); /* still ours */
    }
    for (unsigned i = 0; i < SOCKETS; i++)
        (void)close(sockets[i]); /* nothing was sent */
    return 0;
}
