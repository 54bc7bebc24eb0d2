/* SPDX-License-Identifier: MIT
 *
 * A connection over the plain transport: what is read, what is told to whom, and how it ends, as
 * its peer sees it.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/session/conn.h"
#include "os/net.h"
#include "support/intake.h"
#include "support/rig.h"

#define PATIENCE_MS 20000

static struct broker log_broker;
static struct rig rig;
static uint32_t slot;
static int client;
static char buffer[64];
static size_t len;

static int begin(void **state)
{
    const struct rig_plan plan = {.kind = &broker_prompt};

    (void)state;
    broker = &log_broker;
    rig_begin(&rig, &plan);
    slot = rig_connect(&rig, &client);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)close(client); /* the test is over */
    rig_end(&rig);
    return 0;
}

/* Wait for one event of the worker's poller. Returns: 0 when there is none now. */
static uint32_t events_of(int timeout_ms)
{
    struct epoll_event event;

    if (poller_wait(rig.worker->set, &event, 1, timeout_ms) == 0)
        return 0;
    assert_int_equal(event.data.u64, slot);
    return event.events;
}

static enum received receive(size_t room)
{
    len = 0;
    return conn_receive(&rig.table, slot, buffer, room, &len);
}

/* It was closed by a call: the rig has nothing more to close. */
static void end_it(bool parked)
{
    conn_end(&rig.table, slot, rig.worker->set, parked);
    rig.table.conns[slot].fd = -1;
}

static void reads_what_came_and_no_more_than_there_is_room(void **state)
{
    (void)state;
    assert_int_equal(receive(sizeof buffer), RECEIVED_NOTHING);
    rig_say(&rig, slot, client, "abcdef", 6);
    assert_int_equal(conn_unread(&rig.table, slot), 6);
    assert_int_equal(receive(4), RECEIVED_BYTES);
    assert_int_equal(len, 4);
    assert_int_equal(conn_unread(&rig.table, slot), 2);
    assert_int_equal(receive(sizeof buffer), RECEIVED_BYTES);
    assert_memory_equal(buffer, "ef", 2);
    assert_int_equal(receive(sizeof buffer), RECEIVED_NOTHING);
}

static void an_end_is_no_reset(void **state)
{
    (void)state;
    rig_say_goodbye(&rig, slot, client);
    assert_int_equal(receive(sizeof buffer), RECEIVED_END);
}

static void a_reset_is_no_end(void **state)
{
    struct pollfd wait = {.fd = rig.table.conns[slot].fd, .events = POLLIN};

    (void)state;
    net_set_end(client, END_RESET);
    (void)close(client); /* by a reset */
    client = -1;
    assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
    assert_int_equal(receive(sizeof buffer), RECEIVED_RESET);
}

static void tells_bytes_from_a_goodbye(void **state)
{
    struct conn_readiness readiness;

    (void)state;
    assert_int_equal(events_of(0), 0);
    rig_say(&rig, slot, client, "a", 1);
    readiness = conn_readiness(events_of(PATIENCE_MS));
    assert_false(readiness.said_goodbye || readiness.writable);
    rig_say_goodbye(&rig, slot, client);
    readiness = conn_readiness(events_of(PATIENCE_MS));
    assert_true(readiness.said_goodbye);
    assert_false(readiness.writable);
}

static void a_goodbye_with_anything_wrong_is_none(void **state)
{
    (void)state;
    assert_true(conn_readiness(EPOLLIN | EPOLLRDHUP).said_goodbye);
    assert_false(conn_readiness(EPOLLIN | EPOLLRDHUP | EPOLLHUP).said_goodbye);
    assert_false(conn_readiness(EPOLLIN | EPOLLRDHUP | EPOLLERR).said_goodbye);
    assert_false(conn_readiness(EPOLLIN | EPOLLRDHUP | EPOLLPRI).said_goodbye);
    assert_true(conn_readiness(EPOLLOUT).writable);
}

static void is_told_of_what_it_wants_alone(void **state)
{
    (void)state;
    assert_int_equal(conn_want(&rig.table, slot, rig.worker->set, CONN_WANTS_WRITE), 0);
    assert_int_equal(events_of(PATIENCE_MS), EPOLLOUT);
    rig_say(&rig, slot, client, "a", 1);
    assert_int_equal(events_of(PATIENCE_MS), EPOLLOUT);
    assert_int_equal(conn_want(&rig.table, slot, rig.worker->set, CONN_WANTS_READ), 0);
    assert_int_equal(events_of(PATIENCE_MS), EPOLLIN);
    assert_int_equal(conn_unwatch(&rig.table, slot, rig.worker->set), 0);
    assert_int_equal(events_of(0), 0);
    assert_int_equal(conn_watch(&rig.table, slot, rig.worker->set), 0);
    assert_int_equal(events_of(PATIENCE_MS), EPOLLIN);
}

static void after_a_goodbye_the_peer_is_still_heard(void **state)
{
    char byte;

    (void)state;
    conn_say_goodbye(&rig.table, slot);
    assert_int_equal(recv(client, &byte, 1, 0), 0);
    rig_say(&rig, slot, client, "last", 4);
    assert_int_equal(receive(sizeof buffer), RECEIVED_BYTES);
}

/* How it ends: with a FIN, or a reset; also when a copy of the socket is held elsewhere. */
static void try_end(bool by_reset, bool unread, bool parked, bool ends_well)
{
    int copy = parked ? dup(rig.table.conns[slot].fd) : -1;
    char byte;

    if (unread)
        rig_say(&rig, slot, client, "unread", 6);
    rig.table.conns[slot].by_reset = by_reset;
    end_it(parked);
    assert_int_equal(recv(client, &byte, 1, 0), ends_well ? 0 : -1);
    if (!ends_well)
        assert_int_equal(errno, ECONNRESET);
    /* The poller has forgotten it, although the copy is there. */
    assert_int_equal(events_of(0), 0);
    if (copy >= 0)
        (void)close(copy); /* it is a copy */
}

static void ends_well_by_a_fin(void **state)
{
    (void)state;
    try_end(false, false, false, true);
}

static void ends_well_by_a_fin_although_it_is_parked(void **state)
{
    (void)state;
    try_end(false, false, true, true);
}

static void breaks_by_a_reset(void **state)
{
    (void)state;
    try_end(true, false, false, false);
}

static void breaks_by_a_reset_although_it_is_parked(void **state)
{
    (void)state;
    try_end(true, false, true, false);
}

static void what_came_too_late_is_not_received(void **state)
{
    (void)state;
    try_end(false, true, true, false);
}

static void one_without_a_socket_has_nothing_unread(void **state)
{
    (void)state;
    end_it(false);
    assert_int_equal(conn_unread(&rig.table, slot), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_what_came_and_no_more_than_there_is_room),
        TEST(an_end_is_no_reset),
        TEST(a_reset_is_no_end),
        TEST(tells_bytes_from_a_goodbye),
        TEST(a_goodbye_with_anything_wrong_is_none),
        TEST(is_told_of_what_it_wants_alone),
        TEST(after_a_goodbye_the_peer_is_still_heard),
        TEST(ends_well_by_a_fin),
        TEST(ends_well_by_a_fin_although_it_is_parked),
        TEST(breaks_by_a_reset),
        TEST(breaks_by_a_reset_although_it_is_parked),
        TEST(what_came_too_late_is_not_received),
        TEST(one_without_a_socket_has_nothing_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
