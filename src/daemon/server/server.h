/* SPDX-License-Identifier: MIT
 *
 * The server: starts the parts in one order and stops them in the mirror order, and is
 * main's loop in between: signals, reload, the service manager.
 */
#ifndef PEERLOG_DAEMON_SERVER_SERVER_H
#define PEERLOG_DAEMON_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/takeover/inheritance.h"
#include "daemon/settings/settings.h"

struct server_plan {
    struct settings *settings;  /* checked; the server owns it */
    const char *file;           /* read again at a reload; NULL: there is none */
    const char *config;         /* the text the settings were made from */
    size_t config_bytes;
    const char *config_fault;   /* the file is broken and the last good text is in force; or NULL */
    struct inheritance *inheritance;

    /* Called when settings have come in force (NEWS), and once a day. */
    void (*advise)(const struct settings *settings, bool news);
};

/*
 * Run until a signal ends it.
 * Returns: an exit status after sysexits.h.
 * Blocks:  yes.
 */
int server_run(const struct server_plan *plan);

#endif
