/* SPDX-License-Identifier: MIT
 *
 * Path templates: a table of places, one function that takes a template apart, and two that
 * go through its pieces: to check it, and to fill it.
 */
#include "config.h"

#include "peerlog/path_template.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "peerlog/count.h"
#include "peerlog/limits.h"
#include "peerlog/number.h"

/* The longest name of a file (NAME_MAX), and the longest values. */
#define COMPONENT_BYTES 255u
#define ADDRESS_BYTES 56u /* IPv6 with the number of an interface */
#define WORD_BYTES 12u    /* "solaris-cron" */

struct place {
    const char *text;
    enum path_place place;
    uint8_t most_bytes; /* that its value may have */
};

static const struct place places[] = {
    {"%{address}", PATH_ADDRESS, ADDRESS_BYTES},
    {"%{listener}", PATH_LISTENER, PEERLOG_MAX_TAG_BYTES},
    {"%{facility}", PATH_FACILITY, WORD_BYTES},
    {"%{severity}", PATH_SEVERITY, WORD_BYTES},
    {"%Y", PATH_YEAR, 4},
    {"%m", PATH_MONTH, 2},
    {"%d", PATH_DAY, 2},
    {"%H", PATH_HOUR, 2},
};

/* A piece of a template: one character, or a place. */
struct piece {
    const struct place *place; /* NULL: the character */
    char character;
    size_t len; /* in the template */
};

/* The piece at TEXT, which is not empty. Returns: NULL, or what is wrong. */
static const char *next_piece(const char *text, struct piece *ret_piece)
{
    *ret_piece = (struct piece){.character = *text, .len = 1};
    if (*text != '%')
        return NULL;
    if (text[1] == '%') {
        ret_piece->len = 2;
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        size_t n = strlen(places[i].text);
        if (strncmp(text, places[i].text, n) == 0) {
            *ret_piece = (struct piece){.place = &places[i], .len = n};
            return NULL;
        }
    }
    if (text[1] != '{')
        return "behind % must come {, Y, m, d, H or %";
    if (strchr(text, '}') == NULL)
        return "%{ without }";
    return "this is none of %{address}, %{listener}, %{facility} and %{severity}";
}

/* --- checking --- */

/* The component that is being read. */
struct component {
    size_t from; /* in the template */
    size_t len;  /* at most, when it is filled */
    bool dots;   /* it has no place, and no character but dots */
};

static int say_fault(struct path_fault *fault, size_t at, const char *reason)
{
    *fault = (struct path_fault){.position = at + 1, .reason = reason};
    return -EINVAL;
}

/* A component ends at AT. */
static int check_component(const struct component *c, size_t at, struct path_fault *fault)
{
    if (c->len == 0)
        return say_fault(fault, at, "two slashes in a row");
    if (c->dots && c->len <= 2)
        return say_fault(fault, c->from, "\".\" and \"..\" are no names");
    if (c->len > COMPONENT_BYTES)
        return say_fault(fault, c->from, "a name that may become longer than 255 bytes");
    return 0;
}

static void add_piece(struct component *c, const struct piece *piece)
{
    c->len += piece->place != NULL ? piece->place->most_bytes : 1;
    c->dots = c->dots && piece->place == NULL && piece->character == '.';
}

/* Go through all pieces. TEMPLATE and *RET_MOST, the longest path, are of use on success. */
static int check_pieces(const char *text, struct path_template *template, size_t *ret_most,
                        struct path_fault *fault)
{
    struct component c = {.from = 1, .dots = true};
    struct piece piece;

