/* SPDX-License-Identifier: MIT
 *
 * The settings file: libconfig text in, checked settings or a list of faults out. The only
 * room that knows libconfig, and where unknown names, wrong types and values
 * out of range are found, which libconfig itself accepts in silence.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_FILE_H
#define PEERLOG_DAEMON_SETTINGS_FILE_H

#include <stddef.h>

#include "daemon/settings/settings.h"

/*
 * Told of each fault, in file order, as one line without a newline:
 * "FILE:LINE: setting: what is wrong; what would be right". Bytes of the file
 * in it are already escaped.
 */
typedef void settings_fault_fn(void *context, const char *fault);

/*
 * Read TEXT, LEN bytes of configuration that NAME calls in messages.
 * Every fault is reported, not only the first.
 * Returns: 0 with *ret_settings; -EINVAL after at least one fault; -ENOMEM.
 * Owns:    the caller owns *ret_settings, see settings_free().
 */
int settings_parse(const char *name, const char *text, size_t len, settings_fault_fn *fault,
                   void *context, struct settings **ret_settings);

/*
 * The same for settings that are to be looked at, and not to be used. systemd shows credentials to
 * a service alone, and not always to its ExecReload=: a certificate or key that is hidden from
 * us is no fault, and leaves a listener without its tls.
 */
int settings_look(const char *name, const char *text, size_t len, settings_fault_fn *fault,
                  void *context, struct settings **ret_settings);

#endif
