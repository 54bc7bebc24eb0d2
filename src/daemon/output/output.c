/* SPDX-License-Identifier: MIT
 *
 * Outputs: opening, losing, waiting, reopening, and saying so once.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon/message_ids.h"
#include "daemon/settings/table.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/module.h"
#include "os/net.h"
#include "peerlog/escape.h"

/* Beside one escaped message of the longest kind: the prefixes of a full batch. */
#define PREFIX_SCRATCH_BYTES (BATCH_RECORDS * 128u)

/* How often an output of type "auto" looks which log there is, in milliseconds. */
#define LOOK_MS 1000u

static const struct output_kind *const kinds[] = {
    [OUTPUT_SYSLOG] = &output_syslog,
    [OUTPUT_JOURNAL] = &output_journal,
    [OUTPUT_STDOUT] = &output_stdout,
    [OUTPUT_AUTO] = &output_syslog, /* until it is opened */
    [OUTPUT_FILE] = &output_file,
};

/* Those in modules, once they are loaded. */
static const struct output_kind *_Atomic loaded_kinds[OUTPUT_TYPES];

const struct output_kind *output_kind_of(unsigned type)
{
    const char *module = output_words_of(type)->module, *why;
    char symbol[32];

    if (module == NULL)
        return kinds[type];
    const struct output_kind *kind = atomic_load(&loaded_kinds[type]);
    if (kind == NULL) {
        (void)snprintf(symbol, sizeof symbol, "output_%s", module); /* always fits */
        kind = module_symbol(module, symbol, &why);
        atomic_store(&loaded_kinds[type], kind);
    }
    assert(kind != NULL);
    return kind;
}

static void use_settings(struct output *output, const struct output_settings *settings)
{
    output->settings = *settings;
    output->target.type = settings->type;
    memcpy(output->target.path, settings->path, sizeof output->target.path);
}

void output_refresh(struct output *output)
{
    if (output->kind->refresh != NULL)
        output->kind->refresh(output);
}

int output_new_of(const struct output_kind *kind, const struct output_settings *settings,
                  uint32_t max_message_bytes, struct output_health *health, uint64_t instance,
                  struct output **ret_output)
{
    struct output *output = calloc(1, sizeof *output);

    if (output == NULL)
        return -ENOMEM;
    output->kind = kind;
    use_settings(output, settings);
    output->health = health;
    output->instance = instance;
    output->fd = -1;
    output->backoff_ms = PEERLOG_REOPEN_MIN_MS;
    (void)snprintf(output->pid, sizeof output->pid, "[%d]: ", (int)getpid()); /* always fits */
    /* Far larger than what is used: pages that are never written cost nothing. */
    output->scratch_bytes = PREFIX_SCRATCH_BYTES +
                            ESCAPE_MAX_GROWTH * (max_message_bytes + FORMAT_PREFIX_BYTES);
    output->scratch = malloc(output->scratch_bytes);
    output->state = calloc(1, kind->state_bytes);
    if (output->scratch == NULL || output->state == NULL) {
        free(output->state);
        free(output->scratch);
        free(output);
        return -ENOMEM;
    }
    *ret_output = output;
    return 0;
}

int output_new(const struct output_settings *settings, uint32_t max_message_bytes,
               struct output_health *health, uint64_t instance, struct output **ret_output)
{
    return output_new_of(output_kind_of(settings->type), settings, max_message_bytes, health,
                         instance, ret_output);
}

/* A space and what it writes to, for people; nothing where there is only one. */
static const char *before_place(const struct output *output, const char **ret_place)
{
    *ret_place = output->kind->place != NULL ? output->kind->place(output) : output->target.path;
    return **ret_place != '\0' ? " " : "";
}

static void count(const struct output *output, enum output_tally what, uint64_t n)
{
    if (output->tally != NULL)
        atomic_fetch_add_explicit(&output->tally[what], n, memory_order_relaxed);
}

/* Count this output as there again; the last one says how long the log was away. */
static void note_back(struct output *output)
{
    struct output_health *health = output->health;
    const char *space, *place;

    output->backoff_ms = PEERLOG_REOPEN_MIN_MS;
    if (!output->is_lost)
        return;
    output->is_lost = false;
    if (atomic_fetch_sub(&health->lost, 1) != 1 || atomic_exchange(&health->announced, 0) == 0)
        return;
    uint64_t away_ms = clock_mono_ms() - atomic_load(&health->lost_since_ms);
    count(output, TALLY_LOST_MS, away_ms);
    space = before_place(output, &place);
    log_event(SEVERITY_NOTICE, MESSAGE_ID_OUTPUT_BACK, "%s%s%s is back after %u.%03u s",
              output->kind->description, space, place,
              (unsigned)(away_ms / 1000), (unsigned)(away_ms % 1000));
}

