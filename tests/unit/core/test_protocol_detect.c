/* SPDX-License-Identifier: MIT
 *
 * Protocol detection: the first bytes of other protocols are known, those of log messages
 * are not taken for them, and no cut changes that.
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
#include "peerlog/protocol_detect.h"
#include "support/intake.h"

struct beginning {
    const char *bytes;
    size_t len;
    enum protocol protocol;
};

#define BEGINNING(bytes, protocol) {bytes, sizeof(bytes) - 1, PROTOCOL_##protocol}
#define TEXT(bytes) BEGINNING(bytes, NONE)

/* As the clients send them; what is cut off behind them does not matter. */
static const struct beginning others[] = {
    BEGINNING("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", TLS),
    BEGINNING("\x16\x03\0\0\x50\x01", TLS),
    BEGINNING("\x16\x03\x04\0\x50\x01", TLS),
    BEGINNING("GET / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP),
    BEGINNING("GET /index.html HTTP/1.0\r\n\r\n", HTTP),
    BEGINNING("GET http://192.0.2.7/ HTTP/1.1\r\n", HTTP),
    BEGINNING("HEAD / HTTP/1.1\r\n", HTTP),
    BEGINNING("POST /loki/api/v1/push HTTP/1.1\r\n", HTTP),
    BEGINNING("PUT /x HTTP/1.1\r\n", HTTP),
    BEGINNING("PATCH /x HTTP/1.1\r\n", HTTP),
    BEGINNING("DELETE /x HTTP/1.1\r\n", HTTP),
    BEGINNING("TRACE / HTTP/1.1\r\n", HTTP),
    BEGINNING("OPTIONS / HTTP/1.0\r\n", HTTP),
    BEGINNING("OPTIONS * HTTP/1.1\r\n", HTTP),
    BEGINNING("CONNECT example.org:443 HTTP/1.1\r\n", HTTP),
    BEGINNING("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP),
    BEGINNING("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", SSH),
    BEGINNING("SSH-1.99-x\r\n", SSH),
    BEGINNING("1 open 85 relp_version=0\n", RELP),
    BEGINNING("1 open 123456 relp_version=1\n", RELP),
    BEGINNING("PROXY TCP4 192.0.2.7 198.51.100.1 50929 514\r\n<13>x\n", PROXY),
    BEGINNING("PROXY TCP6 2001:db8::7 2001:db8::1 50929 514\r\n", PROXY),
    BEGINNING("PROXY UNKNOWN\r\n", PROXY),
    BEGINNING("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", PROXY),
    BEGINNING("2W\0\0\0\x32" "2C\0\0\x01\x02\x78\x9c", BEATS),
    BEGINNING("2W\0\0\x08\0" "2J\0\0\0\x01\0\0\0\x02{}", BEATS),
    BEGINNING("1W\0\0\0\x0a" "1C\0\0\0\x80\x78\x01", BEATS),
    BEGINNING("1W\0\0\0\x0a" "1D\0\0\0\x01\0\0\0\x02", BEATS),
    BEGINNING("\x1f\x8b\x08\0\0\0\0\0\0\x03", GZIP),
    BEGINNING("\x1f\x8b\x08\x08\0\0\0\0\0\x03name", GZIP),
    BEGINNING("x\x9cK\xcb", ZLIB),
    BEGINNING("x\x01K\xcb", ZLIB),
    BEGINNING("x\xdaK\xcb", ZLIB),
    BEGINNING("x\xda\xcbH", ZLIB),
    BEGINNING("x\xda\xb2" "14\xb6\xf3\xcb/S0", ZLIB), /* rsyslog 8.2302, levels 9, 6, 3, 1 */
    BEGINNING("x\x9c\xb2" "14\xb6\xf3\xcb/S0", ZLIB),
    BEGINNING("x^\xb2" "14\xb6\xf3\xcb/S0", ZLIB),
    BEGINNING("x\x01\xb2" "14\xb6\xf3\xcb/S0", ZLIB),
    BEGINNING("x^\xb2\xb1", ZLIB),
    BEGINNING("x\xda\xb2\xb1", ZLIB),
    BEGINNING("52 zx\xda\xb3" "14\xb6\xf3\xcb/S0", ZLIB_MESSAGES), /* compression.mode="single" */
    BEGINNING("\xff\xfe<\0001\0003\0>\0", UTF16),
    BEGINNING("\xfe\xff\0<\0001\0003\0>", UTF16),
    BEGINNING("\xac\xed\0\x05sr\0!org.apache.log4j.spi.LoggingEvent", JAVA),
    BEGINNING("\0\0\0\x5f\x03\x01\0\0\0\x03srv\0\0\0\x04main", LOG4CPLUS), /* 2.0.8 */
    BEGINNING("\0\0\x01\x5f\x02\x04\0\0\0\x03", LOG4CPLUS),
    BEGINNING("\0\0\x01\xaf}q\0(X\x04\0\0\0nameq\x01", PICKLE), /* Python 3.11 */
    BEGINNING("\0\0\x01\xaf\x80\x02}q\0(X", PICKLE),
    BEGINNING("\0\0\x01\xaf\x80\x03}q\0(X", PICKLE),
    BEGINNING("\0\0\x01\xaf\x80\x04\x95\x0a\0\0\0\0\0\0\0}", PICKLE),
    BEGINNING("\x10\x0c\0\x04MQTT\x04\x02", MQTT),
    BEGINNING("\x10\x8c\x02\0\x04MQTT\x05\x02", MQTT),
    BEGINNING("\x10\x0e\0\x06MQIsdp\x03", MQTT),
    BEGINNING("AMQP\0\0\x09\x01", AMQP),
    BEGINNING("AMQP\x03\x01\0\0", AMQP),
    BEGINNING("*2\r\n$5\r\nRPUSH\r\n", REDIS),
};

/* Log messages, the rows of the table of framing among them, and what is only similar. */
static const struct beginning messages[] = {
    TEXT("<13>a\n<13>last"),
    TEXT("<13>a\r\n\n<13>b\r\n"),
    TEXT("<14>one\0<11>two\nlines\0"),
    TEXT("<13>x\0y\n<13>z\n"),
    TEXT("5 <13>a5 <13>b"),
    TEXT("5 <13>a\n5 <13>b\n"),
    TEXT("50 <13>short"),
    TEXT("404 not found\n<13>b\n"),
    TEXT("<13>lf\n5 <13>o<13>lf2\n"),
    TEXT("\n\n<13>a\n"),
    TEXT("\r\n\r\n<13>a\r\n"),
    TEXT("\r\n\r\n\0<13>a\0"),
    TEXT("\0<13>a\r\n\0<13>b\n\n\0"),
    TEXT("\0\0<13>a\0"),
    TEXT("\0\0\0\0<13>a\0"),
    TEXT("\0 <13>a\nb\n"),
    TEXT("   <181> a\n"),
    TEXT("\xef\xbb\xbf<11>one\n<11>two\n"),
    TEXT("12345\n<13>b\n"),
    TEXT("2026-11-22 hello\n"),
    TEXT("4294967301 <13>a"),
    TEXT("1 <13>x"),
    TEXT("2 dogs\n"),
    TEXT("44 <13>GET / HTTP/1.1\r\n"),
    TEXT("<13>GET /\0<13>x\n"),
    TEXT("<13>GET / HTTP/1.1\r\n"),
    TEXT("<13>PROXY TCP4 192.0.2.7 198.51.100.1 50929 514\r\n"),
    TEXT("{\"version\":\"1.1\",\"host\":\"x\",\"short_message\":\"y\"}\0"),
    TEXT("hello my name is tony"),
    TEXT("\x1b[31mred\x1b[0m\n"),
    TEXT("\x80\x81\xc3\n"),
    TEXT("caf\xe9\n"),
    TEXT("\0"),
    TEXT("\n"),
    TEXT("\x15\x03\x01\0\x02\x01"),  /* an alert of TLS */
    TEXT("\x16\x03\x01\0\x50\x02"),  /* a ServerHello */
    TEXT("\x16\x03\x05\0\x50\x01"),
    TEXT("\x16\x02\x01\0\x50\x01"),
    TEXT("\x16\x03\x01\x50\0\x01"),  /* longer than a record may be */
    TEXT("GET /index.html HTTP/1.1 200 512 \"-\"\r\n"),
    TEXT("GET /index.html 200 3ms\r\n"),
    TEXT("GET / HTTP/1.1\n"),        /* no client ends a line like that */
    TEXT("GET /a file with blanks HTTP/1.1\r\n"),
    TEXT("GET  / HTTP/1.1\r\n"),
    TEXT("GET / HTTP/1.10\r\n"),
    TEXT("get / http/1.1\r\n"),
    TEXT("GETTING /dev/sda ready\n"),
    TEXT("POST /x\0<13>y\0"),
    TEXT("PRI is high\n"),
    TEXT("SSH login failed\r\n"),
    TEXT("SSH-2.0-OpenSSH_9.2 connected from 192.0.2.7\n"),
    TEXT("SSH-3.0-x\r\n"),
    TEXT("1 opening\n"),
    TEXT("1 open 5\n"),
    TEXT("1 open 12 files\n"),
    TEXT("1 open  relp_version=0\n"),
    TEXT("10 open 5 relp_version=0\n"),
    TEXT("PROXY TCP4 is down\r\n"),
    TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 50929\r\n"),
    TEXT("PROXY UNKNOWN\n"),
    TEXT("PROXY \0<13>x\0"),
    TEXT("2W to go\n"),
    TEXT("2W\0<13>x\0"),
    TEXT("3W\0\0\0\x32" "3C"),
    TEXT("2W\0\0\0\x32" "1C"),
    TEXT("1W\0\x01\0\x32" "1C"),
    TEXT("2W\0\x01\0\x32" "2C"),
    TEXT("\x1f\x8b\x07\0"),
    TEXT("\x1f\x8b\x08\xe0"),
    TEXT("x^2 + y^2\n"),
    TEXT("x^\xb2\n"),
    TEXT("x\xda\xb2\n"),
    TEXT("52 zebras\n"),
    TEXT("52 zx\n"),
    TEXT("x\xda\x80 (a letter of Arabic)\n"),
    TEXT("xylophone\n"),
    TEXT("\xfe\xfe"),
    TEXT("\xac\xed\0\x04"),
    TEXT("\0\0a\0}q\n"),
    TEXT("\0\0\x01\x10\x80\x01}q\0"),
    TEXT("\0\0\0\x5f\x04\x01\0\0"),
    TEXT("\x10\x0c\0\x04MQTX"),
    TEXT("AMQP\0<13>x\0"),
    TEXT("AMQP connection lost\n"),
    TEXT("*2\r\n"),
    TEXT("*2\n$5\n"),
    TEXT("* 2 items\r\n"),
    TEXT("*** disk failure ***\r\n"),
};

static void check(const struct beginning *b, size_t len)
{
    unsigned char *bytes = exact_copy(b->bytes, len);
    enum protocol protocol = protocol_detect(bytes, len);
    bool whole = len == b->len;

    free(bytes);
    if (protocol == b->protocol)
        return;
    /* Of text the whole may be undecided too: it ends before anything shows. */
    if (protocol != PROTOCOL_UNDECIDED && (whole || protocol != PROTOCOL_NONE))
        fail_msg("%zu bytes of \"%s\" are %d", len, b->bytes, (int)protocol);
    if (whole && b->protocol != PROTOCOL_NONE)
        fail_msg("\"%s\" was not known", b->bytes);
}

static void knows_every_beginning_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        check(&others[i], others[i].len);
}

static void takes_no_log_message_for_something_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        for (size_t len = 0; len <= messages[i].len; len++)
            check(&messages[i], len);
}

