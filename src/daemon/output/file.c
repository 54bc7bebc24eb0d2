/* SPDX-License-Identifier: MIT
 *
 * The file output: records as lines or entries in files, whose names say what one likes. The
 * records of a batch are sorted by file, put one behind the other, and appended by one write(2)
 * for up to CHUNK_BYTES, of which whole records alone stay. With sync = "round" they count when
 * they are on the disk.
 *
 * What of a batch is written and what is not is noted for each record: one file may be full, and
 * another not.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "daemon/output/file_format.h"
#include "daemon/output/file_route.h"
#include "daemon/output/file_set.h"
#include "daemon/output/file_sync.h"
#include "os/clock.h"
#include "os/log.h"
#include "peerlog/limits.h"
#include "peerlog/path_template.h"

/* Written in one go: most of a full batch of usual messages. */
#define CHUNK_BYTES (256u * 1024u)

/* How often names are looked at, in milliseconds; and files are synced that way. */
#define LOOK_MS 1000u
#define SYNC_MS 1000u

/* Places of a template whose value may differ from one record of a source to the next. */
#define USES_PRIORITY (1u << PATH_FACILITY | 1u << PATH_SEVERITY)

struct files {
    struct path_template template;
    struct file_rules rules;
    struct file_sync *sync; /* NULL: never */
    struct file_stamp stamp;
    struct file_stamp named; /* the moment that the names of open files have */
    uint64_t look_at_ms;
    uint64_t call;       /* counts the turns of sorting */
    uint64_t batches;    /* counts those that went to be synced, from 1 */
    bool is_replaying;   /* some worker is not through with what a dead process had in hand */
    bool is_syncing;     /* all of the batch is written, and on its way to the disk */
    uint32_t from;       /* all records before are written */
    uint32_t written_to; /* behind the last record that is written */
    uint32_t groups_count;
    char *buffer; /* of one chunk, and a record more */
    uint32_t ends[BATCH_RECORDS];           /* of a chunk's records */
    uint16_t members[BATCH_RECORDS];        /* their numbers */
    uint16_t next[BATCH_RECORDS];           /* of the same file; of itself: it is the last */
    uint16_t groups[BATCH_RECORDS];         /* routes of this turn */
    uint16_t route_of_source[LEDGER_SEGMENTS];
    uint64_t call_of_source[LEDGER_SEGMENTS]; /* when that was found out */
    bool is_written[BATCH_RECORDS];
    char place[PATH_TEMPLATE_ROOM]; /* what was opened last */
    struct routes routes;
};

/* --- opening --- */

static int start_sync(struct files *f, unsigned sync)
{
    if (sync == OUTPUT_SYNC_NEVER)
        return 0;
    return file_sync_new(sync == OUTPUT_SYNC_SECOND ? SYNC_MS : 0, &f->sync);
}

/* The path of a record's file, or what every path begins with. */
static int expand(struct files *f, const struct record *record, const struct source *source)
{
    char address[PEER_TEXT_BYTES];
    struct path_values values = {
        .address = address, .listener = source->label->tag,
        .facility = facility_name(priority_facility(record->priority)),
        .severity = severity_name(priority_severity(record->priority)),
        .time = &f->stamp.local,
    };

    (void)peer_format_address(&source->peer, address);
    int len = path_template_expand(&f->template, &values, f->place, sizeof f->place);
    return len < 0 ? len : 0;
}

static void close_files(struct output *output)
{
    struct files *f = output->state;

    routes_drop_all(&f->routes);
    if (!file_sync_end(f->sync))
        log_say(SEVERITY_ERR, "file %s: the disk has not taken what was written last within %u s; "
                "waiting for it is given up", f->place, PEERLOG_SYNC_END_MS / 1000);
    f->sync = NULL;
    free(f->buffer);
    f->buffer = NULL;
    f->is_syncing = false;
    f->from = f->written_to = 0;
    memset(f->is_written, 0, sizeof f->is_written);
}

