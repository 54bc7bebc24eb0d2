/* SPDX-License-Identifier: MIT
 *
 * The framer (RFC 6587, section 3.4). A stream is a row of frames; each frame is
 * opened (is it counted, or text, and which byte ends it?), its end is found, and
 * what lies between is given out whole, in pieces, cut, or not at all.
 *
 * Two kinds of bytes never leave the view too early: those that could still be an
 * octet count, and those at the very limit that could still be the terminator.
 * That is what makes the records independent of how TCP cut the stream.
 */
#include "config.h"

#include "peerlog/framer.h"

#include <string.h>

#include "peerlog/limits.h"
#include "peerlog/priority.h"
#include "peerlog/utf8.h"

enum framer_phase {
    PHASE_START = 0,    /* at the first byte of a frame, kind unknown */
    PHASE_TEXT,         /* ends at LF or NUL, as the framing says */
    PHASE_TEXT_TO_NUL,  /* ends at NUL: it follows a NUL and begins with a PRI */
    PHASE_COUNTED,      /* ends after state->count bytes */
    PHASE_DROP_TEXT,    /* as the three above, but over-long: */
    PHASE_DROP_TO_NUL,  /*   held bytes are kept, the rest is dropped */
    PHASE_DROP_COUNTED,
    PHASE_COUNT,
};

/* The most that can wait for a decision: all digits of a count, SP, "<" and its digits. */
#define UNDECIDED_BYTES (PEERLOG_MAX_COUNT_DIGITS + 1 + 1 + PEERLOG_MAX_PRI_DIGITS)

/* Where counting dropped bytes stops: nobody sends so much in a lifetime. */
#define MOST_DROPPED ((uint64_t)INT64_MAX)

/* What the bytes at the start of a frame say about it. */
enum opening { OPENING_UNDECIDED, OPENING_TEXT, OPENING_COUNTED };

/* How one frame ends, seen from its first byte in the view. */
struct ending {
    size_t len;         /* bytes before the terminator */
    size_t skip;        /* the terminator's bytes */
    unsigned flags;     /* FRAME_UNTERMINATED or FRAME_INCOMPLETE */
    bool found;
    bool strip;         /* a line end at the end of the bytes goes */
    unsigned char last; /* the terminator: LF or NUL */
};

void framer_begin(struct framer *f, struct framer_state *state, const struct framer_rules *rules,
                  const unsigned char *bytes, size_t len, bool at_end)
{
    *f = (struct framer){
        .state = state, .rules = rules, .at = bytes, .end = bytes + len, .at_end = at_end,
    };
}

/* --- opening a frame --- */

/* Read "DIGITS SP": undecided, text, or counted with the value and the bytes it took. */
static enum opening probe_count(const struct framer *f, uint64_t *ret_count, size_t *ret_len)
{
    size_t avail = (size_t)(f->end - f->at);
    uint64_t count = 0;
    size_t i = 0;

    while (i < avail && f->at[i] >= '0' && f->at[i] <= '9') {
        if (i == PEERLOG_MAX_COUNT_DIGITS)
            return OPENING_TEXT;
        count = count * 10 + (uint64_t)(f->at[i] - '0');
        i++;
    }
    if (i == avail)
        return OPENING_UNDECIDED;
    if (i == 0 || f->at[i] != ' ' || count > PEERLOG_MAX_COUNT)
        return OPENING_TEXT;
    *ret_count = count;
    *ret_len = i + 1;
    return OPENING_COUNTED;
}

/* Is the frame at f->at counted? In auto framing a PRI must follow the count. */
static enum opening open_counted(struct framer *f)
{
    uint64_t count = 0;
    size_t len = 0;
    enum opening opening = probe_count(f, &count, &len);

    if (opening == OPENING_COUNTED && f->rules->framing == FRAMING_AUTO) {
        switch (priority_probe(f->at + len, (size_t)(f->end - f->at) - len)) {
        case PRIORITY_ABSENT:
            return OPENING_TEXT;
        case PRIORITY_UNDECIDED:
            return OPENING_UNDECIDED;
        case PRIORITY_PRESENT:
            break;
        }
    }
    if (opening == OPENING_COUNTED) {
        f->at += len;
        f->state->count = (uint32_t)count;
        f->state->phase = PHASE_COUNTED;
    }
    return opening;
}

