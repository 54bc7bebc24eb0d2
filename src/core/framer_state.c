/* SPDX-License-Identifier: MIT
 *
 * The framer's state between two views: which states there can be, and what each waits for.
 */
#include "config.h"

#include "core/framer_parts.h"

#include <assert.h>

/* The most that can wait for a decision: all digits of a count, SP, "<" and its digits. */
#define UNDECIDED_BYTES (PEERLOG_MAX_COUNT_DIGITS + 1 + 1 + PEERLOG_MAX_PRI_DIGITS)

/* The fields that a frame of every kind may have. */
static bool marks_valid(const struct framer_state *s)
{
    return s->phase < PHASE_COUNT && s->after < AFTER_KINDS && s->shown <= SHOWN_ALL &&
           s->continued <= 1 && s->reserved[0] == 0 && s->reserved[1] == 0 &&
           s->count <= PEERLOG_MAX_COUNT && s->joined <= PEERLOG_MAX_COUNT;
}

/* A count, and what belongs to it, outlives its frame only to judge what directly follows it. */
static bool no_count(const struct framer_state *s)
{
    return s->count == 0 && s->joined == 0;
}

/* Between two frames: only what may still become a count or a PRI is carried. */
static bool start_valid(const struct framer_state *s, size_t carry)
{
    if (s->after != AFTER_COUNT && (s->last_two[1] != 0 || !no_count(s)))
        return false;
    return s->scanned == 0 && s->continued == 0 && carry <= UNDECIDED_BYTES;
}

/* All of its text was searched but for a few bytes; and the next count may be undecided. */
static bool guess_valid(const struct framer_state *s, size_t carry)
{
    return no_count(s) && s->last_two[1] == 0 && s->continued == 0 && carry > 0 &&
           s->scanned <= carry && carry - s->scanned <= PEERLOG_MAX_COUNT_DIGITS + 1;
}

/* Inside a text: all that is carried was searched but for what needs more bytes behind it. */
static bool text_valid(const struct framer_state *s, size_t carry)
{
    if (s->phase == PHASE_STRAY ? s->after != AFTER_COUNT || s->part > 0 : !no_count(s))
        return false;
    return s->last_two[1] == 0 && carry > 0 && s->scanned <= carry &&
           carry - s->scanned <= PEERLOG_LOOKAHEAD_BYTES;
}

/* Inside a counted frame: something is missing, or shows whether the count fits. */
static bool counted_valid(const struct framer_state *s, size_t carry)
{
    size_t left = (size_t)s->count - s->given;

    if (s->given > s->count || (s->part > 0 && s->given == 0) || s->scanned != 0 ||
        s->last_two[1] != 0)
        return false;
    if (s->part > 0 && (carry == 0 || left <= PEERLOG_TERMINATOR_BYTES))
        return false;
    if (s->shown & SHOWN_LONG && left > 1)
        return carry < left + UNDECIDED_BYTES;
    return left > 0 && carry <= left;
}

/* Inside a frame that is dropped: exactly the held bytes are carried. */
static bool dropping_valid(const struct framer_state *s, size_t carry)
{
    size_t left = (size_t)s->count - s->given;

    if (s->held != carry || s->part != 0 || s->dropped == 0 ||
        s->dropped > FRAMER_MOST_DROPPED)
        return false;
    if (s->phase != PHASE_DROP_COUNTED)
        return no_count(s) && s->given == 0 && s->scanned == carry &&
               s->dropped > PEERLOG_TERMINATOR_BYTES;
    return s->given <= s->count && left > carry + PEERLOG_TERMINATOR_BYTES &&
           s->dropped < left - carry && s->scanned == 0;
}

static bool is_dropping(const struct framer_state *s) { return s->phase >= PHASE_DROP_TEXT; }

bool framer_state_valid(const struct framer_state *state, size_t carry)
{
    size_t most = PEERLOG_MAX_MESSAGE_BYTES + (is_dropping(state) ? 0 : PEERLOG_CARRY_BYTES);

    if (!marks_valid(state) || carry > most)
        return false;
    if (is_dropping(state))
        return dropping_valid(state, carry);
    if (state->held > 0 || state->dropped > 0 || state->last_two[0] > 0)
        return false;
    if (state->phase == PHASE_COUNTED)
        return counted_valid(state, carry);
    /* A piece leaves only when something else is there, and more than a terminator. */
    if (state->given > 0 || (state->part > 0 && state->scanned <= PEERLOG_TERMINATOR_BYTES))
        return false;
    switch (state->phase) {
    case PHASE_START:
        return state->part == 0 && start_valid(state, carry);
    case PHASE_GUESS:
        return state->part == 0 && guess_valid(state, carry);
    default:
        return text_valid(state, carry);
    }
}

bool framer_state_open(const struct framer_state *state, size_t carry)
{
    return carry > 0 || state->phase != PHASE_START;
}

/* Is all of it here, unless what comes next says that there is more? */
static bool may_be_whole(const struct framer_state *s, const unsigned char *carry, size_t len)
{
    switch (s->phase) {
    case PHASE_GUESS:
    case PHASE_TEXT_TO_NUL:
        return (s->shown & SHOWN_ENDS) == 0;
    case PHASE_COUNTED:
        return len + (s->shown & SHOWN_LONG ? 1 : 0) >= s->count - s->given;
    default:
        return s->scanned < len && carry[s->scanned] == '\n'; /* may the next line be joined? */
    }
}

enum framer_wait framer_waits(const struct framer_state *state, const struct framer_rules *rules,
                              const unsigned char *carry, size_t carry_len)
{
    if (rules->framing == FRAMING_NUL || rules->framing == FRAMING_CLOSE)
        return FRAMER_WAIT_NONE;
    if (carry_len == 0 && !is_dropping(state))
        return FRAMER_WAIT_NONE;
    if ((state->shown & SHOWN_ENDS) == 0 || may_be_whole(state, carry, carry_len))
        return FRAMER_WAIT_PAUSE;
    return FRAMER_WAIT_END;
}

void framer_state_upgrade(struct framer_state *state, unsigned phase, bool after_nul,
                          bool had_messages)
{
    static const uint8_t phases[] = {PHASE_START,     PHASE_TEXT,        PHASE_TEXT_TO_NUL,
                                     PHASE_COUNTED,   PHASE_DROP_TEXT,   PHASE_DROP_TO_NUL,
                                     PHASE_DROP_COUNTED};

    /* One that never was is refused by framer_state_valid(). */
    state->phase = phase < sizeof phases ? phases[phase] : PHASE_COUNT;
    state->after = after_nul ? AFTER_NUL : AFTER_NOTHING;
    if (had_messages)
        state->shown = after_nul ? SHOWN_NUL : SHOWN_LF;
}

unsigned framer_shown_ends(const struct framer_state *s)
{
    static_assert((int)SHOWN_LF == (int)FRAMER_ENDS_LF && (int)SHOWN_NUL == (int)FRAMER_ENDS_NUL &&
                  (int)SHOWN_CR == (int)FRAMER_ENDS_CR &&
                  (int)SHOWN_COUNT == (int)FRAMER_ENDS_COUNT, "the same bits");
    return s->shown & SHOWN_ENDS;
}

unsigned framer_last_end(const struct framer_state *s)
{
    static const uint8_t ends[AFTER_KINDS] = {
        [AFTER_LF] = FRAMER_ENDS_LF,
        [AFTER_NUL] = FRAMER_ENDS_NUL,
        [AFTER_COUNT] = FRAMER_ENDS_COUNT,
    };

    return ends[s->after];
}
