/* SPDX-License-Identifier: MIT
 *
 * Settings come into being here with the defaults of the table, and end here.
 */
#include "config.h"

#include "daemon/settings/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/settings/certificates.h"
#include "daemon/settings/origins.h"
#include "daemon/settings/table.h"
#include "peerlog/limits.h"
#include "peerlog/path_template.h"
#include "tls/tls_context.h"

int settings_new_default(struct settings **ret_settings)
{
    struct settings *settings = calloc(1, sizeof *settings);

    if (settings == NULL)
        return -ENOMEM;
    setting_group_init(settings_table(), settings);
    settings->listeners[0].label = settings->output.label;
    settings->output.buffer_size = settings->buffer_size;
    settings->listeners_count = 1;
    *ret_settings = settings;
    return 0;
}

bool settings_drop_listener(struct settings *settings, const struct peer *address)
{
    struct listener_settings *listeners = settings->listeners;
    size_t last = settings->listeners_count - 1;

    for (size_t i = 0; i <= last && last > 0; i++) {
        if (!peer_equal(&listeners[i].address, address))
            continue;
        /* It goes behind the last one, where settings_free() still finds its lists. */
        struct listener_settings dropped = listeners[i];
        memmove(&listeners[i], &listeners[i + 1], (last - i) * sizeof listeners[0]);
        listeners[last] = dropped;
        origins_drop_listener(&settings->origins, i);
        settings->listeners_count--;
        return true;
    }
    return false;
}

uint32_t settings_open_files(const struct settings *settings)
{
    const uint32_t times = 1u << PATH_YEAR | 1u << PATH_MONTH | 1u << PATH_DAY | 1u << PATH_HOUR;
    struct path_template template;
    struct path_fault fault;

    if (settings->output.type != OUTPUT_FILE ||
        path_template_parse(settings->output.path, &template, &fault) < 0)
        return 0;
    return (template.uses & ~times) != 0 ? PEERLOG_MAX_OPEN_FILES : 0;
}

int settings_copy_ranges(const struct cidr_list *list, struct cidr_list *ret_list)
{
    struct cidr_list copy = {.count = list->count};

    if (list->count > 0) {
        copy.ranges = calloc(list->count, sizeof copy.ranges[0]);
        if (copy.ranges == NULL)
            return -ENOMEM;
        memcpy(copy.ranges, list->ranges, list->count * sizeof copy.ranges[0]);
    }
    *ret_list = copy;
    return 0;
}

/* What made it can also release it. */
static void free_context(struct tls_context *context)
{
    const char *why = NULL;

    if (context != NULL)
        (void)certificates_functions(&why)->release(context);
}

static void free_texts(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->texts[i]);
    free(list->texts);
}

struct settings *settings_free(struct settings *settings)
{
    if (settings == NULL)
        return NULL;
    for (size_t i = 0; i < PEERLOG_MAX_LISTENERS; i++) {
        free_texts(&settings->listeners[i].client_names);
        free_texts(&settings->listeners[i].tls_ciphers);
        free_context(settings->listeners[i].tls);
        free(settings->listeners[i].allow.ranges);
        free(settings->listeners[i].deny.ranges);
        free(settings->listeners[i].proxy_from.ranges);
    }
    free(settings->metrics.allow.ranges);
    free(settings->metrics.deny.ranges);
    free_texts(&settings->output.servers);
    free_texts(&settings->output.brokers);
    free_texts(&settings->output.properties);
    origins_done(&settings->origins);
    free(settings);
    return NULL;
}
