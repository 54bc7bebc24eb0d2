/* SPDX-License-Identifier: MIT
 *
 * Warnings about good settings on a system that would lose messages all the same: the
 * journal's limits, and that of open files. First the system is looked at, then it is
 * judged; the judge is pure.
 */
#ifndef PEERLOG_DAEMON_ADVICE_ADVICE_H
#define PEERLOG_DAEMON_ADVICE_ADVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/settings/settings.h"
#include "daemon/advice/unit_properties.h"
#include "peerlog/priority.h"

/* What the system is like, as far as it could be found out. */
struct surroundings {
    const char *unit;          /* that is loaded and writes to the journal; or NULL */
    struct unit_rate rate;  /* of that unit */
    bool journald;             /* what we write goes to the journal */
    bool journald_unlimited;   /* its own rate limit is switched off */
    enum severity store;       /* it keeps records down to this severity */
    enum severity forward;     /* and passes them on to another syslog daemon down to this */
    uint64_t descriptors;      /* the hard limit of open files */
    bool parked;               /* connections are kept by the service manager as well */
};

/* Told of each warning, one line without a newline. */
typedef void warning_fn(void *context, const char *warning);

/* The least severe records that these settings let through. */
enum severity advice_least_severity(const struct settings *settings);

/* Warn of listeners whose own severity is more severe than what is let through. */
void advice_judge_severities(const struct settings *settings, warning_fn *warn, void *context);

/* Tell of lists that are written out, empty, and keep nobody out; not of this machine's own. */
void advice_judge_access(const struct settings *settings, warning_fn *warn, void *context);

/* Warn when what stands at the path of the log's socket takes no datagrams. */
void advice_judge_log_socket(const struct settings *settings, warning_fn *warn, void *context);

/*
 * Look at the journal that these settings write to; its files are below ROOT, "" for the
 * system. Descriptors are left alone.
 * Blocks:  for the disk, and less than 4 seconds for the service manager.
 */
void advice_look_at_journal(const char *root, const struct settings *settings,
                              struct surroundings *ret_around);

/* The service that is loaded. Returns: its name, or NULL.  Blocks: less than 4 seconds. */
const char *advice_find_unit(void);

/* Warn of what the journal would lose. */
void advice_judge_journal(const struct settings *settings, const struct surroundings *around,
                            warning_fn *warn, void *context);

/* Look at this process's limit of open files. */
void advice_look_at_descriptors(struct surroundings *ret_around);

/* Warn of connections that could not be accepted. */
void advice_judge_descriptors(const struct settings *settings,
                                const struct surroundings *around, warning_fn *warn,
                                void *context);

#endif
