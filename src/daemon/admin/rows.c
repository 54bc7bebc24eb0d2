/* SPDX-License-Identifier: MIT
 *
 * Connections as JSON, written by hand: there may be a million of them, and a tree of what each has
 * would cost twenty times as much. All of it but the tag is numbers and words of our own.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admin/private.h"
#include "daemon/output/json.h"
#include "daemon/session/session.h"
#include "daemon/session/transport.h"
#include "peerlog/count.h"

/* Room for any row. */
#define ROW_BYTES 1024u

/* What was last seen to be wrong with what it sends; NULL: nothing. */
static const char *problem_name(unsigned problem)
{
    static const char *const names[SLOT_PROBLEMS] = {
        [PROBLEM_MISFIT] = "count", [PROBLEM_ENDLESS] = "endless", [PROBLEM_TOO_LONG] = "too long",
        [PROBLEM_UNFINISHED] = "unfinished", [PROBLEM_FOREIGN] = "foreign",
        [PROBLEM_FAULT] = "session", [PROBLEM_CUT] = "cut", [PROBLEM_LOOP] = "loop",
    };

    return problem < SLOT_PROBLEMS ? names[problem] : "?";
}

/* What it waits for; NULL: for nothing but its peer. */
static const char *wait_name(const struct conn_description *of)
{
    if (of->blocked)
        return "log";
    if (of->slowed)
        return "rate";
    if (of->owes)
        return "answers";
    return of->tail_bytes > 0 ? "end" : NULL;
}

/* WORD in quotes, or null. */
static const char *quote(char dst[32], const char *word)
{
    (void)snprintf(dst, 32, word != NULL ? "\"%s\"" : "null", word);
    return dst;
}

/* How its messages end, as far as it has shown. */
static const char *list_ends(char dst[64], const struct conn_description *of)
{
    static const char *const words[] = {"lf", "nul", "cr", "octet-counting"}; /* of the bits */
    size_t n = 0;

    n += (size_t)snprintf(dst, 64, "%s", of->session == SESSION_RELP ? "\"relp\"" : "");
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (of->ends >> i & 1u)
            n += (size_t)snprintf(dst + n, 64 - n, "%s\"%s\"", n > 0 ? "," : "", words[i]);
    return dst;
}

static const char *write_number(char dst[32], bool known, double number, int digits)
{
    (void)snprintf(dst, 32, known ? "%.*f" : "null", digits, number);
    return dst;
}

/* Returns: the length of the row in DST. */
static size_t write_row(char dst[ROW_BYTES], const struct overview *overview,
                        const struct counted *one)
{
    static const struct overview_listener gone = {.text = ""};
    const struct conn_description *of = &one->of;
    const struct overview_listener *listener =
        of->listener < PEERLOG_LISTENER_PLACES ? &overview->listeners[of->listener] : &gone;
    char address[PEER_TEXT_BYTES], tag[JSON_MAX_GROWTH * sizeof listener->tag + 1];
    char rate[32], since[32], waits[32], problem[32], ends[64];

    (void)peer_format_address(&of->peer, address);
    tag[json_escape(tag, listener->tag, strlen(listener->tag))] = '\0';
    int n = snprintf(
        dst, ROW_BYTES,
        "{\"id\":%llu,\"address\":\"%s\",\"port\":%u,\"listener\":\"%s\",\"tag\":\"%s\","
        "\"framing\":\"%s\",\"transport\":\"%s\",\"session\":\"%s\",\"messages\":%llu,"
        "\"bytes\":%llu,\"rate\":%s,\"idle\":%u,\"tail\":%u,\"unread\":%u,\"slowed\":%s,"
        "\"leaving\":%s,\"since\":%s,\"ends\":[%s],\"waits\":%s,\"problem\":%s,\"worker\":%u}",
        (unsigned long long)of->connection, address, of->peer.port, listener->text, tag,
        setting_word("listeners", "framing", of->framing), transport_name(of->transport),
        session_name(of->session), (unsigned long long)of->records,
        (unsigned long long)of->received, write_number(rate, one->rate >= 0, one->rate, 1),
        of->silent_s, of->tail_bytes, of->unread, of->slowed ? "true" : "false",
        of->leaving ? "true" : "false", write_number(since, of->since_s != 0, of->since_s, 0),
        list_ends(ends, of), quote(waits, wait_name(of)), quote(problem, problem_name(of->problem)),
        one->worker);
    return n > 0 && (size_t)n < ROW_BYTES ? (size_t)n : 0; /* there is room for it */
}

char *row_of(const struct census *census, const struct counted *one)
{
    char *row = malloc(ROW_BYTES);

    if (row != NULL)
        row[write_row(row, census->overview, one)] = '\0';
    return row;
}

/* Room for two rows behind N bytes. Returns: TEXT or a larger one; NULL: no memory, and no TEXT. */
static char *grow(char *text, size_t n, size_t *room)
{
    if (text != NULL && *room - n >= 2 * ROW_BYTES)
        return text;
    *room = 2 * *room + 2 * ROW_BYTES;
    char *larger = realloc(text, *room);
    if (larger == NULL)
        free(text);
    return larger;
}

char *rows_of(const struct census *census)
{
    size_t room = 0, n = 0;
    char *text = grow(NULL, 0, &room);

    if (text != NULL)
        n = (size_t)snprintf(text, room, "{\"complete\":%s,\"connections\":[",
                             census->absent == 0 ? "true" : "false");
    for (size_t i = 0; i < census->count && text != NULL; i++) {
        if (i > 0)
            text[n++] = ',';
        n += write_row(text + n, census->overview, &census->all[i]);
        text = grow(text, n, &room);
    }
    if (text != NULL)
        memcpy(text + n, "]}", sizeof "]}");
    return text;
}
