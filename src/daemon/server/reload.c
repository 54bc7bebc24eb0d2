/* SPDX-License-Identifier: MIT
 *
 * The server takes up another configuration: by SIGHUP, or when it is asked through the socket in
 * its runtime directory, which gets an answer. Main's thread.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/accept/listen_set.h"
#include "daemon/ledger/capacity.h"
#include "daemon/message_ids.h"
#include "daemon/server/private.h"
#include "daemon/server/reload_request.h"
#include "daemon/session/transport.h"
#include "daemon/settings/file.h"
#include "daemon/settings/origins.h"
#include "daemon/settings/text.h"
#include "os/answer.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/poller.h"
#include "os/service_manager.h"

/* A worker that waits for nothing takes up new settings well within this time. */
#define SNAPSHOT_TAKEN_MS 500u

/* Said, and kept for the answer. */
static void say_fault(void *context, const char *fault)
{
    struct server *s = context;

    log_event(SEVERITY_ERR, MESSAGE_ID_RELOAD_REFUSED, "%s", fault);
    if (s->reload_faults++ == 0)
        (void)snprintf(s->reload_fault, sizeof s->reload_fault, "%s", fault); /* it may be cut */
}

static bool same_ranges(const struct cidr_list *a, const struct cidr_list *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->ranges, b->ranges, a->count * sizeof a->ranges[0]) == 0);
}

static const char restart[] = "takes effect at the next restart";

/* Scrapers are served where they were before. */
static void keep_metrics(const struct metrics_settings *now, struct settings *next)
{
    struct metrics_settings kept = {.address = now->address};

    if (peer_equal(&next->metrics.address, &now->address) &&
        same_ranges(&next->metrics.allow, &now->allow) &&
        same_ranges(&next->metrics.deny, &now->deny))
        return;
    log_say(SEVERITY_WARNING, "metrics %s", restart);
    origins_wait(&next->origins, "metrics");
    if (settings_copy_ranges(&now->allow, &kept.allow) < 0 ||
        settings_copy_ranges(&now->deny, &kept.deny) < 0) {
        free(kept.allow.ranges); /* what is shown of it is that of the file then */
        return;
    }
    free(next->metrics.allow.ranges);
    free(next->metrics.deny.ranges);
    next->metrics = kept;
}

static bool same_admin(const struct admin_settings *a, const struct admin_settings *b)
{
    return a->enabled == b->enabled && strcmp(a->path, b->path) == 0 &&
           strcmp(a->group, b->group) == 0;
}

/* What cannot change while we run stays, and is said. */
static void keep_fixed(const struct settings *now, struct settings *next)
{
    bool one_writer = output_kind_of(now->output.type)->traits & OUTPUT_ONE_WRITER;

    if (next->buffer_size != now->buffer_size) {
        log_say(SEVERITY_WARNING, "buffer_size = %u %s", (unsigned)next->buffer_size, restart);
        origins_wait(&next->origins, "buffer_size");
    }
    if (next->workers != now->workers) {
        log_say(SEVERITY_WARNING, "workers = %u %s", (unsigned)next->workers, restart);
        origins_wait(&next->origins, "workers");
    }
    if (one_writer !=
        ((output_kind_of(next->output.type)->traits & OUTPUT_ONE_WRITER) != 0)) {
        log_say(SEVERITY_WARNING, "output.type %s", restart);
        origins_wait(&next->origins, "output");
        struct output_settings output = now->output;
        output.label = next->output.label;
        output.servers = next->output.servers; /* a list has one owner */
        output.brokers = next->output.brokers;
        output.properties = next->output.properties;
        next->output = output;
    }
    if (!same_admin(&next->admin, &now->admin)) {
        log_say(SEVERITY_WARNING, "admin %s", restart);
        origins_wait(&next->origins, "admin");
    }
    keep_metrics(&now->metrics, next);
    next->buffer_size = next->output.buffer_size = now->buffer_size;
    next->workers = now->workers;
    next->admin = now->admin;
}

/* A larger table needs a restart; up to its size the limit follows the settings. */
static void set_limit(struct server *s, const struct settings *settings)
{
    uint32_t limit = capacity_of_process(&(struct capacity_wish){
        .connections = settings->limits.connections, .files = settings_open_files(settings),
        .parked = parking_available(s->parking),
    });

    if (limit > s->table.capacity) {
        log_say(SEVERITY_WARNING, "limits.connections = %u takes effect at the next restart; until "
                "then %u", (unsigned)limit, (unsigned)s->table.capacity);
        limit = s->table.capacity;
    }
    connections_set_limit(&s->table, limit);
}

