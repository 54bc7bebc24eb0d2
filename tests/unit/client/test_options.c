/* SPDX-License-Identifier: MIT
 *
 * Tests of options, values, progress and report: what is asked, what is refused and how
 * that is said.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/options.h"
#include "client/progress.h"
#include "client/report.h"
#include "peerlog/count.h"
#include "peerlog/limits.h"

#define MAX_WORDS 16

static char problem[OPTIONS_PROBLEM_BYTES];
static char line[200];

/* Parse LINE, words between single spaces. The words stay valid until the next call. */
static enum options_result parse(const char *text, struct options *ret_options)
{
    static char *argv[MAX_WORDS + 1];
    int argc = 1;

    (void)strncpy(line, text, sizeof line - 1);
    argv[0] = line + sizeof line - 1;
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    problem[0] = '\0';
    return options_parse(argc, argv, ret_options, problem);
}

static int clear_environment(void **state)
{
    (void)state;
    (void)unsetenv("PEERLOG_SERVER"); /* the names are valid */
    (void)unsetenv("PEERLOG_PORT");
    (void)unsetenv("PEERLOG_TLS");
    (void)unsetenv("PEERLOG_TLS_CA");
    (void)unsetenv("PEERLOG_TLS_INSECURE");
    return 0;
}

static void has_the_documented_defaults(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse("", &o), OPTIONS_RUN);
    assert_string_equal(o.server, "127.0.0.1");
    assert_string_equal(o.port, "8888");
    assert_int_equal(o.family, AF_UNSPEC);
    assert_int_equal(o.framing, FRAMING_LF);
    assert_int_equal(o.header_form, HEADER_NONE);
    assert_int_equal(o.timeout_ms, 10000);
    assert_int_equal(o.retries, 0);
    assert_int_equal(o.max_bytes, 0);
    assert_int_equal(o.progress, PROGRESS_AUTO);
    assert_int_equal(o.word_count, 0);
    assert_false(o.adds_pri);
}

static void takes_every_option_short_and_long(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse("-nh -P514 -6 -fx -e -S1K -plocal0.info -tapp -i -w2.5 -q", &o),
                     OPTIONS_RUN);
    assert_string_equal(o.server, "h");
    assert_string_equal(o.port, "514");
    assert_int_equal(o.family, AF_INET6);
    assert_string_equal(o.file, "x");
    assert_true(o.skip_empty && o.quiet);
    assert_int_equal(o.max_bytes, 1024);
    assert_int_equal(o.priority, 16 * 8 + 6);
    assert_string_equal(o.tag, "app");
    assert_int_equal(o.id, getpid());
    assert_int_equal(o.timeout_ms, 2500);
    assert_int_equal(parse("--server=[::1] --port=syslog --id=7 --rfc5424 --framing=nul "
                           "--retry=3 --progress --verbose a --skip-empty b", &o), OPTIONS_RUN);
    assert_string_equal(o.server, "::1");
    assert_string_equal(o.port, "syslog");
    assert_int_equal(o.id, 7);
    assert_int_equal(o.header_form, HEADER_RFC5424);
    assert_int_equal(o.framing, FRAMING_NUL);
    assert_int_equal(o.retries, 3);
    assert_int_equal(o.progress, PROGRESS_ALWAYS);
    assert_true(o.verbose && o.skip_empty);
    assert_int_equal(o.word_count, 2);
    assert_string_equal(o.words[1], "b");
}

static void takes_a_fraction_with_or_without_a_zero(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse("-w .5", &o), OPTIONS_RUN);
    assert_int_equal(o.timeout_ms, 500);
    assert_int_equal(parse("-w 0.25", &o), OPTIONS_RUN);
    assert_int_equal(o.timeout_ms, 250);
}

static void takes_sizes_in_either_case(void **state)
{
    static const struct {
        const char *line;
        uint32_t bytes;
    } cases[] = {
        {"-S 4", 4}, {"-S 4k", 4096}, {"-S 4kib", 4096}, {"-S 4kB", 4000}, {"-S 1M", 1 << 20},
        {"-S 16m", 1 << 24},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o;
        assert_int_equal(parse(cases[i].line, &o), OPTIONS_RUN);
        assert_int_equal(o.max_bytes, cases[i].bytes);
    }
}

