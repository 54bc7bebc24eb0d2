/* SPDX-License-Identifier: MIT
 *
 * RELP frames: the streams of real clients and servers, hostile ones, and every cut of them.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/relp.h"
#include "support/intake.h"
#include "support/relp_frames.h"

/* A stream, and its frames as relp_frames.h writes them. */
struct stream {
    const char *bytes;
    size_t len;
    const char *wanted;
};

#define STREAM(bytes, wanted) {bytes, sizeof(bytes) - 1, wanted}
#define LETTERS_32 "abcdefghijklmnopqrstuvwxyzABCDEF"

static const struct stream streams[] = {
    /* a session as omrelp and imrelp speak it */
    STREAM("1 open 86 relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\n"
           "commands=syslog\n",
           "1 1 86[relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\n"
           "commands=syslog]|"),
    STREAM("2 syslog 5 <13>a\n3 syslog 7 <13>b\nc\n6 close 0\n",
           "2 3 5[<13>a]|3 3 7[<13>b\nc]|6 2 0[]|"),
    STREAM("2 rsp 6 200 OK\n6 rsp 0\n0 serverclose 0\n", "2 4 6[200 OK]|6 4 0[]|0 5 0[]|"),
    /* what is allowed */
    STREAM("", ""),
    STREAM("999999999 syslog 1 a\n1 syslog 1 b\n", "999999999 3 1[a]|1 3 1[b]|"),
    STREAM("000000002 syslog 000000001 a\n", "2 3 1[a]|"),
    STREAM("2 syslog 0\n", "2 3 0[]|"),
    STREAM("2 syslog 0 \n", "2 3 0[]|"),
    STREAM("2 syslog 000 \n", "2 3 0[]|"),
    STREAM("2 syslog 3 \n\n\n\n", "2 3 3[\n\n\n]|"),
    STREAM("2 syslog 5 3 a 0\n", "2 3 5[3 a 0]|"),
    STREAM("2 starttls 0\n", "2 0 0[]|"),
    STREAM("2 SYSLOG 1 a\n", "2 0 1[a]|"),
    STREAM("2 syslogs 1 a\n", "2 0 1[a]|"),
    STREAM("2 " LETTERS_32 " 1 a\n", "2 0 1[a]|"),
    STREAM("999999999 " LETTERS_32 " 000000001 a\n", "999999999 0 1[a]|"),
    STREAM("2 syslog 4 \0\0\r\n\n", NULL),
    /* what is not whole */
    STREAM("2", "..."),
    STREAM("2 syslog 1", "..."),
    STREAM("2 syslog 0", "..."),
    STREAM("2 syslog 0 ", "..."),
    STREAM("2 syslog 1 a", "..."),
    STREAM("2 syslog 1 a\n3 ", "2 3 1[a]|..."),
    STREAM("2 syslog 999999999 a", "..."),
    /* no transaction number */
    STREAM("\n", "!1"),
    STREAM(" 2 syslog 1 a\n", "!1"),
    STREAM("-2 syslog 1 a\n", "!1"),
    STREAM("<13>no frame\n", "!1"),
    STREAM("1000000000 syslog 1 a\n", "!1"),
    STREAM("0000000001 syslog 1 a\n", "!1"),
    STREAM("2 syslog 1 a\n\n3 syslog 1 b\n", "2 3 1[a]|!1"),
    /* no command */
    STREAM("2\n", "!2"),
    STREAM("2syslog 1 a\n", "!2"),
    STREAM("2  syslog 1 a\n", "!2"),
    STREAM("2 5 1 a\n", "!2"),
    STREAM("2 sys-log 1 a\n", "!2"),
    STREAM("2 syslog1 1 a\n", "!2"),
    STREAM("2 syslog\n", "!2"),
    STREAM("2 " LETTERS_32 "g 1 a\n", "!2"),
    STREAM("2 \0 1 a\n", "!2"),
    /* no length */
    STREAM("2 syslog \n", "!3"),
    STREAM("2 syslog  1 a\n", "!3"),
    STREAM("2 syslog -1 a\n", "!3"),
    STREAM("2 syslog 1\n", "!3"),
    STREAM("2 syslog 1\ta\n", "!3"),
    STREAM("2 syslog 0\r\n", "!3"),
    STREAM("2 syslog 1000000000 a\n", "!3"),
    STREAM("2 syslog 100000000000000000000 a\n", "!3"),
    /* no end where it must be */
    STREAM("2 syslog 1 ab\n", "!4"),
    STREAM("2 syslog 2 a\n3 syslog 1 b\n", "!4"),
    STREAM("2 syslog 0 a\n", "!4"),
    STREAM("2 syslog 1 a\r\n", "!4"),
    STREAM("2 syslog 1 a\n3 syslog 1 b3 syslog 1 c\n", "2 3 1[a]|!4"),
};