    *template = (struct path_template){.text = text};
    *ret_most = 1;
    for (size_t at = 1; text[at] != '\0'; at += piece.len) {
        const char *reason = next_piece(text + at, &piece);
        if (reason != NULL)
            return say_fault(fault, at, reason);
        if (piece.place == NULL && ((unsigned char)piece.character < 0x20 ||
                                    piece.character == 0x7f))
            return say_fault(fault, at, "a control character");
        *ret_most += piece.place != NULL ? piece.place->most_bytes : 1;
        if (piece.place == NULL && piece.character == '/') {
            if (check_component(&c, at, fault) < 0)
                return -EINVAL;
            c = (struct component){.from = at + 1, .dots = true};
            continue;
        }
        add_piece(&c, &piece);
        if (piece.place != NULL)
            template->uses |= 1u << piece.place->place;
    }
    template->name_bytes = (uint32_t)c.len;
    if (c.len == 0)
        return say_fault(fault, c.from - 1, "the name of a file is missing at the end");
    return check_component(&c, c.from, fault);
}

int path_template_parse(const char *text, struct path_template *ret_template,
                        struct path_fault *ret_fault)
{
    struct path_template template;
    size_t most;

    if (text[0] != '/')
        return say_fault(ret_fault, 0, "the path must begin with /");
    if (check_pieces(text, &template, &most, ret_fault) < 0)
        return -EINVAL;
    if (most >= PATH_TEMPLATE_ROOM)
        return say_fault(ret_fault, 0, "the path may become longer than 4095 bytes");

    size_t folder_len = strcspn(text, "%");
    while (text[folder_len - 1] != '/')
        folder_len--;
    template.folder_len = (uint32_t)folder_len;
    *ret_template = template;
    return 0;
}

/* --- filling --- */

/* Where the path is written. */
struct destination {
    char *bytes;
    size_t room, len;
};

/* What does not fit is counted only. */
static void put(struct destination *d, char character)
{
    if (d->len < d->room)
        d->bytes[d->len] = character;
    d->len++;
}

static void put_value(struct destination *d, const char *value)
{
    bool dots = value[strspn(value, ".")] == '\0';

    if (*value == '\0')
        put(d, '_');
    for (; *value != '\0'; value++)
        put(d, dots || *value <= ' ' || *value > '~' || *value == '/' ? '_' : *value);
}

/* NUMBER with DIGITS digits; one that has more, or is below zero, is as good as any. */
static void put_number(struct destination *d, int64_t number, size_t digits)
{
    char text[NUMBER_MAX_DIGITS];
    size_t n = number_format(text, number > 0 ? (uint64_t)number : 0);

    for (size_t i = n; i < digits; i++)
        put(d, '0');
    for (size_t i = n > digits ? n - digits : 0; i < n; i++)
        put(d, text[i]);
}

static void put_place(struct destination *d, enum path_place place,
                      const struct path_values *values)
{
    switch (place) {
    case PATH_ADDRESS:
        put_value(d, values->address);
        break;
    case PATH_LISTENER:
        put_value(d, values->listener);
        break;
    case PATH_FACILITY:
        put_value(d, values->facility);
        break;
    case PATH_SEVERITY:
        put_value(d, values->severity);
        break;
    case PATH_YEAR:
        put_number(d, (int64_t)values->time->tm_year + 1900, 4);
        break;
    case PATH_MONTH:
        put_number(d, (int64_t)values->time->tm_mon + 1, 2);
        break;
    case PATH_DAY:
        put_number(d, values->time->tm_mday, 2);
        break;
    case PATH_HOUR:
        put_number(d, values->time->tm_hour, 2);
        break;
    case PATH_PLACES:
        break;
    }
}

int path_template_expand(const struct path_template *template, const struct path_values *values,
                         char *dst, size_t room)
{
    struct destination d = {.bytes = dst, .room = room};
    struct piece piece;

    for (const char *text = template->text; *text != '\0'; text += piece.len) {
        (void)next_piece(text, &piece); /* it was checked */
        if (piece.place != NULL)
            put_place(&d, piece.place->place, values);
        else
            put(&d, piece.character);
    }
    put(&d, '\0');
    return d.len <= room && d.len <= PATH_TEMPLATE_ROOM ? (int)d.len - 1 : -ENAMETOOLONG;
}
