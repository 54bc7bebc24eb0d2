/* SPDX-License-Identifier: MIT
 *
 * Hash: spreads a 64-bit key over 32 bits, by the golden ratio (Knuth, volume 3, section
 * 6.4). For tables of our own numbers; it is no defence against chosen keys.
 */
#ifndef PEERLOG_HASH_H
#define PEERLOG_HASH_H

#include <stdint.h>

/* Returns: 32 bits; take as many of them, by a mask, as the table needs. Pure. */
static inline uint32_t hash_key(uint64_t key)
{
    return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32);
}

#endif
