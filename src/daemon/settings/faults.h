/* SPDX-License-Identifier: MIT
 *
 * Faults found in a settings file: collected in whatever order they are found, told in
 * the order of the file's lines, each as one line of safe text.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_FAULTS_H
#define PEERLOG_DAEMON_SETTINGS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/settings/file.h"

/* Room for a quoted piece of the file: see fault_quote(). */
#define FAULT_QUOTE_BYTES 100u

struct fault;

/* All zero but for the name at first. Release it with faults_done(). */
struct faults {
    const char *name;   /* of the file, as messages call it; not owned */
    struct fault *list; /* owned */
    size_t count;
    size_t room;
    bool out_of_memory; /* one could not be kept */
    bool spares_hidden; /* a credential that only the service may read is none: settings_look() */
};

/*
 * Note a fault: "NAME:LINE: SUBJECT: what is wrong; what would be right".
 * SUBJECT may be "" for none. Bytes of the file must have been through fault_quote().
 * Behind PEERLOG_MAX_FAULTS one last fault says so and further ones are dropped.
 */
void faults_add(struct faults *faults, unsigned line, const char *subject, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

/*
 * Tell every fault in the order of lines; those of one line as they were found.
 * Returns: 0 when there is none; -EINVAL; -ENOMEM when one could not be kept.
 */
int faults_tell(struct faults *faults, settings_fault_fn *tell, void *context);

/* Release what was collected. */
void faults_done(struct faults *faults);

/*
 * Write TEXT, LEN bytes of the file, to DST in safe form: escaped, and "..." in place
 * of what is too long.
 * Returns: DST.
 */
const char *fault_quote(char dst[FAULT_QUOTE_BYTES], const char *text, size_t len);

#endif
