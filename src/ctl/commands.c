/* SPDX-License-Identifier: MIT
 *
 * Commands that ask once.
 */
#include "config.h"

#include "ctl/commands.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "ctl/top.h"
#include "ctl/trace.h"
#include "ctl/view.h"
#include "peerlog/count.h"

#define ADDRESS_BYTES 900u

int commands_complain(const struct answer *answer)
{
    (void)fprintf(stderr, "peerlogctl: %s\n", answer->fault); /* there is nowhere else to say it */
    return answer->status;
}

/* Append "&NAME=VALUE". Answers: is there room and memory for it? */
static bool add(struct asker *asker, char *dst, size_t room, const char *name, const char *value)
{
    size_t len = strlen(dst);

    if (value == NULL)
        return true;
    char *escaped = ask_escape(asker, value);
    if (escaped == NULL)
        return false;
    int n = snprintf(dst + len, room - len, "%c%s=%s", strchr(dst, '?') != NULL ? '&' : '?', name,
                     escaped);
    ask_free_escaped(escaped);
    return n > 0 && (size_t)n < room - len;
}

bool commands_address(struct asker *asker, const struct options *options, const char *sort,
                      const char *limit, char *dst, size_t room)
{
    (void)snprintf(dst, room, "/v1/connections");
    return add(asker, dst, room, "peer", options->peer) &&
           add(asker, dst, room, "listener", options->listener) &&
           add(asker, dst, room, "sort", sort) && add(asker, dst, room, "limit", limit);
}

static void too_long(struct answer *ret_answer)
{
    *ret_answer = (struct answer){.status = EX_USAGE};
    (void)snprintf(ret_answer->fault, sizeof ret_answer->fault, "that is too long");
}

void commands_kill(struct asker *asker, const char *target, bool now, struct answer *ret_answer)
{
    char path[ADDRESS_BYTES] = "/v1/connections";
    bool by_id = *target != '\0' && target[strspn(target, "0123456789")] == '\0';
    bool fits = true;

    if (by_id)
        fits = (size_t)snprintf(path, sizeof path, "/v1/connections/%s", target) < sizeof path;
    else
        fits = add(asker, path, sizeof path, "peer", target);
    if (fits && add(asker, path, sizeof path, "now", now ? "1" : "0"))
        ask(asker, "DELETE", path, ret_answer);
    else
        too_long(ret_answer);
}

/* --- printing --- */

static void print_text(const struct answer *answer)
{
    (void)fputs(answer->text != NULL ? answer->text : "", stdout); /* main looks whether it went */
}

static void print_json(const struct answer *answer)
{
    (void)json_dumpf(answer->json, stdout, JSON_INDENT(2));
    (void)puts("");
}

static void print_status(const struct answer *answer)
{
    const char *trouble = json_string_value(json_object_get(answer->json, "trouble"));
    char line[VIEW_LINE_BYTES];
    json_t *peer;
    size_t i;

    if (trouble != NULL)
        (void)printf("%s\n", trouble);
    view_output(line, answer->json);
    (void)puts(line);
    view_load(line, answer->json);
    (void)puts(line);
    view_process(line, answer->json, (long long)time(NULL));
    (void)puts(line);
    json_array_foreach(json_object_get(answer->json, "busiest"), i, peer) {
        if (i == 0)
            (void)puts("\nwho sends most:");
        view_busy(line, peer);
        (void)puts(line);
    }
    json_array_foreach(json_object_get(answer->json, "silent"), i, peer) {
        if (i == 0)
            (void)puts("\nwho spoke, and is silent:");
        view_silent(line, peer);
        (void)puts(line);
    }
}

static void print_connections(const struct answer *answer)
{
    const json_t *list = json_object_get(answer->json, "connections");
    size_t widths[VIEW_COLUMNS] = {0};
    char line[VIEW_LINE_BYTES];
    struct view_row row;
    size_t i;
    json_t *one;

    view_heading(&row);
    view_widen(widths, &row);
    json_array_foreach(list, i, one) {
        view_connection(one, (long long)time(NULL), &row);
        view_widen(widths, &row);
    }
    view_heading(&row);
    (void)view_line(line, &row, widths, VIEW_COLUMNS);
    (void)puts(line);
    json_array_foreach(list, i, one) {
        view_connection(one, (long long)time(NULL), &row);
        (void)view_line(line, &row, widths, VIEW_COLUMNS);
        (void)puts(line);
    }
    if (json_is_false(json_object_get(answer->json, "complete")))
        (void)fprintf(stderr, "peerlogctl: some connections are not told of: peerlogd is busy\n");
}

static void print_ended(const struct answer *answer)
{
    long long ended = json_integer_value(json_object_get(answer->json, "ended"));

    (void)printf("told %lld connection%s to end\n", ended, ended == 1 ? "" : "s");
}

/* --- commands --- */

static int run_kill(struct asker *asker, const struct options *options)
{
    struct answer answer;

    commands_kill(asker, options->target, options->now, &answer);
    int status = answer.status;
    if (status != EX_OK)
        (void)commands_complain(&answer);
    else
        print_ended(&answer);
    if (status == EX_OK && json_integer_value(json_object_get(answer.json, "ended")) == 0)
        status = EX_DATAERR;
    answer_done(&answer);
    return status;
}

static void print_reloaded(const struct answer *answer)
{
    const char *words = json_string_value(json_object_get(answer->json, "reloaded"));

    (void)puts(words != NULL ? words : "");
}

static void print_reopened(const struct answer *answer)
{
    const char *words = json_string_value(json_object_get(answer->json, "reopened"));

    (void)puts(words != NULL ? words : "");
}

/* Each as in the file, and behind it where it comes from. */
static void print_settings(const struct answer *answer)
{
    char line[VIEW_LINE_BYTES];
    json_t *setting;
    size_t i;

    json_array_foreach(json_object_get(answer->json, "settings"), i, setting) {
        view_setting(line, setting);
        (void)puts(line);
    }
}

/* Ask once, and print it. */
static int run_simple(struct asker *asker, const char *method, const char *path,
                      void (*print)(const struct answer *answer))
{
    struct answer answer;

    ask(asker, method, path, &answer);
    int status = answer.status;
    if (status == EX_OK)
        print(&answer);
    else
        (void)commands_complain(&answer);
    answer_done(&answer);
    return status;
}

int commands_run(struct asker *asker, const struct options *options)
{
    char path[ADDRESS_BYTES];

    switch (options->command) {
    case COMMAND_STATUS:
        return run_simple(asker, "GET", "/v1/status", options->json ? print_json : print_status);
    case COMMAND_CONNECTIONS:
        if (!commands_address(asker, options, options->sort, options->limit, path, sizeof path))
            return EX_USAGE;
        return run_simple(asker, "GET", path, options->json ? print_json : print_connections);
    case COMMAND_TOP:
        return top_run(asker, options);
    case COMMAND_TRACE:
        return trace_run(asker, options->target);
    case COMMAND_KILL:
        return run_kill(asker, options);
    case COMMAND_RELOAD:
        return run_simple(asker, "POST", "/v1/reload", print_reloaded);
    case COMMAND_REOPEN:
        return run_simple(asker, "POST", "/v1/reopen", print_reopened);
    case COMMAND_SETTINGS:
        return run_simple(asker, "GET", "/v1/settings",
                          options->json ? print_json : print_settings);
    case COMMAND_METRICS:
        return run_simple(asker, "GET", "/metrics", print_text);
    }
    return EX_SOFTWARE;
}
