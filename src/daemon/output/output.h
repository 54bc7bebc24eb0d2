/* SPDX-License-Identifier: MIT
 *
 * Outputs: where batches go. Each worker has an output of its own, so no lock is
 * needed; what the workers share is only the knowledge whether the log is there.
 *
 * The common part here opens, loses, waits for and reopens; a kind of output only
 * knows how to open and how to deliver.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_OUTPUT_H
#define PEERLOG_DAEMON_OUTPUT_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/output/batch.h"
#include "daemon/output/format.h"
#include "daemon/settings/settings.h"

struct output;

/* A kind of output. Functions return 0 or negative errno. */
struct output_kind {
    size_t vectors_bytes; /* of output->vectors, which are zero at first */
    int (*open)(struct output *output);
    /*
     * Deliver what is left of BATCH, calling batch_take() as it is taken.
     * Returns: 0 when all was taken; -EAGAIN: wait until output->fd is writable;
     *          -ENOBUFS or -ENOMEM: wait a little; any other: the output is lost.
     */
    int (*deliver)(struct output *output, struct batch *batch);
    void (*close)(struct output *output);
};

/* What all workers know of the log together. */
struct output_health {
    _Atomic uint32_t lost;        /* outputs that are lost now */
    _Atomic uint64_t lost_since_ms;
    _Atomic uint32_t announced;   /* the loss was said */
};

enum output_wait {
    OUTPUT_READY,         /* everything was taken */
    OUTPUT_WAIT_WRITABLE, /* until output->fd is writable */
    OUTPUT_WAIT_TIME,     /* until output->retry_at_ms */
    OUTPUT_ENDED,         /* for ever: nobody will ever read it again */
};

struct output {
    const struct output_kind *kind;
    struct output_settings settings;
    struct output_health *health;
    int fd;                 /* -1 while lost */
    uint32_t backoff_ms;
    uint64_t retry_at_ms;   /* of the monotonic clock */
    uint64_t full_since_ms; /* since when it has taken nothing; 0: it takes */
    int last_error;         /* negative errno of the loss */
    int lost;               /* counted in health */
    uint32_t datagram_bytes; /* the largest datagram it takes */
    struct stamp stamp;
    char pid[16];           /* "[4711]: " */
    uint64_t instance;      /* of the ledger, for connection identifiers */
    char *scratch;          /* prefixes and escaped text of one delivery */
    uint32_t scratch_bytes;
    uint32_t partial;       /* bytes of the next record that are out already */
    uint32_t pieces;        /* pieces of the next record that are out already */
    void *vectors;          /* private to the kind */
};

/*
 * Make an output; nothing is opened yet. MAX_MESSAGE_BYTES is the longest record text.
 * Returns: 0, or -ENOMEM.
 * Owns:    the caller releases it with output_free().
 */
int output_new(const struct output_settings *settings, uint32_t max_message_bytes,
               struct output_health *health, uint64_t instance, struct output **ret_output);
struct output *output_free(struct output *output);

/*
 * Deliver BATCH as far as the log takes it now, opening the output when needed.
 * Threads: its worker.  Blocks: never.
 */
enum output_wait output_push(struct output *output, struct batch *batch);

/*
 * With nothing to deliver: try to open it, when it is not open and its time has come.
 * Returns: 0 when it is open, or negative errno.
 */
int output_ensure_open(struct output *output);

/* Take other settings: the output is closed and opened anew at the next push. */
int output_change(struct output *output, const struct output_settings *settings);

extern const struct output_kind output_syslog;
extern const struct output_kind output_journal;
extern const struct output_kind output_stdout;

/*
 * Shared by the datagram kinds: connect output->fd to the socket at settings.path,
 * and learn the largest datagram it takes.
 */
int output_connect_datagram(struct output *output);

#endif
