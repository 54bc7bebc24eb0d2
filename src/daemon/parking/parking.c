/* SPDX-License-Identifier: MIT
 *
 * Parking: SCM_RIGHTS into stored socket pairs (unix(7), sd_notify(3)). A lot holds as many
 * sockets as its send buffer takes; then the next one is opened. The acceptor's thread
 * parks, sweeps and rewrites; workers only count down what is alive.
 */
#include "config.h"

#include "daemon/parking/parking.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ledger/ledger.h"
#include "daemon/ledger/names.h"
#include "os/service_manager.h"
#include "os/fd_passing.h"
#include "peerlog/limits.h"

#define LOTS 8192u

/* Sweep when this many sockets died since the last time; earlier when few are allowed. */
#define SWEEP_AFTER 256u

struct lot {
    int keep_fd; /* the end the manager holds too; -1: unused */
    int send_fd; /* the other one; -1 when no more is sent */
    uint32_t number;
    uint32_t sent;
    _Atomic uint32_t alive;
};

struct parking {
    atomic_bool available;
    bool dismissed;  /* there were no descriptors for all inherited sockets */
    int highest_fd;  /* of a socket out of an inherited lot */
    _Atomic uint32_t parked; /* copies, of the living and of the dead */
    _Atomic uint32_t open_lots;
    uint32_t most_parked; /* copies that the kernel allows */
    uint32_t sweep_after; /* so many died since the last sweep */
    uint32_t next_number;
    uint16_t current; /* being filled, or LOT_NONE */
    _Atomic uint16_t used; /* lots from here on were never used */
    _Atomic uint32_t dead;
    struct lot lots[LOTS];
};

/* The limit of open files holds for those that are open and, apart, for those that are parked. */
static void heed_limit(struct parking *p)
{
    struct rlimit limit;

    p->highest_fd = INT_MAX;
    p->most_parked = INT_MAX;
    p->sweep_after = SWEEP_AFTER;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
        return;
    /* A process that took over all it can hold must still open what it works with. */
    rlim_t spare = PEERLOG_SPARE_DESCRIPTORS;
    if (spare > limit.rlim_cur / 4)
        spare = limit.rlim_cur / 4;
    p->highest_fd = (int)(limit.rlim_cur - spare);
    p->most_parked = (uint32_t)limit.rlim_cur;
    if (p->most_parked / 16 < SWEEP_AFTER)
        p->sweep_after = p->most_parked / 16 + 1;
}

int parking_new(bool available, struct parking **ret_parking)
{
    struct parking *p = calloc(1, sizeof *p);

    if (p == NULL)
        return -ENOMEM;
    atomic_init(&p->available, available);
    heed_limit(p);
    p->current = LOT_NONE;
    *ret_parking = p;
    return 0;
}

static void close_lot(struct parking *p, struct lot *lot)
{
    atomic_fetch_sub(&p->open_lots, 1);
    if (lot->send_fd >= 0)
        (void)close(lot->send_fd); /* what was sent stays queued */
    (void)close(lot->keep_fd);
    lot->keep_fd = lot->send_fd = -1;
}

struct parking *parking_free(struct parking *p)
{
    if (p != NULL) {
        for (uint16_t i = 0; i < p->used; i++)
            if (p->lots[i].keep_fd >= 0)
                close_lot(p, &p->lots[i]);
        free(p);
    }
    return NULL;
}

bool parking_available(const struct parking *p)
{
    return atomic_load_explicit(&p->available, memory_order_relaxed);
}

void parking_give_up(struct parking *p)
{
    atomic_store_explicit(&p->available, false, memory_order_relaxed);
}

static void lot_name(const struct lot *lot, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, NAME_LOT_FORMAT, (unsigned)lot->number); /* always fits */
}

/* An unused place in the table. Returns: LOT_NONE when there is none. */
static uint16_t find_place(struct parking *p)
{
    for (uint16_t i = 0; i < p->used; i++)
        if (p->lots[i].keep_fd < 0)
            return i;
    return p->used < LOTS ? atomic_fetch_add(&p->used, 1) : LOT_NONE;
}

static void take_place(struct parking *p, uint16_t index, int keep_fd, int send_fd, uint32_t number)
{
    struct lot *lot = &p->lots[index];

    lot->keep_fd = keep_fd;
    lot->send_fd = send_fd;
    lot->number = number;
    lot->sent = 0;
    atomic_store(&lot->alive, 0);
    atomic_fetch_add(&p->open_lots, 1);
    if (number >= p->next_number)
        p->next_number = number + 1;
}

/* A fresh lot, stored before anything is sent into it. */
static int open_lot(struct parking *p)
{
    char name[NAME_BYTES];
    int pair[2];
    uint16_t index = find_place(p);

    if (index == LOT_NONE)
        return -ENOSPC;
    p->lots[index].keep_fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    take_place(p, index, pair[0], pair[1], p->next_number);
    lot_name(&p->lots[index], name);
    int error = service_manager_store(name, pair[0]);
    if (error < 0) {
        close_lot(p, &p->lots[index]);
        return error;
    }
    p->current = index;
    return 0;
}

/* No more is sent into the current lot. */
static void retire_current(struct parking *p)
{
    struct lot *lot = &p->lots[p->current];

    (void)close(lot->send_fd); /* what was sent stays queued */
    lot->send_fd = -1;
    p->current = LOT_NONE;
}

