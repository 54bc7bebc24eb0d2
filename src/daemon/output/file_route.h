/* SPDX-License-Identifier: MIT
 *
 * Routes: to which open file a record goes, by what of it stands in the file's name. A worker's
 * own table; those that were not used for longest make room.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_FILE_ROUTE_H
#define PEERLOG_DAEMON_OUTPUT_FILE_ROUTE_H

#include <stdint.h>

#include "daemon/output/batch.h"
#include "daemon/output/file_set.h"

#define ROUTES FILES_OPEN
#define ROUTE_NONE UINT16_MAX

/* What may stand in a name; what does not, is zero. Compared as bytes. */
struct route_key {
    struct peer peer; /* without its port */
    char tag[PEERLOG_MAX_TAG_BYTES + 1];
    uint8_t facility, severity;
    uint8_t unused;
};

struct route {
    struct route_key key;
    struct file *file; /* held; NULL: there is no such route */
    uint64_t call;     /* that used it last */
    uint64_t synced;   /* the batch for which it was given to be synced last */
    uint16_t next;     /* in its bucket, or free */
    uint16_t first, last; /* records of this call that go there */
};

struct routes {
    uint16_t free;  /* chain */
    uint16_t fresh; /* from here on none was ever used */
    uint16_t buckets[2 * ROUTES]; /* 0: empty, else a route's number and 1 */
    struct route all[ROUTES];
};

/* The key of a record; USES are the template's. */
void route_key_of(struct route_key *dst, uint32_t uses, const struct record *record,
                  const struct source *source);

/* Returns: the number of the route with this key, or ROUTE_NONE. */
uint16_t routes_find(const struct routes *routes, const struct route_key *key);

/*
 * Add one, which takes over what the caller holds of FILE.
 * Returns: its number, or ROUTE_NONE when all are in use.
 */
uint16_t routes_add(struct routes *routes, const struct route_key *key, struct file *file);

/* Release the file, and forget the route. */
void routes_drop(struct routes *routes, uint16_t number);
void routes_drop_all(struct routes *routes);

/* The one that was used least lately, but not by CALL. Returns: its number, or ROUTE_NONE. */
uint16_t routes_oldest(const struct routes *routes, uint64_t call);

/* The first route from number FROM on. Returns: its number, or ROUTE_NONE. */
uint16_t routes_next(const struct routes *routes, uint16_t from);

#endif
