/* SPDX-License-Identifier: MIT
 *
 * The files that are open: one of each for all workers together, which append to it in turns. A
 * lock of each file stands where the kernel's own of the inode would be waited for, and is held a
 * little longer: until what a full disk tore off is cut away again. So no line is ever glued to
 * another, and what one worker has renamed none of the others goes on writing to.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_FILE_SET_H
#define PEERLOG_DAEMON_OUTPUT_FILE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/output/file_open.h"
#include "peerlog/limits.h"

struct file;
struct file_format;

/* At most so many are open, of all workers together; each worker may always have one. */
#define FILES_OPEN PEERLOG_MAX_OPEN_FILES

/* How files are opened, and when they are rotated. */
struct file_rules {
    const struct file_format *format;
    struct file_modes modes;
    size_t fixed_len;   /* of each path: its fixed beginning */
    uint64_t max_bytes; /* 0: no limit */
    uint32_t keep;      /* files beside the one that is written */
};

/*
 * The file at PATH, opened unless it is open already. COMES_AGAIN: what is written to it first may
 * have been written before, by a process that died.
 * Returns: 0; -EMFILE when FILES_OPEN are open and MAY_EXCEED is not set; or negative errno.
 * Owns:    the caller releases it with file_release().
 * Threads: any.  Blocks: for the file system.
 */
int file_acquire(const char *path, const struct file_rules *rules, bool comes_again,
                 bool may_exceed, struct file **ret_file);
struct file *file_hold(struct file *file);
struct file *file_release(struct file *file);

/* Records that are written in one go. */
struct file_chunk {
    const char *bytes;
    const uint32_t *ends; /* of each record, in bytes */
    uint32_t count;
};

/*
 * Append CHUNK; as much as the disk takes, but whole records alone.
 * Returns: 0; -ESTALE when it was renamed or is full, and must be acquired anew; or negative
 *          errno, with *ret_written records that were written all the same.
 * Blocks:  for the file system, and for another worker that writes to the same file.
 */
int file_append(struct file *file, const struct file_rules *rules,
                const struct file_chunk *chunk, uint32_t *ret_written);

/* If its path leads elsewhere now, let nobody write to it any more. Answers: is it so? */
bool file_is_stale(struct file *file);

/* For the thread that syncs. */
int file_descriptor(const struct file *file);
const char *file_path(const struct file *file);

/* Note that it is to be synced. Answers: is it news? */
bool file_mark_dirty(struct file *file);
void file_clear_dirty(struct file *file);

#endif
