/* SPDX-License-Identifier: MIT
 *
 * What the parts of the admin share: http.c is its thread and the protocol, ask.c asks workers and
 * main, wanted.c reads queries, census.c gathers connections, resources.c, onlookers.c and
 * in_force.c answer. The admin's thread, but where another is named; for this folder alone.
 */
#ifndef PEERLOG_DAEMON_ADMIN_PRIVATE_H
#define PEERLOG_DAEMON_ADMIN_PRIVATE_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/admin/admin.h"
#include "daemon/admin/wanted.h"

/* A worker or main that does not answer for so long, in milliseconds, is not waited for. */
#define ADMIN_PATIENCE_MS 5000u

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;
struct onlooker;

/* What a connection had received when it was last looked at. */
struct sample {
    uint64_t connection; /* its number; 0: none was looked at */
    uint64_t received;
    uint64_t at_ms;
    double rate; /* bytes a second before that; negative: not known yet */
};

struct admin {
    struct admin_plan plan;
    struct MHD_Daemon *http;    /* or NULL */
    struct MHD_Daemon *metrics; /* for counters alone, by TCP; or NULL */
    struct cidr_list allow, deny; /* there; they outlive a reload */
    pthread_mutex_t lock; /* held by whoever answers, or looks for onlookers */
    int bell; /* rings when a question is answered, and at the end */
    _Atomic uint32_t ending;
    struct sample *samples; /* one for each slot */
    uint64_t started_s;     /* of the process, seconds since 1970 */
    struct errand *overview; /* the last one; NULL: there was none */
    uint64_t overview_at_ms;

    /* onlookers.c */
    struct onlooker *onlookers; /* of traces */
    unsigned looks; /* so far */
    bool looks_on;  /* there is a thread for them */
    pthread_t looker;
    int look_bell;  /* rings for it */
};

/* --- ask.c --- */

/* A letter with an answer that may come too late. What is asked for lies behind it. */
struct question {
    struct letter letter;
    int bell;
    _Atomic uint32_t state; /* enum question_state */
};

/* Make one, SIZE bytes with what lies behind it. Returns: NULL without memory. */
struct question *question_new(const struct admin *admin, enum letter_kind kind, size_t size);

/*
 * Ask worker number WORKER, and wait.
 * Answers: is it answered? Else it is gone, and must not be touched any more.
 * Owns: the caller frees what is answered.  Blocks: ADMIN_PATIENCE_MS at most.
 */
bool ask_worker(struct admin *admin, unsigned worker, struct question *question);

/* An errand for main; all else in it is zero. Returns: NULL without memory. */
struct errand *errand_new(const struct admin *admin, enum errand_kind kind);

/*
 * Send main on it, and wait; NULL goes on none.
 * Returns: ERRAND with its answer, which the caller frees with errand_free(); or NULL: it is gone.
 * Blocks:  as ask_worker().
 */
struct errand *errand_run(struct admin *admin, struct errand *errand);
void errand_free(struct errand *errand);

/* --- census.c --- */

/* A connection, and who serves it. */
struct counted {
    struct conn_description of;
    unsigned worker;
    double rate; /* bytes a second; negative: not known yet */
    uint32_t connections; /* of its address, after census_by_address() */
};

struct census {
    const struct overview *overview; /* of the same time */
    struct counted *all; /* free it */
    size_t count, room;
    unsigned absent; /* workers that did not answer */
};

/* All connections that WANTED names, sorted and cut as it says. Returns: 0, or -ENOMEM. */
int census_take(struct admin *admin, const struct overview *overview, const struct wanted *wanted,
                struct census *ret_census);

/*
 * Make one of all connections of an address, with their sums, and sort these by bytes a second and
 * then by bytes. Of the rest of each it has what one of its connections has.
 */
void census_by_address(struct census *census);

/* End a connection. Answers: was it there? */
bool census_end(struct admin *admin, const struct counted *connection, bool now);

/* --- rows.c --- */

/* All of a census, or one connection of it, as JSON. Returns: text to be freed; NULL: no memory. */
char *rows_of(const struct census *census);
char *row_of(const struct census *census, const struct counted *one);

/* --- resources.c --- */

/* The word that stands for NUMBER in the setting NAME of GROUP ("": the file itself). */
const char *setting_word(const char *group, const char *name, unsigned number);

struct reply {
    unsigned status; /* of HTTP */
    json_t *json;    /* or */
    char *text;      /* or */
    struct MHD_Response *stream;
    const char *type; /* the media type of these two */
};

struct request {
    struct MHD_Connection *http;
    const char *id;      /* what the path names behind the resource; NULL: nothing */
    const char *accept;  /* the media types that are welcome; NULL: any */
    struct wanted wanted;
};

/* A path with a method, and what answers it. */
struct resource {
    const char *path; /* without what is named behind it */
    bool named;       /* something is */
    const char *method;
    void (*answer)(struct admin *admin, const struct request *request, struct reply *reply);
};
extern const struct resource resources[];
extern const size_t resources_count;

/* What answers /metrics. Threads: also that of admin.metrics. */
extern const struct resource *const resource_metrics;

/* What answers /v1/settings: in_force.c. */
void answer_settings(struct admin *admin, const struct request *request, struct reply *reply);

/* Say in REPLY that something is wrong. */
__attribute__((format(printf, 3, 4)))
void reply_fault(struct reply *reply, unsigned status, const char *format, ...);

/* --- trace.c, onlookers.c --- */

struct trace_entry;

/* What a trace has caught, and its TEXT, as JSON. Returns: NULL without memory. */
json_t *trace_describe(const struct trace_entry *entry, const unsigned char *text);

/* What answers /v1/trace: a stream begins. */
void answer_trace(struct admin *admin, const struct request *request, struct reply *reply);

/* The admin ends, and so do all of them. Blocks: for a moment. */
void onlookers_end(struct admin *admin);

#endif
