/* SPDX-License-Identifier: MIT
 *
 * Outputs: where batches go. Each worker has an output of its own, so no lock is
 * needed; what the workers share is only the knowledge whether the log is there.
 *
 * The common part here opens, loses, waits for and reopens; kind.h says what a kind does.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_OUTPUT_H
#define PEERLOG_DAEMON_OUTPUT_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/output/batch.h"
#include "daemon/output/format.h"
#include "daemon/output/kind.h"
#include "daemon/settings/settings.h"
#include "daemon/settings/target.h"

/* What all workers know of the log together. */
struct output_health {
    _Atomic uint32_t lost; /* outputs that are lost now */
    _Atomic uint64_t lost_since_ms;
    _Atomic uint32_t announced; /* the loss was said */
    _Atomic uint32_t replaying; /* workers that may still write what a dead process wrote, too */
    _Atomic uint32_t opened;    /* the type opened last, and 1; 0: none was yet */
};

enum output_status {
    OUTPUT_READY, /* everything is delivered */
    OUTPUT_WAITS, /* output_wait() says for what */
    OUTPUT_ENDED, /* for ever: it will never have a reader again */
};

/* What an output counts, where it is told to. */
enum output_tally {
    TALLY_LOSSES,  /* times that the log went away, */
    TALLY_LOST_MS, /* for how long, when it was back, */
    TALLY_FAILED_OPENINGS,
    OUTPUT_TALLIES,
};

struct output {
    const struct output_kind *kind;
    struct output_settings settings;
    struct output_target target; /* what the settings say, or lead to now */
    struct output_health *health;
    bool is_open;
    int fd;                 /* the kind's; -1 while it has none */
    uint32_t backoff_ms;
    uint64_t retry_at_ms;   /* of the monotonic clock: not before then; 0: at once */
    uint64_t look_at_ms;    /* of the coarse one: which log there is, by type "auto" */
    uint64_t full_since_ms; /* since when it has taken nothing; 0: it takes */
    int last_error;         /* negative errno of the loss */
    bool is_lost;           /* counted in health */
    _Atomic uint64_t *tally; /* OUTPUT_TALLIES of them, written by its worker; or NULL */
    struct stamp stamp;
    char pid[16];           /* "[4711]: " */
    uint64_t instance;      /* of the ledger, for connection identifiers */
    char *scratch;          /* prefixes and escaped text of one delivery */
    uint32_t scratch_bytes;
    void *state;            /* private to the kind */
};

/*
 * Make an output; nothing is opened yet. MAX_MESSAGE_BYTES is the longest record text.
 * Returns: 0, or -ENOMEM.
 * Owns:    the caller releases it with output_free().
 */
int output_new(const struct output_settings *settings, uint32_t max_message_bytes,
               struct output_health *health, uint64_t instance, struct output **ret_output);
struct output *output_free(struct output *output);

/* The same of a KIND of the caller's own. For tests. */
int output_new_of(const struct output_kind *kind, const struct output_settings *settings,
                  uint32_t max_message_bytes, struct output_health *health, uint64_t instance,
                  struct output **ret_output);

/*
 * Deliver BATCH as far as the log takes it now, opening the output when needed.
 * Threads: its worker.  Blocks: never.
 */
enum output_status output_push(struct output *output, struct batch *batch);

/* After OUTPUT_WAITS: when another output_push() is worth it. */
void output_wait(const struct output *output, struct output_wait *ret_wait);

/*
 * With nothing to deliver: try to open it, when it is not open and its time has come.
 * Returns: 0 when it is open, or negative errno.
 */
int output_ensure_open(struct output *output);

/* Look at once at the names it writes to, which may lead elsewhere now. Threads: its worker. */
void output_refresh(struct output *output);

/*
 * Take other settings: the output is closed and opened anew at the next push. While records are on
 * their way nothing changes: ask again; unless the output is lost: they go again by the new one.
 * Returns: 0, or negative errno.
 */
int output_change(struct output *output, const struct output_settings *settings,
                  struct batch *batch);

/* Connect output->fd to the socket of this TYPE at target.path. Returns: 0, or negative errno. */
int output_connect_local(struct output *output, int type);

/*
 * For kinds that send datagrams: connect output->fd to the socket at target.path.
 * Returns: 0 with the largest datagram it takes, in bytes; or negative errno.
 */
int output_connect_datagram(struct output *output, uint32_t *ret_datagram_bytes);

#endif
