/* SPDX-License-Identifier: MIT
 *
 * The server's side of the admin: it listens, loads the module when the first administrator
 * connects, and goes on its errands. Main's thread, but where another is named.
 */
#include "config.h"

#include "daemon/admin/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/accept/listen_set.h"
#include "daemon/server/private.h"
#include "os/log.h"
#include "os/module.h"
#include "os/net.h"
#include "os/poller.h"
#include "os/unix_socket.h"

/* Scrapers that wait in the kernel. */
#define METRICS_BACKLOG 16

/* Its owner and group may ask. */
#define SOCKET_MODE (S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP)

/* --- errands --- */

static void post_errand(void *context, struct letter *letter)
{
    struct server *s = context;

    mailbox_post(&s->mailbox, letter);
    bell_ring(s->bell);
}

/* Threads: the admin's. */
static void sum_counters(void *context, uint64_t totals[COUNTERS])
{
    server_sum_counters(context, totals);
}

/* Threads: the admin's. */
static void copy_name(void *context, uint32_t id, char dst[PEER_TEXT_BYTES])
{
    struct server *s = context;

    dst[0] = '\0';
    if (id >= LEDGER_LISTENERS)
        return;
    (void)pthread_mutex_lock(&s->names_lock); /* a plain mutex of ours cannot fail */
    memcpy(dst, s->names[id], PEER_TEXT_BYTES);
    (void)pthread_mutex_unlock(&s->names_lock);
}

void server_note_listeners(struct server *s)
{
    const struct ledger_listener *listeners = s->ledger->header->listeners;

    (void)pthread_mutex_lock(&s->names_lock);
    for (uint32_t i = 0; i < LEDGER_LISTENERS; i++) {
        s->names[i][0] = '\0';
        if (listeners[i].bound.family != PEER_UNKNOWN)
            (void)peer_format(&listeners[i].bound, s->names[i]);
    }
    (void)pthread_mutex_unlock(&s->names_lock);
}

static void describe_listener(const struct snapshot *snapshot, uint8_t id,
                              struct overview_listener *ret_listener)
{
    const struct listener_settings *settings = snapshot_listener(snapshot, id);

    if (settings == NULL)
        return;
    *ret_listener = (struct overview_listener){
        .framing = settings->framing, .tls_mode = settings->tls_mode,
        .proxy_protocol = settings->proxy_protocol,
    };
    (void)snprintf(ret_listener->text, sizeof ret_listener->text, "%s",
                   snapshot_listener_text(snapshot, id));
    (void)snprintf(ret_listener->tag, sizeof ret_listener->tag, "%s", settings->label.tag);
}

static void describe_all(const struct server *s, struct overview *overview)
{
    const struct snapshot *snapshot = acceptor_current(s->acceptor)->snapshot;

    (void)snprintf(overview->file, sizeof overview->file, "%s", s->file != NULL ? s->file : "");
    (void)snprintf(overview->trouble, sizeof overview->trouble, "%s", s->trouble);
    overview->output_type = snapshot->settings->output.type;
    (void)snprintf(overview->output_path, sizeof overview->output_path, "%s",
                   snapshot->settings->output.path);
    for (unsigned id = 0; id < PEERLOG_LISTENER_PLACES; id++)
        describe_listener(snapshot, (uint8_t)id, &overview->listeners[id]);
}

static void run_errand(struct server *s, struct errand *errand)
{
    switch (errand->kind) {
    case ERRAND_OVERVIEW:
        describe_all(s, &errand->overview);
        break;
    case ERRAND_RELOAD:
        errand->good = server_reload(s);
        server_describe_reload(s, errand->good, errand->line, sizeof errand->line);
        break;
    case ERRAND_REOPEN:
        server_refresh(s);
        break;
    case ERRAND_SETTINGS:
        errand->take(errand, s->snapshot->settings, s->file);
        break;
    }
}

/* Answer all letters; RUN what they ask for, or not. */
static void answer_letters(struct server *s, bool run)
{
    struct letter *next;

    for (struct letter *letter = mailbox_take(&s->mailbox); letter != NULL; letter = next) {
        next = letter->next; /* the answer may free it */
        if (run)
            run_errand(s, letter->errand);
        letter->answered(letter);
    }
}

void server_answer_admin(struct server *s)
{
    answer_letters(s, true);
}

/* --- start and stop --- */

