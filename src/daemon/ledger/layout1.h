/* SPDX-License-Identifier: MIT
 *
 * Layout 1 of the ledger, as 0.1.0 and 0.1.1 left it. Nothing of it ever changes: upgrade.c reads
 * it, so that an upgrade keeps connections and bytes in hand.
 */
#ifndef PEERLOG_DAEMON_LEDGER_LAYOUT1_H
#define PEERLOG_DAEMON_LEDGER_LAYOUT1_H

#include <stdatomic.h>
#include <stdint.h>

#include "peerlog/peer.h"

#define LAYOUT1 1u
#define LAYOUT1_INBOX_BYTES 1048576u
#define LAYOUT1_SEGMENTS 512u
#define LAYOUT1_LISTENERS 128u
#define LAYOUT1_CONFIG_BYTES 1048576u

struct framer_state1 {
    uint64_t dropped;
    uint32_t count, given, part, held, scanned;
    uint8_t phase; /* start, text, text to NUL, counted, and the three that drop */
    uint8_t after_nul;
    uint8_t last_two[2];
};

struct stream1 {
    struct framer_state1 framer;
    uint64_t received, sequence;
    uint32_t tail_bytes;
    uint8_t priority, awaits_proxy, reserved[2];
};

struct slot1 {
    uint64_t cookie, connection;
    struct stream1 stream;
    struct peer peer;
    _Atomic uint16_t lot;
    _Atomic uint8_t listener;
    uint8_t framing;
    _Atomic uint8_t use;
    uint8_t crashes, announced, leaving;
};

struct segment1 {
    struct stream1 start;
    uint32_t slot, from, room;
    _Atomic uint32_t fresh, at_end;
    uint32_t reserved;
};

struct inbox1 {
    _Atomic uint32_t segments, delivered, offered, working, suspect;
    uint32_t max_message_bytes, oversize, reserved[9];
    struct segment1 segment[LAYOUT1_SEGMENTS];
    unsigned char bytes[LAYOUT1_INBOX_BYTES];
};

struct listener1 {
    struct peer configured, bound;
    char name[33];
    uint8_t guarded;
};

struct header1 {
    uint64_t magic;
    uint32_t layout, header_bytes;
    uint64_t size, inboxes_at, inbox_bytes;
    uint32_t inboxes, slots;
    uint64_t tail_stride, slots_at, tails_at, instance, generation;
    _Atomic uint64_t last_connection;
    _Atomic uint32_t slots_high, life, crash_signal;
    uint32_t early_deaths;
    _Atomic uint32_t settled;
    uint32_t config_bytes, has_config;
    struct listener1 listeners[LAYOUT1_LISTENERS];
    char config[LAYOUT1_CONFIG_BYTES];
};

#endif
