/* SPDX-License-Identifier: MIT
 *
 * The RELP session over the worker without its thread: nothing is answered before it is in the
 * log, nothing twice, and what was on its way when a process died is known to the next one.
 */
#include "config.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/session/conn.h"
#include "daemon/session/session.h"
#include "os/net.h"
#include "support/intake.h"
#include "support/rig.h"

#define OPEN "1 open 14 relp_version=0\n"
#define PATIENCE_MS 20000
#define FULL_MS 100

static struct broker log_broker;
static struct rig rig;
static int client;
static uint32_t slot;

/* A RELP connection, of which "open" is answered, to a log that takes ROOM records then. */
static void begin(uint32_t room)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    char heard[256];

    memset(&log_broker, 0, sizeof log_broker);
    broker = &log_broker;
    rig_begin(&rig, &plan);
    slot = rig_connect(&rig, &client);
    rig.ledger->slots[slot].stream.session = SESSION_AUTO;
    rig.ledger->sessions[slot] = (struct session_state){.bytes = {0}};
    rig_say(&rig, slot, client, OPEN, strlen(OPEN));
    rig_read(&rig, slot, RIG_READABLE);
    assert_true(worker_finish_round(rig.worker));
    assert_int_equal(rig.ledger->slots[slot].stream.session, SESSION_RELP);
    assert_true(recv(client, heard, sizeof heard, 0) > 20);
    broker->room = room;
}

static void end(void)
{
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static void say(const char *text)
{
    rig_say(&rig, slot, client, text, strlen(text));
    rig_read(&rig, slot, RIG_READABLE);
}

static bool finish(void)
{
    rig.worker->output->retry_at_ms = 0;
    return worker_finish_round(rig.worker);
}

/* The client hears exactly this, and all of it in one go if it is little. */
static void assert_heard(const char *wanted)
{
    char heard[512];
    size_t len = 0;

    while (len < strlen(wanted)) {
        struct pollfd wait = {.fd = client, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
        ssize_t n = recv(client, heard + len, sizeof heard - len, 0);
        assert_true(n > 0);
        len += (size_t)n;
    }
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(heard, wanted, len);
}

static void assert_silence(void)
{
    char byte;

    assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), -1);
}

static void answers_when_the_log_has_all(void **state)
{
    (void)state;
    begin(1);
    say("2 syslog 1 1\n3 syslog 1 2\n4 syslog 1 3\n");
    assert_silence();
    assert_false(finish());
    assert_silence(); /* the round is a transaction */
    assert_true(session_owes(&rig.table, slot)); /* framed, and so not to be asked in a round */
    broker->room = 2;
    assert_true(finish());
    assert_heard("2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n");
    assert_false(session_owes(&rig.table, slot));
    assert_int_equal(session_committed(&rig.table, slot), ANSWERS_OUT);
    assert_silence(); /* none twice */
    end();
}

static void closes_in_good_order(void **state)
{
    (void)state;
    begin(UINT32_MAX);
    say("2 syslog 1 1\n3 close 0\n");
    assert_true(finish());
    assert_heard("2 rsp 6 200 OK\n3 rsp 0\n0 serverclose 0\n");
    assert_int_equal(atomic_load(&rig.ledger->slots[slot].use), SLOT_FREE);
    char byte;
    assert_int_equal(recv(client, &byte, 1, 0), 0); /* a FIN, no reset */
    end();
}

static void what_is_leaving_is_told_so(void **state)
{
    (void)state;
    begin(UINT32_MAX);
    rig.ledger->slots[slot].flags |= SLOT_LEAVING;
    assert_true(session_owes(&rig.table, slot));
    worker_answer(rig.worker, slot);
    assert_heard("0 serverclose 0\n");
    assert_int_equal(atomic_load(&rig.ledger->slots[slot].use), SLOT_FREE);
    end();
}

/* As session/relp.c has it: what is on its way, and the count of bytes before. */
struct owed {
    uint32_t answered, sending, written;
    uint8_t is_sending, is_last, is_over, is_counted;
};

