/* SPDX-License-Identifier: MIT
 *
 * Settings that are accepted: each of them, its limits, and what is taken from elsewhere
 * when it is not set. What is refused is in test_faults.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/settings/settings.h"
#include "daemon/settings/file.h"
#include "daemon/settings/text.h"
#include "peerlog/count.h"
#include "support/intake.h"
#include "support/settings.h"

static void assert_address(const struct listener_settings *listener, const char *text)
{
    char found[PEER_TEXT_BYTES];

    (void)peer_format(&listener->address, found);
    assert_string_equal(found, text);
}

static void has_the_defaults_of_the_manual(void **state)
{
    struct settings *s = NULL;

    (void)state;
    assert_int_equal(settings_new_default(&s), 0);
    assert_int_equal(s->listeners_count, 1);
    assert_address(&s->listeners[0], "127.0.0.1:8888");
    assert_int_equal(s->listeners[0].framing, FRAMING_AUTO);
    assert_false(s->listeners[0].proxy_protocol);
    assert_int_equal(s->listeners[0].label.facility, FACILITY_DAEMON);
    assert_int_equal(s->listeners[0].label.severity, SEVERITY_INFO);
    assert_string_equal(s->listeners[0].label.tag, "peerlogd");
    assert_int_equal(s->listeners[0].allow.count, 0);
    assert_int_equal(s->listeners[0].deny.count, 0);
    assert_int_equal(s->listeners[0].proxy_from.count, 0);
    assert_int_equal(s->buffer_size, 8192);
    assert_int_equal(s->oversize, OVERSIZE_SPLIT);
    assert_int_equal(s->workers, 0);
    assert_int_equal(s->priority, PRIORITY_MODE_SEVERITY);
    assert_int_equal(s->highest_severity, SEVERITY_CRIT);
    assert_int_equal(s->log_level, SEVERITY_INFO);
    assert_int_equal(s->output.type, OUTPUT_AUTO);
    assert_true(s->output.label.show_peer);
    assert_string_equal(s->output.path, "/dev/log");
    assert_int_equal(s->output.label.facility, FACILITY_DAEMON);
    assert_int_equal(s->output.label.severity, SEVERITY_INFO);
    assert_string_equal(s->output.label.tag, "peerlogd");
    assert_int_equal(s->limits.connections, 8192);
    assert_int_equal(s->limits.connections_per_peer, 0);
    assert_int_equal(s->limits.messages_per_second, 0);
    assert_int_equal(s->limits.idle_timeout_s, 0);
    assert_null(settings_free(s));
    assert_null(settings_free(NULL));
}

static void an_empty_file_means_the_defaults(void **state)
{
    static const char *const texts[] = {"", "\n\n", " ", "# only a comment", "/* and this */ // x",
                                        "\xef\xbb\xbf", "listeners = ( { } );", "output = { }",
                                        "limits = { };"};
    struct settings *wanted = NULL;

    (void)state;
    assert_int_equal(settings_new_default(&wanted), 0);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct settings *s = read_good(texts[i]);
        assert_memory_equal(s, wanted, offsetof(struct settings, origins));
        (void)settings_free(s);
    }
    (void)settings_free(wanted);
}

