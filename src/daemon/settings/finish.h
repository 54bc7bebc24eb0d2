/* SPDX-License-Identifier: MIT
 *
 * What is to be done when a group of settings was read whole: what depends on two of them, and what
 * others inherit. It knows lines and names of the file, but no syntax.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_FINISH_H
#define PEERLOG_DAEMON_SETTINGS_FINISH_H

#include <stdbool.h>

#include "daemon/settings/faults.h"
#include "daemon/settings/settings.h"
#include "daemon/settings/table.h"

/* A group that was just read. */
struct finish {
    struct settings *settings; /* all of them */
    void *base;                /* the group's own structure */
    const char *path;          /* its full name, such as listeners[1] */
    unsigned line;             /* where it begins */
    struct faults *faults;

    /* The line of one of its settings. Returns: 0 when it is not set, or was refused. */
    unsigned (*line_of)(void *context, const char *name);

    /* Answers: was one of its settings refused, so that nothing can be said of what it asks for? */
    bool (*is_refused)(void *context, const char *name);
    void *context;
};

/* Note a fault of the setting NAME, or of the group when it is not set. */
void finish_refuse(const struct finish *finish, const char *name, const char *words);

/* Do what KIND asks for. Returns: 0, or -ENOMEM. */
int finish_group(enum setting_finish kind, const struct finish *finish);

#endif
