/* SPDX-License-Identifier: MIT
 *
 * The plain transport: the wire is the stream.
 */
#include "config.h"

#include "daemon/session/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/net.h"

static bool plain_survives(const struct connections *table, uint32_t slot)
{
    (void)table, (void)slot; /* all that it is lies in the kernel and in its slot */
    return true;
}

static enum received plain_receive(struct connections *table, uint32_t slot, void *dst,
                                   size_t room, size_t *ret_len)
{
    ssize_t n = recv(table->conns[slot].fd, dst, room, MSG_DONTWAIT);

    if (n > 0) {
        *ret_len = (size_t)n;
        return RECEIVED_BYTES;
    }
    if (n == 0)
        return RECEIVED_END;
    return errno == EAGAIN || errno == EINTR ? RECEIVED_NOTHING : RECEIVED_RESET;
}

static size_t plain_room(const struct connections *table, uint32_t slot)
{
    return net_send_room(table->conns[slot].fd);
}

static int plain_write(struct connections *table, uint32_t slot, const void *bytes, size_t len)
{
    return net_send_whole(table->conns[slot].fd, bytes, len);
}

static void plain_end(struct connections *table, uint32_t slot, enum transport_end how, bool parked)
{
    int fd = table->conns[slot].fd;

    if (how == TRANSPORT_BREAKS) {
        net_abort(fd);
    } else if (parked) {
        net_shutdown_close(fd);
    } else {
        net_set_end(fd, END_FIN);
        (void)close(fd); /* everything was read; there is no copy elsewhere */
    }
}

const struct transport_kind transport_plain = {
    .name = "plain",
    .survives = plain_survives,
    .receive = plain_receive,
    .room = plain_room,
    .write = plain_write,
    .end = plain_end,
};
