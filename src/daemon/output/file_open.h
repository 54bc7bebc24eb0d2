/* SPDX-License-Identifier: MIT
 *
 * Opening a file of an output: every folder below the fixed beginning of its path is gone
 * through by itself, and none may be a symbolic link; what a crash tore off at the end of it
 * is mended. Any thread.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_FILE_OPEN_H
#define PEERLOG_DAEMON_OUTPUT_FILE_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct file_format;

/* How files and folders are made. */
struct file_modes {
    mode_t file, folder;
};

/*
 * Open the folder that PATH lies in, making what is missing. The first FIXED_LEN bytes of PATH
 * are the administrator's: links are followed there.
 * Returns: its descriptor, with *ret_name the file's name within PATH; or negative errno: -ELOOP
 *          or -ENOTDIR when a symbolic link, or no folder, is in the way.
 */
int file_open_folder(const char *path, size_t fixed_len, const struct file_modes *modes,
                     const char **ret_name);

/*
 * Open NAME in FOLDER for reading and appending, and make it when it is missing.
 * Returns: its descriptor; -ELOOP when it is a symbolic link, -EINVAL when it is no regular
 *          file; or negative errno.
 */
int file_open_at(int folder, const char *name, const struct file_modes *modes);

/* What was done to a file's end. */
struct file_mend {
    uint64_t cut_bytes; /* of an unfinished record */
    bool is_ended;      /* an unfinished line was ended */
};

/*
 * Mend the end of the file FD: a record that is not whole is cut off when it COMES_AGAIN, or when
 * the format can have none such; else its line is ended.
 * Returns: 0, or negative errno.
 */
int file_mend(int fd, const struct file_format *format, bool comes_again,
              struct file_mend *ret_mend);

#endif
