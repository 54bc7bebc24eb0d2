/* SPDX-License-Identifier: MIT
 *
 * Outputs that send to a socket of this machine: how they are connected.
 */
#include "config.h"

#include "daemon/output/output.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int output_connect_local(struct output *output, int type)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    static_assert(SETTINGS_PATH_BYTES == sizeof sa.sun_path, "the path of a socket fits");
    memcpy(sa.sun_path, output->target.path, sizeof sa.sun_path);
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
        int error = -errno;
        (void)close(fd); /* nothing was sent */
        return error;
    }
    output->fd = fd;
    return 0;
}

int output_connect_datagram(struct output *output, uint32_t *ret_datagram_bytes)
{
    int size = 0;
    socklen_t len = sizeof size;

    int error = output_connect_local(output, SOCK_DGRAM);
    if (error < 0)
        return error;
    if (getsockopt(output->fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0) {
        error = -errno;
        (void)close(output->fd); /* nothing was sent */
        output->fd = -1;
        return error;
    }
    /* The kernel refuses a datagram that leaves less than 32 bytes of the send buffer. */
    *ret_datagram_bytes = size > 4096 ? (uint32_t)size - 32 : 4096;
    return 0;
}
