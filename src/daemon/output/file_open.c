/* SPDX-License-Identifier: MIT
 *
 * Opening files, component by component, and mending their ends.
 */
#include "config.h"

#include "daemon/output/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/output/file_format.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* An unfinished record is looked for in so much of a file's end: the longest is smaller. */
#define END_BYTES (2u * 1024u * 1024u)

/* --- folders --- */

/* A component of a path, with a NUL. Returns: its length, or -ENAMETOOLONG. */
static int take_component(const char *path, char dst[NAME_MAX + 1])
{
    size_t len = strcspn(path, "/");

    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(dst, path, len);
    dst[len] = '\0';
    return (int)len;
}

/* Enter the folder NAME of PARENT, making it when it is missing. */
static int enter_folder(int parent, const char *name, mode_t mode, int flags)
{
    int fd = openat(parent, name, FOLDER_FLAGS | flags);

    if (fd >= 0 || errno != ENOENT)
        return fd >= 0 ? fd : -errno;
    bool is_new = mkdirat(parent, name, mode) == 0;
    if (!is_new && errno != EEXIST)
        return -errno;
    fd = openat(parent, name, FOLDER_FLAGS | flags);
    if (fd < 0)
        return -errno;
    if (is_new)
        (void)fchmod(fd, mode); /* the umask does not count; where this fails, it does */
    return fd;
}

int file_open_folder(const char *path, size_t fixed_len, const struct file_modes *modes,
                     const char **ret_name)
{
    const char *at = path + 1;
    char name[NAME_MAX + 1];
    int folder = open("/", FOLDER_FLAGS);

    if (folder < 0)
        return -errno;
    for (const char *slash; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        bool is_fixed = (size_t)(slash - path) < fixed_len;
        int len = take_component(at, name);
        int next = len < 0 ? len : enter_folder(folder, name, modes->folder,
                                                is_fixed ? 0 : O_NOFOLLOW);
        (void)close(folder); /* only a place to start from */
        if (next < 0)
            return next;
        folder = next;
    }
    *ret_name = at;
    return folder;
}

/* --- files --- */

int file_open_at(int folder, const char *name, const struct file_modes *modes)
{
    const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat st;

    int fd = openat(folder, name, flags | O_CREAT | O_EXCL, modes->file);
    if (fd >= 0)
        (void)fchmod(fd, modes->file); /* as for folders */
    else if (errno == EEXIST)
        fd = openat(folder, name, flags);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    (void)close(fd); /* nothing was written */
    return -EINVAL;
}

/* --- ends --- */

/* Read the last LEN bytes before SIZE. Returns: 0, or negative errno. */
static int read_end(int fd, uint64_t size, char *dst, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t n = pread(fd, dst + have, len - have, (off_t)(size - len + have));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO; /* it became shorter while we read */
        have += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/*
 * How many bytes at the end belong to no whole record; SIZE when none is whole. Most files end
 * well, so little is read first.
 */
static int find_torn(int fd, const struct file_format *format, uint64_t size, uint64_t *ret_torn)
{
    char *bytes = malloc(END_BYTES);
    int error = bytes == NULL ? -ENOMEM : 0;
    size_t len = 256;

    *ret_torn = size;
    while (error == 0) {
        len = len < size ? len : (size_t)size;
        error = read_end(fd, size, bytes, len);
        size_t whole = error == 0 ? format->whole(bytes, len) : 0;
        if (whole > 0)
            *ret_torn = len - whole;
        if (whole > 0 || len == size || len == END_BYTES)
            break;
        len = END_BYTES;
    }
    free(bytes);
    return error;
}

int file_mend(int fd, const struct file_format *format, bool comes_again,
              struct file_mend *ret_mend)
{
    struct file_mend mend = {0};
    struct stat st;
    uint64_t torn = 0;
    int error = 0;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size > 0)
        error = find_torn(fd, format, (uint64_t)st.st_size, &torn);
    if (error < 0)
        return error;
    if (torn > 0 && torn <= END_BYTES && (comes_again || !format->is_lines)) {
        mend.cut_bytes = torn;
        if (ftruncate(fd, st.st_size - (off_t)torn) < 0)
            return -errno;
    } else if (torn > 0) {
        mend.is_ended = true;
        if (write(fd, "\n", 1) != 1)
            return -errno;
    }
    *ret_mend = mend;
    return 0;
}