/* Before its last byte a beginning is undecided; then its answer stands. */
static void changes_its_mind_but_once_and_reads_no_byte_that_has_not_come(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        enum protocol before = PROTOCOL_UNDECIDED;
        for (size_t len = 0; len <= others[i].len; len++) {
            unsigned char *bytes = exact_copy(others[i].bytes, len);
            enum protocol now = protocol_detect(bytes, len);
            if (before != PROTOCOL_UNDECIDED)
                assert_int_equal(now, before);
            else
                assert_true(now == PROTOCOL_UNDECIDED || now == others[i].protocol);
            before = now;
            free(bytes);
        }
    }
}

static void knows_a_request_of_255_bytes_and_waits_for_no_longer_one(void **state)
{
    (void)state;
    for (size_t len = 250; len <= 260; len++) {
        struct bytes line = {0};
        bytes_add_text(&line, "GET /");
        bytes_repeat(&line, 'x', len - line.len - strlen(" HTTP/1.1\r\n"));
        bytes_add_text(&line, " HTTP/1.1\r\n");
        assert_int_equal(line.len, len);
        assert_int_equal(protocol_detect(line.data, len - 1),
                         len <= PROTOCOL_DETECT_BYTES ? PROTOCOL_UNDECIDED : PROTOCOL_NONE);
        assert_int_equal(protocol_detect(line.data, len),
                         len <= PROTOCOL_DETECT_BYTES ? PROTOCOL_HTTP : PROTOCOL_NONE);
        bytes_done(&line);
    }
}

