/* SPDX-License-Identifier: MIT
 *
 * CRC32C: the checksum with Castagnoli's polynomial, as SCTP (RFC 9260, appendix A) and
 * PROXY headers have it. It finds accidents, not intent. Pure; any thread.
 */
#ifndef PEERLOG_CRC32C_H
#define PEERLOG_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of what CRC is the checksum of, followed by LEN more bytes. That of no
 * bytes is 0.
 */
uint32_t crc32c_add(uint32_t crc, const void *bytes, size_t len);

#endif
