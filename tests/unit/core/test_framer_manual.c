/* SPDX-License-Identifier: MIT
 *
 * The framer and peerlogd.conf(5): what its tables of streams say is what comes out,
 * marks and severities included, however the streams are cut.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/output/format.h"
#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "support/cuts.h"
#include "support/intake.h"
#include "support/oracle.h"
#include "support/settings.h"

#define DAEMON_INFO 30
#define MAX_FLUSHES 4u

#define PAUSE "(pause)"
#define ROW_BEGINS ".It Li \""
#define ROW_GOES_ON "\" Ta "

/* What stands between FROM and TO without the escapes of mdoc(7): "\e" and "\(dq". */
static struct bytes read_mdoc(const char *from, const char *to)
{
    struct bytes text = {0};

    while (from < to) {
        if (strncmp(from, "\\e", 2) == 0) {
            bytes_add(&text, "\\", 1);
            from += 2;
        } else if (strncmp(from, "\\(dq", 4) == 0) {
            bytes_add(&text, "\"", 1);
            from += 4;
        } else {
            bytes_add(&text, from++, 1);
        }
    }
    bytes_repeat(&text, '\0', 1);
    return text;
}

/* The byte that is written at *AT, as in C. */
static unsigned char read_byte(const char **at)
{
    const char *c = *at;

    *at += 1;
    if (*c != '\\')
        return (unsigned char)*c;
    *at += 1;
    switch (c[1]) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case '0': return '\0';
    case 'x':
        *at += 2;
        return (unsigned char)strtoul((char[]){c[2], c[3], '\0'}, NULL, 16);
    default:
        fail_msg("what is \\%c?", c[1]);
        return 0;
    }
}

/* The stream that TEXT writes. Owns: the caller, of *BYTES. */
static struct span read_stream(const char *text, struct bytes *bytes, size_t *flushes)
{
    size_t n = 0;

    *bytes = (struct bytes){0};
    while (*text != '\0') {
        if (strncmp(text, PAUSE, sizeof PAUSE - 1) == 0) {
            flushes[n++] = bytes->len;
            text += sizeof PAUSE - 1;
        } else {
            unsigned char byte = read_byte(&text);
            bytes_add(bytes, &byte, 1);
        }
    }
    return (struct span){bytes->data, bytes->len, flushes, n};
}

/* RECORD as the manual would have it; with its severity if WITH_SEVERITY. Owns: the caller. */
static char *write_record(const struct heard *h, bool with_severity)
{
    char marks[FORMAT_PREFIX_BYTES];
    struct bytes out = {0};

    if (with_severity) {
        bytes_add_text(&out, severity_name(priority_severity(h->record.priority)));
        bytes_add_text(&out, ": ");
    }
    bytes_add(&out, marks, format_marks(marks, &h->record));
    for (size_t i = 0; i < h->record.len; i++) {
        unsigned char byte = h->text[i];
        bytes_add_text(&out, byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : "");
        if (byte != '\n' && byte != '\t')
            bytes_add(&out, &byte, 1);
    }
    bytes_repeat(&out, '\0', 1);
    return (char *)out.data;
}

static bool has_severity(const char *message)
{
    char name[16];
    const char *colon = strstr(message, ": ");

    if (colon == NULL || (size_t)(colon - message) >= sizeof name)
        return false;
    memcpy(name, message, (size_t)(colon - message));
    name[colon - message] = '\0';
    return severity_from_name(name) >= 0;
}

/* MESSAGES, with " | " between them, are RECORDS. */
static void compare(const char *stream, char *messages, const struct records *records)
{
    size_t n = 0;

    while (messages != NULL) {
        char *next = strstr(messages, " | ");
        if (next != NULL)
            *next = '\0';
        if (n == records->count)
            fail_msg("%s: no message \"%s\" comes out", stream, messages);
        char *is = write_record(&records->items[n++], has_severity(messages));
        if (strcmp(is, messages) != 0)
            fail_msg("%s: the manual says \"%s\" where \"%s\" comes out", stream, messages, is);
        free(is);
        messages = next != NULL ? next + 3 : NULL;
    }
    assert_int_equal(n, records->count);
}

static void check_row(const char *row, const struct intake_rules *rules)
{
    const char *middle = strstr(row, ROW_GOES_ON);
    size_t flushes[MAX_FLUSHES];
    struct records records;
    struct account account;
    struct bytes bytes;

    assert_non_null(middle);
    struct bytes text = read_mdoc(row + sizeof ROW_BEGINS - 1, middle);
    middle += sizeof ROW_GOES_ON - 1;
    struct bytes messages = read_mdoc(middle, strchr(middle, '\n'));
    struct span stream = read_stream((char *)text.data, &bytes, flushes);
    oracle_records(stream, rules, &records, &account);
    compare((char *)text.data, (char *)messages.data, &records);
    char *complaint = all_cuts_complaint(rules, stream, &records, CUT_TWICE);
    if (complaint != NULL)
        fail_msg("%s", complaint);
    records_done(&records);
    bytes_done(&bytes);
    bytes_done(&messages);
    bytes_done(&text);
}

/* The table of the manual behind the comment TITLE. Returns: how many rows it has. */
static size_t check_table(const char *manual, const char *title, enum multiline multiline)
{
    const struct intake_rules rules = {
        .framer = {
            .max_message_bytes = PEERLOG_DEFAULT_MESSAGE_BYTES,
            .framing = FRAMING_AUTO,
            .multiline = (uint8_t)multiline,
            .flushes = 1,
        },
        .record = {PRIORITY_MODE_FULL, SEVERITY_EMERG, DAEMON_INFO, false},
    };
    size_t count = 0;

    const char *at = strstr(manual, title);
    assert_non_null(at);
    const char *end = strstr(at, "\n.El\n");
    assert_non_null(end);
    for (at = strstr(at, ROW_BEGINS); at != NULL && at < end; at = strstr(at + 1, ROW_BEGINS)) {
        check_row(at, &rules);
        count++;
    }
    return count;
}

static void the_tables_of_the_manual_are_true(void **state)
{
    size_t len = 0;
    char *manual = load_file(source_directory(), "man/peerlogd.conf.5", &len);

    (void)state;
    assert_true(check_table(manual, ".\\\" streams none\n", MULTILINE_NONE) > 20);
    assert_true(check_table(manual, ".\\\" streams indented\n", MULTILINE_INDENTED) > 1);
    assert_true(check_table(manual, ".\\\" streams no-priority\n", MULTILINE_NO_PRIORITY) > 1);
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_of_the_manual_are_true),
    };

    return cmocka_run_group_tests_name("framer, manual", tests, NULL, NULL);
}