static int start_admin(struct server *s, const char **ret_why)
{
    const struct admin_plan plan = {
        .fd = s->admin_socket, .metrics_fd = s->metrics_socket,
        .metrics = &s->snapshot->settings->metrics, .started_ms = s->started_ms, .table = &s->table,
        .workers = s->workers, .workers_count = s->workers_count, .crew = &s->crew,
        .health = &s->health, .silence = s->silence, .parking = s->parking,
        .context = s, .post = post_errand, .name = copy_name, .sum = sum_counters,
    };
    const struct admin_module *module = module_symbol("admin", "admin_module", ret_why);

    if (module == NULL)
        return -ENOENT;
    if (strcmp(module->version, PACKAGE_VERSION) != 0) {
        *ret_why = "it is of another version: restart peerlogd";
        return -ENOEXEC;
    }
    int error = module->start(&plan, &s->admin);
    s->admin_socket = s->metrics_socket = -1; /* they are the module's */
    if (error == 0)
        s->admin_module = module;
    else
        *ret_why = strerror(-error);
    return error;
}

static void close_socket(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* who waits in it sees that nobody is there */
    *fd = -1;
}

/* Somebody asks for the first time, or there is a scraper to wait for. */
static void begin(struct server *s)
{
    const char *why = NULL;

    server_unwatch(s, &s->admin_watch);
    if (start_admin(s, &why) < 0) {
        log_say(SEVERITY_ERR, "administrators cannot be answered: %s", why);
        close_socket(&s->admin_socket);
        close_socket(&s->metrics_socket);
    }
}

/* Where the socket is to be. Answers: is there to be one? */
static bool find_path(const struct admin_settings *settings, char path[SETTINGS_PATH_BYTES])
{
    const char *directories = getenv("RUNTIME_DIRECTORY");

    if (!settings->enabled)
        return false;
    if (settings->path[0] != '\0') {
        memcpy(path, settings->path, SETTINGS_PATH_BYTES);
        return true;
    }
    if (directories == NULL || *directories == '\0')
        return false;
    int n = snprintf(path, SETTINGS_PATH_BYTES, "%.*s/admin", (int)strcspn(directories, ":"),
                     directories);
    return n > 0 && (size_t)n < SETTINGS_PATH_BYTES;
}

/* Scrapers come by TCP; what can come there is waited for from the start. */
static void open_metrics(struct server *s)
{
    const struct peer *address = &s->snapshot->settings->metrics.address;
    struct listen_fault fault = {.address = *address};
    char text[320];

    if (address->port == 0)
        return;
    s->metrics_socket = net_listen(address, METRICS_BACKLOG);
    if (s->metrics_socket < 0) {
        fault.error = s->metrics_socket;
        server_describe_fault(text, sizeof text, &fault);
        log_say(SEVERITY_ERR, "no counters for scrapers: %s", text);
        s->metrics_socket = -1;
        return;
    }
    net_set_end(s->metrics_socket, END_FIN); /* nothing of a scraper can be lost */
    begin(s);
}

/* A group that may ask, too; its way into the directory is the administrator's business. */
static void let_in(const struct admin_settings *settings, const char *path)
{
    int error = settings->group[0] != '\0' ? unix_socket_give(path, settings->group) : 0;

    if (error < 0)
        log_say(SEVERITY_WARNING, "%s is not for the group %s (admin.group): %s", path,
                settings->group, error == -ENOENT ? "there is no such group" : strerror(-error));
}

static void open_socket(struct server *s)
{
    char path[SETTINGS_PATH_BYTES];

    if (!find_path(&s->snapshot->settings->admin, path))
        return;
    s->admin_socket = unix_socket_listen(path, SOCK_STREAM, SOCKET_MODE);
    int error = s->admin_socket < 0 ? s->admin_socket
                                    : server_watch(s, &s->admin_watch, s->admin_socket, EPOLLIN,
                                                   begin);
    if (error < 0)
        log_say(SEVERITY_WARNING, "administrators cannot be answered: %s: %s", path,
                strerror(-error));
    else
        let_in(&s->snapshot->settings->admin, path);
}

static bool is_wanted(const struct settings *settings)
{
    return settings->admin.path[0] != '\0' || settings->metrics.address.port != 0;
}

void server_open_admin(struct server *s)
{
    if (!PEERLOG_ADMIN && is_wanted(s->snapshot->settings))
        log_say(SEVERITY_WARNING, "administrators and scrapers cannot be answered: this peerlogd "
                "was built without libmicrohttpd and jansson (--without-admin)");
    if (!PEERLOG_ADMIN)
        return;
    open_socket(s);
    open_metrics(s);
}

void server_close_admin(struct server *s)
{
    server_unwatch(s, &s->admin_watch);
    close_socket(&s->admin_socket);
    if (s->admin != NULL)
        s->admin_module->stop(s->admin);
    answer_letters(s, false); /* their asker has given them up, and is gone */
}

void server_free_admin(struct server *s)
{
    if (s->admin != NULL)
        s->admin = s->admin_module->free(s->admin);
}
