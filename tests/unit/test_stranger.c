/* SPDX-License-Identifier: MIT
 *
 * Strangers: the first bytes of other protocols are known, those of log messages are not
 * taken for them.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/stranger.h"
#include "unit/support.h"

struct greeting {
    const char *bytes;
    size_t len;
    enum stranger stranger;
};

#define GREETING(bytes, stranger) {bytes, sizeof(bytes) - 1, stranger}

static const struct greeting greetings[] = {
    GREETING("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", STRANGER_TLS),
    GREETING("\x16\x03\0\0\x50\x01", STRANGER_TLS),
    GREETING("\x16\x03\x04\0\x50\x01", STRANGER_TLS),
    GREETING("\x16\x03\x05\0\x50\x01", STRANGER_NONE),
    GREETING("\x16\x02\x01\0\x50\x01", STRANGER_NONE),
    GREETING("\x15\x03\x01\0\x02\x01", STRANGER_NONE),  /* an alert */
    GREETING("\x16\x03\x01\0\x50\x02", STRANGER_NONE),  /* a ServerHello */
    GREETING("\x16\x03\x01\0\x50", STRANGER_NONE),      /* not enough yet */
    GREETING("GET / HTTP/1.1\r\n", STRANGER_HTTP),
    GREETING("GET /index.html HTTP/1.0\r\n", STRANGER_HTTP),
    GREETING("HEAD / HTTP/1.1\r\n", STRANGER_HTTP),
    GREETING("POST /log HTTP/1.1\r\n", STRANGER_HTTP),
    GREETING("PUT /x HTTP/1.1\r\n", STRANGER_HTTP),
    GREETING("DELETE /x HTTP/1.1\r\n", STRANGER_HTTP),
    GREETING("OPTIONS / HTTP/1.0\r\n", STRANGER_HTTP),
    GREETING("OPTIONS * HTTP/1.1\r\n", STRANGER_HTTP),
    GREETING("CONNECT example.org:443 HTTP/1.1\r\n", STRANGER_HTTP),
    GREETING("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", STRANGER_HTTP),
    GREETING("SSH-2.0-OpenSSH_9.2p1\r\n", STRANGER_SSH),
    GREETING("SSH-1.99-x\r\n", STRANGER_SSH),
    GREETING("1 open 85 relp_version=0\n", STRANGER_RELP),
    /* log messages */
    GREETING("", STRANGER_NONE),
    GREETING("<13>hello\n", STRANGER_NONE),
    GREETING("<13>GET / HTTP/1.1\n", STRANGER_NONE),
    GREETING("hello my name is tony", STRANGER_NONE),
    GREETING("get / http/1.1\n", STRANGER_NONE),
    GREETING("GETTING /dev/sda ready\n", STRANGER_NONE),
    GREETING("GET", STRANGER_NONE),
    GREETING("SSH login failed\n", STRANGER_NONE),
    GREETING("1 opening\n", STRANGER_NONE),
    GREETING("10 open 5\n", STRANGER_NONE),
    GREETING("PRI is high\n", STRANGER_NONE),
};

static void knows_every_greeting_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(greetings); i++) {
        const struct greeting *g = &greetings[i];
        unsigned char *bytes = exact_copy(g->bytes, g->len);
        if (stranger_recognise(bytes, g->len) != g->stranger)
            fail_msg("\"%s\" was taken for somebody else", g->bytes);
        free(bytes);
    }
}

static void reads_no_byte_behind_what_has_come(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(greetings); i++) {
        for (size_t len = 0; len < greetings[i].len; len++) {
            unsigned char *bytes = exact_copy(greetings[i].bytes, len);
            enum stranger stranger = stranger_recognise(bytes, len);
            assert_true(stranger == STRANGER_NONE || stranger == greetings[i].stranger);
            free(bytes);
        }
    }
}

static void describes_each_stranger_in_words_of_its_own(void **state)
{
    (void)state;
    for (int a = STRANGER_NONE; a <= STRANGER_RELP; a++) {
        assert_true(strlen(stranger_describe((enum stranger)a)) > 0);
        for (int b = a + 1; b <= STRANGER_RELP; b++)
            assert_string_not_equal(stranger_describe((enum stranger)a),
                                    stranger_describe((enum stranger)b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_greeting_of_the_table),
        cmocka_unit_test(reads_no_byte_behind_what_has_come),
        cmocka_unit_test(describes_each_stranger_in_words_of_its_own),
    };

    return cmocka_run_group_tests_name("stranger", tests, NULL, NULL);
}
