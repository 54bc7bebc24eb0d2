/* SPDX-License-Identifier: MIT
 *
 * Routes in a table of buckets. An empty one, of zeros, is good from the start.
 */
#include "config.h"

#include "daemon/output/file_route.h"

#include <assert.h>
#include <string.h>

#include "peerlog/count.h"
#include "peerlog/hash.h"
#include "peerlog/path_template.h"

static_assert(sizeof(struct route_key) == sizeof(struct peer) + PEERLOG_MAX_TAG_BYTES + 1 + 3,
              "a key has no padding: it is compared as bytes");

void route_key_of(struct route_key *dst, uint32_t uses, const struct record *record,
                  const struct source *source)
{
    memset(dst, 0, sizeof *dst);
    if (uses & 1u << PATH_ADDRESS) {
        dst->peer = source->peer;
        dst->peer.port = 0;
    }
    if (uses & 1u << PATH_LISTENER)
        memcpy(dst->tag, source->label->tag, strlen(source->label->tag));
    if (uses & 1u << PATH_FACILITY)
        dst->facility = (uint8_t)priority_facility(record->priority);
    if (uses & 1u << PATH_SEVERITY)
        dst->severity = (uint8_t)priority_severity(record->priority);
}

static uint32_t bucket_of(const struct routes *routes, const struct route_key *key)
{
    uint64_t words[sizeof *key / 8], mixed = 0;

    static_assert(sizeof words <= sizeof *key, "what is hashed is there");
    memcpy(words, key, sizeof words);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        mixed = (mixed ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
    mixed ^= (uint64_t)key->facility << 8 ^ key->severity;
    return hash_key(mixed ^ mixed >> 29) % COUNT_OF(routes->buckets);
}

uint16_t routes_find(const struct routes *routes, const struct route_key *key)
{
    uint16_t at = routes->buckets[bucket_of(routes, key)];

    while (at != 0 && memcmp(&routes->all[at - 1].key, key, sizeof *key) != 0)
        at = routes->all[at - 1].next;
    return at != 0 ? (uint16_t)(at - 1) : ROUTE_NONE;
}

uint16_t routes_add(struct routes *routes, const struct route_key *key, struct file *file)
{
    uint16_t *bucket = &routes->buckets[bucket_of(routes, key)];
    uint16_t number;

    if (routes->free != 0) {
        number = (uint16_t)(routes->free - 1);
        routes->free = routes->all[number].next;
    } else if (routes->fresh < ROUTES) {
        number = routes->fresh++;
    } else {
        return ROUTE_NONE;
    }
    routes->all[number] = (struct route){.key = *key, .file = file, .next = *bucket};
    *bucket = (uint16_t)(number + 1);
    return number;
}

void routes_drop(struct routes *routes, uint16_t number)
{
    struct route *route = &routes->all[number];
    uint16_t *at = &routes->buckets[bucket_of(routes, &route->key)];

    while (*at != number + 1)
        at = &routes->all[*at - 1].next;
    *at = route->next;
    route->file = file_release(route->file);
    route->next = routes->free;
    routes->free = (uint16_t)(number + 1);
}

void routes_drop_all(struct routes *routes)
{
    for (uint16_t i = routes_next(routes, 0); i != ROUTE_NONE;
         i = routes_next(routes, (uint16_t)(i + 1)))
        routes_drop(routes, i);
}

uint16_t routes_oldest(const struct routes *routes, uint64_t call)
{
    uint16_t oldest = ROUTE_NONE;

    for (uint16_t i = routes_next(routes, 0); i != ROUTE_NONE;
         i = routes_next(routes, (uint16_t)(i + 1)))
        if (routes->all[i].call < call &&
            (oldest == ROUTE_NONE || routes->all[i].call < routes->all[oldest].call))
            oldest = i;
    return oldest;
}

uint16_t routes_next(const struct routes *routes, uint16_t from)
{
    while (from < routes->fresh && routes->all[from].file == NULL)
        from++;
    return from < routes->fresh ? from : ROUTE_NONE;
}
