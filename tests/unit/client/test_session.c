/* SPDX-License-Identifier: MIT
 *
 * Tests of the RELP session: what goes out for which answers, and what is left for the next
 * connection when one breaks.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/outbox.h"
#include "client/session.h"
#include "peerlog/count.h"

#define OPENED "1 rsp 37 200 OK\nrelp_version=0\ncommands=syslog\n"

struct rig {
    struct outbox outbox;
    struct session session;
};

static void add(struct rig *r, const char *text)
{
    unsigned char *place;
    size_t room = strlen(text) + 16;

    assert_int_equal(outbox_reserve(&r->outbox, room, &place), 0);
    int len = snprintf((char *)place, room, "%zu %s", strlen(text), text);
    outbox_commit(&r->outbox, (size_t)len, 1);
}

static void set_up(struct rig *r, uint32_t window)
{
    outbox_init(&r->outbox, FRAMING_OCTET_COUNTING);
    assert_int_equal(session_init(&r->session, &r->outbox, window), 0);
}

static void tear_down(struct rig *r)
{
    session_done(&r->session);
    outbox_done(&r->outbox);
}

/* All that waits for the wire is WANTED. */
static void sends(struct rig *r, bool at_end, const char *wanted)
{
    const unsigned char *bytes = NULL;

    assert_int_equal(session_fill(&r->session, at_end), 0);
    size_t len = session_next(&r->session, &bytes);
    if (len != strlen(wanted) || (len > 0 && memcmp(bytes, wanted, len) != 0))
        fail_msg("sent \"%.*s\", wanted \"%s\"", (int)len, (const char *)bytes, wanted);
    session_advance(&r->session, len);
}

/* TEXT comes, STEP bytes at a time. Returns: what the session says. */
static int hears_in_steps(struct rig *r, const char *text, size_t step)
{
    int error = 0;

    for (size_t at = 0; error == 0 && text[at] != '\0';) {
        unsigned char *place;
        size_t room = session_room(&r->session, &place), n = strlen(text + at);
        n = n < step ? n : step;
        assert_true(n <= room);
        memcpy(place, text + at, n);
        error = session_hear(&r->session, n);
        at += n;
    }
    return error;
}

static int hears(struct rig *r, const char *text)
{
    return hears_in_steps(r, text, SIZE_MAX);
}

/* A connection up to its first messages. */
static void open_session(struct rig *r)
{
    const unsigned char *bytes;

    assert_int_equal(session_begin(&r->session), 0);
    session_advance(&r->session, session_next(&r->session, &bytes));
    sends(r, false, "");
    assert_int_equal(hears(r, OPENED), 0);
}

static void greets_and_waits_for_the_answer(void **state)
{
    struct rig r;
    const unsigned char *bytes;

    (void)state;
    set_up(&r, 2);
    add(&r, "a");
    assert_int_equal(session_begin(&r.session), 0);
    assert_int_equal(session_fill(&r.session, false), 0);
    size_t len = session_next(&r.session, &bytes);
    assert_memory_equal(bytes, "1 open ", 7);
    assert_memory_equal(bytes + len - 16, "commands=syslog\n", 16);
    session_advance(&r.session, len);
    sends(&r, true, "");
    assert_int_equal(hears(&r, OPENED), 0);
    sends(&r, true, "2 syslog 1 a\n");
    tear_down(&r);
}

static void sends_no_more_than_the_window(void **state)
{
    struct rig r;

    (void)state;
    set_up(&r, 2);
    add(&r, "a");
    add(&r, "bc\nd");
    add(&r, "");
    add(&r, "e");
    open_session(&r);
    sends(&r, true, "2 syslog 1 a\n3 syslog 4 bc\nd\n");
    sends(&r, true, "");
    assert_int_equal(hears(&r, "3 rsp 6 200 OK\n"), 0);
    sends(&r, true, ""); /* the first one holds the window */
    assert_int_equal(r.outbox.acked, 0);
    assert_int_equal(hears(&r, "2 rsp 6 200 OK\n"), 0);
    sends(&r, true, "4 syslog 0\n5 syslog 1 e\n");
    assert_int_equal(hears(&r, "4 rsp 6 200 OK\n5 rsp 3 200\n"), 0);
    assert_int_equal(r.session.confirmed, 4);
    assert_int_equal(r.outbox.acked, r.outbox.composed);
    assert_true(session_is_settled(&r.session));
    sends(&r, false, "");
    sends(&r, true, "6 close 0\n");
    assert_int_equal(hears(&r, "6 rsp 0\n0 serverclose 0\n"), 0);
    assert_int_equal(r.session.phase, SESSION_CLOSED);
    tear_down(&r);
}

