/* SPDX-License-Identifier: MIT
 *
 * JSON to lines. What the daemon says is printable; should it not be, it is made so.
 */
#include "config.h"

#include "ctl/view.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/numbers.h"
#include "peerlog/count.h"

/* A text of OBJECT, with nothing in it that a terminal would obey. */
static void take_text(char *dst, size_t room, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    (void)snprintf(dst, room, "%s", text != NULL ? text : "");
    for (char *at = dst; *at != '\0'; at++)
        if (!isprint((unsigned char)*at))
            *at = '?';
}

static long long take_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void take_count(char dst[VIEW_CELL_BYTES], const json_t *object, const char *name)
{
    char text[NUMBERS_BYTES];

    numbers_count(text, (double)take_number(object, name));
    (void)snprintf(dst, VIEW_CELL_BYTES, "%s", text);
}

long long view_number(const json_t *object, const char *group, const char *name)
{
    return take_number(json_object_get(object, group), name);
}

/* --- connections --- */

void view_heading(struct view_row *ret_row)
{
    static const char *const names[VIEW_COLUMNS] = {
        "ID", "PEER", "TAG", "MESSAGES", "BYTES", "B/S", "IDLE", "WAITING", "STATE",
        "AGE", "HOW", "PROBLEM",
    };

    for (int i = 0; i < VIEW_COLUMNS; i++)
        (void)snprintf(ret_row->cell[i], VIEW_CELL_BYTES, "%s", names[i]);
}

static void take_peer(char dst[VIEW_CELL_BYTES], const json_t *connection)
{
    char address[VIEW_CELL_BYTES - 10];

    take_text(address, sizeof address, connection, "address");
    (void)snprintf(dst, VIEW_CELL_BYTES, strchr(address, ':') != NULL ? "[%s]:%lld" : "%s:%lld",
                   address, take_number(connection, "port"));
}

static void take_state(char dst[VIEW_CELL_BYTES], const json_t *connection)
{
    const char *waits = json_string_value(json_object_get(connection, "waits"));
    const char *state = "";

    if (json_is_true(json_object_get(connection, "leaving")))
        state = "leaving";
    else if (json_is_true(json_object_get(connection, "slowed")))
        state = "slowed";
    else if (waits != NULL && strcmp(waits, "log") == 0)
        state = "log"; /* it waits for it */
    else if (waits != NULL && strcmp(waits, "answers") == 0)
        state = "answers"; /* it does not read them */
    else if (take_number(connection, "unread") > 0)
        state = "unread";
    else if (take_number(connection, "tail") > 0)
        state = "unfinished";
    (void)snprintf(dst, VIEW_CELL_BYTES, "%s", state);
}

/* "tls/relp", "plain/syslog lf+octet-counting" */
static void take_how(char dst[VIEW_CELL_BYTES], const json_t *connection)
{
    char transport[16], session[16];
    json_t *end;
    size_t i, n;

    take_text(transport, sizeof transport, connection, "transport");
    take_text(session, sizeof session, connection, "session");
    n = (size_t)snprintf(dst, VIEW_CELL_BYTES, "%s/%s", transport, session);
    json_array_foreach(json_object_get(connection, "ends"), i, end) {
        const char *word = json_string_value(end);
        if (word == NULL || strcmp(word, session) == 0 || n + strlen(word) + 2 > VIEW_CELL_BYTES)
            continue;
        n += (size_t)snprintf(dst + n, VIEW_CELL_BYTES - n, "%s%s",
                              strchr(dst, ' ') == NULL ? " " : "+", word);
    }
}

static void take_age(char dst[VIEW_CELL_BYTES], const json_t *connection, long long now_s)
{
    long long since_s = take_number(connection, "since");
    char text[NUMBERS_BYTES] = "-";

    if (since_s > 0)
        numbers_age(text, now_s > since_s ? (uint64_t)(now_s - since_s) : 0);
    (void)snprintf(dst, VIEW_CELL_BYTES, "%s", text);
}

