/* SPDX-License-Identifier: MIT
 *
 * The thread that syncs: it takes the list of what was written, and rings when all of that is
 * on the disk.
 */
#include "config.h"

#include "daemon/output/file_sync.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/output/file_set.h"
#include "os/clock.h"
#include "os/poller.h"
#include "peerlog/limits.h"

struct file_sync {
    pthread_t thread;
    uint32_t delay_ms;
    int bell; /* rung when there is a result */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct file **files; /* that were written to, each held */
    size_t count, room;
    bool is_wanted; /* they are to be synced */
    bool is_busy;   /* the thread has taken some, and is not done */
    uint64_t busy_since_ms;
    bool is_ending;
    bool has_ended; /* the thread needs nothing of this any more */
    bool is_orphan; /* nobody else has this: the thread frees it */
    int error;
};

static struct timespec in_ms(uint32_t ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

/* Wait for something to do, and then for its time. Under the lock. */
static void await_work(struct file_sync *sync)
{
    while (!sync->is_wanted && !sync->is_ending)
        (void)pthread_cond_wait(&sync->changed, &sync->lock);
    const struct timespec until = in_ms(sync->delay_ms);
    while (sync->delay_ms > 0 && !sync->is_ending &&
           pthread_cond_timedwait(&sync->changed, &sync->lock, &until) != ETIMEDOUT)
        continue;
}

/* Sync and let go of all FILES. Returns: 0, or the last negative errno. */
static int sync_all(struct file **files, size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count; i++) {
        file_clear_dirty(files[i]); /* before: what is written from now on is news */
        if (fdatasync(file_descriptor(files[i])) < 0)
            error = -errno;
        (void)file_release(files[i]);
    }
    free(files);
    return error;
}

/* One turn. Returns: false when it is over. */
static bool turn(struct file_sync *sync)
{
    (void)pthread_mutex_lock(&sync->lock);
    await_work(sync);
    struct file **files = sync->files;
    size_t count = sync->count;
    bool is_over = sync->is_ending;
    sync->files = NULL;
    sync->count = sync->room = 0;
    sync->is_wanted = false;
    sync->is_busy = true;
    sync->busy_since_ms = clock_mono_coarse_ms();
    (void)pthread_mutex_unlock(&sync->lock);

    int error = sync_all(files, count);

    (void)pthread_mutex_lock(&sync->lock);
    sync->is_busy = false;
    sync->error = error < 0 ? error : sync->error;
    (void)pthread_mutex_unlock(&sync->lock);
    bell_ring(sync->bell);
    return !is_over;
}

static void free_sync(struct file_sync *sync)
{
    (void)close(sync->bell); /* it holds no data */
    (void)pthread_mutex_destroy(&sync->lock);
    (void)pthread_cond_destroy(&sync->changed);
    free(sync);
}

static void *run(void *argument)
{
    struct file_sync *sync = argument;

    while (turn(sync))
        continue;
    (void)pthread_mutex_lock(&sync->lock);
    bool is_orphan = sync->is_orphan;
    sync->has_ended = true;
    (void)pthread_cond_signal(&sync->changed);
    (void)pthread_mutex_unlock(&sync->lock);
    if (is_orphan)
        free_sync(sync);
    return NULL;
}

/* The condition waits by the clock that never jumps. */
static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    int error = pthread_condattr_init(&attributes);
    if (error != 0)
        return -error;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* one of the two allowed */
    error = pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes); /* it is copied */
    return -error;
}

int file_sync_new(uint32_t delay_ms, struct file_sync **ret_sync)
{
    struct file_sync *sync = calloc(1, sizeof *sync);

    if (sync == NULL)
        return -ENOMEM;
    sync->delay_ms = delay_ms;
    sync->bell = bell_new();
    int error = sync->bell < 0 ? sync->bell : 0;
    if (error == 0)
        error = init_condition(&sync->changed);
    if (error < 0)
        goto fail_bell;
    (void)pthread_mutex_init(&sync->lock, NULL); /* the default kind cannot fail */
    error = -pthread_create(&sync->thread, NULL, run, sync);
    if (error < 0)
        goto fail_thread;
    (void)pthread_setname_np(sync->thread, "sync"); /* a name is only a help */
    *ret_sync = sync;
    return 0;
fail_thread:
    (void)pthread_mutex_destroy(&sync->lock);
    (void)pthread_cond_destroy(&sync->changed);
fail_bell:
    if (sync->bell >= 0)
        (void)close(sync->bell); /* it holds no data */
    free(sync);
    return error;
}

bool file_sync_end(struct file_sync *sync)
{
    const struct timespec until = in_ms(PEERLOG_SYNC_END_MS);
    pthread_t thread;

    if (sync == NULL)
        return true;
    thread = sync->thread;
    (void)pthread_mutex_lock(&sync->lock);
    sync->is_ending = true;
    (void)pthread_cond_signal(&sync->changed);
    while (!sync->has_ended &&
           pthread_cond_timedwait(&sync->changed, &sync->lock, &until) != ETIMEDOUT)
        continue;
    bool has_ended = sync->has_ended;
    sync->is_orphan = !has_ended;
    (void)pthread_mutex_unlock(&sync->lock);
    if (!has_ended) {
        (void)pthread_detach(thread); /* it was created, and nobody joins it */
        return false;
    }
    (void)pthread_join(thread, NULL); /* it was created, and is joined once */
    free_sync(sync);
    return true;
}

/* Make room for one more. Under the lock. */
static int make_room(struct file_sync *sync)
{
    size_t room = sync->room > 0 ? 2 * sync->room : 16;

    if (sync->count < sync->room)
        return 0;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): they are pointers. */
    struct file **files = reallocarray(sync->files, room, sizeof *files);
    if (files == NULL)
        return -ENOMEM;
    sync->files = files;
    sync->room = room;
    return 0;
}

int file_sync_add(struct file_sync *sync, struct file *file)
{
    (void)pthread_mutex_lock(&sync->lock);
    int error = make_room(sync);
    if (error == 0)
        sync->files[sync->count++] = file_hold(file);
    (void)pthread_mutex_unlock(&sync->lock);
    return error;
}

void file_sync_begin(struct file_sync *sync)
{
    (void)pthread_mutex_lock(&sync->lock);
    if (sync->count > 0 && !sync->is_wanted) {
        sync->is_wanted = true;
        (void)pthread_cond_signal(&sync->changed);
    }
    (void)pthread_mutex_unlock(&sync->lock);
}

int file_sync_result(struct file_sync *sync)
{
    bell_hush(sync->bell);
    (void)pthread_mutex_lock(&sync->lock);
    int result = sync->error < 0 ? sync->error : sync->is_wanted || sync->is_busy ? -EAGAIN : 0;
    sync->error = 0;
    (void)pthread_mutex_unlock(&sync->lock);
    return result;
}

bool file_sync_is_late(struct file_sync *sync)
{
    (void)pthread_mutex_lock(&sync->lock);
    bool is_late = sync->is_busy &&
                   clock_mono_coarse_ms() - sync->busy_since_ms >= PEERLOG_SYNC_LATE_MS;
    (void)pthread_mutex_unlock(&sync->lock);
    return is_late;
}

int file_sync_descriptor(const struct file_sync *sync)
{
    return sync->bell;
}
