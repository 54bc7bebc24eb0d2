/* SPDX-License-Identifier: MIT
 *
 * Loops: our own prefix is found in every form in which a log daemon may send it back, and
 * nothing that only resembles it.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "peerlog/loop.h"
#include "support/intake.h"

#define RFC5424 "1 2026-11-29T11:42:01.123456+00:00 host peerlogd 4711 "

/* Texts behind their PRI. */
static const char *const ours[] = {
    "peerlogd[4711]: 127.0.0.1:40000 hello",
    "Nov 29 11:42:01 host peerlogd[4711]: 127.0.0.1:40000 hello",
    "2026-11-29T11:42:01.123456+00:00 host peerlogd[4711]: [2001:db8::7]:514 ",
    /* a second turn: each puts its own before it */
    "Nov 29 11:42:02 host peerlogd[4711]: 127.0.0.1:1 Nov 29 11:42:01 host peerlogd[4711]: "
    "127.0.0.1:2 hello",
    "Nov 29 11:42:01 host x: peerlogd[4711]: no, peerlogd[4711]: 127.0.0.1:1 yes",
    RFC5424 "- - 127.0.0.1:40000 hello",
    RFC5424 "ID [meta sequenceId=\"7\"] 127.0.0.1:40000 hello",
    RFC5424 "- [a b=\"c\"][d e=\"f g\"] [fe80::1%2]:514 hello",
};

static const char *const others[] = {
    "",
    "hello",
    "peerlogd[4711]: ",
    "peerlogd[4711]: 127.0.0.1:40000",
    "peerlogd[4711]: ready",
    "peerlogd[4711]: since the start: messages 412",
    "peerlogd[4712]: 127.0.0.1:40000 hello",
    "peerlogd[471]: 127.0.0.1:40000 hello",
    "haproxy[4711]: 127.0.0.1:40000 [29/Nov/2026:11:42:01.123] front back/s",
    "peerlogd: 127.0.0.1:40000 hello",
    "peerlogd[4711]:127.0.0.1:40000 hello",
    "peerlogd[4711]: 127.0.0.1 hello",
    "peerlogd[4711]: 127.0.0.1:66000 hello",
    "peerlogd[4711]: 127.0.0.256:1 hello",
    "peerlogd[4711]: ::1:514 hello",
    RFC5424 "- - hello",
    RFC5424 "- -",
    RFC5424 "-",
    RFC5424,
    RFC5424 "- [a b=\"c\" 127.0.0.1:40000 hello",
    "1 2026-11-29T11:42:01Z host peerlogd 4712 - - 127.0.0.1:40000 hello",
};

static bool carries(const char *text, size_t len, const char *tag, const char *pid)
{
    unsigned char *exact = exact_copy(text, len);
    bool result = loop_carries_prefix(exact, len, tag, pid);

    free(exact);
    return result;
}

static void knows_its_own_prefix_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        if (!carries(ours[i], strlen(ours[i]), "peerlogd", "4711"))
            fail_msg("\"%s\" is our own", ours[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        for (size_t len = 0; len <= strlen(others[i]); len++)
            if (carries(others[i], len, "peerlogd", "4711"))
                fail_msg("%zu bytes of \"%s\" are not our own", len, others[i]);
}

static void looks_no_further_than_it_says(void **state)
{
    const char *prefix = "peerlogd[1]: 192.0.2.7:514 ";
    size_t n = strlen(prefix);

    (void)state;
    for (size_t from = LOOP_SEARCH_BYTES - n - 2; from <= LOOP_SEARCH_BYTES; from++) {
        struct bytes text = {0};
        bytes_repeat(&text, '<', from);
        bytes_add_text(&text, prefix);
        bytes_add_text(&text, "hello");
        assert_int_equal(carries((char *)text.data, text.len, "peerlogd", "1"),
                         from + n <= LOOP_SEARCH_BYTES);
        bytes_done(&text);
    }
}

static void takes_the_longest_tag_and_refuses_what_is_none(void **state)
{
    char tag[PEERLOG_MAX_TAG_BYTES + 1], long_tag[100], text[200];

    (void)state;
    memset(tag, 't', sizeof tag - 1);
    tag[sizeof tag - 1] = '\0';
    strcat(strcpy(text, tag), "[4294967295]: 192.0.2.7:514 x");
    assert_true(carries(text, strlen(text), tag, "4294967295"));
    memset(long_tag, 't', sizeof long_tag - 1);
    long_tag[sizeof long_tag - 1] = '\0';
    strcat(strcpy(text, long_tag), "[1]: 192.0.2.7:514 x");
    assert_false(carries(text, strlen(text), long_tag, "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_own_prefix_and_no_other),
        cmocka_unit_test(looks_no_further_than_it_says),
        cmocka_unit_test(takes_the_longest_tag_and_refuses_what_is_none),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
