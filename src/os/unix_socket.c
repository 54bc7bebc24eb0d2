/* SPDX-License-Identifier: MIT
 *
 * unix(7).
 */
#include "config.h"

#include "os/unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

int unix_socket_address(const char *path, struct sockaddr_un *ret_address)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    *ret_address = address;
    return 0;
}

int unix_socket_listen(const char *path, int type, mode_t mode)
{
    struct sockaddr_un address;

    int error = unix_socket_address(path, &address);
    if (error < 0)
        return error;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)unlink(path); /* that of a process before, if it is there */
    /* The file gets the mode that the socket has when it is bound, less the umask. */
    if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0) {
        error = -errno;
        (void)close(fd); /* it holds no data */
        return error;
    }
    return fd;
}

bool unix_socket_is_left(int fd)
{
    struct pollfd wait = {.fd = fd};

    return poll(&wait, 1, 0) > 0 && (wait.revents & (POLLHUP | POLLERR)) != 0;
}

/* Returns: 0, or -ENOENT. */
static int find_group(const char *group, gid_t *ret_gid)
{
    const struct group *entry = getgrnam(group);
    char *end;

    if (entry != NULL) {
        *ret_gid = entry->gr_gid;
        return 0;
    }
    unsigned long number = strtoul(group, &end, 10);
    if (*end != '\0' || end == group || number >= (gid_t)-1)
        return -ENOENT;
    *ret_gid = (gid_t)number;
    return 0;
}

int unix_socket_give(const char *path, const char *group)
{
    struct stat status;
    gid_t gid;

    int error = find_group(group, &gid);
    if (error < 0)
        return error;
    /* Where we are of that group it is so already, and a sandbox may forbid the call. */
    if (stat(path, &status) == 0 && status.st_gid == gid)
        return 0;
    return chown(path, (uid_t)-1, gid) < 0 ? -errno : 0;
}
