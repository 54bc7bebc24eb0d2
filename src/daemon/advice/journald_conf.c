/* SPDX-License-Identifier: MIT
 *
 * journald's files in its own order: the main file, then the drop-ins of all
 * directories by their names; of one name in several directories, the
 * administrator's hides the others.
 */
#include "config.h"

#include "daemon/advice/journald_conf.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peerlog/count.h"

/* Longer paths than this are not those of journald. */
#define PATH_BYTES 4096u

/* The later hides the earlier. */
static const char *const directories[] = {"usr/lib", "usr/local/lib", "run", "etc"};
#define DIRECTORIES COUNT_OF(directories)

struct look_up {
    const char *key;
    char *value;
    size_t size;
    bool found;
};

/* Take the value, if this line is "KEY = VALUE". It is changed. */
static void read_line(struct look_up *look_up, char *line)
{
    static const char blanks[] = " \t\r\n";
    size_t len = strlen(look_up->key);

    line += strspn(line, blanks);
    if (strncmp(line, look_up->key, len) != 0)
        return;
    line += len;
    line += strspn(line, blanks);
    if (*line != '=')
        return;
    line++;
    line += strspn(line, blanks);
    for (size_t end = strlen(line); end > 0 && strchr(blanks, line[end - 1]) != NULL; end--)
        line[end - 1] = '\0';
    (void)snprintf(look_up->value, look_up->size, "%s", line);
    look_up->found = true;
}

/* Answers: is there such a file? */
static bool read_file(struct look_up *look_up, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;

    if (file == NULL)
        return false;
    while (getline(&line, &room, file) >= 0)
        read_line(look_up, line);
    free(line);
    (void)fclose(file); /* nothing was written */
    return true;
}

/* A drop-in: its name decides the order, its path what is read. */
struct drop_in {
    const char *name;
    const char *path;
    size_t number; /* of one name, the largest is read */
};

static int drop_in_compare(const void *left, const void *right)
{
    const struct drop_in *a = left;
    const struct drop_in *b = right;
    int order = strcmp(a->name, b->name);

    if (order != 0)
        return order;
    return a->number < b->number ? -1 : 1;
}

static void read_drop_ins(struct look_up *look_up, const glob_t *found)
{
    struct drop_in *list = calloc(found->gl_pathc + 1, sizeof *list);

    if (list == NULL)
        return;
    for (size_t i = 0; i < found->gl_pathc; i++)
        list[i] = (struct drop_in){strrchr(found->gl_pathv[i], '/') + 1, found->gl_pathv[i], i};
    qsort(list, found->gl_pathc, sizeof *list, drop_in_compare);
    for (size_t i = 0; i < found->gl_pathc; i++)
        if (i + 1 == found->gl_pathc || strcmp(list[i].name, list[i + 1].name) != 0)
            (void)read_file(look_up, list[i].path);
    free(list);
}

bool journald_conf(const char *root, const char *key, char *value, size_t size)
{
    struct look_up look_up = {key, value, size, false};
    char path[PATH_BYTES];
    glob_t found = {0};
    int flags = GLOB_NOSORT;

    for (size_t i = DIRECTORIES; i > 0; i--) {
        (void)snprintf(path, sizeof path, "%s/%s/systemd/journald.conf", root, directories[i - 1]);
        if (read_file(&look_up, path))
            break;
    }
    for (size_t i = 0; i < DIRECTORIES; i++) {
        (void)snprintf(path, sizeof path, "%s/%s/systemd/journald.conf.d/*.conf", root,
                       directories[i]);
        (void)glob(path, flags, NULL, &found); /* what is not found adds nothing */
        flags |= GLOB_APPEND;
    }
    read_drop_ins(&look_up, &found);
    globfree(&found);
    return look_up.found;
}
