/* SPDX-License-Identifier: MIT
 *
 * Listening sockets are known by their place in the ledger's table, which outlives the
 * process: connections refer to it, and the store names them by it.
 */
#include "config.h"

#include "daemon/accept/listen_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ledger/names.h"
#include "os/log.h"
#include "os/net.h"
#include "os/service_manager.h"
#include "peerlog/count.h"

static void store_name(uint8_t id, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, NAME_LISTENER_FORMAT, (unsigned)id); /* always fits */
}

/* A place in the ledger's table that nothing refers to. */
static uint8_t free_id(const struct ledger *ledger)
{
    for (uint8_t id = 0; id < LEDGER_LISTENERS; id++)
        if (ledger->header->listeners[id].configured.family == PEER_UNKNOWN)
            return id;
    return LISTENER_NONE;
}

static bool has_id(const struct listen_set *listening, uint8_t id)
{
    for (size_t i = 0; listening != NULL && i < listening->count; i++)
        if (listening->sockets[i].id == id)
            return true;
    return false;
}

/*
 * The place for a new socket: that of a listener which was configured so before, for the
 * sake of the connections that came through it; a free one else.
 */
static uint8_t id_for(const struct ledger *ledger, const struct listen_set *before,
                      const struct listen_set *listening, const struct peer *address)
{
    for (uint8_t id = 0; id < LEDGER_LISTENERS; id++)
        if (peer_equal(&ledger->header->listeners[id].configured, address) &&
            !has_id(before, id) && !has_id(listening, id))
            return id;
    return free_id(ledger);
}

static void set_id(struct ledger *ledger, uint8_t id, const struct peer *configured, int fd)
{
    struct ledger_listener *listener = &ledger->header->listeners[id];

    if (!peer_equal(&listener->configured, configured))
        ledger_begin_listener(ledger, id);
    listener->bound = *configured;
    (void)net_local_address(fd, &listener->bound); /* it has one: it listens */
    listener->configured = *configured;
}

/* Empty the places to which neither a socket nor a connection refers. */
static void free_ids(struct ledger *ledger, const struct listen_set *listening)
{
    bool used[LEDGER_LISTENERS] = {false};

    for (size_t i = 0; listening != NULL && i < listening->count; i++)
        used[listening->sockets[i].id] = true;
    for (uint32_t i = 0; i < ledger_slots_high(ledger); i++) {
        uint8_t id = atomic_load_explicit(&ledger->slots[i].listener, memory_order_relaxed);
        if (atomic_load(&ledger->slots[i].use) == SLOT_LIVE && id < LEDGER_LISTENERS)
            used[id] = true;
    }
    for (uint8_t id = 0; id < LEDGER_LISTENERS; id++)
        if (!used[id] && ledger->header->listeners[id].configured.family != PEER_UNKNOWN)
            memset(&ledger->header->listeners[id], 0, sizeof ledger->header->listeners[id]);
}

static void add_socket(struct listen_set *listening, int fd, uint8_t id, bool activated)
{
    listening->sockets[listening->count++] =
        (struct listen_socket){.fd = fd, .id = id, .activated = activated};
}

/* The place of a socket that a socket unit passed: by its address. */
static uint8_t id_of_activated(struct ledger *ledger, int fd)
{
    struct peer local;

    if (net_local_address(fd, &local) < 0)
        return LISTENER_NONE;
    for (uint8_t id = 0; id < LEDGER_LISTENERS; id++)
        if (peer_equal(&ledger->header->listeners[id].bound, &local))
            return id;
    uint8_t id = free_id(ledger);
    if (id != LISTENER_NONE)
        set_id(ledger, id, &local, fd);
    return id;
}

int listen_set_inherit(struct inheritance *in, struct ledger *ledger,
                               const struct snapshot *snapshot, struct listen_set **ret_listening)
{
    struct listen_set *listening = calloc(1, sizeof *listening);

    if (listening == NULL)
        return -ENOMEM;
    listening->snapshot = snapshot;
    for (size_t i = 0; i < in->count; i++) {
        struct inherited *item = &in->items[i];
        bool activated = item->kind == INHERITED_ACTIVATED;
        if (item->kind != INHERITED_LISTENER && !activated)
            continue;
        uint8_t id = activated ? id_of_activated(ledger, item->fd) : (uint8_t)item->number;
        if (id == LISTENER_NONE || listening->count == LEDGER_LISTENERS)
            continue;
        struct ledger_listener *listener = &ledger->header->listeners[id];
        (void)net_local_address(item->fd, &listener->bound); /* it has one: it listens */
        if (listener->configured.family == PEER_UNKNOWN)
            listener->configured = listener->bound;
        listener->name[0] = '\0';
        if (activated && strlen(item->name) < sizeof listener->name)
            memcpy(listener->name, item->name, strlen(item->name) + 1);
        add_socket(listening, item->fd, id, activated);
        listening->sockets[listening->count - 1].guarded = listener->guarded != 0;
        item->fd = -1; /* it moved */
    }
    *ret_listening = listening;
    return 0;
}

