/* SPDX-License-Identifier: MIT
 *
 * RELP sessions as a server hears them: real ones, hostile ones, every cut of them, under each
 * rule for long messages; and how a session is told from text.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "peerlog/relp_stream.h"
#include "support/relp_talk.h"

#define OPEN "1 open 14 relp_version=0\n"

/* A stream, and what it comes to as relp_talk.h writes it. */
struct talk {
    const char *said;
    const char *wanted;
};

static const struct talk talks[] = {
    {"", "=0."},
    {OPEN, "=1."},
    {"1 open 0\n", "=1."},
    {OPEN "2 syslog 5 <13>a\n3 syslog 3 b\nc\n", "[<13>a][b\nc]=3."},
    {OPEN "2 syslog 2 a\n\n", "[a]=2."},
    {OPEN "2 syslog 3 a\r\n\n", "[a]=2."},
    {OPEN "2 syslog 0\n3 syslog 1 \n\n4 syslog 1 a\n", "[a]=4."},
    {OPEN "2 syslog 1 a\n3 close 0\n", "[a]=3!1/1"},
    {OPEN "2 close 3 why\n3 syslog 1 a\n", "=2!1/1"},
    /* what is not whole is not answered, and not kept back */
    {OPEN "2 syslog 9 abc", "[abc]?3/9=1!3/7"},
    {OPEN "2 syslog 3 abc", "[abc]?3/3=1!3/7"},
    {OPEN "2 syslog 9", "=1."},
    {OPEN "2 syslog 9 ", "=1."},
    /* what ends a session */
    {"2 syslog 1 a\n", "=2!2/2"},
    {"1 close 0\n", "=1!2/2"},
    {OPEN "2 open 0\n3 syslog 1 a\n", "=2!2/3"},
    {OPEN "2 starttls 0\n", "=2!2/1"},
    {OPEN "2 rsp 6 200 OK\n", "=1!3/4"},
    {OPEN "2 serverclose 0\n", "=1!3/4"},
    {OPEN "0 syslog 1 a\n", "=1!3/5"},
    {OPEN "1 syslog 1 a\n", "=1!3/5"},
    {OPEN "3 syslog 1 a\n", "=1!3/5"},
    {OPEN "2 syslog 1 a\n2 syslog 1 a\n", "[a]=2!3/5"},
    {"0 open 0\n", "=0!3/5"},
    {OPEN "2 syslog 1 ab\n", "=1!3/0"},
    {OPEN "2 syslog 1 a\nnonsense\n", "[a]=2!3/0"},
    {OPEN "2 syslog 100000000000000000000 a\n", "=1!3/0"},
    {OPEN "1000000000 syslog 1 a\n", "=1!3/0"},
    {"<13>text\n", "=0!3/0"},
    {"1 open 257 ", "=0!3/6"},
    /* numbers go round */
    {"999999998 open 0\n999999999 syslog 1 a\n1 syslog 1 b\n2 syslog 1 c\n", "[a][b][c]=2."},
    {"999999999 open 0\n1000000000 syslog 1 a\n", "=999999999!3/0"},
    {"999999999 open 0\n0 syslog 1 a\n", "=999999999!3/5"},
};

static const struct framer_rules rules_of[] = {
    {.max_message_bytes = PEERLOG_MIN_MESSAGE_BYTES, .oversize = OVERSIZE_SPLIT},
    {.max_message_bytes = PEERLOG_MIN_MESSAGE_BYTES, .oversize = OVERSIZE_TRUNCATE},
    {.max_message_bytes = PEERLOG_MIN_MESSAGE_BYTES, .oversize = OVERSIZE_DISCARD},
};

static void assert_text(struct bytes *heard, const char *wanted, size_t step)
{
    bytes_add(heard, "", 1);
    if (strcmp((const char *)heard->data, wanted) != 0)
        fail_msg("in views of %zu: %s instead of %s", step, (const char *)heard->data, wanted);
}

/* All steps of STREAM come to WANTED. */
static void assert_all_steps(struct span stream, const struct framer_rules *rules,
                             const char *wanted)
{
    for (size_t step = 1; step <= stream.len + 1; step++) {
        struct relp_talk t = {.rules = *rules};
        relp_talk_run(&t, stream, step);
        assert_text(&t.heard, wanted, step);
        relp_talk_done(&t);
    }
}

static void each_talk_comes_to_the_same_in_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(talks); i++) {
        const struct span said = {(const unsigned char *)talks[i].said, strlen(talks[i].said),
                                  NULL, 0};
        struct bytes wanted = {0};
        relp_oracle(said, &rules_of[0], &wanted);
        assert_text(&wanted, talks[i].wanted, 0);
        for (size_t r = 0; r < COUNT_OF(rules_of); r++)
            assert_all_steps(said, &rules_of[r], talks[i].wanted);
        bytes_done(&wanted);
    }
}