void view_connection(const json_t *connection, long long now_s, struct view_row *ret_row)
{
    const json_t *rate = json_object_get(connection, "rate");
    char text[NUMBERS_BYTES];

    (void)snprintf(ret_row->cell[VIEW_ID], VIEW_CELL_BYTES, "%lld", take_number(connection, "id"));
    take_peer(ret_row->cell[VIEW_PEER], connection);
    take_text(ret_row->cell[VIEW_TAG], VIEW_CELL_BYTES, connection, "tag");
    take_count(ret_row->cell[VIEW_MESSAGES], connection, "messages");
    take_count(ret_row->cell[VIEW_BYTES], connection, "bytes");
    numbers_count(text, json_number_value(rate));
    (void)snprintf(ret_row->cell[VIEW_RATE], VIEW_CELL_BYTES, "%s",
                   json_is_number(rate) ? text : "-");
    numbers_age(text, (uint64_t)take_number(connection, "idle"));
    (void)snprintf(ret_row->cell[VIEW_IDLE], VIEW_CELL_BYTES, "%s", text);
    numbers_count(text, (double)take_number(connection, "unread") +
                            (double)take_number(connection, "tail"));
    (void)snprintf(ret_row->cell[VIEW_WAITING], VIEW_CELL_BYTES, "%s", text);
    take_state(ret_row->cell[VIEW_STATE], connection);
    take_age(ret_row->cell[VIEW_SINCE], connection, now_s);
    take_how(ret_row->cell[VIEW_HOW], connection);
    take_text(ret_row->cell[VIEW_PROBLEM], VIEW_CELL_BYTES, connection, "problem");
}

void view_widen(size_t widths[VIEW_COLUMNS], const struct view_row *row)
{
    for (int i = 0; i < VIEW_COLUMNS; i++) {
        size_t len = strlen(row->cell[i]);
        if (len > widths[i])
            widths[i] = len;
    }
}

void view_squeeze(size_t widths[VIEW_COLUMNS], int count, size_t room)
{
    static const struct {
        enum view_column column;
        size_t least;
    } soft[] = {{VIEW_PEER, 21}, {VIEW_TAG, 5}};
    size_t wide = (size_t)count - 1; /* spaces between them */

    for (int i = 0; i < count; i++)
        wide += widths[i];
    for (size_t i = 0; i < COUNT_OF(soft) && wide > room; i++) {
        size_t *width = &widths[soft[i].column];
        size_t spare = *width > soft[i].least ? *width - soft[i].least : 0;
        size_t less = wide - room < spare ? wide - room : spare;
        *width -= less;
        wide -= less;
    }
}

/* CELL as it fits into WIDTH. */
static const char *shorten(char dst[VIEW_CELL_BYTES], const char *cell, int column, size_t width)
{
    size_t len = strlen(cell);

    if (len <= width || width == 0)
        return cell;
    if (column == VIEW_PEER)
        (void)snprintf(dst, VIEW_CELL_BYTES, "~%s", cell + len - (width - 1));
    else
        (void)snprintf(dst, VIEW_CELL_BYTES, "%.*s~", (int)width - 1, cell);
    return dst;
}

size_t view_line(char dst[VIEW_LINE_BYTES], const struct view_row *row,
                 const size_t widths[VIEW_COLUMNS], int count)
{
    size_t n = 0;

    for (int i = 0; i < count && n < VIEW_LINE_BYTES; i++) {
        bool left = i == VIEW_PEER || i == VIEW_TAG || i == VIEW_STATE || i > VIEW_SINCE;
        char cell[VIEW_CELL_BYTES];
        int len = snprintf(dst + n, VIEW_LINE_BYTES - n, left ? "%s%-*s" : "%s%*s",
                           i > 0 ? " " : "", (int)widths[i],
                           shorten(cell, row->cell[i], i, widths[i]));
        n += len > 0 ? (size_t)len : 0;
    }
    if (n >= VIEW_LINE_BYTES)
        n = VIEW_LINE_BYTES - 1;
    while (n > 0 && dst[n - 1] == ' ')
        n--;
    dst[n] = '\0';
    return n;
}