static void leaves_out_what_rfc5424_is_told_to(void **state)
{
    static const struct {
        const char *line;
        bool time, host;
    } cases[] = {
        {"--rfc5424", false, false}, {"--rfc5424=notq", false, false},
        {"--rfc5424=notime", true, false}, {"--rfc5424=nohost,notq", false, true},
        {"--rfc5424=notq,nohost,notime", true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o;
        assert_int_equal(parse(cases[i].line, &o), OPTIONS_RUN);
        assert_int_equal(o.header_form, HEADER_RFC5424);
        assert_int_equal(o.omits_time, cases[i].time);
        assert_int_equal(o.omits_host, cases[i].host);
    }
}

static void asks_the_environment_before_the_defaults(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(setenv("PEERLOG_SERVER", "logs.example.net", 1), 0);
    assert_int_equal(setenv("PEERLOG_PORT", "601", 1), 0);
    assert_int_equal(parse("", &o), OPTIONS_RUN);
    assert_string_equal(o.server, "logs.example.net");
    assert_string_equal(o.port, "601");
    assert_string_equal(o.port_source, "PEERLOG_PORT");
    assert_int_equal(parse("-n other -P 1", &o), OPTIONS_RUN);
    assert_string_equal(o.server, "other");
    assert_string_equal(o.port, "1");
    assert_string_equal(o.port_source, "--port");
    assert_int_equal(setenv("PEERLOG_PORT", "70000", 1), 0);
    assert_int_equal(parse("-h", &o), OPTIONS_HELP);
    assert_int_equal(parse("", &o), OPTIONS_BAD);
    assert_non_null(strstr(problem, "PEERLOG_PORT: \"70000\""));
    assert_int_equal(setenv("PEERLOG_PORT", "", 1), 0);
    assert_int_equal(parse("", &o), OPTIONS_RUN);
    assert_string_equal(o.port, "8888");
}

static void chooses_the_header_by_what_it_must_carry(void **state)
{
    static const struct {
        const char *line;
        enum header_form form;
        bool adds_pri;
    } cases[] = {
        {"-e", HEADER_NONE, false},
        {"-p info", HEADER_SHORT, false},
        {"-t app", HEADER_SHORT, false},
        {"-i", HEADER_SHORT, false},
        {"-t app --rfc3164", HEADER_RFC3164, false},
        {"--octet-count", HEADER_NONE, true},
        {"--framing octet-counting -p user.notice", HEADER_SHORT, false},
        {"--octet-count --rfc5424", HEADER_RFC5424, false},
        {"--prio-prefix", HEADER_SHORT, false},
        {"--msgid M", HEADER_RFC5424, false},
        {"-t app --sd-id z@1", HEADER_RFC5424, false},
        {"--relp", HEADER_NONE, false},
        {"--relp --octet-count -t app", HEADER_SHORT, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct options o;
        assert_int_equal(parse(cases[i].line, &o), OPTIONS_RUN);
        assert_int_equal(o.header_form, cases[i].form);
        assert_int_equal(o.adds_pri, cases[i].adds_pri);
    }
}

static void reads_priorities_by_name_and_number(void **state)
{
    static const struct {
        const char *line;
        uint8_t priority;
    } cases[] = {
        {"-p info", 14}, {"-p 3", 11}, {"-p local7.debug", 191}, {"-p kern.emerg", 0},
        {"-p 16.3", 131}, {"-p DAEMON.Warn", 28}, {"-p 0.0", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct options o;
        assert_int_equal(parse(cases[i].line, &o), OPTIONS_RUN);
        assert_int_equal(o.priority, cases[i].priority);
    }
}

static void refuses_and_says_what_would_be_right(void **state)
{
    static const struct {
        const char *line;
        const char *says;
    } cases[] = {
        {"-P 0", "--port: \"0\" is no port"},
        {"-P 65536", "1 to 65535"},
        {"-P -1", "\"-1\" is no port"},
        {"-n [::1", "no address in brackets"},
        {"-n [", "no address in brackets"},
        {"-S 3", "--size: \"3\""},
        {"-S 17M", "to 16777216 (16M)"},
        {"-S 2G", "to 16777216 (16M)"},
        {"-S 1.5K", "a whole number of bytes"},
        {"-S 1Q", "is no size"},
        {"-S K", "is no size"},
        {"-S 99999999999999999999", "is no size"},
        {"-p local8.info", "no such facility"},
        {"-p local0.", "no such level"},
        {"-p 24.0", "no such facility"},
        {"-p 13", "no such level"},
        {"-p .info", "no such facility"},
        {"-t a\x01z", "control character"},
        {"-t 1234567890123456789012345678901234567890123456789", "this one has 49"},
        {"-t \xc3\xa4 --rfc5424", "printable ASCII"},
        {"--id=0", "no process id"},
        {"--tls-key f", "--tls-key needs --tls-cert"},
        {"--tls-ca= x", "a name is needed"},
        {"--window 0 --relp", "1 to 1000000"},
        {"--window 1000001 --relp", "1 to 1000000"},
        {"--window 5", "--window needs --relp"},
        {"--relp --framing nul", "exclude each other"},
        {"--msgid \xc3\xa4", "is no MSGID"},
        {"--rfc3164 --msgid M", "--msgid needs the header of RFC 5424"},
        {"--rfc3164 --sd-id z@1", "--sd-id needs the header of RFC 5424"},
        {"--sd-id z@1 --sd-id y@1 --sd-id z@1", "\"z@1\" is there already"},
        {"--sd-id z@1.2.", "is no id of an element"},
        {"--sd-param a=\"b\"", "--sd-id comes before it"},
        {"--sd-id z@1 --sd-param a=\"b]\"", "is not NAME="},
        {"--sd-id z@1 --sd-param a=\"\\", "is not NAME="},
        {"--rfc5424=", "notq, notime and nohost"},
        {"--rfc5424=notime,", "notq, notime and nohost"},
        {"--rfc5424=nothing", "\"nothing\" is no list"},
        {"--framing crlf", "lf, nul or octet-counting"},
        {"-w -1", "is no time"},
        {"-w 1e3", "is no time"},
        {"-w 1.5.2", "is no time"},
        {"-w 86401", "is no time"},
        {"-w 0.0001", "is no time"},
        {"--retry x", "0 to 1000000"},
        {"--progress=maybe", "auto, always or never"},
        {"-f a b", "exclude each other"},
        {"--bogus", "--bogus is no option"},
        {"--r 1", "start of several"},
        {"-ez", "-z is no option"},
        {"--server", "--server needs a value: HOST"},
        {"-P", "-P needs a value: PORT"},
        {"-qn", "-n needs a value: HOST"},
        {"--quiet=1", "--quiet=1 takes no value"},
        {"--quiet -xv m", "-x is no option"},
        {"-q -vx", "-x is no option"},
        {"-q --bogus m", "--bogus is no option"},
        {"-n []", "no address in brackets"},
        {"-w .", "is no time"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct options o;
        assert_int_equal(parse(cases[i].line, &o), OPTIONS_BAD);
        if (strstr(problem, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].line, problem);
    }
}

static void collects_elements_of_structured_data(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse("--sd-id z@1 --sd-param a=\"1\" --sd-param b=\"\\]\" --sd-id none@1 "
                           "--sd-id y@32473.1 --sd-param c=\"\"", &o), OPTIONS_RUN);
    assert_string_equal(o.structured, "[z@1 a=\"1\" b=\"\\]\"][y@32473.1 c=\"\"]");
}

static void refuses_more_structured_data_than_there_is_room_for(void **state)
{
    static char value[PEERLOG_CLIENT_STRUCTURED_BYTES];
    static char id[] = "z@1", id_option[] = "--sd-id", option[] = "--sd-param";
    char *argv[] = {option, id_option, id, option, value, NULL};
    const size_t around = strlen("[z@1 ]"), room = PEERLOG_CLIENT_STRUCTURED_BYTES - 1 - around;
    struct options o;

    (void)state;
    memset(value, 'x', sizeof value - 1);
    memcpy(value, "a=\"", 3);
    value[room - 1] = '"';
    value[room] = '\0';
    assert_int_equal(options_parse(5, argv, &o, problem), OPTIONS_RUN);
    assert_int_equal(strlen(o.structured), PEERLOG_CLIENT_STRUCTURED_BYTES - 1);
    value[room - 1] = 'x';
    value[room] = '"';
    value[room + 1] = '\0';
    assert_int_equal(options_parse(5, argv, &o, problem), OPTIONS_BAD);
    assert_non_null(strstr(problem, "can have 4095 bytes"));
}

static void counts_octets_for_relp_and_limits_messages(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse("--relp --ack", &o), OPTIONS_RUN);
    assert_true(o.relp && o.wants_receipt);
    assert_int_equal(o.framing, FRAMING_OCTET_COUNTING);
    assert_int_equal(o.window, 128);
    assert_int_equal(options_max_bytes(&o), 131072);
    assert_int_equal(parse("--relp --window 1000000 -S 1M", &o), OPTIONS_RUN);
    assert_int_equal(o.window, 1000000);
    assert_int_equal(options_max_bytes(&o), 1 << 20);
    assert_int_equal(parse("", &o), OPTIONS_RUN);
    assert_int_equal(options_max_bytes(&o), 16777216);
}

static void asks_for_tls_in_many_ways(void **state)
{
    static const char *const lines[] = {
        "--tls", "--tls-ca f", "--tls-cert f", "--tls-cert f --tls-key g", "--tls-name n",
        "--tls-insecure",
    };
    struct options o;

    (void)state;
    assert_int_equal(parse("", &o), OPTIONS_RUN);
    assert_false(o.tls);
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_int_equal(parse(lines[i], &o), OPTIONS_RUN);
        assert_true(o.tls);
        assert_int_equal(o.tls_insecure, i == COUNT_OF(lines) - 1);
    }
}

static void takes_files_of_tls_from_the_environment_but_not_tls(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(setenv("PEERLOG_TLS_CA", "from-there", 1), 0);
    assert_int_equal(setenv("PEERLOG_TLS_INSECURE", "1", 1), 0);
    assert_int_equal(parse("", &o), OPTIONS_RUN);
    assert_false(o.tls);
    assert_string_equal(o.tls_ca, "from-there");
    assert_int_equal(parse("--tls-ca from-here", &o), OPTIONS_RUN);
    assert_true(o.tls && o.tls_insecure);
    assert_string_equal(o.tls_ca, "from-here");
    assert_int_equal(setenv("PEERLOG_TLS", "Yes", 1), 0);
    assert_int_equal(parse("", &o), OPTIONS_RUN);
    assert_true(o.tls);
    assert_int_equal(setenv("PEERLOG_TLS", "", 1), 0);
    assert_int_equal(parse("", &o), OPTIONS_RUN);
    assert_false(o.tls);
    assert_int_equal(setenv("PEERLOG_TLS", "tls", 1), 0);
    assert_int_equal(parse("", &o), OPTIONS_BAD);
    assert_string_equal(problem, "PEERLOG_TLS: \"tls\" is neither yes nor no");
}

static void words_the_tally_as_it_is_known(void **state)
{
    static const struct {
        struct outbox_tally tally;
        const char *text;
    } cases[] = {
        {{0, 0, 0, 0, 0, false}, "no message was sent"},
        {{1, 1, 1, 0, 0, false}, "1 message sent and acknowledged"},
        {{3, 3, 1, 0, 0, false}, "3 messages sent, 1 acknowledged, 2 may be missing"},
        {{5, 3, 3, 0, 0, false}, "3 messages sent and acknowledged, 2 not sent"},
        {{2, 0, 0, 0, 0, false}, "none of 2 messages was sent"},
        {{1, 0, 0, 0, 0, false}, "the message was not sent"},
        {{2, 2, 2, 1, 0, false},
         "2 messages sent and acknowledged, and 1 byte of an unfinished line lost"},
        {{0, 0, 0, 9, 0, false}, "no message was sent, and 9 bytes of an unfinished line lost"},
        {{3, 3, 3, 0, 0, true}, "3 messages sent and confirmed"},
        {{4, 3, 1, 0, 1, true},
         "3 messages sent, 1 confirmed, 1 may be missing, 1 refused, 1 not sent"},
        {{UINT64_MAX, 11111111111111111111u, 0, UINT64_MAX, 0, false},
         "11111111111111111111 messages sent, 0 acknowledged, 11111111111111111111 may be missing, "
         "7335632962598440504 not sent, and 18446744073709551615 bytes of an unfinished line lost"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[REPORT_TALLY_BYTES];
        report_format_tally(text, &cases[i].tally);
        assert_string_equal(text, cases[i].text);
    }
}

static void draws_progress_into_every_width(void **state)
{
    char text[PROGRESS_LINE_BYTES];

    (void)state;
    (void)progress_format(text, 80, 512 * 1024, 1024 * 1024, 2000);
    assert_non_null(strstr(text, "[####"));
    assert_non_null(strstr(text, "  50%  512.0 KiB  256.0 KiB/s  0:02 left"));
    (void)progress_format(text, 80, 100, 0, 1000);
    assert_string_equal(text, "100 B  100 B/s  0:01");
    (void)progress_format(text, 80, 100, 100, 3600000);
    assert_non_null(strstr(text, "] 100%  100 B  0 B/s  1:00:00"));
    (void)progress_format(text, 80, 0, 100, 0);
    assert_non_null(strstr(text, "   0%  0 B  0 B/s"));
    static const struct {
        size_t columns;
        const char *line;
    } narrow[] = {
        {4, ""}, {5, " 50%"}, {15, " 50%"}, {16, " 50%  512.0 KiB"}, {28, " 50%  512.0 KiB"},
        {30, " 50%  512.0 KiB  256.0 KiB/s"}, {41, " 50%  512.0 KiB  256.0 KiB/s  0:02 left"},
    };
    for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++) {
        (void)progress_format(text, narrow[i].columns, 512 * 1024, 1024 * 1024, 2000);
        assert_string_equal(text, narrow[i].line);
    }
    for (size_t columns = 1; columns < 1000; columns++)
        for (unsigned shift = 0; shift < 64; shift += 7) {
            size_t len = progress_format(text, columns, UINT64_MAX >> shift, UINT64_MAX, 1);
            assert_true(len < columns || columns > 150);
            assert_int_equal(len, strlen(text));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(has_the_documented_defaults, clear_environment),
        cmocka_unit_test_setup(takes_every_option_short_and_long, clear_environment),
        cmocka_unit_test_setup(takes_a_fraction_with_or_without_a_zero, clear_environment),
        cmocka_unit_test_setup(takes_sizes_in_either_case, clear_environment),
        cmocka_unit_test_setup(leaves_out_what_rfc5424_is_told_to, clear_environment),
        cmocka_unit_test_setup(asks_the_environment_before_the_defaults, clear_environment),
        cmocka_unit_test_setup(chooses_the_header_by_what_it_must_carry, clear_environment),
        cmocka_unit_test_setup(reads_priorities_by_name_and_number, clear_environment),
        cmocka_unit_test_setup(refuses_and_says_what_would_be_right, clear_environment),
        cmocka_unit_test_setup(collects_elements_of_structured_data, clear_environment),
        cmocka_unit_test_setup(refuses_more_structured_data_than_there_is_room_for,
                               clear_environment),
        cmocka_unit_test_setup(counts_octets_for_relp_and_limits_messages, clear_environment),
        cmocka_unit_test_setup(asks_for_tls_in_many_ways, clear_environment),
        cmocka_unit_test_setup_teardown(takes_files_of_tls_from_the_environment_but_not_tls,
                                        clear_environment, clear_environment),
        cmocka_unit_test(words_the_tally_as_it_is_known),
        cmocka_unit_test(draws_progress_into_every_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
