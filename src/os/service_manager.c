/* SPDX-License-Identifier: MIT
 *
 * libsystemd's calls, wrapped so that no other file includes its headers.
 */
#include "config.h"

#include "os/service_manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

bool service_manager_available(void)
{
    const char *path = getenv("NOTIFY_SOCKET");

    return path != NULL && *path != '\0';
}

bool service_manager_stores(void)
{
    const char *room = getenv("FDSTORE");

    if (!service_manager_available())
        return false;
    if (room != NULL)
        return strtoul(room, NULL, 10) > 0;
    return access("/run/systemd/system", F_OK) == 0;
}

void service_manager_say(const char *state)
{
    if (service_manager_available())
        (void)sd_notify(0, state); /* a deaf manager changes nothing for us */
}

int service_manager_store(const char *name, int fd)
{
    char state[320];
    int n = snprintf(state, sizeof state, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);

    if (n < 0 || (size_t)n >= sizeof state)
        return -ENAMETOOLONG;
    n = sd_pid_notify_with_fds(0, 0, state, &fd, 1);
    return n > 0 ? 0 : n == 0 ? -ENOTCONN : n;
}

int service_manager_try_store(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    service_manager_forget(SERVICE_MANAGER_TRIAL);
    int error = service_manager_store(SERVICE_MANAGER_TRIAL, ends[0]);
    (void)close(ends[0]); /* from now on only the manager has it, if it has */
    if (error == 0)
        return ends[1];
    (void)close(ends[1]); /* nothing was written */
    return error;
}

void service_manager_forget(const char *name)
{
    if (service_manager_available())
        (void)sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

uint64_t service_manager_watchdog_us(void)
{
    uint64_t us = 0;

    if (getenv("WATCHDOG_USEC") == NULL)
        return 0;
    return sd_watchdog_enabled(0, &us) > 0 ? us : 0;
}

int service_manager_inherited(struct service_manager_fd **ret_fds, size_t *ret_count)
{
    char **names = NULL;
    int n = getenv("LISTEN_FDS") != NULL ? sd_listen_fds_with_names(1, &names) : 0;

    if (n < 0)
        return n;
    struct service_manager_fd *fds = calloc((size_t)n + 1, sizeof *fds);
    if (fds != NULL) {
        for (int i = 0; i < n; i++)
            fds[i] = (struct service_manager_fd){.fd = SD_LISTEN_FDS_START + i, .name = names[i]};
        *ret_fds = fds;
        *ret_count = (size_t)n;
    }
    free((void *)names);
    return fds != NULL ? 0 : -ENOMEM;
}

void service_manager_free(struct service_manager_fd *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(fds[i].name);
    free(fds);
}
