/* SPDX-License-Identifier: MIT
 *
 * Names of certificates: which patterns there are, what they allow, and what is shown of a
 * certificate, whose words are a stranger's.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "support/intake.h"
#include "support/tls_pki.h"
#include "tls/tls_name.h"

static void knows_a_pattern(void **unused)
{
    static const char *const good[] = {"a", "a.example", "*.example.net", "*.a", "192.0.2.1",
                                       "2001:db8::1", "xn--bcher-kva.example", "a_b.example"};
    static const char *const bad[] = {"", "*", "*.", "*a.example", "a.*.example", "**.example",
                                      ".example", "a..example", "a.example.", "a b", "a/b",
                                      "b\xc3\xbcro.example", "*.*.example", "192.0.2.1/24"};
    char label[70];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!tls_name_is_pattern(good[i]))
            fail_msg("%s is a pattern", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (tls_name_is_pattern(bad[i]))
            fail_msg("%s is no pattern", bad[i]);
    memset(label, 'a', sizeof label);
    label[63] = '\0';
    assert_true(tls_name_is_pattern(label));
    label[63] = 'a';
    label[64] = '\0';
    assert_false(tls_name_is_pattern(label));
}

/* A pattern, and a name that may hold NUL. */
struct match {
    const char *pattern;
    const char *name;
    size_t len;
    bool matches;
};

#define MATCH(pattern, name, matches) {pattern, name, sizeof(name) - 1, matches}

static const struct match matches[] = {
    MATCH("a.example", "a.example", true),
    MATCH("A.Example", "a.eXample", true),
    MATCH("a.example", "b.example", false),
    MATCH("a.example", "a.example.", false),
    MATCH("a.example", "a.exampl", false),
    MATCH("a.example", "a.example\0", false),
    MATCH("a.example", "a.example\0.evil.example", false),
    MATCH("*.example", "a.example", true),
    MATCH("*.example", "a-b_1.EXAMPLE", true),
    MATCH("*.example", "a.b.example", false),
    MATCH("*.example", ".example", false),
    MATCH("*.example", "example", false),
    MATCH("*.example", "*.example", false),
    MATCH("*.example", "a\0.example", false),
    MATCH("*.example", "a\0example", false),
    MATCH("*.example", "a example", false),
    MATCH("*.example", "a", false),
    MATCH("*.example", "", false),
    MATCH("a.example", "*.example", false),
};

static void a_star_is_one_label(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(matches); i++) {
        const struct match *m = &matches[i];
        char *name = (char *)exact_copy(m->name, m->len);
        if (tls_name_matches(m->pattern, name, m->len) != m->matches)
            fail_msg("row %zu: %s and %s", i, m->pattern, m->name);
        free(name);
    }
}

static void the_name_that_is_allowed_is_shown(void **unused)
{
    static const char *const stars[] = {"nobody.example", "*.example", NULL};
    static const char *const addresses[] = {"2001:0db8::0001", NULL};
    static const char *const others[] = {"a.other", "192.0.2.2", NULL};
    static const char *const empty[] = {NULL};
    struct tls_identity identity;
    struct pki pki = pki_make(&(struct pki_wish){
        .subject = "web", .names = "email:a@b.example,DNS:a.test,DNS:b.example,IP:2001:db8::1"});

    (void)unused;
    assert_true(tls_identity_of(pki.certificate, stars, &identity));
    assert_string_equal(identity.name, "b.example");
    assert_string_equal(identity.subject, "CN=web,O=Test");
    assert_true(tls_identity_of(pki.certificate, addresses, &identity));
    assert_string_equal(identity.name, "2001:db8::1");
    assert_false(tls_identity_of(pki.certificate, others, &identity));
    assert_string_equal(identity.name, "a.test");
    assert_true(tls_identity_of(pki.certificate, empty, &identity));
    assert_string_equal(identity.name, "a.test");
    assert_true(tls_identity_of(pki.certificate, NULL, &identity));
    pki_done(&pki);
}

static void the_common_name_is_no_name(void **unused)
{
    static const char *const patterns[] = {"web.example", NULL};
    struct tls_identity identity;
    struct pki pki = pki_make(&(struct pki_wish){.subject = "web.example"});

    (void)unused;
    assert_false(tls_identity_of(pki.certificate, patterns, &identity));
    assert_string_equal(identity.name, "");
    pki_done(&pki);
}

static void a_subject_is_shown_safe_and_bounded(void **unused)
{
    struct tls_identity identity;
    char letters[61];
    struct pki pki = pki_make(&(struct pki_wish){.subject = "b\xc3\xbcro,\n\x1b[31m"});

    (void)unused;
    (void)tls_identity_of(pki.certificate, NULL, &identity);
    assert_string_equal(identity.subject, "CN=b\xc3\xbcro\\,\\0A\\1B[31m,O=Test");
    pki_done(&pki);
    /* Each of these becomes \xNN: a right-to-left override. */
    for (size_t i = 0; i < 60; i += 3)
        memcpy(letters + i, "\xe2\x80\xae", 3);
    letters[60] = '\0';
    pki = pki_make(&(struct pki_wish){.subject = letters});
    (void)tls_identity_of(pki.certificate, NULL, &identity);
    assert_true(strlen(identity.subject) < sizeof identity.subject);
    assert_string_equal(identity.subject + strlen(identity.subject) - 7, "\\xae...");
    pki_done(&pki);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_a_pattern),
        cmocka_unit_test(a_star_is_one_label),
        cmocka_unit_test(the_name_that_is_allowed_is_shown),
        cmocka_unit_test(the_common_name_is_no_name),
        cmocka_unit_test(a_subject_is_shown_safe_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
