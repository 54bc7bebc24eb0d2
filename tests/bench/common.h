/* SPDX-License-Identifier: MIT
 *
 * What the bench programs share: the clock, the way out, numbers on a command
 * line, the numbered and stamped message, and the page of counters that the sink
 * shows to the others while it runs.
 *
 * A message is "#CCCCCC SSSSSSSS TTTTTTTTTTTTTTTT " and filler: connection, sequence in
 * it (from 0) and CLOCK_MONOTONIC nanoseconds, in hexadecimal.
 */
#ifndef PEERLOG_BENCH_COMMON_H
#define PEERLOG_BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbered part of a message, with its last space. */
#define MARK_BYTES 34u
#define MARK_MAX_ID 0xffffffu

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

struct mark {
    uint32_t id;       /* connection */
    uint32_t sequence; /* of the message in its connection */
    uint64_t sent_ns;  /* CLOCK_MONOTONIC */
};

/* One page in a file: written by the sink, read by runner and load generator. */
struct progress {
    uint64_t received; /* messages */
    uint64_t first_ns; /* when the first one came, CLOCK_MONOTONIC */
    uint64_t last_ns;  /* when the latest one came */
};

/* Say what is wrong on stderr and exit with status 1; the second adds errno's text. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_errno(const char *what);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);

/* Processor time of the whole process, all its threads. */
uint64_t cpu_ns(void);

/* Sleep until NS on CLOCK_MONOTONIC; a signal ends it early. */
void sleep_until_ns(uint64_t ns);

/* A number between MIN and MAX, or exit with a line that names OPTION. */
uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max);

/* Write the MARK_BYTES bytes of MARK to DST, without a NUL. */
void mark_write(char *dst, const struct mark *mark);

/* Only what changes from message to message: sequence and time. */
void mark_update(char *dst, uint32_t sequence, uint64_t sent_ns);

/*
 * Find the mark in LEN bytes of a record, behind whatever header it has.
 * Answers: is there one? It is in *ret_mark then.
 */
bool mark_find(const char *text, size_t len, struct mark *ret_mark);

/*
 * Map the progress page in the file at PATH, made when it is missing.
 * Returns: the page; it lives until the program ends. Exits when it can not.
 */
struct progress *progress_map(const char *path);

/* True once SIGINT or SIGTERM came; and the call that makes it so, without SA_RESTART. */
bool stop_wanted(void);
void stop_on_signals(void);

#endif
