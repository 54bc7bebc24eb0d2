/* SPDX-License-Identifier: MIT
 *
 * RELP delivery: the session makes frames and hears answers, the wire carries both. When all
 * is answered, the end of the connection says nothing more, however it comes.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "client/delivery.h"
#include "client/pump.h"

static int begin(struct pump *p)
{
    p->in_flight_before = 0;
    return session_begin(&p->session);
}

static bool has_output(const struct pump *p)
{
    const unsigned char *bytes;

    return session_next(&p->session, &bytes) > 0;
}

/* Answers: is all that there will ever be delivered? */
static bool is_all(const struct pump *p)
{
    return p->source.ended && session_is_settled(&p->session);
}

static bool is_owed(const struct pump *p)
{
    return p->session.phase != SESSION_OPEN || !session_is_settled(&p->session);
}

/*
 * The wire takes nothing more: answers that came before its end count all the same, and TLS may
 * have been told why. Returns: ERROR, or what says more.
 */
static int hear_the_rest(struct pump *p, int error)
{
    unsigned char *place;
    size_t room = session_room(&p->session, &place);
    ssize_t n;

    while ((n = wire_receive(&p->wire, place, room)) > 0) {
        int said = session_hear(&p->session, (size_t)n);
        if (said < 0)
            return said;
        room = session_room(&p->session, &place);
    }
    if (is_all(p))
        return 0;
    return n == -EPROTO ? -EPROTO : error;
}

static int send_out(struct pump *p)
{
    const unsigned char *bytes;
    size_t len;

    for (;;) {
        int error = session_fill(&p->session, p->source.ended);
        if (error < 0)
            return error;
        len = session_next(&p->session, &bytes);
        if (len == 0)
            return 0;
        ssize_t n = wire_send(&p->wire, bytes, len);
        if (n < 0)
            return hear_the_rest(p, (int)n);
        session_advance(&p->session, (size_t)n);
        if ((size_t)n < len)
            return 0;
    }
}

static int hear(struct pump *p)
{
    unsigned char *place;
    size_t room = session_room(&p->session, &place);
    ssize_t n = wire_receive(&p->wire, place, room);

    if (n > 0)
        return session_hear(&p->session, (size_t)n);
    if (is_all(p) && (n < 0 || p->wire.peer_closed)) {
        p->session.phase = SESSION_CLOSED;
        return 0;
    }
    if (n == 0 && p->wire.peer_closed) {
        (void)strcpy(p->session.problem, "it has closed the connection");
        return -EPIPE;
    }
    return (int)n;
}

/* An answer is progress, and so is a part of a long message on its way. */
static bool look(struct pump *p)
{
    uint64_t answers = p->session.confirmed + p->session.refused;
    uint64_t in_flight = wire_in_flight(&p->wire);
    bool is_progress = answers != p->answers_before || in_flight < p->in_flight_before;

    p->answers_before = answers;
    p->in_flight_before = in_flight;
    return is_progress;
}

static bool is_over(struct pump *p, int *ret_error)
{
    if (p->session.phase != SESSION_CLOSED)
        return false;
    *ret_error = 0;
    return true;
}

static uint64_t settled(const struct pump *p)
{
    return p->session.confirmed + p->session.refused;
}

static void forget_connection(struct pump *p)
{
    (void)p; /* session_begin() sees to it */
}

const struct delivery delivery_relp = {
    .begin = begin,
    .send = send_out,
    .hear = hear,
    .look = look,
    .is_owed = is_owed,
    .has_output = has_output,
    .is_over = is_over,
    .is_certain = is_all,
    .settled = settled,
    .rewind = forget_connection,
};