/* Messages of lengths around each limit, and more behind them. */
static void long_messages_come_to_the_same_in_every_cut(void **state)
{
    static const size_t lengths[] = {255, 256, 257, 258, 511, 512, 513, 700};
    char header[64];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct bytes said = {0};
        bytes_add_text(&said, OPEN);
        (void)snprintf(header, sizeof header, "2 syslog %zu ", lengths[i]);
        bytes_add_text(&said, header);
        for (size_t k = 0; k + 1 < lengths[i]; k += 2)
            bytes_add_text(&said, "\xc3\xbc");
        bytes_repeat(&said, 'x', lengths[i] % 2);
        bytes_add_text(&said, "\n3 syslog 4 next\n4 close 0\n");
        for (size_t r = 0; r < COUNT_OF(rules_of); r++) {
            struct bytes wanted = {0};
            relp_oracle(bytes_span(&said), &rules_of[r], &wanted);
            bytes_add(&wanted, "", 1);
            assert_non_null(strstr((char *)wanted.data, "[next]=4!1/1"));
            assert_all_steps(bytes_span(&said), &rules_of[r], (char *)wanted.data);
            bytes_done(&wanted);
        }
        bytes_done(&said);
    }
}

static void versions_are_agreed_on(void **state)
{
    static const struct {
        const char *offers;
        uint8_t version;
    } rows[] = {
        {"relp_version=0", 0}, {"relp_version=1", 1}, {"relp_version=2", 1},
        {"relp_version=", 0}, {"commands=syslog\nrelp_version=1\n", 1},
        {"xrelp_version=1", 0}, {"commands=syslog", 0}, {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct relp_talk t = {.rules = rules_of[0]};
        char said[128];
        (void)snprintf(said, sizeof said, "1 open %zu %s\n", strlen(rows[i].offers),
                       rows[i].offers);
        relp_talk_feed(&t, said, strlen(said), false);
        assert_int_equal(t.stream.version, rows[i].version);
        assert_int_equal(t.stream.whole, 1);
        relp_talk_done(&t);
    }
}

static void every_end_has_its_words(void **state)
{
    struct relp_stream s = {.end = RELP_END_BROKEN};

    (void)state;
    for (unsigned why = RELP_WHY_COMMAND; why < RELP_WHY_UNFINISHED; why++) {
        s.why = (uint8_t)why;
        assert_non_null(relp_stream_fault(&s));
    }
    s.why = RELP_WHY_UNFINISHED;
    assert_null(relp_stream_fault(&s));
    s.why = RELP_WHY_FRAME;
    for (unsigned fault = RELP_FAULT_TXNR; fault <= RELP_FAULT_END; fault++) {
        s.fault = (uint8_t)fault;
        assert_non_null(relp_stream_fault(&s));
    }
    s.end = RELP_END_CLOSE;
    assert_null(relp_stream_fault(&s));
}

static void a_session_is_told_from_text(void **state)
{
    static const struct {
        const char *bytes;
        enum relp_guess guess;
    } rows[] = {
        {"", RELP_GUESS_UNDECIDED}, {"1", RELP_GUESS_UNDECIDED}, {"1 open ", RELP_GUESS_UNDECIDED},
        {"1 open 86", RELP_GUESS_UNDECIDED}, {"1 open 86 ", RELP_GUESS_UNDECIDED},
        {"1 open 86 relp_version", RELP_GUESS_UNDECIDED},
        {"1 open 999999999 relp_software", RELP_GUESS_UNDECIDED},
        {"1 open 86 relp_version=", RELP_GUESS_OPEN}, {"1 open 0\n", RELP_GUESS_OPEN},
        {"1 open 16 commands=syslog", RELP_GUESS_OPEN}, {"2", RELP_GUESS_OTHER},
        {"<", RELP_GUESS_OTHER}, {"1 o\n", RELP_GUESS_OTHER}, {"1 open files", RELP_GUESS_OTHER},
        {"1 open 12 files", RELP_GUESS_OTHER}, {"10 open", RELP_GUESS_OTHER},
        {"1 open 1234567890 relp_version=", RELP_GUESS_OTHER}, {"\n1 open 0\n", RELP_GUESS_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unsigned char *bytes = exact_copy(rows[i].bytes, strlen(rows[i].bytes));
        size_t len = strlen(rows[i].bytes);
        assert_int_equal(relp_guess(bytes, len), rows[i].guess);
        assert_true(rows[i].guess != RELP_GUESS_UNDECIDED || len <= RELP_GUESS_BYTES);
        free(bytes);
    }
}

static void states_that_cannot_be_are_refused(void **state)
{
    static const struct relp_stream good = {.whole = 3, .first = 1};
    static const struct relp_stream bad[] = {
        {.whole = 3}, {.first = 3}, {.whole = RELP_MAX_TXNR + 1, .first = 1},
        {.phase = 5}, {.version = 2}, {.why = RELP_WHYS}, {.fault = RELP_FAULT_END + 1},
        {.reserved = {1, 0}}, {.reserved = {0, 1}}, {.end = RELP_END_CLOSE}, {.given = 1},
        {.phase = 2}, {.phase = 2, .txnr = 1, .data_bytes = 1, .given = 2},
        {.phase = 2, .txnr = 1, .data_bytes = 1, .part = 1},
        {.phase = 4}, {.phase = 4, .end = 9},
    };

    (void)state;
    assert_true(relp_stream_valid(&good, 0));
    assert_true(relp_stream_valid(&good, RELP_MAX_HEADER_BYTES - 1));
    assert_false(relp_stream_valid(&good, RELP_MAX_HEADER_BYTES));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (relp_stream_valid(&bad[i], 0))
            fail_msg("state %zu is taken", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_talk_comes_to_the_same_in_every_cut),
        cmocka_unit_test(long_messages_come_to_the_same_in_every_cut),
        cmocka_unit_test(versions_are_agreed_on),
        cmocka_unit_test(every_end_has_its_words),
        cmocka_unit_test(a_session_is_told_from_text),
        cmocka_unit_test(states_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