static void hears_the_same_in_any_cut(void **state)
{
    static const char answers[] = "3 rsp 6 200 OK\n2 rsp 17 500 no\nnever ever\n4 rsp 6 200 OK\n";

    (void)state;
    for (size_t step = 1; step < sizeof answers; step++) {
        struct rig r;
        set_up(&r, 5);
        add(&r, "a");
        add(&r, "b");
        add(&r, "c");
        open_session(&r);
        sends(&r, false, "2 syslog 1 a\n3 syslog 1 b\n4 syslog 1 c\n");
        assert_int_equal(hears_in_steps(&r, answers, step), 0);
        assert_int_equal(r.session.confirmed, 2);
        assert_int_equal(r.session.refused, 1);
        assert_string_equal(r.session.refusal, "500 no");
        assert_true(session_is_settled(&r.session));
        tear_down(&r);
    }
}

static void sends_exactly_the_unanswered_again(void **state)
{
    struct rig r;

    (void)state;
    set_up(&r, 4);
    for (const char *text = "abcdef"; *text != '\0'; text++)
        add(&r, (const char[]){*text, '\0'});
    open_session(&r);
    sends(&r, true, "2 syslog 1 a\n3 syslog 1 b\n4 syslog 1 c\n5 syslog 1 d\n");
    assert_int_equal(hears(&r, "2 rsp 6 200 OK\n4 rsp 6 200 OK\n"), 0);
    open_session(&r);
    sends(&r, true, "2 syslog 1 b\n3 syslog 1 d\n4 syslog 1 e\n5 syslog 1 f\n");
    assert_int_equal(hears(&r, "5 rsp 6 200 OK\n3 rsp 6 200 OK\n"), 0);
    open_session(&r);
    sends(&r, true, "2 syslog 1 b\n3 syslog 1 e\n");
    assert_int_equal(hears(&r, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n"), 0);
    assert_int_equal(r.session.confirmed, 6);
    assert_int_equal(r.outbox.acked, r.outbox.composed);
    sends(&r, true, "4 close 0\n");
    tear_down(&r);
}

static void sends_again_what_the_wire_never_took(void **state)
{
    struct rig r;
    const unsigned char *bytes;

    (void)state;
    set_up(&r, 4);
    add(&r, "a");
    add(&r, "b");
    open_session(&r);
    assert_int_equal(session_fill(&r.session, true), 0);
    assert_int_equal(session_next(&r.session, &bytes), 26);
    session_advance(&r.session, 15); /* in the middle of the second */
    open_session(&r);
    sends(&r, true, "2 syslog 1 a\n3 syslog 1 b\n");
    tear_down(&r);
}

static void begins_anew_behind_the_last_transaction_number(void **state)
{
    struct rig r;

    (void)state;
    set_up(&r, 3);
    add(&r, "a");
    add(&r, "b");
    add(&r, "c");
    open_session(&r);
    r.session.head_txnr = r.session.next_txnr = 999999998;
    sends(&r, false, "999999998 syslog 1 a\n999999999 syslog 1 b\n1 syslog 1 c\n");
    assert_int_equal(hears(&r, "1 rsp 6 200 OK\n999999999 rsp 6 200 OK\n"), 0);
    assert_int_equal(hears(&r, "999999998 rsp 6 200 OK\n"), 0);
    assert_int_equal(r.session.confirmed, 3);
    assert_int_equal(r.session.head_txnr, 2);
    tear_down(&r);
}

static void believes_no_answer_to_what_it_did_not_ask(void **state)
{
    static const struct {
        const char *answer;
        int error;
        const char *problem;
    } cases[] = {
        {"4 rsp 6 200 OK\n", -EPROTO, "not asked"},
        {"1 rsp 6 200 OK\n", -EPROTO, "not asked"},
        {"0 rsp 6 200 OK\n", -EPROTO, "not asked"},
        {"999999999 rsp 6 200 OK\n", -EPROTO, "not asked"},
        {"3 rsp 6 200 OK\n3 rsp 6 200 OK\n", -EPROTO, "not asked"},
        {"2 rsp 6 200 OK\n2 rsp 6 200 OK\n", -EPROTO, "not asked"},
        {"2 rsp 0\n", -EPROTO, "has no code"},
        {"2 rsp 2 OK\n", -EPROTO, "has no code"},
        {"2 syslog 1 x\n", -EPROTO, "none of a server's"},
        {"2 rsp 6 200 OK!\n", -EPROTO, "does not end where its length says"},
        {"hello\n", -EPROTO, "does not begin with a transaction number"},
        {"0 serverclose 0\n", -EPIPE, "closed the session"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig r;
        set_up(&r, 2);
        add(&r, "a");
        add(&r, "b");
        open_session(&r);
        sends(&r, true, "2 syslog 1 a\n3 syslog 1 b\n");
        assert_int_equal(hears(&r, cases[i].answer), cases[i].error);
        if (strstr(r.session.problem, cases[i].problem) == NULL)
            fail_msg("%s: %s", cases[i].answer, r.session.problem);
        tear_down(&r);
    }
}

static void takes_no_answer_to_open_but_a_good_one(void **state)
{
    static const struct {
        const char *answer;
        const char *problem; /* NULL: it is a good one */
    } cases[] = {
        {OPENED, NULL},
        {"1 rsp 6 200 OK\n", NULL},
        {"1 rsp 33 200 OK\ncommands=eventlog,syslog,x\n", NULL},
        {"1 rsp 25 200 OK\ncommands=syslogs,a\n", "takes no syslog"},
        {"1 rsp 16 200 OK\ncommands=\n", "takes no syslog"},
        {"1 rsp 20 500 not here, please\n", "does not want us: 500 not here, please"},
        {"2 rsp 6 200 OK\n", "not asked"},
        {"1 rsp 0\n", "has no code"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig r;
        set_up(&r, 2);
        assert_int_equal(session_begin(&r.session), 0);
        assert_int_equal(hears(&r, cases[i].answer), cases[i].problem == NULL ? 0 : -EPROTO);
        if (cases[i].problem != NULL && strstr(r.session.problem, cases[i].problem) == NULL)
            fail_msg("%s: %s", cases[i].answer, r.session.problem);
        tear_down(&r);
    }
}

static void keeps_no_more_of_an_answer_than_it_has_room_for(void **state)
{
    struct rig r;
    char answer[5000];

    (void)state;
    set_up(&r, 2);
    add(&r, "a");
    open_session(&r);
    sends(&r, true, "2 syslog 1 a\n");
    int len = snprintf(answer, sizeof answer, "2 rsp 4004 500 ");
    memset(answer + len, 'x', 4000);
    (void)strcpy(answer + len + 4000, "\n");
    assert_int_equal(hears_in_steps(&r, answer, 700), 0);
    assert_int_equal(r.session.refused, 1);
    assert_int_equal(strlen(r.session.refusal), SESSION_PROBLEM_BYTES - 1);
    tear_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets_and_waits_for_the_answer),
        cmocka_unit_test(sends_no_more_than_the_window),
        cmocka_unit_test(hears_the_same_in_any_cut),
        cmocka_unit_test(sends_exactly_the_unanswered_again),
        cmocka_unit_test(sends_again_what_the_wire_never_took),
        cmocka_unit_test(begins_anew_behind_the_last_transaction_number),
        cmocka_unit_test(believes_no_answer_to_what_it_did_not_ask),
        cmocka_unit_test(takes_no_answer_to_open_but_a_good_one),
        cmocka_unit_test(keeps_no_more_of_an_answer_than_it_has_room_for),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