/* The folder has to be there, or the file when there is one; more is known with the records. */
static int open_first(struct files *f)
{
    const struct path_values none = {.time = NULL};
    bool is_one = f->template.uses == 0;
    const char *name;
    int fd = 0;

    memcpy(f->place, f->template.text, f->template.folder_len);
    f->place[f->template.folder_len] = '\0';
    if (is_one)
        (void)path_template_expand(&f->template, &none, f->place, sizeof f->place); /* it fits */
    int folder = file_open_folder(f->place, f->template.folder_len, &f->rules.modes, &name);
    if (folder < 0)
        return folder;
    if (is_one)
        fd = file_open_at(folder, name, &f->rules.modes);
    if (is_one && fd >= 0)
        (void)close(fd); /* nothing was written */
    (void)close(folder); /* only a place to start from */
    return fd < 0 ? fd : 0;
}

static int open_files(struct output *output)
{
    const struct output_settings *settings = &output->settings;
    const struct record longest = {.len = PEERLOG_MAX_MESSAGE_BYTES};
    struct files *f = output->state;
    struct path_fault fault;

    if (path_template_parse(settings->path, &f->template, &fault) < 0)
        return -EINVAL; /* it was checked with the settings */
    f->rules = (struct file_rules){
        .format = file_format_of(settings->format),
        .modes = {.file = settings->mode, .folder = settings->directory_mode},
        .fixed_len = f->template.folder_len,
        .max_bytes = settings->max_bytes, .keep = settings->keep,
    };
    int error = open_first(f);
    if (error < 0)
        return error;
    f->batches = f->batches > 0 ? f->batches : 1;
    f->buffer = malloc(CHUNK_BYTES + f->rules.format->bound(&longest));
    error = f->buffer == NULL ? -ENOMEM : start_sync(f, settings->sync);
    if (error < 0)
        close_files(output);
    return error;
}

/* --- time --- */

/* Answers: do the names of files differ between the two moments? */
static bool names_differ(uint32_t uses, const struct tm *a, const struct tm *b)
{
    return ((uses & 1u << PATH_YEAR) && a->tm_year != b->tm_year) ||
           ((uses & 1u << PATH_MONTH) && a->tm_mon != b->tm_mon) ||
           ((uses & 1u << PATH_DAY) && a->tm_mday != b->tm_mday) ||
           ((uses & 1u << PATH_HOUR) && a->tm_hour != b->tm_hour);
}

/* Let go of files whose name leads to another one, or to none. */
static void look_at_names(struct files *f)
{
    struct routes *routes = &f->routes;

    for (uint16_t i = routes_next(routes, 0); i != ROUTE_NONE;
         i = routes_next(routes, (uint16_t)(i + 1)))
        if (file_is_stale(routes->all[i].file))
            routes_drop(routes, i);
    f->look_at_ms = clock_mono_coarse_ms() + LOOK_MS;
}

static void refresh_files(struct output *output)
{
    if (output->is_open)
        look_at_names(output->state);
}

/* What time it is, and what that means for the files that are open. */
static void keep_time(struct files *f)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
    file_stamp_set(&f->stamp, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    if (f->named.second != f->stamp.second) {
        if (names_differ(f->template.uses, &f->named.local, &f->stamp.local))
            routes_drop_all(&f->routes);
        f->named = f->stamp;
    }
    if (clock_mono_coarse_ms() >= f->look_at_ms)
        look_at_names(f);
}

/* --- sorting --- */

/* Let go of one that this turn does not need. Answers: was there one? */
static bool make_room(struct files *f)
{
    uint16_t oldest = routes_oldest(&f->routes, f->call);

    if (oldest != ROUTE_NONE)
        routes_drop(&f->routes, oldest);
    return oldest != ROUTE_NONE;
}

/*
 * Open the file of a record, and make a route to it.
 * Returns: 0 with its number; -EBUSY when there is room only after this turn; or negative errno.
 */
static int add_route(struct files *f, const struct route_key *key, const struct record *record,
                     const struct source *source, uint16_t *ret_route)
{
    /* This record, or one of another worker that comes to the file later than we do. */
    bool comes_again = (record->flags & RECORD_REPEAT) != 0 || f->is_replaying;
    struct file *file = NULL;

    int error = expand(f, record, source);
    if (error < 0)
        return error;
    if (f->routes.free == 0 && f->routes.fresh == ROUTES && !make_room(f))
        return -EBUSY;
    do
        error = file_acquire(f->place, &f->rules, comes_again,
                             routes_next(&f->routes, 0) == ROUTE_NONE, &file);
    while ((error == -EMFILE || error == -ENFILE) && make_room(f));
    if (error == -EMFILE || error == -ENFILE)
        return f->groups_count > 0 ? -EBUSY : -ENOBUFS;
    if (error == 0)
        *ret_route = routes_add(&f->routes, key, file);
    return error;
}

