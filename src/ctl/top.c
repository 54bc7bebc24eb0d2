/* SPDX-License-Identifier: MIT
 *
 * The screen: three lines of the daemon, of which the first is its output's, sparklines of its last
 * minute, and connections, of which one is chosen. It is asked once a second.
 */
#include "config.h"

#include "ctl/top.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/numbers.h"
#include "ctl/view.h"
#include "peerlog/count.h"

#define EVERY_MS 1000
#define HISTORY 60 /* seconds */
#define FIRST_ROW 7 /* lines before the connections */

/* A number that only grows, as it was at the last looks. */
struct growth {
    double history[HISTORY]; /* how much a second, the latest last */
    long long last;          /* -1: there was no look */
};

struct top {
    struct asker *asker;
    const struct options *options;
    const char *sort;
    struct answer status, connections; /* the last that came */
    struct growth messages, bytes;
    double looked_s;
    long long chosen; /* number of the connection; -1: none */
    bool utf8;
    bool asking;   /* whether to cut it off */
    char note[VIEW_LINE_BYTES]; /* at the foot; "": the keys */
};

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* it is there */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- looking --- */

static json_t *list_of(const struct top *top)
{
    return json_object_get(top->connections.json, "connections");
}

static long long id_at(const struct top *top, size_t index)
{
    return json_integer_value(json_object_get(json_array_get(list_of(top), index), "id"));
}

/* Where the chosen one is; the first one when it is gone. */
static size_t chosen_index(const struct top *top)
{
    for (size_t i = 0; i < json_array_size(list_of(top)); i++)
        if (id_at(top, i) == top->chosen)
            return i;
    return 0;
}

/* It is NOW, and was so long ago what it was. */
static void remember(struct growth *growth, long long now, double passed_s)
{
    double rate = growth->last >= 0 && now > growth->last && passed_s > 0
                      ? (double)(now - growth->last) / passed_s : 0;

    memmove(growth->history, growth->history + 1,
            sizeof growth->history - sizeof growth->history[0]);
    growth->history[HISTORY - 1] = rate;
    growth->last = now;
}

static void remember_rates(struct top *top)
{
    double looked_s = now_s(), passed_s = looked_s - top->looked_s;

    if (passed_s < 0.9 * EVERY_MS / 1000)
        return; /* it was asked between two seconds, because of a key */
    remember(&top->messages, view_number(top->status.json, "messages", "logged"), passed_s);
    remember(&top->bytes, view_number(top->status.json, "messages", "bytes"), passed_s);
    top->looked_s = looked_s;
}

/* Ask anew. Returns: 0, or the exit status when there is no answer. */
static int look(struct top *top)
{
    char path[900], limit[16];

    answer_done(&top->status);
    answer_done(&top->connections);
    (void)snprintf(limit, sizeof limit, "%d", LINES > FIRST_ROW + 1 ? LINES - FIRST_ROW - 1 : 1);
    ask(top->asker, "GET", "/v1/status?busiest=0", &top->status);
    if (top->status.status != EX_OK)
        return top->status.status;
    if (!commands_address(top->asker, top->options, top->sort, limit, path, sizeof path))
        return EX_USAGE;
    ask(top->asker, "GET", path, &top->connections);
    if (top->connections.status != EX_OK)
        return top->connections.status;
    remember_rates(top);
    if (json_array_size(list_of(top)) > 0)
        top->chosen = id_at(top, chosen_index(top));
    return 0;
}

/* --- drawing --- */

static void draw_spark(const struct top *top, int line, const struct growth *growth,
                       const char *unit)
{
    static const char *const blocks[NUMBERS_LEVELS] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const signs[NUMBERS_LEVELS] = {" ", ".", ":", "-", "=", "+", "*", "%", "#"};
    char rate[NUMBERS_BYTES];
    double most = 0;

    for (size_t i = 0; i < HISTORY; i++)
        most = growth->history[i] > most ? growth->history[i] : most;
    numbers_count(rate, growth->history[HISTORY - 1]);
    (void)mvprintw(line, 0, "%5s %-5s |", rate, unit);
    int room = COLS - getcurx(stdscr) - 1;
    for (int i = room < HISTORY ? HISTORY - room : 0; room > 0 && i < HISTORY; i++) {
        unsigned level = numbers_level(growth->history[i], most);
        (void)addstr(top->utf8 ? blocks[level] : signs[level]);
    }
    (void)addstr("|");
}

/* A line that is not longer than the screen is wide. */
static void draw_line(int line, const char *text, attr_t how)
{
    (void)attr_set(how, 0, NULL);
    (void)mvaddnstr(line, 0, text, COLS);
    (void)attr_set(A_NORMAL, 0, NULL);
}

/* What a screen of 80 columns has room for; on a wider one more. */
static int columns(void)
{
    return COLS > 80 ? VIEW_COLUMNS : VIEW_NARROW;
}

/* The columns as narrow as they may be. */
static void measure(const struct top *top, size_t widths[VIEW_COLUMNS])
{
    struct view_row row;
    size_t i;
    json_t *one;

    memset(widths, 0, VIEW_COLUMNS * sizeof widths[0]);
    view_heading(&row);
    view_widen(widths, &row);
    json_array_foreach(list_of(top), i, one) {
        view_connection(one, (long long)time(NULL), &row);
        view_widen(widths, &row);
    }
    view_squeeze(widths, VIEW_NARROW, (size_t)COLS);
}