/* A frame of text: which one ends it, LF or only NUL? Answers: is that decided? */
static bool open_text(struct framer *f)
{
    if (f->rules->framing != FRAMING_AUTO || !f->state->after_nul) {
        f->state->phase = PHASE_TEXT;
        return true;
    }
    enum priority_probe probe = priority_probe(f->at, (size_t)(f->end - f->at));
    if (probe == PRIORITY_UNDECIDED && !f->at_end)
        return false;
    f->state->phase = probe == PRIORITY_PRESENT ? PHASE_TEXT_TO_NUL : PHASE_TEXT;
    return true;
}

/* Decide the kind of the frame at f->at. Answers: is it decided? */
static bool open_frame(struct framer *f)
{
    if (f->at == f->end)
        return false;
    if (f->rules->framing == FRAMING_AUTO || f->rules->framing == FRAMING_OCTET_COUNTING) {
        enum opening opening = open_counted(f);
        if (opening == OPENING_COUNTED)
            return true;
        if (opening == OPENING_UNDECIDED && !f->at_end)
            return false;
    }
    return open_text(f);
}

/* Leave the frame: the next byte starts a new one. */
static void close_frame(struct framer *f, const struct ending *ending)
{
    *f->state = (struct framer_state){
        .phase = PHASE_START,
        .after_nul = ending->skip > 0 && ending->last == '\0',
    };
}

/* --- finding its end --- */

/* The next NUL at or after FROM, or f->end; found once, used for every frame before it. */
static const unsigned char *next_nul(struct framer *f, const unsigned char *from)
{
    if (f->nul == NULL || f->nul < from) {
        f->nul = memchr(from, '\0', (size_t)(f->end - from));
        if (f->nul == NULL)
            f->nul = f->end;
    }
    return f->nul;
}

/* The terminator at or after FROM, or f->end. */
static const unsigned char *find_terminator(struct framer *f, const unsigned char *from)
{
    bool to_nul = f->state->phase == PHASE_TEXT_TO_NUL || f->state->phase == PHASE_DROP_TO_NUL;
    const unsigned char *limit = f->end;

    if (f->rules->framing == FRAMING_CLOSE)
        return f->end;
    if (to_nul || f->rules->framing == FRAMING_NUL)
        return next_nul(f, from);
    if (f->rules->framing == FRAMING_AUTO)
        limit = next_nul(f, from);
    const unsigned char *lf = memchr(from, '\n', (size_t)(limit - from));
    return lf != NULL ? lf : limit;
}

/* Find the end of the text frame at f->at; remember what was searched. */
static struct ending end_of_text(struct framer *f)
{
    const unsigned char *stop = find_terminator(f, f->at + f->state->scanned);
    struct ending ending = {.len = (size_t)(stop - f->at)};

    if (stop < f->end) {
        ending.found = ending.strip = true;
        ending.skip = 1;
        ending.last = *stop;
    } else if (f->at_end) {
        ending.found = ending.strip = true;
        ending.flags = f->rules->framing == FRAMING_CLOSE ? 0 : FRAME_UNTERMINATED;
    }
    f->state->scanned = (uint32_t)(ending.len < UINT32_MAX ? ending.len : UINT32_MAX);
    return ending;
}

/* Find the end of the counted frame of which LEFT bytes are to come. */
static struct ending end_of_counted(const struct framer *f, size_t left)
{
    size_t avail = (size_t)(f->end - f->at);
    struct ending ending = {.len = left < avail ? left : avail};

    if (left <= avail) {
        ending.found = ending.strip = true;
        ending.last = '\n';
    } else if (f->at_end) {
        ending.found = true;
        ending.flags = FRAME_INCOMPLETE;
    }
    return ending;
}

/*
 * How many of the last bytes TAIL[0..LEN) are a line end that goes with the terminator:
 * CR before LF; LF, or CR LF, before NUL and at the end of a counted frame or of the stream.
 */
static size_t line_end(const unsigned char *tail, size_t len, const struct ending *ending)
{
    size_t n = 0;

    if (!ending->strip)
        return 0;
    if (ending->skip > 0 && ending->last == '\n')
        return len > 0 && tail[len - 1] == '\r' ? 1 : 0;
    if (len > 0 && tail[len - 1] == '\n') {
        n = 1;
        if (len > 1 && tail[len - 2] == '\r')
            n = 2;
    }
    return n;
}

/* --- giving it out --- */