/* Feed S with cuts at A and B. */
static void check_cut(const struct stream *s, size_t a, size_t b)
{
    struct relp_frames frames = {0};

    relp_frames_feed(&frames, s->bytes, a);
    relp_frames_feed(&frames, s->bytes + a, b - a);
    relp_frames_feed(&frames, s->bytes + b, s->len - b);
    relp_frames_end(&frames);
    if (s->wanted != NULL && strcmp((const char *)frames.heard.data, s->wanted) != 0)
        fail_msg("\"%s\" cut at %zu and %zu gave %s", s->bytes, a, b,
                 (const char *)frames.heard.data);
    relp_frames_done(&frames);
}

static void reads_the_same_frames_however_the_stream_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(streams); i++)
        for (size_t a = 0; a <= streams[i].len; a++)
            for (size_t b = a; b <= streams[i].len; b++)
                check_cut(&streams[i], a, b);
}

static void reads_a_stream_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        struct relp_frames frames = {0};
        for (size_t at = 0; at < streams[i].len; at++)
            relp_frames_feed(&frames, streams[i].bytes + at, 1);
        relp_frames_end(&frames);
        if (streams[i].wanted != NULL)
            assert_string_equal((const char *)frames.heard.data, streams[i].wanted);
        relp_frames_done(&frames);
    }
}

static void keeps_nul_cr_and_lf_in_the_data(void **state)
{
    static const char stream[] = "2 syslog 4 \0\0\r\n\n";
    static const char wanted[] = "2 3 4[\0\0\r\n]|";

    (void)state;
    for (size_t cut = 0; cut < sizeof stream; cut++) {
        struct relp_frames frames = {0};
        relp_frames_feed(&frames, stream, cut);
        relp_frames_feed(&frames, stream + cut, sizeof stream - 1 - cut);
        relp_frames_end(&frames);
        assert_int_equal(frames.heard.len, sizeof wanted);
        assert_memory_equal(frames.heard.data, wanted, sizeof wanted);
        relp_frames_done(&frames);
    }
}

static void gives_out_data_longer_than_any_buffer_as_it_comes(void **state)
{
    struct relp_state relp = {0};
    struct relp_reader reader;
    struct relp_piece piece;
    unsigned char chunk[1000];
    size_t left = 200045;

    (void)state;
    memset(chunk, 'x', sizeof chunk);
    relp_begin(&reader, &relp, (const unsigned char *)"7 syslog 200045 ", 16);
    assert_int_equal(relp_next(&reader, &piece), RELP_READ);
    assert_true(piece.first && !piece.last && piece.len == 0 && piece.data_bytes == left);
    while (left > 0) {
        size_t n = left < sizeof chunk ? left : sizeof chunk;
        relp_begin(&reader, &relp, chunk, n);
        assert_int_equal(relp_next(&reader, &piece), RELP_READ);
        assert_true(!piece.first && !piece.last && piece.len == n && piece.data == chunk);
        assert_int_equal(relp_next(&reader, &piece), RELP_NEED_MORE);
        left -= n;
    }
    relp_begin(&reader, &relp, (const unsigned char *)"\n", 1);
    assert_int_equal(relp_next(&reader, &piece), RELP_READ);
    assert_true(!piece.first && piece.last && piece.len == 0 && piece.txnr == 7);
}