/* The socket of BEFORE that was configured so and is not in LISTENING yet. */
static const struct listen_socket *find_socket(const struct listen_set *before,
                                                  const struct listen_set *listening,
                                                  const struct ledger *ledger,
                                                  const struct peer *address)
{
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        const struct listen_socket *socket = &before->sockets[i];
        const struct ledger_listener *known = &ledger->header->listeners[socket->id];
        if ((peer_equal(&known->configured, address) || peer_equal(&known->bound, address)) &&
            !listen_set_has(listening, socket->fd))
            return socket;
    }
    return NULL;
}

/* Open a new one. Returns: its place, or negative errno. */
static int open_socket(struct listen_set *listening, const struct listen_set *before,
                       struct ledger *ledger, const struct peer *address)
{
    char name[NAME_BYTES];
    uint8_t id = id_for(ledger, before, listening, address);

    if (id == LISTENER_NONE)
        return -ENOSPC;
    int fd = net_listen(address, PEERLOG_LISTEN_BACKLOG);
    if (fd < 0)
        return fd;
    if (net_waits_for_address(fd)) {
        char text[PEER_TEXT_BYTES];
        (void)peer_format(address, text);
        log_say(SEVERITY_WARNING, "%s is no address of this machine now; it is listened on for the "
                "day that it comes", text);
    }
    set_id(ledger, id, address, fd);
    add_socket(listening, fd, id, false);
    store_name(id, name);
    (void)service_manager_store(name, fd); /* without a manager it is not kept, and that is all */
    return id;
}

/* Use the socket of BEFORE for this address, or open one. Returns: its place. */
static int take_or_open(struct listen_set *listening, const struct listen_set *before,
                        struct ledger *ledger, const struct peer *address)
{
    const struct listen_socket *old = find_socket(before, listening, ledger, address);

    if (old == NULL)
        return open_socket(listening, before, ledger, address);
    add_socket(listening, old->fd, old->id, old->activated);
    return old->id;
}

/* The same; without IPv6 "::" is IPv4 alone. */
static int take_or_open_any(struct listen_set *listening, const struct listen_set *before,
                            struct ledger *ledger, const struct peer *address)
{
    static const unsigned char any[sizeof address->address];
    const struct peer any4 = {.family = PEER_IPV4, .port = address->port};
    char text[PEER_TEXT_BYTES];
    int id = take_or_open(listening, before, ledger, address);

    if (id != -EAFNOSUPPORT)
        return id;
    bool is_any = address->family == PEER_IPV6 && memcmp(address->address, any, sizeof any) == 0;
    (void)peer_format(address, text);
    log_say(SEVERITY_WARNING, "%s: this kernel has no %s; %s", text,
            address->family == PEER_IPV6 ? "IPv6" : "IPv4",
            is_any ? "it is listened on IPv4 alone" : "it is left out");
    return is_any ? take_or_open(listening, before, ledger, &any4) : id;
}

/* Does a listener of the settings fit to a socket of a socket unit? */
typedef bool fits_fn(const struct listener_settings *settings,
                     const struct ledger_listener *socket);

static bool fits_by_name(const struct listener_settings *settings,
                         const struct ledger_listener *socket)
{
    return strcmp(settings->label.tag, socket->name) == 0;
}

static bool fits_by_address(const struct listener_settings *settings,
                            const struct ledger_listener *socket)
{
    return peer_equal(&settings->address, &socket->bound);
}

static bool fits_by_port(const struct listener_settings *settings,
                         const struct ledger_listener *socket)
{
    return settings->address.port == socket->bound.port;
}

/* The only listener that fits. Returns: its index, or LISTENER_NONE. */
static uint8_t only_one(const struct settings *settings, fits_fn *fits,
                        const struct ledger_listener *socket)
{
    uint8_t found = LISTENER_NONE;

    for (size_t i = 0; i < settings->listeners_count; i++) {
        if (!fits(&settings->listeners[i], socket))
            continue;
        if (found != LISTENER_NONE)
            return LISTENER_NONE;
        found = (uint8_t)i;
    }
    return found;
}

/* How a socket of a socket unit is treated: as the listener of its name, address, or port. */
static uint8_t settings_for(const struct settings *settings, const struct ledger_listener *socket)
{
    static fits_fn *const ways[] = {fits_by_name, fits_by_address, fits_by_port};
    char text[PEER_TEXT_BYTES];

    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        uint8_t index = only_one(settings, ways[i], socket);
        if (index != LISTENER_NONE)
            return index;
    }
    (void)peer_format(&socket->bound, text);
    log_say(SEVERITY_WARNING, "a socket unit passed %s, which is no listener of the configuration: "
            "no access list, and the defaults of a listener hold for it", text);
    return LISTENER_NONE;
}