static bool is_counted(const struct framer_state *state)
{
    return state->phase == PHASE_COUNTED || state->phase == PHASE_DROP_COUNTED;
}

/* What a counted frame that came short says about itself. */
static void note_incomplete(const struct framer *f, size_t have, struct frame *frame)
{
    frame->have_bytes = (uint32_t)have;
    frame->want_bytes = f->state->count;
}

/* One piece of an over-long message leaves; the frame stays open. */
static enum framer_result give_piece(struct framer *f, struct frame *ret_frame)
{
    struct framer_state *s = f->state;
    size_t len = utf8_cut(f->at, f->rules->max_message_bytes);

    if (s->part < UINT32_MAX)
        s->part++;
    *ret_frame = (struct frame){
        .text = f->at, .len = (uint32_t)len, .part = s->part, .flags = FRAME_SPLIT,
    };
    f->at += len;
    if (is_counted(s))
        s->given += (uint32_t)len;
    else
        s->scanned -= (uint32_t)len;
    return FRAMER_MESSAGE;
}

/* The message ends here, LEN bytes long without its line end. */
static enum framer_result give_last(struct framer *f, size_t len, const struct ending *ending,
                                    struct frame *ret_frame)
{
    struct framer_state *s = f->state;

    *ret_frame = (struct frame){
        .text = f->at, .len = (uint32_t)len, .flags = ending->flags,
    };
    if (s->part > 0) {
        ret_frame->part = s->part < UINT32_MAX ? s->part + 1 : s->part;
        ret_frame->flags |= FRAME_SPLIT | FRAME_LAST;
    }
    if (ending->flags & FRAME_INCOMPLETE)
        note_incomplete(f, s->given + ending->len, ret_frame);
    f->at += ending->len + ending->skip;
    close_frame(f, ending);
    return FRAMER_MESSAGE;
}

/* From here on the message is dropped, but for its first piece when that is wanted. */
static void start_dropping(struct framer *f)
{
    struct framer_state *s = f->state;

    s->held = f->rules->oversize == OVERSIZE_TRUNCATE
                  ? (uint32_t)utf8_cut(f->at, f->rules->max_message_bytes)
                  : 0;
    s->dropped = 0;
    s->phase = (uint8_t)(s->phase + (PHASE_DROP_TEXT - PHASE_TEXT));
    s->last_two[0] = s->last_two[1] = 0;
}

/* Count the bytes from FROM to TO as dropped, and remember the last two. */
static void drop(struct framer_state *s, const unsigned char *from, const unsigned char *to)
{
    size_t len = (size_t)(to - from);

    if (len >= 2) {
        s->last_two[0] = to[-2];
        s->last_two[1] = to[-1];
    } else if (len == 1) {
        s->last_two[0] = s->last_two[1];
        s->last_two[1] = to[-1];
    }
    s->dropped = len < MOST_DROPPED - s->dropped ? s->dropped + len : MOST_DROPPED;
}

/* An over-long message is being dropped: look for its end. */
static enum framer_result continue_dropping(struct framer *f, struct frame *ret_frame)
{
    struct framer_state *s = f->state;
    const unsigned char *held = f->at;
    struct ending ending;

    if (is_counted(s))
        ending = end_of_counted(f, s->count - (size_t)s->dropped);
    else
        ending = end_of_text(f);
    drop(s, held + s->held, held + ending.len);
    if (!ending.found) {
        /* Only the held bytes stay in the view; the caller carries a prefix. */
        s->scanned = is_counted(s) ? 0 : s->held;
        f->keep = s->held;
        return FRAMER_NEED_MORE;
    }
    /* If only one byte was dropped, it is no line end: that would not have been over-long. */
    size_t stripped = line_end(s->last_two, sizeof s->last_two, &ending);
    *ret_frame = (struct frame){
        .text = held,
        .len = s->held,
        .flags = ending.flags | FRAME_TRUNCATED,
        .cut_bytes = s->dropped - stripped,
    };
    if (ending.flags & FRAME_INCOMPLETE)
        note_incomplete(f, s->held + (size_t)s->dropped, ret_frame);
    bool kept = s->held > 0;
    f->at += ending.len + ending.skip;
    close_frame(f, &ending);
    return kept ? FRAMER_MESSAGE : FRAMER_DISCARDED;
}

