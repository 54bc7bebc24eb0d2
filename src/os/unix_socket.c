/* SPDX-License-Identifier: MIT
 *
 * unix(7).
 */
#include "config.h"

#include "os/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

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
