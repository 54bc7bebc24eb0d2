/* SPDX-License-Identifier: MIT
 *
 * Files that could not be written.
 */
#include "config.h"

#include "daemon/advice/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/advice/unit_properties.h"
#include "peerlog/path_template.h"

/* What the units let the service write to (LogsDirectory=). */
#define UNIT_FOLDER "/var/log/peerlog/"

#define WARNING_BYTES 640u

/* Shorten FOLDER, which ends with a slash, to the deepest one that is there. */
static void find_present(char *folder)
{
    while (access(folder, F_OK) < 0 && errno == ENOENT && folder[1] != '\0') {
        folder[strlen(folder) - 1] = '\0';
        strrchr(folder, '/')[1] = '\0';
    }
}

void advice_judge_files(const struct settings *settings, const char *unit, warning_fn *warn,
                        void *context)
{
    const char *path = settings->output.path;
    char folder[SETTINGS_FILE_BYTES], text[WARNING_BYTES];
    struct path_template template;
    struct path_fault fault;

    if (settings->output.type != OUTPUT_FILE ||
        path_template_parse(path, &template, &fault) < 0)
        return;
    (void)snprintf(folder, sizeof folder, "%.*s", (int)template.folder_len, path);
    find_present(folder);
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0) {
        (void)snprintf(text, sizeof text,
                       "output.path: %s cannot be written to from here (%s); the service may write "
                       "below " UNIT_FOLDER ", and where ReadWritePaths= of a drop-in lets it",
                       folder, strerror(errno));
        warn(context, text);
    } else if (unit != NULL && strncmp(path, UNIT_FOLDER, sizeof UNIT_FOLDER - 1) != 0 &&
               !unit_properties_writes(unit, path)) {
        (void)snprintf(text, sizeof text,
                       "output.path: %s is not below " UNIT_FOLDER ", where %s may write; a "
                       "drop-in with ReadWritePaths= lets it write there, too",
                       path, unit);
        warn(context, text);
    }
}
