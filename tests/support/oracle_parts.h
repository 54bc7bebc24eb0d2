/* SPDX-License-Identifier: MIT
 *
 * Oracle, its parts: the stream on its way through the rules, as the files share it.
 * oracle_frames.c opens frames and reads counted ones, oracle_texts.c finds the ends of texts,
 * oracle_records.c makes records of messages.
 */
#ifndef PEERLOG_TESTS_ORACLE_PARTS_H
#define PEERLOG_TESTS_ORACLE_PARTS_H

#include <stdbool.h>

#include "support/oracle.h"

/* What comes behind the bytes that can be seen. */
enum behind { BEHIND_MORE, BEHIND_FLUSH, BEHIND_END };

enum follows { FOLLOWS_NOTHING, FOLLOWS_LF, FOLLOWS_NUL, FOLLOWS_COUNT, FOLLOWS_FLUSH };

/* The stream on its way through the rules. */
struct reading {
    const unsigned char *bytes;
    size_t len;
    size_t at;       /* the first byte of the current frame */
    size_t upto;     /* what can be seen ends here, */
    enum behind behind; /* and then comes this */
    size_t used;     /* flushes up to here have done what they do */
    const struct intake_rules *rules;
    struct records *records;
    struct account *account;
    uint8_t before;  /* 1 + the priority of the last message */
    enum follows after; /* what the frame follows */
    bool lf, nul, cr, counts; /* ends that were shown */
    bool too_long;   /* the last count was one too long */
    size_t count;    /* of the counted frame before, or at hand; */
    size_t joined;   /* the same with the digit before it, */
    unsigned char last; /* and the last byte of that frame */
    size_t given;    /* bytes of the counted frame at hand that a flush gave out */
    bool counting;   /* a counted frame is at hand */
};

/* One message: where its text stands, and what is to be said of it. */
struct message {
    size_t from;
    size_t len;
    unsigned flags;
    size_t have, want;
};

/* How a text ends: LEN bytes of it, then SKIP bytes of terminator. */
struct end {
    bool found;
    bool stop; /* not decided: wait for more */
    size_t len, skip;
    unsigned flags;
    bool strip;
    enum follows next;
    bool lf, nul, cr;
    bool too_long; /* and so the count before was one too long */
};

static inline size_t max_of(const struct reading *r) { return r->rules->framer.max_message_bytes; }
static inline uint8_t framing_of(const struct reading *r) { return r->rules->framer.framing; }
static inline bool is_auto(const struct reading *r) { return framing_of(r) == FRAMING_AUTO; }
static inline bool has_counts(const struct reading *r)
{
    return is_auto(r) || framing_of(r) == FRAMING_OCTET_COUNTING;
}
static inline bool has_lines(const struct reading *r)
{
    return is_auto(r) || framing_of(r) == FRAMING_LF;
}
static inline bool has_flushes(const struct reading *r) { return has_counts(r) || has_lines(r); }
static inline bool nothing_shown(const struct reading *r)
{
    return !r->lf && !r->nul && !r->cr && !r->counts;
}
static inline bool is_open(const struct reading *r, enum form form)
{
    return form == FORM_OPEN && r->behind == BEHIND_MORE;
}
static inline const unsigned char *place(const struct reading *r, size_t i)
{
    return r->bytes + r->at + i;
}
static inline const unsigned char *stop_of(const struct reading *r) { return r->bytes + r->upto; }
static inline enum form pri_at(const struct reading *r, size_t i)
{
    return oracle_form_pri(place(r, i), stop_of(r));
}

/* The message becomes records, as its length and the rules want it. */
void oracle_emit(struct reading *r, const struct message *m);

/* The length of a text without the line end that goes. */
size_t oracle_stripped(const struct reading *r, const struct end *e);

/* Where a message that goes on behind LIMIT bytes is cut: not inside a character. */
size_t oracle_cut(const unsigned char *text, size_t limit);

/* No end was seen: what a flush or the end of the stream makes of that. */
struct end oracle_end_late(const struct reading *r);
struct end oracle_end_at_lf(size_t i);
struct end oracle_end_at_nul(size_t i);

/* Where a text of each kind ends; HAS_HEAD: it begins with a PRI, or goes on with one. */
struct end oracle_find_first(struct reading *r);
struct end oracle_find_nul(struct reading *r);
struct end oracle_find_text(struct reading *r, size_t from, bool has_head);

/* Where a message of which more than its first piece is dropped ends, from byte FROM on. */
struct end oracle_find_dropped(const struct reading *r, size_t from, bool to_nul);

#endif
