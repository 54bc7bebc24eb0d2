/* SPDX-License-Identifier: MIT
 *
 * Kinds of output: where a batch can go. A kind knows how to open, how to hand over, and when
 * what was handed over is safe; output.c opens, loses, waits for and reopens whatever it is.
 *
 * Its name in the configuration and its usual path stand in the table of settings, which is
 * below this room and must not ask it.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_KIND_H
#define PEERLOG_DAEMON_OUTPUT_KIND_H

#include <stddef.h>
#include <stdint.h>

struct batch;
struct output;
struct output_settings;

/* What others than output.c must know of a kind. */
enum output_traits {
    OUTPUT_ONE_WRITER = 1u << 0,       /* lines would mix: one worker, and fixed while we run */
    OUTPUT_ENDS_WITH_READER = 1u << 1, /* a reader that is gone does not come back: EPIPE ends it */
    OUTPUT_IS_STDOUT = 1u << 2,        /* standard output has to be open */
    OUTPUT_DROPS_REPEATS = 1u << 3,    /* what is submitted once more is not there twice */
    OUTPUT_RECOVERS = 1u << 4,         /* by itself, with what was submitted: no error loses it */
    OUTPUT_BREAKS_RECORDS = 1u << 5,   /* one that is out in part when it is lost begins anew */
};

/* What a worker that can go no further waits for: whatever comes first. */
struct output_wait {
    int fd;            /* to be watched, or -1 */
    uint32_t events;   /* of the poller, for FD */
    uint64_t until_ms; /* of the monotonic clock; 0: as long as it takes */
};

/*
 * Functions return 0 or negative errno. They are called by the output's own worker and never
 * block.
 */
struct output_kind {
    const char *description; /* for people: "syslog socket" */
    const char *when_full;   /* why it takes nothing although it is there; NULL: "it is full" */
    unsigned traits;         /* enum output_traits */
    size_t state_bytes;      /* of output->state, which is zero before open() */

    /* What stands in its place when open() says -EPROTOTYPE: of another type of socket. Or NULL. */
    const struct output_kind *sibling;

    /* Open output->fd, or whatever stands for it: output->open is set by the caller. */
    int (*open)(struct output *output);

    /*
     * Hand over what is not submitted of BATCH, by batch_submit(); or by batch_deliver(), where
     * being taken is being safe. A record of which only a part is out counts as submitted; the
     * next call goes on with it.
     * Returns: 0: all is submitted; -EAGAIN: wait; -ENOBUFS, -ENOMEM, -ENOSPC, -EDQUOT or
     *          -EFBIG: wait a little; any other: the output is lost, or, when it recovers by
     *          itself: wait a little. -ESTALE: it did not recover, and is lost.
     */
    int (*submit)(struct output *output, struct batch *batch);

    /*
     * Find out what has become safe, by batch_deliver(); in the order of the batch.
     * Returns: 0: all that is submitted is safe; and as submit(). NULL: submitting is delivering.
     * When the output is lost, what was submitted and not safe is submitted anew.
     */
    int (*collect)(struct output *output, struct batch *batch);

    /* After -EAGAIN: what to wait for. NULL: until output->fd is writable. */
    void (*wait)(const struct output *output, struct output_wait *ret_wait);

    /* Look at once at what is looked at now and then: names that may lead elsewhere. Or NULL. */
    void (*refresh)(struct output *output);

    /* What it writes to, for people, where that is not its path. Or NULL. */
    const char *(*place)(const struct output *output);

    /*
     * Tell what is wrong with where it would write to, as far as it can be found out now. Or NULL.
     * Threads: main, when no output is open.  Blocks: may, for seconds.
     */
    void (*advise)(const struct output_settings *settings,
                   void (*say)(void *context, const char *words), void *context);

    /* Let go of everything but the state's memory. */
    void (*close)(struct output *output);
};

extern const struct output_kind output_syslog;
extern const struct output_kind output_syslog_stream;
extern const struct output_kind output_journal;
extern const struct output_kind output_stdout;
extern const struct output_kind output_file;

/*
 * The kind of an output of this type (enum output_type). One that is a module is loaded: the
 * settings have seen to it that it is there.
 * Threads: main; then any, for a type that main has asked for.
 */
const struct output_kind *output_kind_of(unsigned type);

#endif
