/* SPDX-License-Identifier: MIT
 *
 * The thresholds of glibc's malloc (mallopt(3)). Once one is set, none adapts by itself any more.
 */
#include "config.h"

#include "os/heap.h"

#include <malloc.h>
#include <stdatomic.h>

#define TABLE_BYTES (32 * 1024)

static _Atomic size_t kept;

void heap_map_tables(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, TABLE_BYTES);
}

void heap_keep(size_t bytes)
{
    size_t before = atomic_load_explicit(&kept, memory_order_relaxed);

    while (before < bytes)
        if (atomic_compare_exchange_weak(&kept, &before, bytes)) {
            (void)mallopt(M_MMAP_THRESHOLD, (int)bytes);
            (void)mallopt(M_TRIM_THRESHOLD, (int)bytes);
            return;
        }
}
