/* SPDX-License-Identifier: MIT
 *
 * An entry: a record in the one form that stands alone. All that a reader may want to know of it
 * has a name here, once; the journal, a line of JSON and a broker's message are only other ways
 * to write the same fields down (systemd.journal-fields(7) for those that are not ours).
 */
#ifndef PEERLOG_DAEMON_OUTPUT_ENTRY_H
#define PEERLOG_DAEMON_OUTPUT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/output/batch.h"

/* A view, as its record is: valid as long as the batch stays as it is. */
struct entry {
    const struct record *record;
    const struct source *source;
    uint64_t instance; /* of the ledger: makes the connection's number unique */
    size_t clean;      /* bytes at the start of the text that need no escaping */
    bool is_marked;    /* peer and marks stand before its text */
};

/* How a format writes fields down. NAME is NUL-terminated; values are not. */
struct entry_writer {
    void (*number)(void *context, const char *name, uint64_t value);
    void (*word)(void *context, const char *name, const char *value, size_t len);
    /* What a peer said, for people: entry_message() has it. */
    void (*text)(void *context, const char *name, const struct entry *entry);
    /* The same once more, byte by byte, because the text had to be escaped. */
    void (*bytes)(void *context, const char *name, const unsigned char *value, size_t len);
};

/* Make an entry of a record of a batch. */
struct entry entry_of(const struct record *record, const struct source *source, uint64_t instance);

/*
 * The text of ENTRY as people read it: before it peer and marks, where that is wanted, and in it
 * nothing that could be taken for another line's begin but LF. DST has entry_message_bytes().
 * Returns: the length.
 */
size_t entry_message(const struct entry *entry, char *dst);
size_t entry_message_bytes(const struct entry *entry);

/* Write all fields of ENTRY, always in the same order, the text last. */
void entry_write(const struct entry *entry, const struct entry_writer *writer, void *context);

/*
 * The same in two parts: what is equal for all records of one source and priority, and the rest.
 */
void entry_write_head(const struct entry *entry, const struct entry_writer *writer, void *context);
void entry_write_rest(const struct entry *entry, const struct entry_writer *writer, void *context);

/*
 * Marks as words with commas between, as PEER_FLAGS has them, but for "escaped", which is the
 * text's. DST has ENTRY_FLAGS_BYTES.
 * Returns: the length; 0: there are none.
 */
size_t entry_flags(uint32_t flags, char *dst);
#define ENTRY_FLAGS_BYTES 160u

/* Room that all names and values but the peer's text and bytes take at most. */
#define ENTRY_FIXED_BYTES 1024u

#endif