/* --- the daemon --- */

void view_process(char dst[VIEW_LINE_BYTES], const json_t *status, long long now_s)
{
    long long started_s = take_number(status, "started");
    char version[32], age[NUMBERS_BYTES];

    take_text(version, sizeof version, status, "version");
    numbers_age(age, now_s > started_s ? (uint64_t)(now_s - started_s) : 0);
    (void)snprintf(dst, VIEW_LINE_BYTES, "peerlogd %s, process %lld, up for %s", version,
                   take_number(status, "pid"), age);
}

void view_load(char dst[VIEW_LINE_BYTES], const json_t *status)
{
    char messages[NUMBERS_BYTES], bytes[NUMBERS_BYTES];

    numbers_count(messages, (double)view_number(status, "messages", "logged"));
    numbers_count(bytes, (double)view_number(status, "messages", "bytes"));
    (void)snprintf(dst, VIEW_LINE_BYTES,
                   "%lld of %lld connections, %s messages, %s bytes",
                   view_number(status, "connections", "open"),
                   view_number(status, "connections", "limit"), messages, bytes);
}

void view_output(char dst[VIEW_LINE_BYTES], const json_t *status)
{
    const json_t *output = json_object_get(status, "output");
    long long waiting = view_number(status, "messages", "waiting");
    char type[32], path[128], state[64] = "up", age[NUMBERS_BYTES];

    take_text(type, sizeof type, output, "type");
    take_text(path, sizeof path, output, "path");
    numbers_age(age, (uint64_t)take_number(output, "lost_seconds"));
    if (!json_is_true(json_object_get(output, "up")))
        (void)snprintf(state, sizeof state, "LOST for %s", age);
    (void)snprintf(dst, VIEW_LINE_BYTES, "log: %s%s%s, %s, %lld message%s waiting", type,
                   path[0] != '\0' ? " " : "", path, state, waiting, waiting == 1 ? "" : "s");
}

void view_busy(char dst[VIEW_LINE_BYTES], const json_t *peer)
{
    char address[VIEW_CELL_BYTES], rate[NUMBERS_BYTES], messages[NUMBERS_BYTES];
    long long connections = take_number(peer, "connections");

    take_text(address, sizeof address, peer, "address");
    numbers_count(rate, json_number_value(json_object_get(peer, "rate")));
    numbers_count(messages, (double)take_number(peer, "messages"));
    (void)snprintf(dst, VIEW_LINE_BYTES, "%5s B/s %5s messages %5lld connection%s %s", rate,
                   messages, connections, connections == 1 ? " " : "s", address);
}

void view_silent(char dst[VIEW_LINE_BYTES], const json_t *peer)
{
    char address[VIEW_CELL_BYTES], listener[VIEW_CELL_BYTES], age[NUMBERS_BYTES];

    take_text(address, sizeof address, peer, "address");
    take_text(listener, sizeof listener, peer, "listener");
    numbers_age(age, (uint64_t)take_number(peer, "seconds"));
    (void)snprintf(dst, VIEW_LINE_BYTES, "%5s %s, to %s", age, address, listener);
}

/* --- settings --- */

void view_setting(char dst[VIEW_LINE_BYTES], const json_t *setting)
{
    char name[96], from[192], assigned[256];
    char *value = json_dumps(json_object_get(setting, "value"), JSON_ENCODE_ANY);

    take_text(name, sizeof name, setting, "name");
    take_text(from, sizeof from, setting, "from");
    (void)snprintf(assigned, sizeof assigned, "%s = %.150s", name, value != NULL ? value : "?");
    free(value);
    (void)snprintf(dst, VIEW_LINE_BYTES, "%-39s # %s%s", assigned, from,
                   json_is_true(json_object_get(setting, "restart"))
                       ? "; another value waits for a restart" : "");
}
