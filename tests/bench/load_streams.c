/* SPDX-License-Identifier: MIT
 *
 * Streams: connections that stay open and speak, either as fast as they are listened to
 * (saturated) or so many messages a second over all of them (paced).
 *
 * A paced message is stamped when it is written. What waits because a socket
 * is full is counted, so a stamp that came late can not hide.
 */
#include "config.h"

#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common.h"

#define EVENTS 256
#define WAIT_MS 50
#define LAG_NS (NS_PER_S / 5000)

struct stream {
    int fd; /* -1 once it broke */
    struct wire *wire;
    struct seal *seal;  /* or NULL */
    uint32_t id;
    uint32_t sequence;  /* of the next message */
    bool full;          /* the socket takes nothing now */
    size_t rest_at;     /* what a write left over */
    size_t rest_len;    /* 0: nothing */
    char *rest;         /* room for a whole write, or NULL */
};

struct run {
    const struct load_plan *plan;
    struct load_result *result;
    struct load_shape shape;
    struct stream *streams;
    const struct progress *page; /* the sink's, or NULL */
    int epoll_fd;
    unsigned waiting;    /* streams that are full or broken */
    uint64_t made;       /* messages begun */
    uint64_t deadline_ns;
    uint64_t lead_ns;    /* since when the sink has been too far behind, or 0 */
};

static void open_streams(struct run *r)
{
    unsigned n = r->plan->connections;

    r->streams = calloc(n, sizeof *r->streams);
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r->streams == NULL || r->epoll_fd < 0)
        die_errno("load");
    for (unsigned i = 0; i < n; i++) {
        struct stream *s = &r->streams[i];
        struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.ptr = s};
        int fd = load_connect(r->plan, i);
        if (fd < 0)
            die("connection %u: %s", i, strerror(-fd));
        s->fd = fd;
        s->wire = wire_new(&r->plan->wire, 0, fd); /* of the same kind all */
        if (s->wire == NULL)
            die_errno("handshake");
        if (r->plan->seal_aside != NULL)
            s->seal = seal_new(r->plan->seal_aside);
        s->id = r->plan->first_id + i;
        if (epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
            die_errno("epoll_ctl");
    }
}

static void close_streams(struct run *r)
{
    for (unsigned i = 0; i < r->plan->connections; i++) {
        struct stream *s = &r->streams[i];
        r->result->unsent += (s->rest_len + r->shape.unit - 1) / r->shape.unit;
        if (s->fd >= 0) {
            (void)wire_end(s->wire); /* best effort: what was said is complete without it */
            (void)close(s->fd); /* the kernel delivers what it took */
        }
        (void)wire_free(s->wire);
        seal_free(s->seal);
        free(s->rest);
    }
    (void)close(r->epoll_fd); /* holds nothing */
    free(r->streams);
}

/* The socket took TAKEN of LEN bytes at BYTES: keep the rest, and wait for room. */
static void keep_rest(struct run *r, struct stream *s, const char *bytes, size_t len, size_t taken)
{
    if (s->rest == NULL)
        s->rest = malloc(r->shape.unit * r->shape.batch);
    if (s->rest == NULL)
        die_errno("load");
    if (bytes != s->rest + s->rest_at) {
        memcpy(s->rest, bytes + taken, len - taken);
        s->rest_at = 0;
    } else {
        s->rest_at += taken;
    }
    s->rest_len = len - taken;
    s->full = true;
    r->waiting++;
    r->result->waits++;
}

/* Write what is left over, or the next messages, once. */
static void push(struct run *r, struct stream *s, uint64_t ns)
{
    const char *bytes = s->rest + s->rest_at;
    size_t len = s->rest_len;

    if (len == 0) {
        uint64_t left = r->plan->count > 0 ? r->plan->count - r->made : UINT64_MAX;
        unsigned n = left < r->shape.batch ? (unsigned)left : r->shape.batch;
        struct mark first = {s->id, s->sequence, ns};
        shape_fill(&r->shape, n, &first);
        s->sequence += n;
        r->made += n;
        bytes = r->shape.bytes;
        len = n * r->shape.unit;
    }
    if (s->seal != NULL)
        seal_bytes(s->seal, bytes, len);
    ssize_t taken = wire_send(s->wire, bytes, len);
    if (taken < 0 && errno != EAGAIN && errno != EINTR) {
        (void)close(s->fd); /* it is broken already */
        s->fd = -1;
        s->full = true;
        s->rest_len = len;
        r->waiting++;
        r->result->broken++;
    } else if (taken < (ssize_t)len) {
        keep_rest(r, s, bytes, len, taken > 0 ? (size_t)taken : 0);
    } else {
        s->rest_len = 0;
    }
}

