/* SPDX-License-Identifier: MIT
 *
 * Which log this machine has. journald's sockets lie in one folder, whose name ends alike for
 * the system's and for one of a test; the native one is called "socket".
 */
#include "config.h"

#include "daemon/settings/target.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/settings/table.h"

#define JOURNAL_FOLDER "/systemd/journal"
#define NATIVE_NAME "/socket"

/*
 * PATH leads to a socket in journald's folder: write the native one's path to DST.
 * Answers: is it so?
 */
static bool find_native(const char *path, char dst[SETTINGS_PATH_BYTES])
{
    char real[PATH_MAX];

    if (realpath(path, real) == NULL)
        return false;
    char *name = strrchr(real, '/');
    size_t len = (size_t)(name - real), suffix = sizeof JOURNAL_FOLDER - 1;
    if (len < suffix || memcmp(name - suffix, JOURNAL_FOLDER, suffix) != 0 ||
        len + sizeof NATIVE_NAME > SETTINGS_PATH_BYTES)
        return false;
    memcpy(name, NATIVE_NAME, sizeof NATIVE_NAME);
    if (access(real, F_OK) < 0)
        return false;
    memcpy(dst, real, len + sizeof NATIVE_NAME);
    return true;
}

void output_target_choose(const struct output_settings *settings, struct output_target *ret_target)
{
    struct output_target target = {.type = settings->type};
    const char *native = output_words_of(OUTPUT_JOURNAL)->path;

    memcpy(target.path, settings->path, sizeof target.path);
    if (settings->type == OUTPUT_NATS)
        memcpy(target.path, settings->stream, sizeof settings->stream);
    if (settings->type == OUTPUT_KAFKA)
        memcpy(target.path, settings->topic, sizeof settings->topic);
    if (settings->type == OUTPUT_AUTO) {
        bool usual = strcmp(settings->path, output_words_of(OUTPUT_AUTO)->path) == 0;
        target.type = OUTPUT_JOURNAL;
        if (usual && access(settings->path, F_OK) < 0 && access(native, F_OK) == 0)
            (void)snprintf(target.path, sizeof target.path, "%s", native);
        else if (!find_native(settings->path, target.path))
            target.type = OUTPUT_SYSLOG;
    }
    *ret_target = target;
}

size_t output_target_describe(const struct output_target *target, char dst[TARGET_TEXT_BYTES])
{
    const struct output_words *words = output_words_of(target->type);
    bool has_path = words->behind_path != NULL;

    return (size_t)snprintf(dst, TARGET_TEXT_BYTES, "%s%s%s", words->before_path,
                            has_path ? target->path : "", has_path ? words->behind_path : "");
}
