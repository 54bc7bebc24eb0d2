/* SPDX-License-Identifier: MIT
 *
 * What malloc(3) takes from the kernel and gives back. Advice: all works without it, too.
 *
 * Threads: any.
 */
#ifndef PEERLOG_OS_HEAP_H
#define PEERLOG_OS_HEAP_H

#include <stddef.h>

/* Map large tables, so that what is never used of them costs nothing. Before other threads. */
void heap_map_tables(void);

/*
 * From now on keep BYTES of what is freed, or what was asked for before if that is more. For
 * buffers that come and go: mapped anew each time, they cost page faults, which may be more than
 * all that is done with them, and every thread is interrupted when they are unmapped.
 */
void heap_keep(size_t bytes);

#endif
