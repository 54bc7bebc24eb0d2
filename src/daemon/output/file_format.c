/* SPDX-License-Identifier: MIT
 *
 * Records as text, JSON and entries of the export format, by hand: they stand on the way of
 * every message.
 */
#include "config.h"

#include "daemon/output/file_format.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/output/json.h"
#include "daemon/settings/settings.h"
#include "peerlog/number.h"

/* --- time --- */

/* NUMBER with DIGITS digits at DST. */
static void put_digits(char *dst, unsigned number, size_t digits)
{
    while (digits > 0) {
        dst[--digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* All of the text but the fraction of the second. */
static void set_second(struct file_stamp *stamp, time_t second)
{
    const struct tm *tm = &stamp->local;
    char *at = stamp->text;

    if (localtime_r(&second, &stamp->local) == NULL)
        stamp->local = (struct tm){.tm_mday = 1}; /* a year beyond int: any time will do */
    long offset = tm->tm_gmtoff / 60;
    unsigned minutes = (unsigned)(offset < 0 ? -offset : offset);
    memcpy(at, "0000-00-00T00:00:00.000000+00:00 ", 34);
    put_digits(at, (unsigned)(tm->tm_year + 1900) % 10000, 4);
    put_digits(at + 5, (unsigned)tm->tm_mon + 1, 2);
    put_digits(at + 8, (unsigned)tm->tm_mday, 2);
    put_digits(at + 11, (unsigned)tm->tm_hour, 2);
    put_digits(at + 14, (unsigned)tm->tm_min, 2);
    put_digits(at + 17, (unsigned)tm->tm_sec, 2);
    at[26] = offset < 0 ? '-' : '+';
    put_digits(at + 27, minutes / 60, 2);
    put_digits(at + 30, minutes % 60, 2);
    stamp->len = 33;
    stamp->second = second;
}

void file_stamp_set(struct file_stamp *stamp, uint64_t now_us)
{
    time_t second = (time_t)(now_us / 1000000);

    if (stamp->len == 0 || stamp->second != second)
        set_second(stamp, second);
    put_digits(stamp->text + 20, (unsigned)(now_us % 1000000), 6);
    stamp->us = now_us;
}

/* --- text --- */

static size_t text_bound(const struct record *record)
{
    return sizeof((struct file_stamp *)0)->text + FORMAT_PREFIX_BYTES +
           ESCAPE_MAX_GROWTH * (size_t)record->len + 1;
}

/* Time, severity, peer and marks. */
static size_t put_prefix(char *dst, struct file_writer *writer, const struct record *record,
                         const struct source *source)
{
    bool shared = !format_has_marks(record);
    size_t n = writer->stamp->len;

    if (shared && writer->prefix != NULL && writer->source == source &&
        writer->priority == record->priority) {
        memcpy(dst, writer->prefix, writer->prefix_len);
        return writer->prefix_len;
    }
    memcpy(dst, writer->stamp->text, n);
    n += format_text(dst + n, severity_name(priority_severity(record->priority)));
    dst[n++] = ' ';
    n += format_line_prefix(dst + n, record, source);
    if (shared) {
        writer->prefix = dst;
        writer->prefix_len = n;
        writer->source = source;
        writer->priority = record->priority;
    }
    return n;
}

static size_t text_write(char *dst, struct file_writer *writer, const struct record *record,
                         const struct source *source)
{
    size_t n = put_prefix(dst, writer, record, source);
    size_t clean = format_clean_bytes(record->text, record->len, ESCAPE_LF);

    n += format_escaped(dst + n, record, clean, ESCAPE_LF);
    dst[n++] = '\n';
    return n;
}

static size_t line_whole(const char *bytes, size_t len)
{
    const char *end = memrchr(bytes, '\n', len);

    return end != NULL ? (size_t)(end + 1 - bytes) : 0;
}

/* --- JSON --- */

static size_t json_bound(const struct record *record)
{
    /* The text is escaped for people first and then for JSON; what it was, is an array. */
    return JSON_MAX_GROWTH * ENTRY_FIXED_BYTES + FORMAT_PREFIX_BYTES +
           (2 * ESCAPE_MAX_GROWTH + 1) * (size_t)record->len;
}

/* "name": in lower case, and what stands before it. */
static void put_member(char **at, const char *name)
{
    *(*at)++ = ',';
    *(*at)++ = '"';
    for (; *name != '\0'; name++)
        *(*at)++ = *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name;
    *(*at)++ = '"';
    *(*at)++ = ':';
}

static void json_number(void *context, const char *name, uint64_t value)
{
    char **at = context;

    put_member(at, name);
    *at += number_format(*at, value);
}

static void json_word(void *context, const char *name, const char *value, size_t len)
{
    char **at = context;

    put_member(at, name);
    *(*at)++ = '"';
    *at += json_escape(*at, value, len);
    *(*at)++ = '"';
}

static void json_text(void *context, const char *name, const struct entry *entry)
{
    char **at = context;
    const struct record *record = entry->record;

    put_member(at, name);
    *(*at)++ = '"';
    if (entry->clean == record->len) {
        if (entry->is_marked)
            *at += format_line_prefix(*at, record, entry->source); /* nothing to escape in it */
        *at += json_escape(*at, (const char *)record->text, record->len);
    } else {
        /* Behind what it can become: a backslash and three more, of which one is doubled. */
        char *text = *at + FORMAT_PREFIX_BYTES + (ESCAPE_MAX_GROWTH + 1) * (size_t)record->len;
        *at += json_escape(*at, text, entry_message(entry, text));
    }
    *(*at)++ = '"';
}

static void json_bytes(void *context, const char *name, const unsigned char *value, size_t len)
{
    char **at = context;

    put_member(at, name);
    *(*at)++ = '[';
    for (size_t i = 0; i < len; i++) {
        *at += number_format(*at, value[i]);
        *(*at)++ = ',';
    }
    if (len > 0)
        (*at)--;
    *(*at)++ = ']';
}

static const struct entry_writer json = {
    .number = json_number, .word = json_word, .text = json_text, .bytes = json_bytes,
};

static size_t json_write(char *dst, struct file_writer *writer, const struct record *record,
                         const struct source *source)
{
    struct entry entry = entry_of(record, source, writer->instance);
    char *at = dst;

    at += format_text(at, "{\"timestamp\":\"");
    memcpy(at, writer->stamp->text, writer->stamp->len - 1);
    at += writer->stamp->len - 1;
    *at++ = '"';
    entry_write(&entry, &json, &at);
    *at++ = '}';
    *at++ = '\n';
    return (size_t)(at - dst);
}

/* --- export --- */

/* What a whole entry ends with: the field that comes first elsewhere, so that it is none's text. */
#define EXPORT_LAST "PRIORITY="

static size_t export_bound(const struct record *record)
{
    return ENTRY_FIXED_BYTES + FORMAT_PREFIX_BYTES + (ESCAPE_MAX_GROWTH + 1) * (size_t)record->len;
}

static void export_name(char **at, const char *name, char separator)
{
    *at += format_text(*at, name);
    *(*at)++ = separator;
}

static void export_number(void *context, const char *name, uint64_t value)
{
    char **at = context;

    if (strcmp(name, "PRIORITY") == 0)
        return;
    export_name(at, name, '=');
    *at += number_format(*at, value);
    *(*at)++ = '\n';
}

static void export_word(void *context, const char *name, const char *value, size_t len)
{
    char **at = context;

    export_name(at, name, '=');
    memcpy(*at, value, len);
    *at += len;
    *(*at)++ = '\n';
}

/* A field of any bytes ends: LEN of them lie behind the place for their number. */
static void end_binary(char **at, size_t len)
{
    uint64_t length = htole64(len);

    memcpy(*at, &length, sizeof length);
    *at += sizeof length + len;
    *(*at)++ = '\n';
}

static void export_text(void *context, const char *name, const struct entry *entry)
{
    char **at = context;

    export_name(at, name, '\n');
    end_binary(at, entry_message(entry, *at + sizeof(uint64_t)));
}

static void export_bytes(void *context, const char *name, const unsigned char *value, size_t len)
{
    char **at = context;

    export_name(at, name, '\n');
    memcpy(*at + sizeof(uint64_t), value, len);
    end_binary(at, len);
}

static const struct entry_writer export = {
    .number = export_number, .word = export_word, .text = export_text, .bytes = export_bytes,
};

static size_t export_write(char *dst, struct file_writer *writer, const struct record *record,
                           const struct source *source)
{
    struct entry entry = entry_of(record, source, writer->instance);
    char *at = dst;

    at += format_text(at, "__REALTIME_TIMESTAMP=");
    at += number_format(at, writer->stamp->us);
    *at++ = '\n';
    entry_write(&entry, &export, &at);
    at += format_text(at, EXPORT_LAST);
    *at++ = (char)('0' + priority_severity(record->priority));
    at += format_text(at, "\n\n");
    return (size_t)(at - dst);
}

/* An entry's end begins at AT, of which LEN bytes are there. */
static bool is_entry_end(const char *at, size_t len)
{
    static const char last[] = "\n" EXPORT_LAST;
    size_t n = sizeof last - 1;

    return len >= n + 3 && memcmp(at, last, n) == 0 && at[n] >= '0' && at[n] <= '7' &&
           at[n + 1] == '\n' && at[n + 2] == '\n';
}

static size_t export_whole(const char *bytes, size_t len)
{
    for (size_t at = len; at > 0; at--)
        if (is_entry_end(bytes + at - 1, len - at + 1))
            return at - 1 + sizeof EXPORT_LAST + 3;
    return 0;
}

static const struct file_format formats[] = {
    [OUTPUT_FORMAT_TEXT] = {text_bound, text_write, line_whole, true},
    [OUTPUT_FORMAT_JSON] = {json_bound, json_write, line_whole, true},
    [OUTPUT_FORMAT_EXPORT] = {export_bound, export_write, export_whole, false},
};

const struct file_format *file_format_of(unsigned format)
{
    return &formats[format];
}
