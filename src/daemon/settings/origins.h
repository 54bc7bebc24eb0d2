/* SPDX-License-Identifier: MIT
 *
 * Origins: in which line of the file a setting was set, and which settings in force are not those
 * of the file, because only a restart can change them. Any thread may ask; they are written before
 * the settings are in force.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_ORIGINS_H
#define PEERLOG_DAEMON_SETTINGS_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/settings/settings.h"

struct setting_rule;

/* For a setting that is not of a listener. */
#define ORIGIN_NO_LISTENER UINT16_MAX

/* The setting of RULE, of this listener, is in LINE. Returns: 0, or -ENOMEM. */
int origins_add(struct setting_origins *origins, const struct setting_rule *rule, size_t listener,
                unsigned line);

/* Its line. Returns: 0 when it is not set. */
unsigned origins_line(const struct setting_origins *origins, const struct setting_rule *rule,
                      size_t listener);

/* A listener was left out: those behind it move up. */
void origins_drop_listener(struct setting_origins *origins, size_t listener);

/* NAME, a setting or a group of the file itself, waits for a restart; and does it? */
void origins_wait(struct setting_origins *origins, const char *name);
bool origins_waits(const struct setting_origins *origins, const char *name);

void origins_done(struct setting_origins *origins);

#endif
