/* SPDX-License-Identifier: MIT
 *
 * Outputs: opening, losing, waiting, reopening, and saying so once.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/message_ids.h"
#include "os/clock.h"
#include "os/log.h"
#include "peerlog/escape.h"

/* Beside one escaped message of the longest kind: the prefixes of a full batch. */
#define PREFIX_SCRATCH_BYTES (BATCH_RECORDS * 128u)

static const struct output_kind *const kinds[] = {
    [OUTPUT_SYSLOG] = &output_syslog,
    [OUTPUT_JOURNAL] = &output_journal,
    [OUTPUT_STDOUT] = &output_stdout,
};

/* For people. */
static const char *describe_output(const struct output_settings *settings)
{
    switch (settings->type) {
    case OUTPUT_SYSLOG:
        return "syslog socket";
    case OUTPUT_JOURNAL:
        return "journal socket";
    default:
        return "standard output";
    }
}

int output_new(const struct output_settings *settings, uint32_t max_message_bytes,
               struct output_health *health, uint64_t instance, struct output **ret_output)
{
    struct output *output = calloc(1, sizeof *output);

    if (output == NULL)
        return -ENOMEM;
    output->kind = kinds[settings->type];
    output->settings = *settings;
    output->health = health;
    output->instance = instance;
    output->fd = -1;
    output->backoff_ms = PEERLOG_REOPEN_MIN_MS;
    (void)snprintf(output->pid, sizeof output->pid, "[%d]: ", (int)getpid()); /* always fits */
    /* Far larger than what is used: pages that are never written cost nothing. */
    output->scratch_bytes = PREFIX_SCRATCH_BYTES +
                            ESCAPE_MAX_GROWTH * (max_message_bytes + FORMAT_PREFIX_BYTES);
    output->scratch = malloc(output->scratch_bytes);
    output->vectors = calloc(1, output->kind->vectors_bytes);
    if (output->scratch == NULL || output->vectors == NULL) {
        free(output->vectors);
        free(output->scratch);
        free(output);
        return -ENOMEM;
    }
    *ret_output = output;
    return 0;
}

/* Count this output as there again; the last one says how long the log was away. */
static void note_back(struct output *output)
{
    struct output_health *health = output->health;

    output->backoff_ms = PEERLOG_REOPEN_MIN_MS;
    if (!output->lost)
        return;
    output->lost = 0;
    if (atomic_fetch_sub(&health->lost, 1) != 1 || atomic_exchange(&health->announced, 0) == 0)
        return;
    uint64_t away_ms = clock_mono_ms() - atomic_load(&health->lost_since_ms);
    log_event(SEVERITY_NOTICE, MESSAGE_ID_OUTPUT_BACK, "%s%s%s is back after %u.%03u s",
              describe_output(&output->settings), *output->settings.path != '\0' ? " " : "",
              output->settings.path,
              (unsigned)(away_ms / 1000), (unsigned)(away_ms % 1000));
}

/* What is the matter, for people. */
static const char *describe_loss(int error)
{
    switch (error) {
    case -EAGAIN:
        return "has taken nothing for a while";
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
    case -ENOBUFS:
    case -ENOMEM:
        return "cannot take anything";
    case -EACCES:
    case -EPERM:
        return "refuses us";
    default:
        return "is not there";
    }
}

/* Count it as lost, or as stalled, since SINCE_MS; the first one says so. */
static void note_lost(struct output *output, int error, uint64_t since_ms)
{
    struct output_health *health = output->health;

    output->last_error = error;
    if (output->lost)
        return;
    output->lost = 1;
    if (atomic_fetch_add(&health->lost, 1) != 0)
        return;
    atomic_store(&health->lost_since_ms, since_ms);
    atomic_store(&health->announced, 1);
    log_event(SEVERITY_WARNING, MESSAGE_ID_OUTPUT_LOST,
              "%s%s%s %s (%s); waiting for it, clients wait too, nothing is dropped",
              describe_output(&output->settings), *output->settings.path != '\0' ? " " : "",
              output->settings.path, describe_loss(error),
              error == -EAGAIN ? "it is full" : strerror(-error));
}

static void close_output(struct output *output)
{
    if (output->fd >= 0)
        output->kind->close(output);
    output->fd = -1;
}

