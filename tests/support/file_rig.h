/* SPDX-License-Identifier: MIT
 *
 * A file rig: an output that writes files in a scratch folder, and a batch of numbered records
 * for it. It fails the test in which it does not do what it is told.
 */
#ifndef PEERLOG_TESTS_FILE_RIG_H
#define PEERLOG_TESTS_FILE_RIG_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/output/output.h"

#define FILE_RIG_TEXT_BYTES 24u
#define FILE_RIG_BYTES (4u * 1024u * 1024u)

struct file_rig {
    char folder[128];
    struct output_settings settings; /* of the output, when it is opened */
    struct output_health health;
    struct output *output;
    struct label_settings label;
    _Atomic uint32_t cursor, working;
    struct batch batch;
    char texts[BATCH_RECORDS][FILE_RIG_TEXT_BYTES];
    char bytes[FILE_RIG_BYTES + 1]; /* what was loaded, and a NUL */
};

/* Around each test: *STATE is a file rig, whose folder goes with it. */
int file_rig_set_up(void **state);
int file_rig_tear_down(void **state);

/* Another one in FOLDER. Owns: the caller releases it with file_rig_free(). */
struct file_rig *file_rig_new(const char *folder);
void file_rig_free(struct file_rig *w);

/* The path of the output, below the folder; "log" at first. */
void file_rig_set_path(struct file_rig *w, const char *name);
void file_rig_open(struct file_rig *w);

/* Records FIRST to FIRST + COUNT, all of source 0; the text of each is "number N.". */
void file_rig_fill(struct file_rig *w, uint32_t first, uint32_t count);

/* Push until all is delivered; what is waited for comes within a moment. */
void file_rig_push(struct file_rig *w);

/* Load the file of this name. Returns: its length; 0 when there is none. */
size_t file_rig_load(struct file_rig *w, const char *name);

/* How often TEXT stands in what was loaded. */
unsigned file_rig_count(const struct file_rig *w, const char *text);

#endif
