/* SPDX-License-Identifier: MIT
 *
 * The daemon is asked again and again for what it has caught since.
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
#include <time.h>

#include "ctl/commands.h"
#include "peerlog/escape.h"

#define EVERY_NS 200000000L

/* What waits is looked for once in so many looks; it has waited for so long then, in seconds. */
#define LOOKS 5u
#define WAITS_S 2

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
    bool misfit = false;
    json_t *note;
    size_t i;

    if (end != NULL)
        add(&brackets, "%s", end);
    add(&brackets, "%lld bytes", (long long)json_integer_value(json_object_get(message, "bytes")));
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

static void print_messages(const struct answer *answer)
{
    long long missed = json_integer_value(json_object_get(answer->json, "missed"));
    json_t *message;
    size_t i;

    json_array_foreach(json_object_get(answer->json, "messages"), i, message) {
        const char *address = json_string_value(json_object_get(message, "address"));
        const char *priority = json_string_value(json_object_get(message, "priority"));
        if (address == NULL || priority == NULL)
            continue; /* no memory there */
        print_peer(message, address);
        (void)printf(" %s: ", priority);
        print_text(message);
        print_decisions(message);
    }
    if (missed > 0)
        (void)printf("(%lld more were not caught)\n", missed);
}

/* --- what waits --- */

/* Connections whose message waits for its end, and that were told. */
#define TOLD 64u

struct waiting {
    struct told {
        json_int_t id, bytes;
    } told[TOLD];
    size_t next;
};

/* Answers: was it told already? It is from now on. */
static bool is_told(struct waiting *waiting, json_int_t id, json_int_t bytes)
{
    for (size_t i = 0; i < TOLD; i++)
        if (waiting->told[i].id == id && waiting->told[i].bytes == bytes)
            return true;
    waiting->told[waiting->next] = (struct told){id, bytes};
    waiting->next = (waiting->next + 1) % TOLD;
    return false;
}

static void print_waiting(struct waiting *waiting, const struct answer *answer)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(answer->json, "connections"), i, one) {
        const char *address = json_string_value(json_object_get(one, "address"));
        json_int_t tail = json_integer_value(json_object_get(one, "tail"));
        json_int_t idle_s = json_integer_value(json_object_get(one, "idle"));
        if (address == NULL || tail == 0 || idle_s < WAITS_S ||
            is_told(waiting, json_integer_value(json_object_get(one, "id")),
                    json_integer_value(json_object_get(one, "bytes"))))
            continue;
        print_peer(one, address);
        (void)printf(" waits for an end since %lld s [%lld bytes so far]\n", (long long)idle_s,
                     (long long)tail);
    }
}

/* Ask for PATH?peer=PEER. Returns: the exit status of the answer. */
static int ask_of(struct asker *asker, const char *path, const char *escaped,
                  struct answer *ret_answer)
{
    char address[900];
    int n = snprintf(address, sizeof address, "%s?peer=%s", path, escaped);

    if (n < 0 || (size_t)n >= sizeof address) {
        *ret_answer = (struct answer){.status = EX_USAGE, .fault = "that is too long"};
        return EX_USAGE;
    }
    ask(asker, "GET", address, ret_answer);
    return ret_answer->status;
}

/* Look once for messages, and every LOOKS times for what waits. */
static int look(struct asker *asker, const char *escaped, struct waiting *waiting, unsigned turn)
{
    struct answer answer;

    int status = ask_of(asker, "/v1/trace", escaped, &answer);
    if (status == EX_OK)
        print_messages(&answer);
    else
        (void)commands_complain(&answer);
    answer_done(&answer);
    if (status != EX_OK || turn % LOOKS != 0)
        return status;
    status = ask_of(asker, "/v1/connections", escaped, &answer);
    if (status == EX_OK)
        print_waiting(waiting, &answer);
    else
        (void)commands_complain(&answer);
    answer_done(&answer);
    return status;
}

int trace_run(struct asker *asker, const char *peer)
{
    const struct timespec rest = {.tv_nsec = EVERY_NS};
    struct waiting waiting = {.next = 0};
    unsigned turn = 0;
    int status;

    char *escaped = ask_escape(asker, peer);
    if (escaped == NULL)
        return EX_OSERR;
    do {
        status = look(asker, escaped, &waiting, turn++);
        if (fflush(stdout) != 0)
            break; /* main says why */
        (void)nanosleep(&rest, NULL); /* an earlier look does no harm */
    } while (status == EX_OK);
    ask_free_escaped(escaped);
    return status;
}