/* What is the matter, for people. */
static const char *describe_loss(const struct output *output, int error)
{
    const char *words = error == -ECONNREFUSED || error == -EPROTOTYPE
                            ? net_describe_log_socket(output->target.path,
                                                      output->kind->sibling != NULL)
                            : NULL;

    if (words != NULL)
        return words;
    switch (error) {
    case -EAGAIN:
        return "has taken nothing for a while";
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
    case -ENOBUFS:
    case -ENOMEM:
    case -EROFS:
    case -EIO:
    case -EMSGSIZE:
        return "cannot take anything";
    case -ELOOP:
    case -ENOTDIR:
        return "leads through a symbolic link or a file";
    case -EINVAL:
        return "is no file";
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
    const char *space, *place;

    output->last_error = error;
    if (output->is_lost)
        return;
    output->is_lost = true;
    if (atomic_fetch_add(&health->lost, 1) != 0)
        return;
    count(output, TALLY_LOSSES, 1);
    atomic_store(&health->lost_since_ms, since_ms);
    atomic_store(&health->announced, 1);
    space = before_place(output, &place);
    const char *full = output->kind->when_full != NULL ? output->kind->when_full : "it is full";
    log_event(SEVERITY_WARNING, MESSAGE_ID_OUTPUT_LOST,
              "%s%s%s %s (%s); waiting for it, clients wait too, nothing is dropped",
              output->kind->description, space, place, describe_loss(output, error),
              error == -EAGAIN ? full : strerror(-error));
}

static void close_output(struct output *output)
{
    if (output->is_open)
        output->kind->close(output);
    output->is_open = false;
    output->fd = -1;
}

struct output *output_free(struct output *output)
{
    if (output != NULL) {
        close_output(output);
        free(output->state);
        free(output->scratch);
        free(output);
    }
    return NULL;
}

/* Lost: close, and set the time of the next attempt. */
static void lose(struct output *output, int error)
{
    close_output(output);
    count(output, TALLY_FAILED_OPENINGS, 1);
    note_lost(output, error, clock_mono_ms());
    output->retry_at_ms = clock_mono_ms() + output->backoff_ms;
    output->backoff_ms *= 2;
    if (output->backoff_ms > PEERLOG_REOPEN_MAX_MS)
        output->backoff_ms = PEERLOG_REOPEN_MAX_MS;
}

/* Become an output of this kind, with a state of its own; it is closed then. */
static int use_kind(struct output *output, const struct output_kind *kind)
{
    void *state = calloc(1, kind->state_bytes);

    if (state == NULL)
        return -ENOMEM;
    close_output(output);
    free(output->state);
    output->state = state;
    output->kind = kind;
    return 0;
}

/*
 * What was on its way to an output that is lost goes on its way again, by an output of this KIND.
 * Where nothing throws the second one away, it may be there twice, and says so.
 */
static void take_back(const struct output_kind *kind, struct batch *batch)
{
    if (!(kind->traits & OUTPUT_DROPS_REPEATS))
        for (uint32_t i = batch->delivered; i < batch->submitted; i++)
            batch->records[i].flags |= RECORD_REPEAT;
    if (batch->risked < batch->submitted)
        batch->risked = batch->submitted;
    batch->submitted = batch->delivered;
}

/* An output of type "auto" finds out which log there is; what is out in part starts anew. */
static int choose_kind(struct output *output, struct batch *batch)
{
    struct output_target target;

    output_target_choose(&output->settings, &target);
    if (output_kind_of(target.type) != output->kind) {
        if (batch != NULL)
            take_back(output_kind_of(target.type), batch);
        int error = use_kind(output, output_kind_of(target.type));
        if (error < 0)
            return error;
    }
    output->target = target;
    return 0;
}

/* Open it, and as its sibling where that is what stands there. */
static int open_kind(struct output *output, struct batch *batch)
{
    int error = output->kind->open(output);

    if (error != -EPROTOTYPE || output->kind->sibling == NULL)
        return error;
    if (batch != NULL)
        take_back(output->kind->sibling, batch);
    error = use_kind(output, output->kind->sibling);
    return error == 0 ? output->kind->open(output) : error;
}

/* It is open: say which log it is, if that was not known. */
static void note_open(struct output *output)
{
    uint32_t opened = output->target.type + 1u;
    char text[TARGET_TEXT_BYTES];

    output->is_open = true;
    if (atomic_exchange(&output->health->opened, opened) == opened ||
        output->settings.type != OUTPUT_AUTO)
        return;
    (void)output_target_describe(&output->target, text);
    log_say(SEVERITY_INFO, "log: %s", text);
}

/*
 * Open it, if it is not and its time has come. Whether it takes anything is yet to be seen.
 * BATCH is what will be delivered; NULL: nothing.
 */
static int try_open(struct output *output, struct batch *batch)
{
    int error = 0;

    if (output->is_open)
        return 0;
    if (output->retry_at_ms > clock_mono_ms())
        return output->last_error != 0 ? output->last_error : -EAGAIN;
    if (output->settings.type == OUTPUT_AUTO)
        error = choose_kind(output, batch);
    if (error == 0)
        error = open_kind(output, batch);
    if (error < 0)
        lose(output, error);
    else
        note_open(output);
    output->full_since_ms = 0;
    output->retry_at_ms = error < 0 ? output->retry_at_ms : 0;
    return error;
}

int output_ensure_open(struct output *output)
{
    bool was_open = output->is_open;
    int error = try_open(output, NULL);

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

/* Hand over what is not yet, and find out what is safe. */
static int submit_and_collect(struct output *output, struct batch *batch)
{
    int error = 0, collected = 0;

    if (batch->submitted < batch->count || output->kind->collect == NULL)
        error = output->kind->submit(output, batch);
    if (output->kind->collect != NULL && (error == 0 || error == -EAGAIN))
        collected = output->kind->collect(output, batch);
    return collected < 0 ? collected : error;
}

/* The output takes nothing now, but is not lost. */
static enum output_status pause_output(struct output *output, int error)
{
    note_lost(output, error, clock_mono_ms());
    output->retry_at_ms = clock_mono_ms() + PEERLOG_REOPEN_MIN_MS;
    return OUTPUT_WAITS;
}

/* What stands in the log's place may be another one by now. Between two batches. */
static void follow_log(struct output *output, const struct batch *batch)
{
    uint64_t now_ms = clock_mono_coarse_ms();
    struct output_target target;

    if (output->settings.type != OUTPUT_AUTO || batch->submitted > batch->delivered ||
        now_ms < output->look_at_ms)
        return;
    output->look_at_ms = now_ms + LOOK_MS;
    output_target_choose(&output->settings, &target);
    if (target.type != output->target.type || strcmp(target.path, output->target.path) != 0)
        close_output(output); /* and open the other one */
}

enum output_status output_push(struct output *output, struct batch *batch)
{
    uint32_t delivered = batch->delivered;

    follow_log(output, batch);
    /*
     * A socket that was bound anew is tried at once, and if that goes well there is nothing
     * to be said. A second loss in a row waits.
     */
    for (int attempt = 0; attempt < 2; attempt++) {
        if (try_open(output, batch) < 0)
            return OUTPUT_WAITS;
        output->retry_at_ms = 0;
        format_stamp(&output->stamp, clock_wall_s());
        int error = submit_and_collect(output, batch);
        switch (error) {
        case 0:
            output->full_since_ms = 0;
            note_back(output);
            return OUTPUT_READY;
        case -EAGAIN:
            note_full(output, batch->delivered > delivered);
            return OUTPUT_WAITS;
        case -ENOBUFS:
        case -ENOMEM:
        case -ENOSPC:
        case -EDQUOT:
        case -EFBIG:
            return pause_output(output, error);
        default:
            break;
        }
        if ((output->kind->traits & OUTPUT_RECOVERS) && error != -ESTALE)
            return pause_output(output, error);
        if (error == -EPIPE && (output->kind->traits & OUTPUT_ENDS_WITH_READER))
            return OUTPUT_ENDED;
        if (batch->delivered > delivered)
            note_back(output); /* it was there until now */
        if (output->kind->collect != NULL || (output->kind->traits & OUTPUT_BREAKS_RECORDS))
            take_back(output->kind, batch);
        if (attempt > 0)
            lose(output, error);
        else
            close_output(output);
    }
    return OUTPUT_WAITS;
}

void output_wait(const struct output *output, struct output_wait *ret_wait)
{
    *ret_wait = (struct output_wait){.fd = -1, .until_ms = output->retry_at_ms};
    if (!output->is_open || output->retry_at_ms != 0)
        return;
    if (output->kind->wait != NULL)
        output->kind->wait(output, ret_wait);
    else
        *ret_wait = (struct output_wait){.fd = output->fd, .events = EPOLLOUT};
}

int output_change(struct output *output, const struct output_settings *settings,
                  struct batch *batch)
{
    const struct output_kind *kind = output_kind_of(settings->type);

    if (output_settings_equal(&output->settings, settings) ||
        (batch->submitted > batch->delivered && !output->is_lost))
        return 0;
    int error = use_kind(output, kind);
    if (error < 0)
        return error;
    take_back(kind, batch);
    use_settings(output, settings);
    output->retry_at_ms = 0;
    output->backoff_ms = PEERLOG_REOPEN_MIN_MS;
    return output_ensure_open(output);
}
