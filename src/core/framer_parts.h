/* SPDX-License-Identifier: MIT
 *
 * The parts of the framer: what its files share. framer.c gives frames out, framer_open.c
 * decides what a frame is, framer_whole.c gives out the usual ones, framer_search.c finds ends
 * that take more than one look, framer_seam.c knows what the beginning of a message looks
 * like, framer_state.c judges states from elsewhere.
 */
#ifndef PEERLOG_CORE_FRAMER_PARTS_H
#define PEERLOG_CORE_FRAMER_PARTS_H

#include "peerlog/framer.h"
#include "peerlog/limits.h"
#include "peerlog/priority.h"

enum framer_phase {
    PHASE_START = 0,    /* at the first byte of a frame, kind unknown */
    PHASE_GUESS,        /* counted, if it ends where the next count begins; else text */
    PHASE_STRAY,        /* text where a count should be: ends before the next count, too */
    PHASE_TEXT,         /* ends at LF or NUL, as the framing says */
    PHASE_TEXT_TO_NUL,  /* begins with a PRI, and may end at NUL alone */
    PHASE_COUNTED,      /* ends after state->count bytes */
    PHASE_DROP_TEXT,    /* as the three above, but over-long: */
    PHASE_DROP_TO_NUL,  /*   held bytes are kept, the rest is dropped */
    PHASE_DROP_COUNTED,
    PHASE_COUNT,
};

/* What a frame directly follows. */
enum framer_after {
    AFTER_NOTHING = 0,
    AFTER_LF,
    AFTER_NUL,
    AFTER_COUNT, /* a counted frame, whose count is still in the state */
    AFTER_FLUSH, /* a piece that a flush gave out */
    AFTER_KINDS,
};

/* The ends that a stream has shown, and what else is known of it. */
enum framer_shown {
    SHOWN_LF = 1u << 0, /* an LF that no NUL followed: lines, for good */
    SHOWN_NUL = 1u << 1,
    SHOWN_CR = 1u << 2,
    SHOWN_COUNT = 1u << 3,
    SHOWN_ENDS = SHOWN_LF | SHOWN_NUL | SHOWN_CR | SHOWN_COUNT,
    SHOWN_LONG = 1u << 4,    /* its last count was one too long */
    SHOWN_MISFIT = 1u << 5,  /* the first misfit was told */
    SHOWN_ENDLESS = 1u << 6, /* that there are no ends was told */
    SHOWN_ALL = (1u << 7) - 1,
};

/* What bytes say about something that may begin with them. */
enum probe { PROBE_UNDECIDED, PROBE_ABSENT, PROBE_PRESENT };

/* How one frame ends, seen from its first byte in the view. */
struct ending {
    size_t len;         /* bytes before the terminator; while there is none, those searched */
    size_t skip;        /* the terminator's bytes */
    unsigned flags;     /* enum frame_flags: why it ends */
    bool found;
    bool strip;         /* a line end at the end of the bytes goes */
    bool again;         /* it is another kind of frame: search once more */
    unsigned char last; /* the terminator: LF or NUL */
    uint8_t before;     /* the last bytes by which it was known: it is found there again */
    uint8_t after;      /* enum framer_after, of the next frame */
    uint8_t shown;      /* enum framer_shown, added by this end */
};

/* Where counting dropped bytes stops: nobody sends so much in a lifetime. */
#define FRAMER_MOST_DROPPED ((uint64_t)INT64_MAX)

/* The bytes from AT to the end of the view. */
static inline size_t framer_avail(const struct framer *f)
{
    return (size_t)(f->end - f->at);
}

/* Answers: must everything be decided with the bytes at hand? */
static inline bool framer_is_final(const struct framer *f) { return f->at_end || f->flush; }

static inline bool framer_has_counts(const struct framer *f)
{
    return f->rules->framing == FRAMING_AUTO || f->rules->framing == FRAMING_OCTET_COUNTING;
}

/* Answers: may lines end at CR, and be joined? */
static inline bool framer_has_lines(const struct framer *f)
{
    return f->rules->framing == FRAMING_AUTO || f->rules->framing == FRAMING_LF;
}

/* The next NUL, or LF, at or after FROM, or f->end; found once, used for every frame before. */
const unsigned char *framer_next_nul(struct framer *f, const unsigned char *from);
const unsigned char *framer_next_lf(struct framer *f, const unsigned char *from);

/* The first LF or NUL at or after FROM, as the framing has it, or f->end. */
const unsigned char *framer_plain_stop(struct framer *f, const unsigned char *from);

/*
 * framer_whole.c: the message at f->at, before the end of the view, if it is whole and of
 * a usual kind. Answers: is it? If not, it may be open now, and searched as far as it came.
 */
bool framer_give_whole(struct framer *f, struct frame *ret_frame);

/* framer_open.c: decide the kind of the frame at f->at. Answers: is it decided? */
bool framer_open(struct framer *f);

/* COUNT with the digit before it that the counted frame before ended with; 0 if with none. */
uint32_t framer_join_count(const struct framer_state *s, uint64_t count, size_t header);

/* framer_search.c: the end of a text frame that is not ended by its first LF or NUL alone. */
struct ending framer_search(struct framer *f);

/* The end of a counted frame of which LEFT bytes are to come, if its count may not fit. */
bool framer_search_counted(struct framer *f, size_t left, struct ending *ending);

/* No end came. At the end of the stream, or at a flush, this is one all the same. */
void framer_end_late(struct framer *f, struct ending *ending);

/* framer_seam.c: "DIGITS SP", with the number and the bytes it takes. */
enum probe framer_probe_count(const unsigned char *text, size_t len, uint64_t *ret_count,
                              size_t *ret_len);

/* "DIGITS SP <PRI>". */
enum probe framer_probe_header(const unsigned char *text, size_t len);

/* A PRI as a probe: is one there, wherever the view ends? */
enum probe framer_probe_pri(const struct framer *f, const unsigned char *from);

/*
 * Where a stream without ends is cut: before a PRI and a date, at __LOG4JS__, between two
 * GELF objects. TEXT is at a "<", "_" or "}".
 * Returns: whether it is there; *ret_before bytes belong to the message before, and
 *          *ret_skip to none.
 */
enum probe framer_probe_seam(const unsigned char *text, size_t len, size_t *ret_before,
                             size_t *ret_skip);

#endif