static void describes_each_protocol_in_words_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < PROTOCOLS; a++) {
        assert_true(strlen(protocol_describe((enum protocol)a)) > 0);
        for (int b = a + 1; b < PROTOCOLS; b++)
            assert_string_not_equal(protocol_describe((enum protocol)a),
                                    protocol_describe((enum protocol)b));
    }
}

static void says_where_log_text_may_follow(void **state)
{
    static const enum protocol with_text[] = {PROTOCOL_NONE, PROTOCOL_UNDECIDED, PROTOCOL_PROXY,
                                              PROTOCOL_ZLIB_MESSAGES, PROTOCOL_UTF16};

    (void)state;
    for (int p = 0; p < PROTOCOLS; p++) {
        bool text = false;
        for (size_t i = 0; i < COUNT_OF(with_text); i++)
            text = text || with_text[i] == (enum protocol)p;
        assert_int_equal(protocol_has_no_text((enum protocol)p), !text);
    }
}

static void refuses_tls_and_http_in_their_own_words(void **state)
{
    size_t len = 77;
    unsigned content = 0;

    (void)state;
    assert_memory_equal(protocol_refusal(PROTOCOL_TLS, &len), "\x15\x03\x03\0\x02\x02\x28", 7);
    assert_int_equal(len, 7);
    const char *response = (const char *)protocol_refusal(PROTOCOL_HTTP, &len);
    assert_int_equal(strlen(response), len);
    assert_memory_equal(response, "HTTP/1.1 400 ", 13);
    const char *body = strstr(response, "\r\n\r\n") + 4;
    assert_int_equal(sscanf(strstr(response, "Content-Length: "), "Content-Length: %u", &content),
                     1);
    assert_int_equal(content, strlen(body));
    assert_ptr_equal(strchr(body, '\n'), body + content - 1);
    for (int p = 0; p < PROTOCOLS; p++) {
        if (p == PROTOCOL_TLS || p == PROTOCOL_HTTP)
            continue;
        len = 77;
        assert_null(protocol_refusal((enum protocol)p, &len));
        assert_int_equal(len, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_beginning_of_the_table),
        cmocka_unit_test(takes_no_log_message_for_something_else),
        cmocka_unit_test(changes_its_mind_but_once_and_reads_no_byte_that_has_not_come),
        cmocka_unit_test(knows_a_request_of_255_bytes_and_waits_for_no_longer_one),
        cmocka_unit_test(describes_each_protocol_in_words_of_its_own),
        cmocka_unit_test(says_where_log_text_may_follow),
        cmocka_unit_test(refuses_tls_and_http_in_their_own_words),
    };

    return cmocka_run_group_tests_name("protocol_detect", tests, NULL, NULL);
}
