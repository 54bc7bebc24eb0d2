/* SPDX-License-Identifier: MIT
 *
 * memfd_create(2), ftruncate(2), fcntl(2), mmap(2), madvise(2), fallocate(2).
 */
#include "config.h"

#include "os/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int memfd_make(const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -errno;
    /* Holes may still be punched: only F_SEAL_WRITE would forbid that. */
    if (ftruncate(fd, (off_t)size) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        int error = errno;
        (void)close(fd); /* nothing was written */
        return -error;
    }
    return fd;
}

int memfd_map(int fd, void **ret_memory, size_t *ret_size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size <= 0)
        return -ENODATA;
    void *memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    (void)madvise(memory, (size_t)st.st_size, MADV_DONTDUMP); /* only a dump would be larger */
    *ret_memory = memory;
    *ret_size = (size_t)st.st_size;
    return 0;
}

void memfd_unmap(void *memory, size_t size)
{
    if (memory != NULL)
        (void)munmap(memory, size); /* fails only for a range we never mapped */
}

void memfd_punch(int fd, size_t from, size_t len)
{
    /* A failure only means that the pages stay in use. */
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)len);
}

int memfd_sealed(const char *name, const void *data, size_t len)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t done = 0;

    if (fd < 0)
        return -errno;
    while (done < len) {
        ssize_t n = write(fd, (const char *)data + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            goto fail;
        done += (size_t)n;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        goto fail;
    return fd;
fail:;
    int error = errno != 0 ? errno : EIO;
    (void)close(fd);
    return -error;
}
