/* SPDX-License-Identifier: MIT
 *
 * What a message of the load looks like, and how a connection begins.
 */
#include "config.h"

#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

/* Source addresses are 127.0.0.2, 127.0.0.3 and so on. */
#define FIRST_SOURCE 0x7f000002u

/* A count is only one in front of a PRI. */
static const char pri[] = "<13>";

/* One message in its final form, but for the numbers. */
static void write_unit(char *dst, const struct load_plan *plan, const char *count)
{
    size_t body = plan->size - 1;
    size_t at = strlen(count);

    memcpy(dst, count, at);
    for (size_t i = 0; i < body; i++)
        dst[at + i] = (char)('a' + i % 26);
    if (plan->framing == LOAD_OCTET_COUNTING)
        memcpy(dst + at, pri, strlen(pri));
    else
        dst[at + body] = plan->framing == LOAD_NUL ? '\0' : '\n';
}

void shape_init(struct load_shape *s, const struct load_plan *plan)
{
    char count[24] = "";

    s->batch = plan->batch;
    s->mark_at = 0;
    s->unit = plan->size;
    if (plan->framing == LOAD_OCTET_COUNTING) {
        int len = snprintf(count, sizeof count, "%u ", plan->size - 1);
        s->mark_at = (size_t)len + strlen(pri);
        s->unit = (size_t)len + plan->size - 1;
    }
    s->bytes = malloc(s->unit * s->batch);
    if (s->bytes == NULL)
        die_errno("load");
    for (unsigned i = 0; i < s->batch; i++)
        write_unit(s->bytes + i * s->unit, plan, count);
}

void shape_done(struct load_shape *s)
{
    free(s->bytes);
    s->bytes = NULL;
}

void shape_fill(struct load_shape *s, unsigned n, const struct mark *first)
{
    struct mark mark = *first;

    for (unsigned i = 0; i < n; i++) {
        mark_write(s->bytes + i * s->unit + s->mark_at, &mark);
        mark.sequence++;
    }
}

/* Give the socket the source address that INDEX has; the port is found by connect(). */
static int bind_source(int fd, const struct load_plan *plan, uint64_t index)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    int on = 1;

    if (plan->sources <= 1)
        return 0;
    source.sin_addr.s_addr = htonl(FIRST_SOURCE + (uint32_t)(index % plan->sources));
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0)
        return -errno;
    return bind(fd, (struct sockaddr *)&source, sizeof source) < 0 ? -errno : 0;
}

int load_connect(const struct load_plan *plan, uint64_t index)
{
    struct timeval patience = {.tv_sec = (time_t)(plan->patience_ns / NS_PER_S)};
    int on = 1, error;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    error = bind_source(fd, plan, index);
    if (error < 0)
        goto close_fd;
    /* Bounds connect(), and the writes of those ways that let them block. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        connect(fd, (const struct sockaddr *)&plan->server, sizeof plan->server) < 0) {
        error = -errno;
        goto close_fd;
    }
    return fd;

close_fd:
    (void)close(fd); /* nothing was sent */
    return error;
}
