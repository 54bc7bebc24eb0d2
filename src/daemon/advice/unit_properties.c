/* SPDX-License-Identifier: MIT
 *
 * libsystemd's sd-bus, wrapped so that no other file includes its header. The bus is opened
 * step by step, because a call on it would wait for a deaf one without end.
 */
#include "config.h"

#include "daemon/advice/unit_properties.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "os/clock.h"

/* Patience with the bus, and then with each answer. */
#define OPEN_MS 500u
#define ANSWER_US 500000u

#define MANAGER "org.freedesktop.systemd1"
#define SERVICE MANAGER ".Service"

/* Wait until the bus has let us in. Returns: 0 or negative errno. */
static int await_welcome(sd_bus *bus)
{
    uint64_t end_us = clock_mono_us() + OPEN_MS * UINT64_C(1000);

    for (;;) {
        int r = sd_bus_is_ready(bus);
        if (r != 0)
            return r < 0 ? r : 0;
        r = sd_bus_process(bus, NULL);
        if (r < 0)
            return r;
        if (r > 0)
            continue;
        uint64_t now_us = clock_mono_us();
        if (now_us >= end_us)
            return -ETIMEDOUT;
        r = sd_bus_wait(bus, end_us - now_us);
        if (r < 0 && r != -EINTR)
            return r;
    }
}

/* Returns: 0, and the caller owns the bus; or negative errno. */
static int open_bus(sd_bus **ret_bus)
{
    sd_bus *bus = NULL;

    int r = sd_bus_open_system(&bus);
    if (r < 0)
        return r;
    r = sd_bus_set_method_call_timeout(bus, ANSWER_US);
    if (r >= 0)
        r = await_welcome(bus);
    if (r < 0) {
        (void)sd_bus_close_unref(bus);
        return r;
    }
    *ret_bus = bus;
    return 0;
}

/* Find a unit that the manager has loaded. Returns: 0; the caller owns the reply, with the path. */
static int find_unit(sd_bus *bus, const char *unit, sd_bus_message **ret_reply,
                     const char **ret_path)
{
    sd_bus_message *reply = NULL;

    int r = sd_bus_call_method(bus, MANAGER, "/org/freedesktop/systemd1", MANAGER ".Manager",
                               "GetUnit", NULL, &reply, "s", unit);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", ret_path);
    if (r < 0) {
        (void)sd_bus_message_unref(reply);
        return r;
    }
    *ret_reply = reply;
    return 0;
}

/* Read both properties of a unit. */
static int read_rate(sd_bus *bus, const char *unit, struct unit_rate *ret_rate)
{
    struct unit_rate rate = {0};
    sd_bus_message *reply;
    const char *path;

    int r = find_unit(bus, unit, &reply, &path);
    if (r < 0)
        return r;
    r = sd_bus_get_property_trivial(bus, MANAGER, path, SERVICE, "LogRateLimitIntervalUSec", NULL,
                                    't', &rate.interval_us);
    if (r >= 0)
        r = sd_bus_get_property_trivial(bus, MANAGER, path, SERVICE, "LogRateLimitBurst", NULL,
                                        'u', &rate.burst);
    (void)sd_bus_message_unref(reply);
    if (r < 0)
        return r;
    *ret_rate = rate;
    return 0;
}

int unit_properties_rate(const char *unit, struct unit_rate *ret_rate)
{
    sd_bus *bus = NULL;

    int r = open_bus(&bus);
    if (r < 0)
        return r;
    r = read_rate(bus, unit, ret_rate);
    (void)sd_bus_close_unref(bus);
    return r;
}

/* The list of ReadWritePaths=. Returns: 0, and the caller frees the list and its texts. */
static int read_write_paths(sd_bus *bus, const char *unit, char ***ret_list)
{
    sd_bus_message *reply;
    const char *path;

    int r = find_unit(bus, unit, &reply, &path);
    if (r < 0)
        return r;
    r = sd_bus_get_property_strv(bus, MANAGER, path, SERVICE, "ReadWritePaths", NULL, ret_list);
    (void)sd_bus_message_unref(reply);
    return r < 0 ? r : 0;
}

/* Is PATH that folder, or in it? Words of the unit about a folder may stand in front. */
static bool is_in(const char *path, const char *folder)
{
    folder += strspn(folder, "-+");
    size_t len = strlen(folder);

    while (len > 0 && folder[len - 1] == '/')
        len--;
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

bool unit_properties_writes(const char *unit, const char *path)
{
    bool writes = false;
    char **list = NULL;
    sd_bus *bus = NULL;

    if (open_bus(&bus) < 0)
        return false;
    if (read_write_paths(bus, unit, &list) == 0 && list != NULL) {
        for (size_t i = 0; list[i] != NULL; i++) {
            writes = writes || is_in(path, list[i]);
            free(list[i]);
        }
        free((void *)list);
    }
    (void)sd_bus_close_unref(bus);
    return writes;
}