static bool all_work_by(const struct server *s, const struct snapshot *snapshot)
{
    for (unsigned i = 0; i < s->workers_count; i++)
        if (worker_snapshot(s->workers[i]) != snapshot)
            return false;
    return true;
}

/* Snapshots that no thread works by any more. */
static void free_retired(struct server *s)
{
    if (!all_work_by(s, s->snapshot) || acceptor_current(s->acceptor)->snapshot != s->snapshot)
        return;
    while (s->snapshot->older != NULL) {
        struct snapshot *old = s->snapshot->older;
        s->snapshot->older = old->older;
        old->settings = settings_free(old->settings);
        free(old);
    }
}

/*
 * A reload is over when every worker works by it; but a worker that is blocked by the output takes
 * the new settings later, and a reload does not wait for it.
 */
static void await_workers(const struct server *s)
{
    uint64_t until_ms = clock_mono_ms() + SNAPSHOT_TAKEN_MS;
    uint64_t now_ms;

    while (!all_work_by(s, s->snapshot) && (now_ms = clock_mono_ms()) < until_ms)
        bell_wait(s->bell, (int)(until_ms - now_ms));
    bell_ring(s->bell); /* it may have rung for something else */
}

static void free_letter(struct letter *letter)
{
    free(letter);
}

static void free_letters(struct letter *letters)
{
    while (letters != NULL) {
        struct letter *next = letters->next;
        free(letters);
        letters = next;
    }
}

/* A letter for each worker, in a chain. Returns: NULL when there is no memory for all. */
static struct letter *make_letters(const struct server *s)
{
    struct letter *letters = NULL;

    for (unsigned i = 0; i < s->workers_count; i++) {
        struct letter *letter = calloc(1, sizeof *letter);
        if (letter == NULL) {
            free_letters(letters);
            return NULL;
        }
        letter->answered = free_letter;
        letter->next = letters;
        letters = letter;
    }
    return letters;
}

/* Post LETTERS, one to each worker. SNAPSHOT: what it is to work by, or NULL. */
static void post_letters(const struct server *s, struct letter *letters, enum letter_kind kind,
                         const struct snapshot *snapshot)
{
    for (unsigned i = 0; letters != NULL; i++) {
        struct letter *letter = letters;
        letters = letter->next;
        letter->kind = kind;
        letter->snapshot = snapshot;
        worker_post(s->workers[i], letter);
    }
}

void server_refresh(struct server *s)
{
    /* Without memory: they look once a second. */
    post_letters(s, make_letters(s), LETTER_REFRESH, NULL);
}

/* Connections that live by what their listener said when they began. */
struct unchanged {
    uint32_t framing, tls;
};

static struct unchanged count_unchanged(const struct server *s)
{
    struct unchanged unchanged = {0};

    for (uint32_t i = ledger_next_live(s->ledger, 0); i != LEDGER_NO_SLOT;
         i = ledger_next_live(s->ledger, i + 1)) {
        const struct slot *slot = &s->ledger->slots[i];
        const struct listener_settings *listener = snapshot_listener(s->snapshot, slot->listener);
        if (listener == NULL)
            continue;
        unchanged.framing += listener->framing != slot->framing;
        unchanged.tls += (listener->tls_mode == TLS_OFF && slot->transport == TRANSPORT_TLS) ||
                         (listener->tls_mode == TLS_REQUIRED && slot->transport == TRANSPORT_PLAIN);
    }
    return unchanged;
}

static void say_unchanged(const struct server *s)
{
    const struct unchanged unchanged = count_unchanged(s);

    if (unchanged.framing > 0)
        log_say(SEVERITY_NOTICE, "connections that go on with the framing they began with: %u",
                (unsigned)unchanged.framing);
    if (unchanged.tls > 0)
        log_say(SEVERITY_NOTICE, "connections that began under another setting of tls, and go on: "
                "%u", (unsigned)unchanged.tls);
}

