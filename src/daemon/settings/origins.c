/* SPDX-License-Identifier: MIT
 *
 * A list: it is read by people, and rarely.
 */
#include "config.h"

#include "daemon/settings/origins.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "peerlog/count.h"

/* Where a setting was set. */
struct setting_origin {
    const struct setting_rule *rule;
    uint16_t listener; /* its index, or ORIGIN_NO_LISTENER */
    uint32_t line;
};

int origins_add(struct setting_origins *origins, const struct setting_rule *rule, size_t listener,
                unsigned line)
{
    if (origins->count == origins->room) {
        size_t room = 2 * origins->room + 16;
        struct setting_origin *all = reallocarray(origins->all, room, sizeof *all);
        if (all == NULL)
            return -ENOMEM;
        origins->all = all;
        origins->room = room;
    }
    origins->all[origins->count++] = (struct setting_origin){rule, (uint16_t)listener, line};
    return 0;
}

unsigned origins_line(const struct setting_origins *origins, const struct setting_rule *rule,
                      size_t listener)
{
    for (size_t i = 0; i < origins->count; i++)
        if (origins->all[i].rule == rule && origins->all[i].listener == listener)
            return origins->all[i].line;
    return 0;
}

void origins_drop_listener(struct setting_origins *origins, size_t listener)
{
    size_t kept = 0;

    for (size_t i = 0; i < origins->count; i++) {
        struct setting_origin origin = origins->all[i];
        if (origin.listener == listener)
            continue;
        if (origin.listener != ORIGIN_NO_LISTENER && origin.listener > listener)
            origin.listener--;
        origins->all[kept++] = origin;
    }
    origins->count = kept;
}

void origins_wait(struct setting_origins *origins, const char *name)
{
    assert(origins->waiting_count < COUNT_OF(origins->waiting));
    origins->waiting[origins->waiting_count++] = name;
}

bool origins_waits(const struct setting_origins *origins, const char *name)
{
    for (size_t i = 0; i < origins->waiting_count; i++)
        if (strcmp(origins->waiting[i], name) == 0)
            return true;
    return false;
}

void origins_done(struct setting_origins *origins)
{
    free(origins->all);
    *origins = (struct setting_origins){.count = 0};
}