static void names_the_command_and_its_place_in_a_header(void **state)
{
    static const unsigned char bytes[] = "42 starttls 17 ab";
    struct relp_header header = {0};
    enum relp_fault fault = RELP_FAULT_NONE;

    (void)state;
    for (size_t len = 0; len < 15; len++) {
        unsigned char *exact = exact_copy(bytes, len);
        assert_int_equal(relp_parse_header(exact, len, &header, &fault), RELP_NEED_MORE);
        assert_int_equal(header.txnr, 0);
        free(exact);
    }
    assert_int_equal(relp_parse_header(bytes, 15, &header, &fault), RELP_READ);
    assert_int_equal(header.txnr, 42);
    assert_int_equal(header.data_bytes, 17);
    assert_int_equal(header.header_bytes, 15);
    assert_int_equal(header.command, RELP_COMMAND_OTHER);
    assert_int_equal(header.command_at, 3);
    assert_int_equal(header.command_bytes, 8);
    assert_int_equal(fault, RELP_FAULT_NONE);
}

static void says_what_is_wrong_in_words(void **state)
{
    (void)state;
    for (int fault = RELP_FAULT_NONE; fault <= RELP_FAULT_END; fault++)
        for (int other = RELP_FAULT_NONE; other < fault; other++)
            assert_string_not_equal(relp_fault_describe((enum relp_fault)fault),
                                    relp_fault_describe((enum relp_fault)other));
}

