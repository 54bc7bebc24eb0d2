/* SPDX-License-Identifier: MIT
 *
 * The sink's two rooms meet here: the receivers (sink_read.c) take datagrams or lines
 * and find the records in them; the book (sink.c) counts what they found. One thread.
 */
#ifndef PEERLOG_BENCH_SINK_H
#define PEERLOG_BENCH_SINK_H

#include <stddef.h>
#include <stdint.h>

struct book;

/* A record came: its text begins somewhere in LEN bytes at TEXT. NS is the time of the read. */
void book_record(struct book *b, const char *text, size_t len, uint64_t ns);

/* Everything that one read brought is recorded: show it on the progress page. */
void book_publish(struct book *b, uint64_t datagrams, uint64_t ns);

enum sink_mode {
    SINK_SYSLOG,  /* one record a datagram */
    SINK_JOURNAL, /* the journal's native protocol, one entry a datagram */
    SINK_LINES,   /* one record a line, on standard input */
    SINK_FILE,    /* the same in a file that grows */
};

/*
 * Bind a datagram socket at PATH, replacing what is there. Its reads
 * give up after 100 ms, so that a signal is seen.
 * Returns: the descriptor; exits when it can not.
 */
int sink_bind(const char *path);

/* Make the file PATH, and read what others write behind its end. Exits when it can not. */
int sink_open(const char *path);

/* Receive into B until a signal asks to stop (or the input ends), then what is still queued. */
void sink_receive(enum sink_mode mode, int fd, struct book *b);

#endif