static struct owed *owed(void)
{
    return (struct owed *)(void *)&rig.ledger->sessions[slot];
}

/* Let the socket take nothing more. Returns: bytes that are in front of the answers. */
static size_t stop_up(void)
{
    static const char filler[4096];
    int fd = rig.table.conns[slot].fd, small = 4096;
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    size_t sent = 0;
    ssize_t n;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    do
        while ((n = send(fd, filler, sizeof filler, MSG_DONTWAIT)) > 0)
            sent += (size_t)n;
    while (poll(&room, 1, FULL_MS) > 0); /* what is on its way to the client makes room again */
    owed()->is_counted = 0; /* these were not its own words */
    return sent;
}

static void read_away(size_t len)
{
    char bytes[4096];

    while (len > 0) {
        ssize_t n = recv(client, bytes, len < sizeof bytes ? len : sizeof bytes, 0);
        assert_true(n > 0);
        len -= (size_t)n;
    }
}

static void a_peer_that_does_not_read_is_not_read(void **state)
{
    (void)state;
    begin(UINT32_MAX);
    size_t filler = stop_up();
    say("2 syslog 1 1\n");
    assert_true(finish());
    assert_int_equal(broker->count, 1);
    assert_int_equal(rig.table.conns[slot].wants, CONN_WANTS_WRITE);
    /* The next process begins with what is owed. */
    assert_int_equal(conn_unwatch(&rig.table, slot, rig.worker->set), 0);
    assert_int_equal(worker_adopt(rig.worker, slot), 0);
    assert_int_equal(rig.table.conns[slot].wants, CONN_WANTS_WRITE);
    assert_true(worker_read(rig.worker, slot, EPOLLIN)); /* it is not asked for */
    assert_true(round_is_empty(&rig.worker->round));
    read_away(filler);
    struct pollfd wait = {.fd = rig.table.conns[slot].fd, .events = POLLOUT};
    assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
    assert_true(worker_read(rig.worker, slot, EPOLLOUT));
    assert_heard("2 rsp 6 200 OK\n");
    assert_int_equal(rig.table.conns[slot].wants, CONN_WANTS_READ);
    end();
}

static void what_did_not_go_out_is_answered_by_the_next(void **state)
{
    (void)state;
    begin(UINT32_MAX);
    size_t filler = stop_up();
    say("2 syslog 1 1\n3 syslog 1 2\n");
    assert_true(finish());
    struct owed before = *owed();
    assert_int_equal(before.answered, 1);
    read_away(filler);
    /* It dies when it has noted that it sends, and has not sent. */
    uint64_t written = 0;
    assert_int_equal(net_written(rig.table.conns[slot].fd, &written), 0);
    *owed() = (struct owed){.answered = 1, .sending = 3, .written = (uint32_t)written,
                            .is_sending = 1};
    session_inherit(&rig.table, slot);
    assert_int_equal(owed()->answered, 1);
    assert_int_equal(session_committed(&rig.table, slot), ANSWERS_OUT);
    assert_heard("2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
    /* It dies when it has sent, and has not noted that. */
    *owed() = (struct owed){.answered = 1, .sending = 3, .written = (uint32_t)written,
                            .is_sending = 1};
    session_inherit(&rig.table, slot);
    assert_int_equal(owed()->answered, 3);
    assert_false(session_owes(&rig.table, slot));
    assert_silence();
    end();
}

static void nonsense_from_elsewhere_is_answered_by_nothing(void **state)
{
    (void)state;
    begin(UINT32_MAX);
    *owed() = (struct owed){.answered = UINT32_MAX};
    session_inherit(&rig.table, slot);
    assert_false(session_owes(&rig.table, slot));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_when_the_log_has_all),
        cmocka_unit_test(closes_in_good_order),
        cmocka_unit_test(what_is_leaving_is_told_so),
        cmocka_unit_test(a_peer_that_does_not_read_is_not_read),
        cmocka_unit_test(what_did_not_go_out_is_answered_by_the_next),
        cmocka_unit_test(nonsense_from_elsewhere_is_answered_by_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
