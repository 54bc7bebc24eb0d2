/* SPDX-License-Identifier: MIT
 *
 * Warnings about files that could not be written: by this process, or by the service, which may
 * write to less of the system than whoever checks its settings.
 */
#ifndef PEERLOG_DAEMON_ADVICE_LOG_FILES_H
#define PEERLOG_DAEMON_ADVICE_LOG_FILES_H

#include "daemon/advice/advice.h"

/*
 * Warn when the output is files, and their folder, or the one it would be made in, cannot be
 * written to. UNIT: the service that is loaded, or NULL.
 * Blocks: for the file system.
 */
void advice_judge_files(const struct settings *settings, const char *unit, warning_fn *warn,
                        void *context);

#endif
