/* SPDX-License-Identifier: MIT
 *
 * Facilities, severities and the PRI that carries both (RFC 5424, section
 * 6.2.1; names as in syslog(3) and logger(1)). Pure functions; any thread.
 */
#ifndef PEERLOG_PRIORITY_H
#define PEERLOG_PRIORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum severity {
    SEVERITY_EMERG = 0,
    SEVERITY_ALERT = 1,
    SEVERITY_CRIT = 2,
    SEVERITY_ERR = 3,
    SEVERITY_WARNING = 4,
    SEVERITY_NOTICE = 5,
    SEVERITY_INFO = 6,
    SEVERITY_DEBUG = 7,
};

#define FACILITY_KERN 0u /* the kernel's own */
#define FACILITY_USER 1u
#define FACILITY_DAEMON 3u
#define FACILITY_MAX 23u

/* What the bytes at hand say about a PRI at their start. */
enum priority_probe {
    PRIORITY_ABSENT,    /* they can not be the start of one */
    PRIORITY_PRESENT,   /* "<", 1 to 3 digits, ">": its value may still be too large */
    PRIORITY_UNDECIDED, /* more bytes are needed */
};

/* Look for the form of a PRI, without judging its value. */
enum priority_probe priority_probe(const unsigned char *text, size_t len);

/*
 * Read the PRI at the start of TEXT.
 * Returns: its length in bytes, 3 to 5, with *ret_priority set to 0..191; 0 when
 *          there is none or its value is too large (*ret_priority is untouched).
 */
size_t priority_parse(const unsigned char *text, size_t len, uint8_t *ret_priority);

/* Facility and severity as one number, and back. */
static inline uint8_t priority_make(unsigned facility, unsigned severity)
{
    return (uint8_t)(facility << 3 | (severity & 7u));
}
static inline unsigned priority_facility(uint8_t priority) { return priority >> 3; }
static inline unsigned priority_severity(uint8_t priority) { return priority & 7u; }

/* PRIORITY, but no more severe than HIGHEST_SEVERITY. */
static inline uint8_t priority_lower(uint8_t priority, unsigned highest_severity)
{
    return (priority & 7u) < highest_severity ? (uint8_t)((priority & ~7u) | highest_severity)
                                              : priority;
}

/*
 * Names and numbers. A name is matched whole, without regard to case; the older
 * "panic", "error", "warn" and "security" are known.
 * Returns: the number, or -EINVAL.
 */
int severity_from_name(const char *name);
int facility_from_name(const char *name);

/* The standard name of a number in range; "?" for any other. */
const char *severity_name(unsigned severity);
const char *facility_name(unsigned facility);

#endif
