/* SPDX-License-Identifier: MIT
 *
 * A load: records of a batch, written down as the messages that a broker gets. It stands alone, so
 * another thread may work on it while the batch waits.
 *
 * Where one message ends and the next one begins depends on the records alone: the same records
 * are packed in the same way by the process that comes after us, and their messages have the same
 * identity.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_LOAD_H
#define PEERLOG_DAEMON_OUTPUT_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/output/batch.h"
#include "daemon/output/file_format.h"
#include "peerlog/subject.h"

/* A message of many records is no longer than this, and a load not much longer than that. */
#define LOAD_MESSAGE_BYTES (256u * 1024u)
#define LOAD_BYTES (1024u * 1024u)

struct load_message {
    size_t at; /* of its body, in load.bytes */
    uint32_t len;
    uint32_t records; /* in it */
    uint32_t flags;   /* of all of them */
    uint32_t run;     /* which connection said them */
    uint64_t first, last; /* their numbers in the connection */
};

/* The messages of one connection, one behind the other. */
struct load_run {
    uint32_t first, count; /* of load.messages */
    uint64_t connection;
    char peer[PEER_TEXT_BYTES];
    char listener[PEER_TEXT_BYTES];
    char subject[SUBJECT_BYTES]; /* or the topic */
    char key[PEER_TEXT_BYTES];   /* the address alone */
};

struct load {
    uint32_t messages_count, runs_count;
    char *bytes;
    size_t room, used;
    struct load_message messages[BATCH_RECORDS];
    struct load_run runs[LEDGER_SEGMENTS];
};

struct load_rules {
    const struct file_format *format;
    const char *subject; /* its template */
    uint32_t pack;       /* records in one message, at most */
    uint32_t hide;       /* flags that the messages do not show */
    uint64_t instance;   /* of the ledger */
};

/* Longest message that a record of MAX_MESSAGE_BYTES can become. */
size_t load_bound(const struct file_format *format, uint32_t max_message_bytes);

/* Returns: 0, or -ENOMEM.  Owns: release it with load_done(). */
int load_init(struct load *load, size_t longest);
void load_done(struct load *load);

/*
 * Fill LOAD anew with what is not submitted of BATCH, as much as it holds.
 * Returns: how many records; 0 when memory is short.
 */
uint32_t load_fill(struct load *load, const struct batch *batch, const struct load_rules *rules,
                   const struct file_stamp *stamp);

#endif