static void reads_every_setting(void **state)
{
    struct settings *s = read_good(
        "listeners = (\n"
        "  { address = \"::\"; port = 514; framing = \"octet-counting\"; facility = \"local7\";\n"
        "    severity = \"debug\"; tag = \"router\"; allow_kern = true;\n"
        "    allow = [ \"192.0.2.0/24\", \"2001:db8::/32\" ]; deny = [ \"192.0.2.66\" ];\n"
        "    proxy_protocol = true; proxy_from = [ \"192.0.2.1\" ]; }\n"
        ");\n"
        "buffer_size = 131072; oversize = \"discard\"; workers = 128; priority = \"ignore\";\n"
        "highest_severity = \"emerg\"; log_level = \"debug\";\n"
        "output = { type = \"journal\"; path = \"/run/x\"; facility = \"kern\";\n"
        "           severity = \"emerg\"; tag = \"x\"; };\n"
        "limits = { connections = 1; connections_per_peer = 2; messages_per_second = 3;\n"
        "           messages_per_second_per_peer = 5; idle_timeout = 4; };\n");
    const struct listener_settings *l = &s->listeners[0];

    (void)state;
    assert_int_equal(s->listeners_count, 1);
    assert_address(l, "[::]:514");
    assert_int_equal(l->framing, FRAMING_OCTET_COUNTING);
    assert_int_equal(l->label.facility, 23);
    assert_int_equal(l->label.severity, SEVERITY_DEBUG);
    assert_string_equal(l->label.tag, "router");
    assert_int_equal(l->allow.count, 2);
    assert_int_equal(l->allow.ranges[0].bits, 24);
    assert_int_equal(l->allow.ranges[1].family, PEER_IPV6);
    assert_int_equal(l->deny.count, 1);
    assert_int_equal(l->deny.ranges[0].bits, 32);
    assert_true(l->allow_kern);
    assert_true(l->proxy_protocol);
    assert_int_equal(l->proxy_from.count, 1);
    assert_int_equal(s->buffer_size, 131072);
    assert_int_equal(s->oversize, OVERSIZE_DISCARD);
    assert_int_equal(s->workers, 128);
    assert_int_equal(s->priority, PRIORITY_MODE_IGNORE);
    assert_int_equal(s->highest_severity, SEVERITY_EMERG);
    assert_int_equal(s->log_level, SEVERITY_DEBUG);
    assert_int_equal(s->output.type, OUTPUT_JOURNAL);
    assert_string_equal(s->output.path, "/run/x");
    assert_int_equal(s->output.label.facility, 0);
    assert_int_equal(s->output.label.severity, SEVERITY_EMERG);
    assert_string_equal(s->output.label.tag, "x");
    assert_int_equal(s->limits.connections, 1);
    assert_int_equal(s->limits.connections_per_peer, 2);
    assert_int_equal(s->limits.messages_per_second, 3);
    assert_int_equal(s->limits.messages_per_second_per_peer, 5);
    assert_int_equal(s->limits.idle_timeout_s, 4);
    (void)settings_free(s);
}