/* Learn which full streams have room again. */
static void look_for_room(struct run *r, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(r->epoll_fd, events, EVENTS, timeout_ms);

    for (int i = 0; i < n; i++) {
        struct stream *s = events[i].data.ptr;
        if (s->full && s->fd >= 0) {
            s->full = false;
            r->waiting--;
        }
    }
}

/* Nothing new is to be begun? */
static bool is_over(const struct run *r, uint64_t ns)
{
    return stop_wanted() || (r->deadline_ns > 0 && ns >= r->deadline_ns) ||
           (r->plan->count > 0 && r->made >= r->plan->count) ||
           r->result->broken == r->plan->connections;
}

/*
 * Is the sink so far behind that the load would only fill memory? Then this takes a
 * little while; a sink that stays behind ends the run.
 */
static bool is_ahead(struct run *r, uint64_t ns)
{
    if (r->page == NULL ||
        r->made < __atomic_load_n(&r->page->received, __ATOMIC_ACQUIRE) + r->plan->lead) {
        r->lead_ns = 0;
        return false;
    }
    if (r->lead_ns == 0)
        r->lead_ns = ns;
    if (ns - r->lead_ns >= r->plan->patience_ns)
        r->deadline_ns = ns;
    sleep_until_ns(ns + LAG_NS);
    return true;
}

static void run_saturated(struct run *r)
{
    uint64_t ns = now_ns();

    while (!is_over(r, ns)) {
        if (is_ahead(r, ns)) {
            ns = now_ns();
            continue;
        }
        for (unsigned i = 0; i < r->plan->connections && !is_over(r, ns); i++) {
            struct stream *s = &r->streams[i];
            if (s->full)
                continue;
            ns = now_ns();
            push(r, s, ns);
        }
        if (r->waiting > 0)
            look_for_room(r, r->waiting == r->plan->connections ? WAIT_MS : 0);
        ns = now_ns();
    }
}

/* One write is due every so often; the streams take turns. */
static void run_paced(struct run *r)
{
    uint64_t start = now_ns(), turn = 0, ns = start;

    while (!is_over(r, ns)) {
        uint64_t due = start + (uint64_t)((double)(turn * r->plan->batch) *
                                          (double)NS_PER_S / (double)r->plan->rate);
        struct stream *s = &r->streams[turn % r->plan->connections];
        ns = now_ns();
        if (ns < due) {
            sleep_until_ns(due);
            ns = now_ns();
        }
        if (s->full)
            look_for_room(r, WAIT_MS);
        if (s->full && s->fd >= 0)
            continue;
        if (s->fd >= 0 && s->rest_len > 0)
            push(r, s, ns);
        if (s->fd >= 0 && s->rest_len == 0)
            push(r, s, now_ns());
        turn++;
    }
}

/* Finish what was begun. */
static void flush_streams(struct run *r)
{
    uint64_t limit = now_ns() + r->plan->patience_ns;
    bool busy = true;

    while (busy && now_ns() < limit) {
        busy = false;
        for (unsigned i = 0; i < r->plan->connections; i++) {
            struct stream *s = &r->streams[i];
            if (s->fd < 0 || s->rest_len == 0)
                continue;
            if (!s->full)
                push(r, s, 0);
            busy = busy || s->rest_len > 0;
        }
        if (busy)
            look_for_room(r, WAIT_MS);
    }
}

void load_streams(const struct load_plan *plan, struct load_result *ret_result)
{
    struct run run = {.plan = plan, .result = ret_result};

    if (plan->progress != NULL)
        run.page = progress_map(plan->progress);
    shape_init(&run.shape, plan);
    open_streams(&run);
    ret_result->began_ns = now_ns();
    run.deadline_ns = plan->duration_ns > 0 ? ret_result->began_ns + plan->duration_ns : 0;
    if (plan->rate > 0)
        run_paced(&run);
    else
        run_saturated(&run);
    flush_streams(&run);
    ret_result->ended_ns = now_ns();
    close_streams(&run);
    ret_result->sent = run.made - ret_result->unsent;
    shape_done(&run.shape);
}
