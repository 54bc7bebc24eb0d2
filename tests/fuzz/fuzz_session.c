/* SPDX-License-Identifier: MIT
 *
 * Fuzz peerlog's RELP session. The input is what a server says, to a client that has sent
 * eight messages. Cut anyhow it must come to the same; every message is confirmed, refused or
 * open; and the next connection gets exactly the open ones, in their order.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/outbox.h"
#include "client/session.h"
#include "fuzz/fuzz.h"
#include "peerlog/count.h"
#include "support/intake.h"

#define MESSAGES 8u

/* A client of which every message was sent, and what became of it. */
struct client {
    struct outbox outbox;
    struct session session;
    int error;
};

static void put(struct client *c, const char *text, size_t len)
{
    unsigned char *place;
    size_t room = session_room(&c->session, &place);

    require(len <= room, "there is room for what comes");
    memcpy(place, text, len);
    c->error = session_hear(&c->session, len);
}

static void flush(struct client *c)
{
    const unsigned char *bytes;

    require(session_fill(&c->session, false) == 0, "memory for a test");
    session_advance(&c->session, session_next(&c->session, &bytes));
}

static void set_up(struct client *c)
{
    static const char opened[] = "1 rsp 6 200 OK\n";

    outbox_init(&c->outbox, FRAMING_OCTET_COUNTING);
    require(session_init(&c->session, &c->outbox, MESSAGES) == 0, "memory for a test");
    for (unsigned i = 0; i < MESSAGES; i++) {
        unsigned char *place;
        require(outbox_reserve(&c->outbox, 4, &place) == 0, "memory for a test");
        memcpy(place, "1 ", 2);
        place[2] = (unsigned char)('a' + i);
        outbox_commit(&c->outbox, 3, 1);
    }
    require(session_begin(&c->session) == 0, "memory for a test");
    flush(c);
    put(c, opened, sizeof opened - 1);
    flush(c);
    require(c->session.begun == MESSAGES, "all are sent");
}

static void tear_down(struct client *c)
{
    session_done(&c->session);
    outbox_done(&c->outbox);
}

/* The server's words, at most STEP bytes at a time. */
static void hear(struct client *c, const uint8_t *data, size_t size, size_t step)
{
    for (size_t at = 0; at < size && c->error == 0;) {
        unsigned char *place;
        size_t room = session_room(&c->session, &place), n = size - at;
        n = n < step ? n : step;
        n = n < room ? n : room;
        put(c, (const char *)data + at, n);
        at += n;
        require(c->session.begun <= c->session.count, "no more is begun than there is");
        require(c->outbox.acked <= c->outbox.sent, "no more is settled than was sent");
        require(c->session.confirmed + c->session.refused <= MESSAGES, "no answer counts twice");
    }
}

static void compare(const struct client *a, const struct client *b)
{
    require(a->error == b->error, "cut anyhow, the same verdict");
    require(a->session.confirmed == b->session.confirmed &&
                a->session.refused == b->session.refused && a->session.phase == b->session.phase &&
                a->outbox.acked == b->outbox.acked,
            "cut anyhow, the same state");
    require(strcmp(a->session.problem, b->session.problem) == 0 &&
                strcmp(a->session.refusal, b->session.refusal) == 0,
            "cut anyhow, the same words");
}

/* What the next connection gets: one letter a message. */
static void check_resent(struct client *c)
{
    static const char opened[] = "1 rsp 6 200 OK\n";
    const unsigned char *bytes;
    uint64_t settled = c->session.confirmed + c->session.refused, resent = 0;
    unsigned char before = 0;

    require(session_begin(&c->session) == 0, "memory for a test");
    flush(c);
    put(c, opened, sizeof opened - 1);
    require(session_fill(&c->session, false) == 0, "memory for a test");
    size_t len = session_next(&c->session, &bytes);
    for (size_t at = 0; at < len; resent++) {
        struct relp_header header = {0};
        enum relp_fault fault;
        require(relp_parse_header(bytes + at, len - at, &header, &fault) == RELP_READ &&
                    header.txnr == resent + 2 && header.data_bytes == 1,
                "what is sent again is RELP");
        at += header.header_bytes;
        require(bytes[at] > before, "in their order");
        before = bytes[at];
        at += 2;
    }
    require(resent == MESSAGES - settled, "exactly the open ones are sent again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 7, SIZE_MAX};
    struct client *clients = calloc(COUNT_OF(steps), sizeof *clients);

    require(clients != NULL, "memory for a test");
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        set_up(&clients[i]);
        hear(&clients[i], data, size, steps[i]);
        compare(&clients[0], &clients[i]);
    }
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        check_resent(&clients[i]);
        tear_down(&clients[i]);
    }
    free(clients);
    return 0;
}