/* Sockets of a socket unit are all that is listened on. Returns: are there any? */
static bool take_activated(struct listen_set *listening, struct snapshot *snapshot,
                           const struct listen_set *before, const struct ledger *ledger)
{
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        const struct listen_socket *socket = &before->sockets[i];
        if (!socket->activated)
            continue;
        add_socket(listening, socket->fd, socket->id, true);
        snapshot->listener_of_id[socket->id] =
            settings_for(snapshot->settings, &ledger->header->listeners[socket->id]);
    }
    return listening->count > 0;
}

/* Note which are guarded, in case the next process does not know such a listener any more. */
static void note_guards(const struct snapshot *snapshot, const struct ledger *ledger)
{
    for (uint8_t id = 0; id < LEDGER_LISTENERS; id++) {
        const struct listener_settings *settings = snapshot_listener(snapshot, id);
        if (settings != NULL)
            ledger->header->listeners[id].guarded =
                settings->allow.count > 0 || settings->deny.count > 0 || settings->proxy_protocol;
    }
}

static void name_listeners(struct snapshot *snapshot, const struct ledger *ledger)
{
    for (uint8_t id = 0; id < LEDGER_LISTENERS; id++) {
        const struct ledger_listener *listener = &ledger->header->listeners[id];
        if (listener->bound.family != PEER_UNKNOWN)
            (void)peer_format(&listener->bound, snapshot->listener_text[id]);
    }
}

/* The sockets of the settings' listeners; a family that the kernel lacks is left out. */
static int open_all(struct listen_set *listening, struct snapshot *snapshot,
                    const struct listen_set *before, struct ledger *ledger,
                    struct listen_fault *ret_fault)
{
    for (size_t i = 0; i < snapshot->settings->listeners_count; i++) {
        const struct peer *address = &snapshot->settings->listeners[i].address;
        int id = take_or_open_any(listening, before, ledger, address);
        if (id < 0)
            *ret_fault = (struct listen_fault){.address = *address, .error = id};
        if (id < 0 && id != -EAFNOSUPPORT)
            return id;
        if (id >= 0)
            snapshot->listener_of_id[id] = (uint8_t)i;
    }
    return listening->count > 0 ? 0 : ret_fault->error;
}

static void keep_alive(const struct settings *settings, int fd)
{
    if (settings->limits.keepalive_s > 0)
        (void)net_set_keepalive(fd, (int)settings->limits.keepalive_s, PEERLOG_PROBE_S,
                                PEERLOG_PROBES); /* the kernel's own times are not wrong */
}

/* What is not recognised by the first bytes of a connection alone can be prepared for. */
static void prepare_sessions(const struct listen_set *listening)
{
    for (size_t i = 0; i < listening->count; i++) {
        const struct listen_socket *socket = &listening->sockets[i];
        const struct listener_settings *settings =
            snapshot_listener(listening->snapshot, socket->id);
        net_limit_segments(socket->fd, settings != NULL && settings->session == LISTENER_RELP);
    }
}

int listen_set_build(struct snapshot *snapshot, const struct listen_set *before,
                     struct ledger *ledger, struct listen_set **ret_listening,
                     struct listen_fault *ret_fault)
{
    struct listen_set *listening = calloc(1, sizeof *listening);

    if (listening == NULL) {
        *ret_fault = (struct listen_fault){.error = -ENOMEM}; /* of none in particular */
        return -ENOMEM;
    }
    listening->snapshot = snapshot;
    memset(snapshot->listener_of_id, LISTENER_NONE, sizeof snapshot->listener_of_id);
    free_ids(ledger, before);
    if (!take_activated(listening, snapshot, before, ledger)) {
        int error = open_all(listening, snapshot, before, ledger, ret_fault);
        if (error < 0) {
            listen_set_undo(listening, before);
            return error;
        }
    }
    for (size_t i = 0; i < listening->count; i++)
        keep_alive(snapshot->settings, listening->sockets[i].fd);
    name_listeners(snapshot, ledger);
    note_guards(snapshot, ledger);
    prepare_sessions(listening);
    *ret_listening = listening;
    return 0;
}

struct listen_leavers listen_set_compare(const struct listen_set *before,
                                           const struct listen_set *next)
{
    struct listen_leavers leavers = {.count = 0};

    for (size_t i = 0; before != NULL && i < before->count; i++)
        if (!before->sockets[i].activated && !listen_set_has(next, before->sockets[i].fd))
            leavers.ids[leavers.count++] = before->sockets[i].id;
    return leavers;
}

void listen_set_forget(const struct listen_leavers *leavers)
{
    char name[NAME_BYTES];

    for (size_t i = 0; i < leavers->count; i++) {
        store_name(leavers->ids[i], name);
        service_manager_forget(name);
    }
}

void listen_set_undo(struct listen_set *listening, const struct listen_set *before)
{
    struct listen_leavers leavers = listen_set_compare(listening, before);

    listen_set_forget(&leavers);
    for (size_t i = 0; i < listening->count; i++)
        if (!listen_set_has(before, listening->sockets[i].fd))
            (void)close(listening->sockets[i].fd); /* it was only just opened */
    free(listening);
}
