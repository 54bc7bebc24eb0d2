/* SPDX-License-Identifier: MIT
 *
 * A line for each that the daemon tells.
 */
#include "config.h"

#include "ctl/trace.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/commands.h"
#include "peerlog/escape.h"

/* The bytes of base64 TEXT, in its own place. Returns: how many. */
static size_t decode(char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    for (const char *at = text; *at != '\0'; at++) {
        const char *digit = strchr(digits, *at);
        if (digit == NULL)
            break; /* the padding */
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            text[n++] = (char)(bits >> have & 0xffu);
        }
    }
    return n;
}

/* Print LEN bytes of a peer so that a terminal is safe. */
static void print_escaped(const char *bytes, size_t len)
{
    char piece[1024];

    while (len > 0) {
        size_t taken;
        size_t n = escape_write(piece, sizeof piece, (const unsigned char *)bytes, len, ESCAPE_LF,
                                &taken);
        (void)fwrite(piece, 1, n, stdout); /* main looks whether it went */
        bytes += taken;
        len -= taken;
    }
}

static void print_text(const json_t *message)
{
    const json_t *text = json_object_get(message, "text");
    const char *exact = json_string_value(json_object_get(message, "base64"));
    char *copy = exact != NULL ? strdup(exact) : NULL;

    if (copy != NULL)
        print_escaped(copy, decode(copy));
    else
        print_escaped(json_string_value(text), json_string_length(text));
    free(copy);
}

/* Between the decisions of the framer, which stand in brackets. */
struct brackets {
    bool open;
};

__attribute__((format(printf, 2, 3)))
static void add(struct brackets *brackets, const char *format, ...)
{
    va_list arguments;

    (void)fputs(brackets->open ? ", " : " [", stdout); /* main looks whether it went */
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    brackets->open = true;
}

/* A count that is not the length of what it stands before. */
static void add_lengths(struct brackets *brackets, const json_t *message, bool misfit)
{
    long long came = json_integer_value(json_object_get(message, "came"));
    long long announced = json_integer_value(json_object_get(message, "announced"));
    long long off = came > announced ? came - announced : announced - came;

    if (misfit)
        add(brackets, "%lld byte%s too %s %s counted", off, off == 1 ? "" : "s",
            came > announced ? "few" : "many", off == 1 ? "was" : "were");
    else
        add(brackets, "%lld bytes of %lld", came, announced);
}

static void print_decisions(const json_t *message)
{
    const char *end = json_string_value(json_object_get(message, "end"));
    struct brackets brackets = {.open = false};
    long long bytes = json_integer_value(json_object_get(message, "bytes"));
    bool misfit = false;
    json_t *note;
    size_t i;

    if (end != NULL)
        add(&brackets, "%s", end);
    add(&brackets, "%lld byte%s", bytes, bytes == 1 ? "" : "s");
    add(&brackets, "priority %lld",
        (long long)json_integer_value(json_object_get(message, "number")));
    json_array_foreach(json_object_get(message, "notes"), i, note) {
        const char *word = json_string_value(note);
        if (word != NULL && strcmp(word, "count does not fit") == 0)
            misfit = true;
        else if (word != NULL)
            add(&brackets, "%s", word);
    }
    if (json_object_get(message, "announced") != NULL)
        add_lengths(&brackets, message, misfit);
    else if (misfit)
        add(&brackets, "the count does not fit");
    (void)puts("]");
}

static void print_peer(const json_t *one, const char *address)
{
    (void)printf(strchr(address, ':') != NULL ? "[%s]:%lld" : "%s:%lld", address,
                 (long long)json_integer_value(json_object_get(one, "port")));
}

static void print_message(const json_t *message, const char *address)
{
    const char *priority = json_string_value(json_object_get(message, "priority"));

    print_peer(message, address);
    (void)printf(" %s: ", priority != NULL ? priority : "?");
    print_text(message);
    print_decisions(message);
}

static void print_waiting(const json_t *one, const char *address)
{
    long long tail = json_integer_value(json_object_get(one, "tail"));

    print_peer(one, address);
    (void)printf(" waits for an end since %lld s [%lld byte%s so far]\n",
                 (long long)json_integer_value(json_object_get(one, "idle")),
                 tail, tail == 1 ? "" : "s");
}

/* Answers: could it be printed? */
static bool print_line(void *context, const json_t *line)
{
    const char *address = json_string_value(json_object_get(line, "address"));
    long long missed = json_integer_value(json_object_get(line, "missed"));

    (void)context;
    if (address != NULL && json_object_get(line, "text") != NULL)
        print_message(line, address);
    else if (address != NULL && json_object_get(line, "waits") != NULL)
        print_waiting(line, address);
    else if (missed > 0)
        (void)printf("(%lld more were not caught)\n", missed);
    return fflush(stdout) == 0; /* main says why not */
}

int trace_run(struct asker *asker, const char *peer)
{
    struct answer answer;
    char path[900];

    char *escaped = ask_escape(asker, peer);
    if (escaped == NULL)
        return EX_OSERR;
    int n = snprintf(path, sizeof path, "/v1/trace?peer=%s", escaped);
    ask_free_escaped(escaped);
    if (n < 0 || (size_t)n >= sizeof path) {
        (void)fprintf(stderr, "peerlogctl: that is too long\n");
        return EX_USAGE;
    }
    ask_stream(asker, path, print_line, NULL, &answer);
    int status = answer.status;
    if (status != EX_OK) {
        (void)commands_complain(&answer);
    } else if (!ferror(stdout)) {
        (void)fprintf(stderr, "peerlogctl: peerlogd has ended the trace\n");
        status = EX_UNAVAILABLE;
    }
    answer_done(&answer);
    return status;
}