static void takes_no_state_that_it_cannot_have_left(void **state)
{
    static const struct {
        struct relp_state state;
        size_t carry;
        bool valid;
    } cases[] = {
        {{0}, 0, true},
        {{0}, RELP_MAX_HEADER_BYTES - 1, true},
        {{0}, RELP_MAX_HEADER_BYTES, false},
        {{.txnr = 1}, 0, false},
        {{.command = RELP_COMMAND_SYSLOG}, 0, false},
        {{.left = 1, .data_bytes = 1}, 0, false},
        {{.reserved = 1}, 0, false},
        {{.phase = 1, .txnr = 2, .data_bytes = 5, .left = 5}, 0, true},
        {{.phase = 1, .txnr = 2, .data_bytes = 5, .left = 5}, 1, false},
        {{.phase = 1, .txnr = 2, .data_bytes = 5, .left = 6}, 0, false},
        {{.phase = 1, .txnr = 2, .data_bytes = 5, .left = 0}, 0, false},
        {{.phase = 1, .txnr = RELP_MAX_TXNR + 1, .data_bytes = 5, .left = 5}, 0, false},
        {{.phase = 1, .data_bytes = RELP_MAX_DATA_BYTES + 1, .left = 5}, 0, false},
        {{.phase = 1, .command = 6, .data_bytes = 5, .left = 5}, 0, false},
        {{.phase = 2, .txnr = 2, .data_bytes = 5}, 0, true},
        {{.phase = 2, .txnr = 2, .data_bytes = 5, .left = 1}, 0, false},
        {{.phase = 2, .fault = RELP_FAULT_END}, 0, false},
        {{.phase = 3, .fault = RELP_FAULT_END}, 0, true},
        {{.phase = 3, .fault = RELP_FAULT_NONE}, 0, false},
        {{.phase = 3, .fault = RELP_FAULT_END + 1}, 0, false},
        {{.phase = 3, .fault = RELP_FAULT_END, .txnr = 1}, 0, false},
        {{.phase = 4}, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (relp_state_valid(&cases[i].state, cases[i].carry) != cases[i].valid)
            fail_msg("state %zu must be %s", i, cases[i].valid ? "valid" : "refused");
}

static void begins_anew_behind_the_last_transaction_number(void **state)
{
    (void)state;
    assert_int_equal(relp_txnr_after(0), 1);
    assert_int_equal(relp_txnr_after(1), 2);
    assert_int_equal(relp_txnr_after(999999998), 999999999);
    assert_int_equal(relp_txnr_after(999999999), 1);
}

static void writes_headers_that_read_back(void **state)
{
    static const struct {
        uint32_t txnr;
        enum relp_command command;
        uint32_t data_bytes;
        const char *wanted;
    } cases[] = {
        {1, RELP_COMMAND_OPEN, 85, "1 open 85 "},
        {2, RELP_COMMAND_SYSLOG, 1, "2 syslog 1 "},
        {RELP_MAX_TXNR, RELP_COMMAND_SYSLOG, RELP_MAX_DATA_BYTES, "999999999 syslog 999999999 "},
        {2, RELP_COMMAND_RSP, 6, "2 rsp 6 "},
        {6, RELP_COMMAND_CLOSE, 0, "6 close 0"},
        {0, RELP_COMMAND_SERVERCLOSE, 0, "0 serverclose 0"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[RELP_MAX_HEADER_BYTES + 2] = "";
        struct relp_header header;
        enum relp_fault fault;
        size_t len =
            relp_write_header(text, cases[i].txnr, cases[i].command, cases[i].data_bytes);
        assert_int_equal(len, strlen(cases[i].wanted));
        assert_string_equal(text, cases[i].wanted);
        text[len] = '\n';
        assert_int_equal(relp_parse_header((unsigned char *)text, len + 1, &header, &fault),
                         RELP_READ);
        assert_int_equal(header.txnr, cases[i].txnr);
        assert_int_equal(header.command, cases[i].command);
        assert_int_equal(header.data_bytes, cases[i].data_bytes);
        assert_int_equal(header.header_bytes, len);
    }
}

static void reads_answers(void **state)
{
    static const struct {
        const char *data;
        unsigned code; /* 1000: it is none */
        const char *text;
    } cases[] = {
        {"200 OK", 200, "OK"},
        {"200 OK\nrelp_version=0\ncommands=syslog", 200, "OK"},
        {"200", 200, ""},
        {"200\nrelp_version=0", 200, ""},
        {"200 ", 200, ""},
        {"500 not today, thank you", 500, "not today, thank you"},
        {"000 x", 0, "x"},
        {"", 1000, NULL},
        {"20", 1000, NULL},
        {"2000 OK", 1000, NULL},
        {"OK 200", 1000, NULL},
        {"200-OK", 1000, NULL},
        {"20x OK", 1000, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = strlen(cases[i].data);
        unsigned char *exact = exact_copy(cases[i].data, len);
        struct relp_answer answer = {.code = 1000};
        bool is_answer = relp_parse_answer(exact, len, &answer);
        assert_int_equal(is_answer, cases[i].code != 1000);
        assert_int_equal(answer.code, cases[i].code);
        if (is_answer) {
            assert_int_equal(answer.text_len, strlen(cases[i].text));
            assert_memory_equal(answer.text, cases[i].text, answer.text_len);
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_same_frames_however_the_stream_is_cut),
        cmocka_unit_test(reads_a_stream_byte_by_byte),
        cmocka_unit_test(keeps_nul_cr_and_lf_in_the_data),
        cmocka_unit_test(gives_out_data_longer_than_any_buffer_as_it_comes),
        cmocka_unit_test(names_the_command_and_its_place_in_a_header),
        cmocka_unit_test(says_what_is_wrong_in_words),
        cmocka_unit_test(takes_no_state_that_it_cannot_have_left),
        cmocka_unit_test(begins_anew_behind_the_last_transaction_number),
        cmocka_unit_test(writes_headers_that_read_back),
        cmocka_unit_test(reads_answers),
    };

    return cmocka_run_group_tests_name("relp", tests, NULL, NULL);
}