/* Listeners stand before the output here, and inherit from it all the same. */
static void listeners_inherit_the_label_of_the_output(void **state)
{
    struct settings *s =
        read_good("listeners = ( { port = 1; tag = \"own\"; },\n"
                  "  { port = 2; severity = \"err\"; show_peer = false; },\n"
                  "  { port = 3; facility = \"mail\"; } );\n"
                  "output = { facility = \"local3\"; severity = \"notice\"; tag = \"shared\"; };");
    static const struct label_settings wanted[] = {
        {19, SEVERITY_NOTICE, "own", true}, {19, SEVERITY_ERR, "shared", false},
        {2, SEVERITY_NOTICE, "shared", true}};

    (void)state;
    assert_int_equal(s->listeners_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        assert_memory_equal(&s->listeners[i].label, &wanted[i], sizeof wanted[i]);
    (void)settings_free(s);

    s = read_good("output = { tag = \"shared\"; };");
    assert_string_equal(s->listeners[0].label.tag, "shared");
    (void)settings_free(s);
}

static void the_path_follows_the_type(void **state)
{
    static const struct {
        const char *text, *path;
    } rows[] = {
        {"output = { type = \"syslog\"; };", "/dev/log"},
        {"output = { type = \"journal\"; };", "/run/systemd/journal/socket"},
        {"output = { type = \"stdout\"; };", ""},
        {"output = { path = \"/tmp/log\"; };", "/tmp/log"},
        {"output = { path = \"/tmp/log\"; type = \"journal\"; };", "/tmp/log"},
        {"output = { path = \"/dev/log\"; };", "/dev/log"},
        {"output = { path = \"/dev/log\"; type = \"auto\"; };", "/dev/log"},
        {"output = { path = \"/dev/log\"; type = \"syslog\"; };", "/dev/log"},
        {"output = { tag = \"x\"; };", "/dev/log"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings *s = read_good(rows[i].text);
        assert_string_equal(s->output.path, rows[i].path);
        (void)settings_free(s);
    }
}

static void knows_how_many_files_may_be_open(void **state)
{
    static const struct {
        const char *text;
        uint32_t files;
    } rows[] = {
        {"", 0},
        {"output = { type = \"file\"; path = \"/log\"; };", 0},
        {"output = { type = \"file\"; path = \"/%Y/%m/%d/%H\"; };", 0},
        {"output = { type = \"file\"; path = \"/%{address}\"; };", PEERLOG_MAX_OPEN_FILES},
        {"output = { type = \"file\"; path = \"/%Y-%{severity}\"; };", PEERLOG_MAX_OPEN_FILES},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct settings *s = read_good(rows[i].text);
        assert_int_equal(settings_open_files(s), rows[i].files);
        (void)settings_free(s);
    }
}

static void takes_integers_in_every_form(void **state)
{
    static const struct {
        const char *text;
        uint32_t value;
    } rows[] = {
        {"8192", 8192},   {"8192L", 8192},   {"8192LL", 8192}, {"+8192", 8192},
        {"0x2000", 8192}, {"0X2000L", 8192}, {"0xFfF", 4095},  {"0x00001FFF", 8191},
        {"256", 256},     {"131072", 131072},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "buffer_size = %s;", rows[i].text);
        struct settings *s = read_good(text);
        assert_int_equal(s->buffer_size, rows[i].value);
        (void)settings_free(s);
    }
}

static void takes_words_in_any_case_and_older_names(void **state)
{
    struct settings *s = read_good("oversize = \"Truncate\"; highest_severity = \"WARN\";\n"
                                   "log_level = \"error\"; output = { facility = \"SECURITY\"; };\n"
                                   "listeners = ( { proxy_protocol = TRUE; } )");

    (void)state;
    assert_int_equal(s->oversize, OVERSIZE_TRUNCATE);
    assert_int_equal(s->highest_severity, SEVERITY_WARNING);
    assert_int_equal(s->log_level, SEVERITY_ERR);
    assert_int_equal(s->output.label.facility, 4);
    assert_true(s->listeners[0].proxy_protocol);
    (void)settings_free(s);
}

static void takes_numeric_addresses(void **state)
{
    static const struct {
        const char *text, *found;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1:8888"}, {"0.0.0.0", "0.0.0.0:8888"},
        {"::", "[::]:8888"},             {"2001:DB8::1", "[2001:db8::1]:8888"},
        {"fe80::1%2", "[fe80::1%2]:8888"}, {"::ffff:192.0.2.1", "192.0.2.1:8888"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "listeners = ( { address = \"%s\"; } );", rows[i].text);
        struct settings *s = read_good(text);
        assert_address(&s->listeners[0], rows[i].found);
        (void)settings_free(s);
    }
}

/* Whatever the kernel would let stand side by side. */
static void takes_listeners_that_do_not_collide(void **state)
{
    static const char *const texts[] = {
        "listeners = ( { port = 0; }, { port = 0; }, { address = \"::\"; port = 0; } );",
        "listeners = ( { address = \"127.0.0.1\"; }, { address = \"127.0.0.2\"; } );",
        "listeners = ( { address = \"::1\"; }, { address = \"0.0.0.0\"; } );",
        "listeners = ( { address = \"fe80::1%2\"; }, { address = \"fe80::1%3\"; } );",
        "listeners = ( { address = \"::\"; port = 1; }, { address = \"::\"; port = 2; } );",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        (void)settings_free(read_good(texts[i]));
}

static void takes_as_many_listeners_as_allowed(void **state)
{
    char text[PEERLOG_MAX_LISTENERS * 20 + 50] = "listeners = (";

    (void)state;
    for (unsigned i = 1; i <= PEERLOG_MAX_LISTENERS; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "{ port = %u; }%s", i,
                       i < PEERLOG_MAX_LISTENERS ? ", " : " );");
    struct settings *s = read_good(text);
    assert_int_equal(s->listeners_count, PEERLOG_MAX_LISTENERS);
    assert_int_equal(s->listeners[PEERLOG_MAX_LISTENERS - 1].address.port, PEERLOG_MAX_LISTENERS);
    (void)settings_free(s);
}

static void takes_the_longest_tag_and_path(void **state)
{
    struct settings *s = read_good(
        "output = { tag = \"!tag-of_thirty/two.characters(x)\"; path = \"/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaa\"; };");

    (void)state;
    assert_int_equal(strlen(s->output.label.tag), PEERLOG_MAX_TAG_BYTES);
    assert_int_equal(strlen(s->output.path), SETTINGS_PATH_BYTES - 1);
    (void)settings_free(s);
}

static void takes_the_syntax_as_it_comes(void **state)
{
    static const char *const texts[] = {
        "workers = 3",
        "workers : 3;",
        "workers=3,oversize=\"split\"",
        "oversize = \"split\" workers = 3 limits = { idle_timeout = 1 }",
        "workers\n=\n3\n;\n",
        "workers = 3;\r\noversize = \"split\";\r\n",
        "/* a */ workers /* b */ = /* c\n * d */ 3 // e\n; # f",
        "workers = 3 #no newline behind this",
        "listeners = ( { allow = ( \"::1\" ); } ); workers = 3;",
        "\xef\xbb\xbfworkers = 3;",
        "\tworkers\t=\t3\t;",
        "// 12345678 deadbeef 99999999999999999999 \"\nworkers = 3 /* 12345678 */",
        "output = { tag = \"0123456789abcdef\"; }; workers = 3L;",
        "# \xc3\xa4 \xe4\xb8\xad\nworkers = 3;",
        "output = { tag = \"a\\\\b\\\"c\\x41\" }; workers = 3;",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct settings *s = read_good(texts[i]);
        assert_int_equal(s->workers, 3);
        (void)settings_free(s);
    }
}

static void the_text_needs_no_end(void **state)
{
    static const char text[] = "workers = 345";
    struct heard_faults heard = {0};
    struct settings *s = NULL;

    (void)state;
    /* The last two digits belong to someone else. */
    assert_int_equal(settings_parse("x", text, strlen(text) - 2, heard_add, &heard, &s), 0);
    assert_int_equal(s->workers, 3);
    (void)settings_free(s);
}

/* --- reading the file --- */

static void make_file(const char *path, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(close(fd), 0);
}

static void reads_a_file_up_to_its_limit(void **state)
{
    char path[4096];
    char *text = NULL;
    size_t len = 1;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/peerlog-settings-XXXXXX", scratch_directory());
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(settings_read_file(path, false, &text, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(text[0], '\0');
    free(text);

    make_file(path, PEERLOG_MAX_SETTINGS_BYTES);
    assert_int_equal(settings_read_file(path, false, &text, &len), 0);
    assert_int_equal(len, PEERLOG_MAX_SETTINGS_BYTES);
    assert_int_equal(text[len], '\0');
    free(text);

    make_file(path, PEERLOG_MAX_SETTINGS_BYTES + 1);
    text = NULL;
    assert_int_equal(settings_read_file(path, false, &text, &len), -EFBIG);
    assert_null(text);
    (void)unlink(path);
    assert_int_equal(settings_read_file(path, false, &text, &len), -ENOENT);
}

static void reads_no_directory_and_no_endless_device(void **state)
{
    char *text = NULL;
    size_t len = 0;

    (void)state;
    assert_int_equal(settings_read_file("/", false, &text, &len), -EISDIR);
    assert_int_equal(settings_read_file("/dev/zero", false, &text, &len), -EFBIG);
    assert_int_equal(settings_read_file("/dev/null/x", false, &text, &len), -ENOTDIR);
    assert_int_equal(settings_read_file("/dev/null", false, &text, &len), 0);
    assert_int_equal(len, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_defaults_of_the_manual),
        cmocka_unit_test(an_empty_file_means_the_defaults),
        cmocka_unit_test(reads_every_setting),
        cmocka_unit_test(listeners_inherit_the_label_of_the_output),
        cmocka_unit_test(the_path_follows_the_type),
        cmocka_unit_test(knows_how_many_files_may_be_open),
        cmocka_unit_test(takes_integers_in_every_form),
        cmocka_unit_test(takes_words_in_any_case_and_older_names),
        cmocka_unit_test(takes_numeric_addresses),
        cmocka_unit_test(takes_listeners_that_do_not_collide),
        cmocka_unit_test(takes_as_many_listeners_as_allowed),
        cmocka_unit_test(takes_the_longest_tag_and_path),
        cmocka_unit_test(takes_the_syntax_as_it_comes),
        cmocka_unit_test(the_text_needs_no_end),
        cmocka_unit_test(reads_a_file_up_to_its_limit),
        cmocka_unit_test(reads_no_directory_and_no_endless_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
