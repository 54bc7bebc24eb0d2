/* SPDX-License-Identifier: MIT
 *
 * The tally; see tally.h.
 */
#include "config.h"

#include "tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

/* Sequences from FROM to before TO have not come. */
struct hole {
    uint32_t from;
    uint32_t to;
};

struct source {
    uint32_t next;       /* one more than the highest sequence that came */
    uint32_t repeats;
    uint32_t late;
    uint32_t hole_count;
    struct hole *holes;  /* in no order; NULL for a connection without any so far */
};

struct tally {
    size_t room;
    struct source *sources; /* by identifier */
};

struct tally *tally_new(void)
{
    struct tally *t = calloc(1, sizeof *t);

    if (t == NULL)
        die_errno("tally");
    return t;
}

struct tally *tally_free(struct tally *t)
{
    if (t == NULL)
        return NULL;
    for (size_t i = 0; i < t->room; i++)
        free(t->sources[i].holes);
    free(t->sources);
    free(t);
    return NULL;
}

static void make_room(struct tally *t, uint32_t id)
{
    size_t room = t->room > 0 ? t->room : 1024;

    while (room <= id)
        room *= 2;
    t->sources = realloc(t->sources, room * sizeof *t->sources);
    if (t->sources == NULL)
        die_errno("tally");
    memset(t->sources + t->room, 0, (room - t->room) * sizeof *t->sources);
    t->room = room;
}

static void add_hole(struct source *s, uint32_t from, uint32_t to)
{
    /* Doubled at every power of two, so the room need not be kept. */
    if ((s->hole_count & (s->hole_count - 1)) == 0) {
        size_t room = s->hole_count > 0 ? (size_t)s->hole_count * 2 : 1;
        s->holes = realloc(s->holes, room * sizeof *s->holes);
        if (s->holes == NULL)
            die_errno("tally");
    }
    s->holes[s->hole_count++] = (struct hole){from, to};
}

/* Take SEQUENCE out of the holes. Answers: was it in one? */
static bool fill_hole(struct source *s, uint32_t sequence)
{
    for (uint32_t i = 0; i < s->hole_count; i++) {
        struct hole *h = &s->holes[i];
        if (sequence < h->from || sequence >= h->to)
            continue;
        uint32_t to = h->to;
        h->to = sequence;
        if (sequence + 1 < to)
            add_hole(s, sequence + 1, to);
        return true;
    }
    return false;
}

void tally_note(struct tally *t, uint32_t id, uint32_t sequence)
{
    if (id >= t->room)
        make_room(t, id);
    struct source *s = &t->sources[id];
    if (sequence < s->next) {
        if (fill_hole(s, sequence))
            s->late++;
        else
            s->repeats++;
        return;
    }
    if (sequence > s->next)
        add_hole(s, s->next, sequence);
    s->next = sequence + 1;
}

void tally_sum(const struct tally *t, struct tally_sums *ret_sums)
{
    struct tally_sums sums = {.least = UINT64_MAX};

    for (size_t id = 0; id < t->room; id++) {
        const struct source *s = &t->sources[id];
        uint64_t missing = 0;
        if (s->next == 0)
            continue;
        for (uint32_t i = 0; i < s->hole_count; i++)
            missing += s->holes[i].to - s->holes[i].from;
        uint64_t unique = s->next - missing;
        sums.connections++;
        sums.unique += unique;
        sums.missing += missing;
        sums.repeats += s->repeats;
        sums.late += s->late;
        sums.least = unique < sums.least ? unique : sums.least;
        sums.most = unique > sums.most ? unique : sums.most;
    }
    if (sums.connections == 0)
        sums.least = 0;
    *ret_sums = sums;
}