/* Is it certain that more than max_message_bytes remain, wherever the frame ends? */
static bool is_overlong(const struct framer *f, const struct ending *ending, size_t len,
                        size_t left)
{
    size_t max = f->rules->max_message_bytes;

    if (ending->found)
        return len > max;
    if (is_counted(f->state))
        return left > max + PEERLOG_TERMINATOR_BYTES && ending->len > max;
    return ending->len > max + PEERLOG_TERMINATOR_BYTES;
}

/* A frame is open and nothing of it is being dropped. */
static enum framer_result continue_frame(struct framer *f, struct frame *ret_frame)
{
    const struct framer_state *s = f->state;
    size_t left = is_counted(s) ? s->count - s->given : 0;
    struct ending ending = is_counted(s) ? end_of_counted(f, left) : end_of_text(f);
    size_t len = ending.len - (ending.found ? line_end(f->at, ending.len, &ending) : 0);

    if (is_overlong(f, &ending, len, left)) {
        if (f->rules->oversize == OVERSIZE_SPLIT || s->part > 0)
            return give_piece(f, ret_frame);
        start_dropping(f);
        return continue_dropping(f, ret_frame);
    }
    if (ending.found)
        return give_last(f, len, &ending, ret_frame);
    f->keep = (uint32_t)ending.len;
    return FRAMER_NEED_MORE;
}

enum framer_result framer_next(struct framer *f, struct frame *ret_frame)
{
    for (;;) {
        enum framer_result result;

        if (f->state->phase == PHASE_START && !open_frame(f)) {
            f->keep = (uint32_t)(f->end - f->at);
            return FRAMER_NEED_MORE;
        }
        if (f->state->phase >= PHASE_DROP_TEXT)
            result = continue_dropping(f, ret_frame);
        else
            result = continue_frame(f, ret_frame);
        /* An empty frame is no message. */
        if (result == FRAMER_MESSAGE && ret_frame->len == 0 && ret_frame->part == 0)
            continue;
        return result;
    }
}

/* Between two frames: only what may still become a count or a PRI is carried. */
static bool start_valid(const struct framer_state *s, size_t carry)
{
    return s->count == 0 && s->part == 0 && s->scanned == 0 && s->given == 0 &&
           carry <= UNDECIDED_BYTES;
}

/*
 * Inside a frame that is given out: all that is carried was searched, or belongs to the
 * count. A piece leaves only when something else is there, and more than a terminator.
 */
static bool open_valid(const struct framer_state *s, size_t carry)
{
    size_t left = s->phase == PHASE_COUNTED ? (size_t)s->count - s->given : carry;

    if (s->part > 0 && (carry == 0 || left <= PEERLOG_TERMINATOR_BYTES))
        return false;
    if (s->phase != PHASE_COUNTED)
        return s->count == 0 && s->given == 0 && s->scanned == carry;
    return s->count <= PEERLOG_MAX_COUNT && s->given <= s->count && carry < left &&
           (s->part > 0) == (s->given > 0) && s->scanned == 0;
}

/* Inside a frame that is dropped: exactly the held bytes are carried. */
static bool dropping_valid(const struct framer_state *s, size_t carry)
{
    if (s->held != carry || s->part != 0 || s->given != 0)
        return false;
    if (s->dropped == 0 || s->dropped > MOST_DROPPED)
        return false;
    if (s->phase != PHASE_DROP_COUNTED)
        return s->count == 0 && s->scanned == carry && s->dropped > PEERLOG_TERMINATOR_BYTES;
    return s->count <= PEERLOG_MAX_COUNT && s->count > carry + PEERLOG_TERMINATOR_BYTES &&
           s->dropped < s->count - carry && s->scanned == 0;
}

bool framer_state_valid(const struct framer_state *state, size_t carry)
{
    bool dropping = state->phase >= PHASE_DROP_TEXT;
    bool dropped_any = state->held > 0 || state->dropped > 0 || state->last_two[0] > 0 ||
                       state->last_two[1] > 0;
    size_t most = PEERLOG_MAX_MESSAGE_BYTES + (dropping ? 0 : PEERLOG_TERMINATOR_BYTES);

    if (state->phase >= PHASE_COUNT || state->after_nul > 1 || carry > most)
        return false;
    if (dropping)
        return dropping_valid(state, carry);
    if (dropped_any)
        return false;
    return state->phase == PHASE_START ? start_valid(state, carry) : open_valid(state, carry);
}

bool framer_state_open(const struct framer_state *state, size_t carry)
{
    return carry > 0 || state->phase != PHASE_START;
}