/* Put SNAPSHOT in force: listening sockets first, then the workers. */
static int enforce(struct server *s, struct snapshot *snapshot)
{
    const struct listen_set *before = acceptor_current(s->acceptor);
    struct listen_fault fault = {.error = 0};
    struct letter *letters = make_letters(s);
    struct listen_set *next;
    char text[320];

    if (letters == NULL)
        return -ENOMEM;
    int error = listen_set_build(snapshot, before, s->ledger, &next, &fault);
    if (error < 0) {
        free_letters(letters);
        server_describe_fault(text, sizeof text, &fault);
        say_fault(s, text);
        return error;
    }
    server_say_listening(next, before);
    transport_prepare(snapshot->settings);
    struct listen_leavers leavers = listen_set_compare(before, next);
    snapshot->older = s->snapshot;
    s->snapshot = snapshot;
    set_limit(s, snapshot->settings);
    post_letters(s, letters, LETTER_SNAPSHOT, snapshot);
    acceptor_listen(s->acceptor, next);
    listen_set_forget(&leavers);
    server_note_listeners(s);
    await_workers(s);
    say_unchanged(s);
    log_set_level(snapshot->settings->log_level);
    return 0;
}

static int reload_from(struct server *s, const char *text, size_t len)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    int error = -ENOMEM;

    if (snapshot != NULL)
        error = settings_parse(s->file, text, len, say_fault, s, &snapshot->settings);
    if (error == 0) {
        keep_fixed(s->snapshot->settings, snapshot->settings);
        error = enforce(s, snapshot);
    }
    if (error < 0 && snapshot != NULL) {
        (void)settings_free(snapshot->settings);
        free(snapshot);
    }
    return error;
}

/* Read the file into *RET_TEXT, which the caller frees. Returns: 0 or negative errno. */
static int read_again(struct server *s, char **ret_text, size_t *ret_len)
{
    char fault[400];
    int error = s->file != NULL ? settings_read_file(s->file, true, ret_text, ret_len) : -ENOENT;

    if (error < 0) {
        (void)snprintf(fault, sizeof fault, "cannot read %s: %s; nothing was changed",
                       s->file != NULL ? s->file : "a configuration file",
                       settings_describe_failure(error));
        say_fault(s, fault);
    }
    return error;
}

/* What the STATUS line tells of the last reload. */
static void say_outcome(struct server *s, int error)
{
    if (error == 0) {
        s->trouble[0] = '\0';
        log_event(SEVERITY_NOTICE, MESSAGE_ID_RELOADED, "reloaded %s", s->file);
        server_advise(s, true);
        return;
    }
    if (s->reload_faults == 0)
        say_fault(s, strerror(-error));
    (void)snprintf(s->trouble, sizeof s->trouble, "not reloaded: %.140s", s->reload_fault);
    log_event(SEVERITY_ERR, MESSAGE_ID_RELOAD_REFUSED,
              "not reloaded: the configuration in force goes on");
}

bool server_reload(struct server *s)
{
    char state[64];
    char *text = NULL;
    size_t len = 0;

    free_retired(s);
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)clock_mono_us()); /* always fits */
    service_manager_say(state);
    s->reload_faults = 0;
    s->reload_fault[0] = '\0';
    int error = read_again(s, &text, &len);
    if (error == 0)
        error = reload_from(s, text, len);
    if (error == 0)
        ledger_keep_config(s->ledger, text, len);
    say_outcome(s, error);
    free(text);
    s->status_next_ms = 0;
    service_manager_say("READY=1");
    return error == 0;
}

void server_describe_reload(const struct server *s, bool good, char *dst, size_t room)
{
    char more[32] = "";

    if (s->reload_faults > 1)
        (void)snprintf(more, sizeof more, " (and %u more)", s->reload_faults - 1);
    if (good)
        (void)snprintf(dst, room, "reloaded %s", s->file);
    else
        (void)snprintf(dst, room, "not reloaded: %s%s", s->reload_fault, more);
}

/* A reload is asked for: do it, and tell how it went. */
static void answer_request(struct server *s)
{
    struct answer answer = {.good = false};

    int asker = answer_accept(s->requests);
    if (asker < 0)
        return; /* it has gone again */
    answer.good = server_reload(s);
    server_describe_reload(s, answer.good, answer.line, sizeof answer.line);
    answer_give(asker, &answer); /* after READY=1, which the service manager must have first */
}

void server_open_requests(struct server *s)
{
    s->requests = reload_request_listen();
    int error = s->requests < 0 ? s->requests
                                : server_watch(s, &s->requests_watch, s->requests, EPOLLIN,
                                               answer_request);
    if (error < 0 && error != -ENOENT)
        log_say(SEVERITY_WARNING, "nobody can be told how a reload goes: %s", strerror(-error));
}

void server_close_requests(struct server *s)
{
    server_unwatch(s, &s->requests_watch);
    if (s->requests >= 0)
        (void)close(s->requests); /* it holds no data */
    s->requests = -1;
}