int parking_park(struct parking *p, int fd, uint16_t *ret_lot)
{
    if (!parking_available(p))
        return -ENOTCONN;
    for (int attempt = 0; attempt < 2; attempt++) {
        int error = p->current == LOT_NONE ? open_lot(p) : 0;
        if (error < 0)
            return error;
        struct lot *lot = &p->lots[p->current];
        error = fd_passing_send(lot->send_fd, fd, "p", 1);
        if (error == 0) {
            lot->sent++;
            p->parked++;
            atomic_fetch_add(&lot->alive, 1);
            *ret_lot = p->current;
            return 0;
        }
        if (error == -EAGAIN || error == -ETOOMANYREFS)
            retire_current(p); /* it is full, or its dead have to go as well */
        if (error != -EAGAIN)
            return error;
    }
    return -EAGAIN;
}

void parking_leave(struct parking *p, uint16_t index)
{
    if (index < LOTS) {
        atomic_fetch_sub(&p->lots[index].alive, 1);
        atomic_fetch_add_explicit(&p->dead, 1, memory_order_relaxed);
    }
}

bool parking_wants_sweep(const struct parking *p)
{
    return atomic_load_explicit(&p->dead, memory_order_relaxed) >= p->sweep_after;
}

/* --- looking into a lot --- */

int parking_inherit(struct parking *p, int fd, const char *name, parking_found_fn *found,
                    void *context)
{
    unsigned number;
    uint16_t index = find_place(p);
    int count = 0;

    if (index == LOT_NONE || sscanf(name, NAME_LOT_FORMAT, &number) != 1)
        return -EINVAL;
    p->lots[index].keep_fd = -1;
    int error = fd_passing_rewind(fd);
    if (error < 0)
        return error;
    take_place(p, index, fd, -1, number);
    for (;;) {
        int socket_fd = fd_passing_peek(fd);
        if (socket_fd == -EBADMSG)
            continue; /* a byte without a descriptor: not one of ours */
        if (socket_fd == -EMFILE || socket_fd == -ENFILE || socket_fd > p->highest_fd)
            p->dismissed = true;
        if (socket_fd < 0)
            break;
        count++;
        p->lots[index].sent++;
        p->parked++;
        if (found(context, socket_fd, index, socket_fd <= p->highest_fd))
            atomic_fetch_add(&p->lots[index].alive, 1);
        else
            atomic_fetch_add(&p->dead, 1);
    }
    return count;
}

bool parking_dismissed(const struct parking *p)
{
    return p->dismissed;
}

/* --- sweeping --- */

static void drop_lot(struct parking *p, uint16_t index)
{
    char name[NAME_BYTES];

    lot_name(&p->lots[index], name);
    service_manager_forget(name);
    p->parked -= p->lots[index].sent;
    close_lot(p, &p->lots[index]);
}

/* Copy what lives in lot FROM to the current one. Returns: did all of it find a place? */
static bool rewrite_lot(struct parking *p, uint16_t from, parking_move_fn *move, void *context)
{
    int lot_fd = p->lots[from].keep_fd;

    if (fd_passing_rewind(lot_fd) < 0)
        return false;
    for (uint32_t i = 0; i < p->lots[from].sent; i++) {
        uint16_t to = LOT_NONE;
        int fd = fd_passing_peek(lot_fd);
        if (fd < 0)
            break;
        if (!move(context, fd, from, LOT_NONE)) {
            (void)close(fd); /* the copy of one that is dead */
            continue;
        }
        if (parking_park(p, fd, &to) < 0) {
            (void)close(fd); /* a copy */
            return false;
        }
        if (move(context, fd, from, to))
            parking_leave(p, from);
        else
            parking_leave(p, to);
        (void)close(fd); /* a copy */
    }
    return atomic_load(&p->lots[from].alive) == 0;
}

/* Is it worth its while to rewrite a lot of which so many are alive? */
static bool wants_rewrite(const struct parking *p, uint32_t alive, uint32_t sent)
{
    /* The kernel allows only so many copies; the dead ones go earlier when it gets close. */
    uint32_t most = p->parked > p->most_parked / 4 * 3 ? sent / 8 * 7 : sent / 2;

    return alive > 0 && alive < most;
}

bool parking_sweep(struct parking *p, parking_move_fn *move, void *context)
{
    bool more = false, rewritten = false;

    atomic_store(&p->dead, 0);
    for (uint16_t i = 0; i < p->used; i++) {
        struct lot *lot = &p->lots[i];
        if (lot->keep_fd < 0 || i == p->current)
            continue;
        if (wants_rewrite(p, atomic_load(&lot->alive), lot->sent)) {
            more = more || rewritten; /* one at a time: others want to be accepted */
            rewritten = rewritten || rewrite_lot(p, i, move, context);
        }
        if (atomic_load(&lot->alive) == 0)
            drop_lot(p, i);
    }
    return more;
}

void parking_look(const struct parking *p, struct parking_view *ret_view)
{
    uint32_t alive = 0, parked = atomic_load(&p->parked);

    uint16_t used = atomic_load(&p->used);
    for (uint16_t i = 0; i < used; i++)
        alive += atomic_load_explicit(&p->lots[i].alive, memory_order_relaxed);
    *ret_view = (struct parking_view){
        .lots = atomic_load(&p->open_lots), .alive = alive,
        .dead = parked > alive ? parked - alive : 0,
    };
}