static void draw_connections(const struct top *top)
{
    size_t widths[VIEW_COLUMNS], chosen = chosen_index(top), i;
    char line[VIEW_LINE_BYTES];
    struct view_row row;
    json_t *one;

    measure(top, widths);
    view_heading(&row);
    (void)view_line(line, &row, widths, columns());
    draw_line(FIRST_ROW - 1, line, A_BOLD);
    json_array_foreach(list_of(top), i, one) {
        if (FIRST_ROW + (int)i >= LINES - 1)
            break;
        view_connection(one, (long long)time(NULL), &row);
        (void)view_line(line, &row, widths, columns());
        draw_line(FIRST_ROW + (int)i, line, i == chosen ? A_REVERSE : A_NORMAL);
    }
}

static void draw(const struct top *top)
{
    const char *trouble = json_string_value(json_object_get(top->status.json, "trouble"));
    char line[VIEW_LINE_BYTES];

    (void)erase();
    view_output(line, top->status.json);
    draw_line(0, line, strstr(line, "LOST") != NULL ? A_BOLD : A_NORMAL);
    view_load(line, top->status.json);
    draw_line(1, line, A_NORMAL);
    view_process(line, top->status.json, (long long)time(NULL));
    draw_line(2, line, A_NORMAL);
    draw_spark(top, 3, &top->messages, "msg/s");
    draw_spark(top, 4, &top->bytes, "B/s");
    if (trouble != NULL)
        draw_line(5, trouble, A_BOLD);
    draw_connections(top);
    (void)snprintf(line, sizeof line, "by %s; sort: r rate, b bytes, i idle, w waiting; k cut off; "
                   "q quit", top->sort);
    draw_line(LINES - 1, top->note[0] != '\0' ? top->note : line, A_NORMAL);
    (void)refresh();
}

/* --- keys --- */

static void choose(struct top *top, int step)
{
    size_t count = json_array_size(list_of(top)), at = chosen_index(top);

    if (count == 0 || (step < 0 && at == 0) || (step > 0 && at + 1 >= count))
        return;
    top->chosen = id_at(top, step < 0 ? at - 1 : at + 1);
}

/* Ask the person before anything is cut off. */
static void ask_before(struct top *top)
{
    struct view_row row;
    size_t at = chosen_index(top);

    if (json_array_size(list_of(top)) == 0)
        return;
    top->chosen = id_at(top, at);
    view_connection(json_array_get(list_of(top), at), (long long)time(NULL), &row);
    (void)snprintf(top->note, sizeof top->note,
                   "cut off %s? y: in good order, f: at once, any other key: no",
                   row.cell[VIEW_PEER]);
    top->asking = true;
}

static void cut_off(struct top *top, bool now)
{
    struct answer answer;
    char id[24];

    (void)snprintf(id, sizeof id, "%lld", top->chosen);
    commands_kill(top->asker, id, now, &answer);
    if (answer.status != EX_OK)
        (void)snprintf(top->note, sizeof top->note, "%.400s", answer.fault);
    else
        (void)snprintf(top->note, sizeof top->note, "connection %s was told to end", id);
    answer_done(&answer);
}

/* Answers: does it go on? */
static bool take_key(struct top *top, int key)
{
    static const struct {
        int key;
        const char *sort;
    } orders[] = {{'r', "rate"}, {'b', "bytes"}, {'i', "idle"}, {'w', "waiting"}};

    bool was_asking = top->asking;
    top->asking = false;
    top->note[0] = '\0';
    if (was_asking) {
        if (key == 'y' || key == 'f')
            cut_off(top, key == 'f');
        return true;
    }
    if (key == KEY_UP || key == KEY_DOWN)
        choose(top, key == KEY_UP ? -1 : 1);
    else if (key == 'k')
        ask_before(top);
    for (size_t i = 0; i < COUNT_OF(orders); i++)
        if (key == orders[i].key)
            top->sort = orders[i].sort;
    return key != 'q';
}

/* --- all of it --- */

/* Wait for keys until it is time to look again. Answers: does it go on? */
static bool wait_for_keys(struct top *top, double until_s)
{
    double left_s;

    while ((left_s = until_s - now_s()) > 0) {
        timeout((int)(left_s * 1000) + 1);
        int key = getch();
        if (key == ERR)
            continue;
        const char *sort = top->sort;
        if (key != KEY_RESIZE && !take_key(top, key))
            return false;
        if (key == KEY_RESIZE || sort != top->sort)
            return true;
        draw(top);
    }
    return true;
}

static int loop(struct top *top)
{
    int status;

    do {
        double next_s = now_s() + EVERY_MS / 1000.0;
        status = look(top);
        if (status != 0)
            break;
        draw(top);
        if (!wait_for_keys(top, next_s))
            break;
    } while (true);
    return status;
}

int top_run(struct asker *asker, const struct options *options)
{
    struct top top = {.asker = asker, .options = options, .chosen = -1,
                      .messages.last = -1, .bytes.last = -1,
                      .sort = options->sort != NULL ? options->sort : "rate"};

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        (void)fprintf(stderr, "peerlogctl: top needs a terminal; see connections\n");
        return EX_USAGE;
    }
    (void)setlocale(LC_ALL, ""); /* else it is plain ASCII */
    top.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (initscr() == NULL)
        return EX_UNAVAILABLE;
    (void)cbreak();
    (void)noecho();
    (void)keypad(stdscr, TRUE);
    (void)curs_set(0); /* some terminals cannot */
    int status = loop(&top);
    (void)endwin();
    if (status != 0)
        (void)commands_complain(top.status.status != EX_OK ? &top.status : &top.connections);
    answer_done(&top.status);
    answer_done(&top.connections);
    return status;
}
