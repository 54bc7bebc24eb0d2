/* SPDX-License-Identifier: MIT
 *
 * The syntax of the settings file. Threads: main.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_SYNTAX_H
#define PEERLOG_DAEMON_SETTINGS_SYNTAX_H

#include <libconfig.h>
#include <stdbool.h>

#include "daemon/settings/faults.h"

/*
 * Make CONFIG ready to read a text, and nothing but that: what is in force must be known from it
 * alone, and libconfig 1.5 ends the program over a directory. There, no name can be opened in
 * a file; later versions ask. The caller destroys it.
 */
void syntax_start(config_t *config);

/*
 * Add a fault where the syntax of a text of LINES lines ends too early. WHOLE: libconfig has read
 * it to its end. Answers: is a group not closed where it should be, so that what stands in it may
 * be another's?
 */
bool syntax_judge(config_t *config, bool whole, unsigned lines, struct faults *faults);

#endif
