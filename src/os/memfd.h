/* SPDX-License-Identifier: MIT
 *
 * Shared anonymous memory behind a descriptor: it outlives the process when somebody
 * else holds the descriptor.
 */
#ifndef PEERLOG_OS_MEMFD_H
#define PEERLOG_OS_MEMFD_H

#include <stddef.h>

/*
 * Make one of SIZE bytes, all zero, sealed against any other size; pages cost nothing until they
 * are written.
 * Returns: the descriptor, close-on-exec; or negative errno.
 */
int memfd_make(const char *name, size_t size);

/*
 * Map all of it, shared, and left out of core dumps: there may be secrets in it.
 * Returns: 0, or negative errno; -ENODATA when it is empty.
 * Owns:    the caller unmaps with memfd_unmap(); the descriptor may be closed before.
 */
int memfd_map(int fd, void **ret_memory, size_t *ret_size);

/* Unmap; NULL is welcome. */
void memfd_unmap(void *memory, size_t size);

/* Give the pages of a range back to the kernel: they read as zero afterwards. */
void memfd_punch(int fd, size_t from, size_t len);

/*
 * Make a descriptor of LEN bytes of DATA, sealed against every change, as the journal
 * wants it for entries too large for a datagram.
 * Returns: the descriptor, or negative errno.
 */
int memfd_sealed(const char *name, const void *data, size_t len);

#endif