/* The route of a record; that of its source is found once in a turn. */
static int route_of(struct files *f, const struct record *record, const struct source *source,
                    uint16_t *ret_route)
{
    bool by_source = (f->template.uses & USES_PRIORITY) == 0;
    struct route_key key;
    int error = 0;

    if (by_source && f->call_of_source[record->source] == f->call) {
        *ret_route = f->route_of_source[record->source];
        return 0;
    }
    route_key_of(&key, f->template.uses, record, source);
    *ret_route = routes_find(&f->routes, &key);
    if (*ret_route == ROUTE_NONE)
        error = add_route(f, &key, record, source, ret_route);
    if (error == 0 && by_source) {
        f->call_of_source[record->source] = f->call;
        f->route_of_source[record->source] = *ret_route;
    }
    return error;
}

/* Record I goes to this route. */
static void add_to_group(struct files *f, uint32_t i, uint16_t number)
{
    struct route *route = &f->routes.all[number];

    if (route->call != f->call) {
        route->call = f->call;
        route->first = (uint16_t)i;
        f->groups[f->groups_count++] = number;
    } else {
        f->next[route->last] = (uint16_t)i;
    }
    route->last = (uint16_t)i;
    f->next[i] = (uint16_t)i;
}

/* Sort what is not written, as far as there are files. Returns: 0, or why it ends early. */
static int sort(struct files *f, struct batch *batch)
{
    int error = 0;

    f->call++;
    f->groups_count = 0;
    for (uint32_t i = f->from; i < batch->count && error == 0; i++) {
        const struct record *record = &batch->records[i];
        uint16_t route = ROUTE_NONE;
        if (f->is_written[i])
            continue;
        error = route_of(f, record, batch_source(batch, record), &route);
        if (error == 0)
            add_to_group(f, i, route);
    }
    return error == -EBUSY ? 0 : error;
}

/* --- writing --- */

/* Put records from number AT on into the buffer. Returns: how many. */
static uint32_t build_chunk(struct output *output, struct batch *batch, uint16_t at)
{
    struct files *f = output->state;
    struct file_writer writer = {.stamp = &f->stamp, .instance = output->instance};
    uint32_t most = f->rules.max_bytes > 0 && f->rules.max_bytes < CHUNK_BYTES
                        ? (uint32_t)f->rules.max_bytes
                        : CHUNK_BYTES;
    uint32_t used = 0, n = 0;

    for (;;) {
        const struct record *record = &batch->records[at];
        if (n > 0 && used + f->rules.format->bound(record) > most)
            break;
        used += (uint32_t)f->rules.format->write(f->buffer + used, &writer, record,
                                                 batch_source(batch, record));
        f->ends[n] = used;
        f->members[n++] = at;
        if (f->next[at] == at)
            break;
        at = f->next[at];
    }
    return n;
}

/* The first N of the chunk's records are in the file. */
static void note_written(struct files *f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        f->is_written[f->members[i]] = true;
    if (n > 0 && f->written_to <= f->members[n - 1])
        f->written_to = f->members[n - 1] + 1u;
}

/* With "second" a file waits for its time once; with "round" it is synced once for each batch. */
static int note_dirty(struct output *output, struct route *route)
{
    struct files *f = output->state;
    bool by_second = output->settings.sync == OUTPUT_SYNC_SECOND;
    int error = 0;

    if (f->sync == NULL || (by_second && !file_mark_dirty(route->file)) ||
        (!by_second && route->synced == f->batches))
        return 0;
    error = file_sync_add(f->sync, route->file);
    if (error < 0) {
        file_clear_dirty(route->file); /* the next write tries again */
        return error;
    }
    route->synced = f->batches;
    if (by_second)
        file_sync_begin(f->sync);
    return 0;
}

