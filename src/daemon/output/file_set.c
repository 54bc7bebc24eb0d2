/* SPDX-License-Identifier: MIT
 *
 * Open files: found by their path, appended to under a lock, renamed when they are full.
 */
#include "config.h"

#include "daemon/output/file_set.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/log.h"

#define BUCKETS 1024u

struct file {
    struct file *next;      /* in its bucket; of the set's lock */
    _Atomic uint32_t holds; /* who has it; at 0 it is closed */
    _Atomic bool is_dirty;  /* it will be synced */
    _Atomic bool is_stale;  /* its path leads elsewhere: written under both locks */
    int fd;
    dev_t device;
    ino_t inode;
    size_t fixed_len;
    pthread_mutex_t lock; /* what follows, and the file's end */
    bool is_torn; /* its last line is not whole, and could not be cut */
    char path[];
};

/* All that are open and not stale. */
static struct {
    pthread_mutex_t lock;
    struct file *buckets[BUCKETS];
    uint32_t count; /* with those that are stale and not closed yet */
} set = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- the set --- */

static struct file **bucket_of(const char *path)
{
    uint32_t hash = 2166136261u; /* FNV-1a: the paths are ours, or of bounded values */

    for (; *path != '\0'; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619u;
    return &set.buckets[hash % BUCKETS];
}

static struct file *find(const char *path)
{
    for (struct file *file = *bucket_of(path); file != NULL; file = file->next)
        if (strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

/* Nobody finds it any more; who has it is told at the next write. Under the set's lock. */
static void take_out(struct file *file)
{
    struct file **at = bucket_of(file->path);

    while (*at != NULL && *at != file)
        at = &(*at)->next;
    if (*at != NULL)
        *at = file->next;
    atomic_store(&file->is_stale, true);
}

struct file *file_hold(struct file *file)
{
    atomic_fetch_add(&file->holds, 1);
    return file;
}

struct file *file_release(struct file *file)
{
    if (file == NULL)
        return NULL;
    (void)pthread_mutex_lock(&set.lock); /* it is a plain one, and ours */
    bool is_last = atomic_fetch_sub(&file->holds, 1) == 1;
    if (is_last) {
        take_out(file);
        set.count--;
    }
    (void)pthread_mutex_unlock(&set.lock);
    if (is_last) {
        (void)close(file->fd); /* an error would have come with the write, or comes with a sync */
        (void)pthread_mutex_destroy(&file->lock);
        free(file);
    }
    return NULL;
}

/* --- opening --- */

/* Say what became of an end that a crash tore. */
static void say_mended(const char *path, const struct file_mend *mend)
{
    if (mend->cut_bytes > 0)
        log_say(SEVERITY_NOTICE, "%s: cut off %llu bytes of a record that was not finished", path,
                (unsigned long long)mend->cut_bytes);
    if (mend->is_ended)
        log_say(SEVERITY_NOTICE, "%s: ended a line that was not finished", path);
}

/* Open PATH and mend its end. Returns: its descriptor, or negative errno. */
static int open_path(const char *path, const struct file_rules *rules, bool comes_again,
                     struct file_mend *ret_mend)
{
    const char *name;
    int folder = file_open_folder(path, rules->fixed_len, &rules->modes, &name);

    if (folder < 0)
        return folder;
    int fd = file_open_at(folder, name, &rules->modes);
    (void)close(folder); /* only a place to start from */
    if (fd < 0)
        return fd;
    int error = file_mend(fd, rules->format, comes_again, ret_mend);
    if (error == 0)
        return fd;
    (void)close(fd); /* nothing was written */
    return error;
}

/* A file that nobody has yet. */
static int make_file(const char *path, const struct file_rules *rules, bool comes_again,
                     struct file **ret_file)
{
    struct file_mend mend;
    struct stat st;
    struct file *file = calloc(1, sizeof *file + strlen(path) + 1);

    if (file == NULL)
        return -ENOMEM;
    file->fd = open_path(path, rules, comes_again, &mend);
    if (file->fd < 0 || fstat(file->fd, &st) < 0) {
        int error = file->fd < 0 ? file->fd : -errno;
        if (file->fd >= 0)
            (void)close(file->fd); /* nothing was written */
        free(file);
        return error;
    }
    say_mended(path, &mend);
    (void)pthread_mutex_init(&file->lock, NULL); /* the default kind cannot fail */
    atomic_store(&file->holds, 1);
    file->device = st.st_dev;
    file->inode = st.st_ino;
    file->fixed_len = rules->fixed_len;
    memcpy(file->path, path, strlen(path) + 1);
    *ret_file = file;
    return 0;
}

int file_acquire(const char *path, const struct file_rules *rules, bool comes_again,
                 bool may_exceed, struct file **ret_file)
{
    struct file *file;
    int error = 0;

    /* Opened under the lock: two would mend one end, and one of them cut what the other wrote. */
    (void)pthread_mutex_lock(&set.lock);
    file = find(path);
    if (file != NULL) {
        *ret_file = file_hold(file);
    } else if (set.count >= FILES_OPEN && !may_exceed) {
        error = -EMFILE;
    } else {
        error = make_file(path, rules, comes_again, &file);
        if (file != NULL) {
            struct file **at = bucket_of(path);
            file->next = *at;
            *at = file;
            set.count++;
            *ret_file = file;
        }
    }
    (void)pthread_mutex_unlock(&set.lock);
    return error;
}

bool file_is_stale(struct file *file)
{
    struct stat st;

    if (atomic_load(&file->is_stale))
        return true;
    if (lstat(file->path, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode)
        return false;
    (void)pthread_mutex_lock(&set.lock);
    take_out(file);
    (void)pthread_mutex_unlock(&set.lock);
    return true;
}

/* --- rotating --- */

/* NAME becomes NAME.1, NAME.1 becomes NAME.2, and so on; what would be KEEP + 1 goes. */
static int shift_names(int folder, const char *name, uint32_t keep)
{
    char from[NAME_MAX + 1], to[NAME_MAX + 1];

    for (uint32_t i = keep; i > 0; i--) {
        int n = snprintf(to, sizeof to, "%s.%u", name, (unsigned)i);
        if (i > 1)
            (void)snprintf(from, sizeof from, "%s.%u", name, (unsigned)(i - 1)); /* it is shorter */
        else
            (void)snprintf(from, sizeof from, "%s", name); /* shorter still */
        if (n < 0 || (size_t)n >= sizeof to)
            return -ENAMETOOLONG;
        if (renameat(folder, from, folder, to) < 0 && errno != ENOENT)
            return -errno;
    }
    return 0;
}

/* The file is full: it gets another name. Under its lock. */
static int rotate(struct file *file, const struct file_rules *rules)
{
    const char *name;
    int folder = file_open_folder(file->path, rules->fixed_len, &rules->modes, &name);

    if (folder < 0)
        return folder;
    int error = shift_names(folder, name, rules->keep);
    (void)close(folder); /* only a place to start from */
    if (error < 0)
        return error;
    (void)pthread_mutex_lock(&set.lock);
    take_out(file);
    (void)pthread_mutex_unlock(&set.lock);
    return -ESTALE;
}

/* --- writing --- */

/* Whole records in the first LEN bytes. */
static uint32_t count_whole(const struct file_chunk *chunk, size_t len)
{
    uint32_t whole = 0;

    while (whole < chunk->count && chunk->ends[whole] <= len)
        whole++;
    return whole;
}

/*
 * Write LEN bytes. What a disk takes of the last ones says nothing; what it says of the next does.
 * Returns: 0, or negative errno, with *ret_done bytes written.
 */
static int write_bytes(int fd, const char *bytes, size_t len, size_t *ret_done)
{
    while (*ret_done < len) {
        ssize_t n = write(fd, bytes + *ret_done, len - *ret_done);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO;
        *ret_done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* N bytes were written, and no more will: keep whole records alone. */
static uint32_t settle(struct file *file, const struct file_chunk *chunk, size_t n)
{
    uint32_t whole = count_whole(chunk, n);
    size_t keep = whole > 0 ? chunk->ends[whole - 1] : 0;
    struct stat st;

    if (keep < n && (fstat(file->fd, &st) < 0 ||
                     ftruncate(file->fd, st.st_size - (off_t)(n - keep)) < 0))
        file->is_torn = true;
    return whole;
}

/* A line that could not be cut off is ended, before anything else. */
static int end_torn_line(struct file *file)
{
    ssize_t n = write(file->fd, "\n", 1);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    file->is_torn = n == 0;
    return 0;
}

/* Answers: would LEN bytes more make it larger than it may be? The first record always fits. */
static bool is_full(const struct file *file, const struct file_rules *rules, size_t len)
{
    struct stat st;

    return rules->max_bytes > 0 && fstat(file->fd, &st) == 0 && st.st_size > 0 &&
           (uint64_t)st.st_size + len > rules->max_bytes;
}

static int append(struct file *file, const struct file_rules *rules,
                  const struct file_chunk *chunk, uint32_t *ret_written)
{
    size_t len = chunk->ends[chunk->count - 1];
    int error = 0;

    if (atomic_load(&file->is_stale))
        return -ESTALE;
    if (is_full(file, rules, len))
        return rotate(file, rules);
    if (file->is_torn)
        error = end_torn_line(file);
    if (error < 0)
        return error;
    size_t done = 0;
    error = write_bytes(file->fd, chunk->bytes, len, &done);
    *ret_written = error < 0 ? settle(file, chunk, done) : chunk->count;
    return error;
}

int file_append(struct file *file, const struct file_rules *rules,
                const struct file_chunk *chunk, uint32_t *ret_written)
{
    (void)pthread_mutex_lock(&file->lock);
    int error = append(file, rules, chunk, ret_written);
    (void)pthread_mutex_unlock(&file->lock);
    return error;
}

/* --- for others --- */

int file_descriptor(const struct file *file)
{
    return file->fd;
}

const char *file_path(const struct file *file)
{
    return file->path;
}

bool file_mark_dirty(struct file *file)
{
    return !atomic_exchange(&file->is_dirty, true);
}

void file_clear_dirty(struct file *file)
{
    atomic_store(&file->is_dirty, false);
}
