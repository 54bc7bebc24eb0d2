/* SPDX-License-Identifier: MIT
 *
 * What journald.conf(5) and the files beside it say.
 */
#ifndef PEERLOG_DAEMON_ADVICE_JOURNALD_CONF_H
#define PEERLOG_DAEMON_ADVICE_JOURNALD_CONF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Look up KEY, such as "MaxLevelStore", in etc/systemd/journald.conf below the directory
 * ROOT ("" for the system) and in the drop-ins of etc, run and usr/lib. The
 * last assignment wins; files that cannot be read are passed over.
 * Answers: is there one, and is it in VALUE, cut to SIZE bytes? It may be empty.
 * Blocks:  for the disk.
 */
bool journald_conf(const char *root, const char *key, char *value, size_t size);

#endif