/* Write all records of a route. Returns: 0, -ESTALE when its file is another now, or why not. */
static int write_group(struct output *output, struct batch *batch, uint16_t number)
{
    struct files *f = output->state;
    struct route *route = &f->routes.all[number];
    uint16_t at = route->first;

    int error = note_dirty(output, route);
    while (error == 0) {
        struct file_chunk chunk = {.bytes = f->buffer, .ends = f->ends};
        uint32_t written = 0;
        chunk.count = build_chunk(output, batch, at);
        error = file_append(route->file, &f->rules, &chunk, &written);
        note_written(f, written);
        if (error == 0 && f->members[written - 1] == route->last)
            return 0;
        if (error == 0)
            at = f->next[f->members[written - 1]];
    }
    (void)snprintf(f->place, sizeof f->place, "%s", file_path(route->file)); /* it was one */
    if (error == -ESTALE)
        routes_drop(&f->routes, number);
    return error;
}

/* One turn: sort, and write each file's records. Returns: 0, or why something is left. */
static int write_turn(struct output *output, struct batch *batch)
{
    struct files *f = output->state;
    int error = sort(f, batch);

    for (uint32_t i = 0; i < f->groups_count; i++) {
        int failed = write_group(output, batch, f->groups[i]);
        if (failed < 0 && failed != -ESTALE)
            error = failed;
    }
    while (f->from < batch->count && f->is_written[f->from])
        f->from++;
    return error;
}

/* The first records of the batch, up to WHOLE, are safe. */
static void deliver(struct files *f, struct batch *batch, uint32_t whole)
{
    batch_deliver(batch, whole - batch->delivered);
    if (whole < batch->count)
        return;
    memset(f->is_written, 0, batch->count);
    f->from = f->written_to = 0;
    f->is_syncing = false;
}

/* Write all that is not written. Returns: 0, or why not. */
static int submit_files(struct output *output, struct batch *batch)
{
    struct files *f = output->state;
    bool by_round = output->settings.sync == OUTPUT_SYNC_ROUND;
    int error = 0;

    if (f->is_syncing)
        return 0;
    if (output->settings.sync == OUTPUT_SYNC_SECOND && file_sync_is_late(f->sync))
        return -EAGAIN; /* it would be more and more that the loss of power takes along */
    if (f->from < batch->delivered)
        f->from = batch->delivered;
    keep_time(f);
    f->is_replaying = atomic_load(&output->health->replaying) > 0;
    while (error == 0 && f->from < batch->count)
        error = write_turn(output, batch);
    if (f->written_to > batch->submitted)
        batch_submit(batch, f->written_to - batch->submitted);
    if (!by_round && f->from > batch->delivered)
        deliver(f, batch, f->from);
    if (error == 0 && by_round) {
        f->is_syncing = true;
        f->batches++;
        file_sync_begin(f->sync);
    }
    return error;
}

/* What was written goes to the disk; or a part of it is still to be written. */
static int collect_files(struct output *output, struct batch *batch)
{
    struct files *f = output->state;

    int error = batch->delivered < batch->count ? submit_files(output, batch) : 0;
    int result = f->sync != NULL ? file_sync_result(f->sync) : 0;
    if (error < 0 || !f->is_syncing)
        return error < 0 || result == -EAGAIN ? error : result;
    if (result == 0)
        deliver(f, batch, batch->count);
    return result;
}

static void wait_for_disk(const struct output *output, struct output_wait *ret_wait)
{
    const struct files *f = output->state;

    if (f->sync != NULL) /* else it is a file system that says so, and tells nobody when */
        *ret_wait = (struct output_wait){.fd = file_sync_descriptor(f->sync), .events = EPOLLIN};
}

static const char *place_of_files(const struct output *output)
{
    const struct files *f = output->state;

    return f->place;
}

const struct output_kind output_file = {
    .description = "file",
    .when_full = "the disk does not answer",
    .state_bytes = sizeof(struct files),
    .open = open_files,
    .submit = submit_files,
    .collect = collect_files,
    .wait = wait_for_disk,
    .refresh = refresh_files,
    .place = place_of_files,
    .close = close_files,
};