struct output *output_free(struct output *output)
{
    if (output != NULL) {
        close_output(output);
        free(output->vectors);
        free(output->scratch);
        free(output);
    }
    return NULL;
}

/* Lost: close, and set the time of the next attempt. */
static void lose(struct output *output, int error)
{
    close_output(output);
    note_lost(output, error, clock_mono_ms());
    output->retry_at_ms = clock_mono_ms() + output->backoff_ms;
    output->backoff_ms *= 2;
    if (output->backoff_ms > PEERLOG_REOPEN_MAX_MS)
        output->backoff_ms = PEERLOG_REOPEN_MAX_MS;
}

/* Open it, if it is not and its time has come. Whether it takes anything is yet to be seen. */
static int try_open(struct output *output)
{
    if (output->fd >= 0)
        return 0;
    if (output->retry_at_ms > clock_mono_ms())
        return output->last_error != 0 ? output->last_error : -EAGAIN;
    int error = output->kind->open(output);
    if (error < 0)
        lose(output, error);
    output->full_since_ms = 0;
    return error;
}

int output_ensure_open(struct output *output)
{
    bool was_open = output->fd >= 0;
    int error = try_open(output);

    if (error == 0 && !was_open)
        note_back(output);
    return error;
}

/* It is full. Between two batches that is nothing; for long it is as good as lost. */
static void note_full(struct output *output, bool progress)
{
    uint64_t now_ms = clock_mono_ms();

    if (progress || output->full_since_ms == 0) {
        if (progress)
            note_back(output);
        output->full_since_ms = now_ms;
    } else if (now_ms - output->full_since_ms >= PEERLOG_STALL_MS) {
        note_lost(output, -EAGAIN, output->full_since_ms);
    }
}

enum output_wait output_push(struct output *output, struct batch *batch)
{
    uint32_t taken = batch->taken;

    /*
     * A socket that was bound anew is tried at once, and if that goes well there is nothing
     * to be said. A second loss in a row waits.
     */
    for (int attempt = 0; attempt < 2; attempt++) {
        if (try_open(output) < 0)
            return OUTPUT_WAIT_TIME;
        format_stamp(&output->stamp, clock_wall_s());
        int error = output->kind->deliver(output, batch);
        switch (error) {
        case 0:
            output->full_since_ms = 0;
            note_back(output);
            return OUTPUT_READY;
        case -EAGAIN:
            note_full(output, batch->taken > taken);
            return OUTPUT_WAIT_WRITABLE;
        case -ENOBUFS:
        case -ENOMEM:
        case -ENOSPC:
        case -EDQUOT:
        case -EFBIG:
            note_lost(output, error, clock_mono_ms());
            output->retry_at_ms = clock_mono_ms() + PEERLOG_REOPEN_MIN_MS;
            return OUTPUT_WAIT_TIME;
        case -EPIPE:
            if (output->settings.type == OUTPUT_STDOUT)
                return OUTPUT_ENDED;
            break;
        default:
            break;
        }
        if (batch->taken > taken)
            note_back(output); /* it was there until now */
        if (attempt > 0) {
            lose(output, error);
            break;
        }
        close_output(output);
        output->retry_at_ms = 0;
    }
    return OUTPUT_WAIT_TIME;
}

int output_change(struct output *output, const struct output_settings *settings)
{
    const struct output_kind *kind = kinds[settings->type];

    if (memcmp(&output->settings, settings, sizeof *settings) == 0)
        return 0;
    void *vectors = calloc(1, kind->vectors_bytes);
    if (vectors == NULL)
        return -ENOMEM;
    close_output(output);
    free(output->vectors);
    output->vectors = vectors;
    output->settings = *settings;
    output->kind = kind;
    output->retry_at_ms = 0;
    output->backoff_ms = PEERLOG_REOPEN_MIN_MS;
    return output_ensure_open(output);
}

int output_connect_datagram(struct output *output)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int size = 0;
    socklen_t len = sizeof size;
    int error = 0;

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    memcpy(sa.sun_path, output->settings.path, sizeof sa.sun_path);
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        error = -errno;
    else if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0)
        error = -errno;
    if (error < 0) {
        (void)close(fd); /* nothing was sent */
        return error;
    }
    /* The kernel refuses a datagram that leaves less than 32 bytes of the send buffer. */
    output->datagram_bytes = size > 4096 ? (uint32_t)size - 32 : 4096;
    output->fd = fd;
    return 0;
}
