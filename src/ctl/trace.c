/* SPDX-License-Identifier: MIT
 *
 * The daemon is asked again and again for what it has caught since.
 */
#include "config.h"

#include "ctl/trace.h"

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

static void print_notes(const json_t *message)
{
    const json_t *announced = json_object_get(message, "announced");
    const char *between = " [";
    json_t *note;
    size_t i;

    json_array_foreach(json_object_get(message, "notes"), i, note) {
        (void)printf("%s%s", between, json_string_value(note));
        between = ", ";
    }
    if (announced != NULL)
        (void)printf("%s%lld bytes, %lld announced", between,
                     (long long)json_integer_value(json_object_get(message, "came")),
                     (long long)json_integer_value(announced));
    (void)puts(i > 0 || announced != NULL ? "]" : "");
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
        (void)printf(strchr(address, ':') != NULL ? "[%s]:%lld" : "%s:%lld", address,
                     (long long)json_integer_value(json_object_get(message, "port")));
        (void)printf(" %s, %lld bytes: ", priority,
                     (long long)json_integer_value(json_object_get(message, "bytes")));
        print_text(message);
        print_notes(message);
    }
    if (missed > 0)
        (void)printf("(%lld more were not caught)\n", missed);
}

int trace_run(struct asker *asker, const char *peer)
{
    const struct timespec rest = {.tv_nsec = EVERY_NS};
    struct answer answer;
    char path[900];
    int status;

    char *escaped = ask_escape(asker, peer);
    int n = snprintf(path, sizeof path, "/v1/trace?peer=%s", escaped != NULL ? escaped : "");
    ask_free_escaped(escaped);
    if (n < 0 || (size_t)n >= sizeof path)
        return EX_USAGE;
    do {
        ask(asker, "GET", path, &answer);
        status = answer.status;
        if (status == EX_OK)
            print_messages(&answer);
        else
            (void)commands_complain(&answer);
        answer_done(&answer);
        if (fflush(stdout) != 0)
            break; /* main says why */
        (void)nanosleep(&rest, NULL); /* an earlier look does no harm */
    } while (status == EX_OK);
    return status;
}
