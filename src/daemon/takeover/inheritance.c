/* SPDX-License-Identifier: MIT
 *
 * Inheritance: which of the descriptors handed over is what. They are known by name; what
 * has no name of ours and listens was opened by a socket unit.
 */
#include "config.h"

#include "daemon/takeover/inheritance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ledger/names.h"
#include "daemon/ledger/upgrade.h"
#include "os/log.h"
#include "os/net.h"
#include "os/service_manager.h"

static enum inherited_kind kind_of(const char *name, int fd, uint32_t *ret_number)
{
    unsigned number = 0;

    /* What listens first: a socket unit may give it any name, but for brackets. */
    if (net_adopt_listener(fd) == 0) {
        if (sscanf(name, NAME_LISTENER_FORMAT, &number) != 1 || number >= LEDGER_LISTENERS)
            return INHERITED_ACTIVATED;
        *ret_number = number;
        return INHERITED_LISTENER;
    }
    if (strncmp(name, NAME_LEDGER_PREFIX, strlen(NAME_LEDGER_PREFIX)) == 0)
        return INHERITED_LEDGER;
    if (strncmp(name, NAME_LOT_PREFIX, strlen(NAME_LOT_PREFIX)) == 0)
        return INHERITED_LOT;
    return INHERITED_NONE;
}

/* Open a ledger; keep it if it is the newest so far. Returns: 0, or -ENOMEM. */
static int consider_ledger(struct inheritance *in, struct inherited *item)
{
    struct ledger *ledger;
    uint32_t layout = 0;
    int error = ledger_open(item->fd, &ledger, &layout);

    if (error == -EPROTONOSUPPORT)
        error = ledger_upgrade(item->fd, &ledger);
    if (error == -ENOMEM)
        return error; /* nothing is wrong with it */
    if (error == -EPROTONOSUPPORT) {
        in->unknown_layout = layout;
        in->unreadable += ledger_count_unreadable(item->fd);
    } else if (error < 0 && error != -EAGAIN) {
        log_say(SEVERITY_ERR, "the ledger of the process before cannot be read: %s",
                strerror(-error));
    }
    if (error < 0)
        return 0;
    item->fd = -1; /* the ledger owns it */
    if (in->ledger != NULL && in->ledger->header->generation >= ledger->header->generation) {
        (void)ledger_free(ledger);
        return 0;
    }
    (void)ledger_free(in->ledger);
    in->ledger = ledger;
    return 0;
}

int inheritance_collect(struct inheritance *in)
{
    struct service_manager_fd *fds = NULL;
    size_t count = 0;

    *in = (struct inheritance){0};
    int error = service_manager_inherited(&fds, &count);
    if (error < 0)
        return error;
    in->items = calloc(count + 1, sizeof *in->items);
    if (in->items == NULL) {
        service_manager_free(fds, count);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct inherited *item = &in->items[in->count++];
        *item = (struct inherited){.fd = fds[i].fd, .name = fds[i].name};
        fds[i].name = NULL; /* it moved */
        const char *name = item->name != NULL ? item->name : "";
        item->kind = kind_of(name, item->fd, &item->number);
        if (item->kind == INHERITED_LEDGER)
            error = consider_ledger(in, item);
        if (error < 0)
            break;
        if (item->kind == INHERITED_NONE && strcmp(name, SERVICE_MANAGER_TRIAL) != 0)
            log_say(SEVERITY_WARNING, "a descriptor was handed over that is no listening socket");
    }
    service_manager_free(fds, count);
    if (error < 0)
        inheritance_done(in);
    return error;
}

void inheritance_done(struct inheritance *in)
{
    for (size_t i = 0; i < in->count; i++) {
        if (in->items[i].fd >= 0)
            (void)close(in->items[i].fd); /* it was not wanted */
        free(in->items[i].name);
    }
    free(in->items);
    (void)ledger_free(in->ledger);
    *in = (struct inheritance){0};
}
