/* SPDX-License-Identifier: MIT
 *
 * Source: one growing buffer. Its front is given to the composer after each read, so it
 * holds no more than one read and one unfinished message.
 */
#include "config.h"

#include "client/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peerlog/limits.h"

int source_open(struct source *s, const char *file)
{
    struct stat st;

    *s = (struct source){.name = "standard input", .fd = STDIN_FILENO};
    if (file != NULL && strcmp(file, "-") != 0) {
        s->name = file;
        s->fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    }
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (S_ISREG(st.st_mode)) {
        off_t at = lseek(s->fd, 0, SEEK_CUR); /* standard input may be read in part */
        s->total = at >= 0 && st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
        /* Advice only: read ahead further. */
        (void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return 0;
}

void source_close(struct source *s)
{
    if (s->fd > STDIN_FILENO)
        (void)close(s->fd); /* nothing was written to it */
    free(s->bytes);
    *s = (struct source){.fd = -1, .ended = true};
}

/* Room for one more large read. */
static int make_room(struct source *s)
{
    if (s->room - s->len >= PEERLOG_CLIENT_CHUNK_BYTES)
        return 0;
    size_t room = s->len * 2 + PEERLOG_CLIENT_CHUNK_BYTES;
    unsigned char *bytes = realloc(s->bytes, room);
    if (bytes == NULL)
        return -ENOMEM;
    s->bytes = bytes;
    s->room = room;
    return 0;
}

int source_read(struct source *s)
{
    int error = make_room(s);

    if (error < 0)
        return error;
    ssize_t n = read(s->fd, s->bytes + s->len, PEERLOG_CLIENT_CHUNK_BYTES);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    s->ended = n == 0;
    s->len += (size_t)n;
    s->taken += (uint64_t)n;
    return 0;
}

void source_consume(struct source *s, size_t bytes)
{
    assert(bytes <= s->len);
    s->len -= bytes;
    if (s->len > 0 && bytes > 0)
        memmove(s->bytes, s->bytes + bytes, s->len);
    s->scanned = s->len;
}
