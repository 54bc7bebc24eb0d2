/* SPDX-License-Identifier: MIT
 *
 * Fuzz path templates. The first line is a template, the next four are the values for its
 * texts. Whatever they are, the path has the slashes of its template and no other, begins with
 * its folder, and leads nowhere else; and it is what a second, slower filling gives.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz/fuzz.h"
#include "peerlog/path_template.h"
#include "support/intake.h"

#define TEXTS 4u

static const char *const text_places[TEXTS] = {"%{address}", "%{listener}", "%{facility}",
                                               "%{severity}"};
static const char *const time_places[] = {"%Y", "%m", "%d", "%H"};
static const char *const time_words[] = {"2026", "11", "29", "08"};

static const struct tm the_time = {.tm_year = 126, .tm_mon = 10, .tm_mday = 29, .tm_hour = 8};

/* --- the second filling --- */

static void add_value(struct bytes *path, const char *value)
{
    size_t dots = 0, len = strlen(value);

    for (size_t i = 0; i < len; i++)
        dots += value[i] == '.';
    if (len == 0)
        bytes_add_text(path, "_");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];
        bool safe = c > 32 && c < 127 && c != '/' && dots < len;
        bytes_repeat(path, safe ? c : '_', 1);
    }
}

/* How many bytes of TEXT were filled in. */
static size_t add_place(struct bytes *path, const char *text, char *const values[TEXTS])
{
    for (size_t i = 0; i < TEXTS; i++)
        if (strncmp(text, text_places[i], strlen(text_places[i])) == 0) {
            add_value(path, values[i]);
            return strlen(text_places[i]);
        }
    for (size_t i = 0; i < 4; i++)
        if (strncmp(text, time_places[i], 2) == 0) {
            bytes_add_text(path, time_words[i]);
            return 2;
        }
    require(text[1] == '%', "an unknown place was seen");
    bytes_repeat(path, '%', 1);
    return 2;
}

static struct bytes second_filling(const char *text, char *const values[TEXTS])
{
    struct bytes path = {0};

    while (*text != '\0')
        if (*text == '%')
            text += add_place(&path, text, values);
        else
            bytes_add(&path, text++, 1);
    bytes_repeat(&path, 0, 1);
    return path;
}

/* --- the comparison --- */

static size_t count_slashes(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += *text == '/';
    return n;
}

/* Every component is a name, and nothing in a path is a control character. */
static void check_components(const char *path)
{
    for (const char *at = path; *at != '\0';) {
        require(*at == '/', "a component follows a slash");
        size_t n = strcspn(at + 1, "/");
        require(n > 0, "no component is empty");
        require(n != 1 || at[1] != '.', "none is a dot");
        require(n != 2 || at[1] != '.' || at[2] != '.', "none is two dots");
        at += 1 + n;
    }
    for (; *path != '\0'; path++)
        require((unsigned char)*path >= 32 && *path != 127, "nothing is a control character");
}

static void check_path(const struct path_template *template, char *const values[TEXTS])
{
    const struct path_values v = {values[0], values[1], values[2], values[3], &the_time};
    struct bytes wanted = second_filling(template->text, values);
    char *path = malloc(wanted.len);

    require(path != NULL, "memory for a test");
    int n = path_template_expand(template, &v, path, wanted.len);
    if (wanted.len > PATH_TEMPLATE_ROOM) {
        require(n == -ENAMETOOLONG, "a path has an end");
    } else {
        require(n == (int)wanted.len - 1 && memcmp(path, wanted.data, wanted.len) == 0,
                "both fillings agree");
        require(path_template_expand(template, &v, path, wanted.len - 1) == -ENAMETOOLONG,
                "the room is kept");
        require(path_template_expand(template, &v, path, wanted.len) == n, "and once more");
        require(strncmp(path, template->text, template->folder_len) == 0, "the folder is its own");
        require(count_slashes(path) == count_slashes(template->text), "no value adds a folder");
        check_components(path);
    }
    free(path);
    bytes_done(&wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *lines[1 + TEXTS], *text = calloc(1, size + 1), *next = text;
    struct path_template template;
    struct path_fault fault = {0, NULL};
    static char none[] = "";

    require(text != NULL, "memory for a test");
    memcpy(text, data, size);
    for (size_t i = 0; i < 1 + TEXTS; i++) {
        char *line = strsep(&next, "\n");
        lines[i] = line != NULL ? line : none;
    }
    if (path_template_parse(lines[0], &template, &fault) == 0)
        check_path(&template, lines + 1);
    else
        require(fault.reason != NULL && fault.position >= 1 &&
                    fault.position <= strlen(lines[0]) + 1,
                "a fault is in the template");
    free(text);
    return 0;
}
