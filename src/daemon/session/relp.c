/* SPDX-License-Identifier: MIT
 *
 * The RELP session: every message is answered when the log has it, and not before. What a stream
 * asks for is in its state, transactions up to a number; how far they are answered is kept beside
 * it in the ledger. So answers wait as numbers, and the next process knows what is owed.
 *
 * Whether a write went out before a death, the kernel knows: it is noted before it is made.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/session/session.h"
#include "daemon/session/transport.h"
#include "os/net.h"

/* Bytes of one write; so many answers at once are far more than a usual window. */
#define WRITE_BYTES 16384u

/* No answer is longer, with what ends a session behind it. */
#define ANSWER_BYTES 256u

static const char server_close[] = "0 serverclose 0\n";

/* What lies in a slot's session_state. */
struct relp_owed {
    uint32_t answered; /* the last transaction whose answer went out; 0: none did */
    uint32_t sending;  /* the last one in the write that is on its way */
    uint32_t written;  /* bytes that were written before that, modulo 2^32 */
    uint8_t is_sending;
    uint8_t is_last; /* the write that is on its way ends the session */
    uint8_t is_over; /* that went out */
    uint8_t is_counted; /* bytes are counted by this process; it need not ask the kernel */
};
static_assert(sizeof(struct relp_owed) <= sizeof(struct session_state), "it fits into a slot");

static struct relp_owed *owed_of(const struct connections *table, uint32_t slot)
{
    return (struct relp_owed *)(void *)&table->ledger->sessions[slot];
}

static const struct relp_stream *stream_of(const struct connections *table, uint32_t slot)
{
    return &table->ledger->slots[slot].stream.relp;
}

/* --- messages --- */

static void relp_open(struct session_view *view, const unsigned char *bytes, size_t len,
                      bool at_end)
{
    relp_session_begin(&view->relp, &view->stream->relp, &view->rules, bytes, len, at_end);
}

static enum framer_result relp_session_frame(struct session_view *view, struct frame *ret_frame)
{
    return relp_session_next(&view->relp, ret_frame);
}

static size_t relp_carry(const struct session_view *view, const unsigned char **ret_from)
{
    *ret_from = view->relp.at;
    return (size_t)(view->relp.end - view->relp.at);
}

static unsigned relp_fault(const struct stream *stream, const char **ret_words)
{
    const char *words = relp_stream_fault(&stream->relp);

    if (words == NULL)
        return 0;
    *ret_words = words;
    return 1u + stream->relp.why * (RELP_FAULT_END + 1u) + stream->relp.fault;
}

/* --- answers --- */

/* Which answers go out together. */
struct answers {
    const struct relp_stream *stream;
    bool ends;      /* the session does, behind the last of them */
    uint32_t until; /* the last transaction that is answered by them */
    bool is_last;   /* it ends with these */
    size_t len;
    char bytes[WRITE_BYTES];
};

static void add(struct answers *a, const char *text, size_t len)
{
    memcpy(a->bytes + a->len, text, len);
    a->len += len;
}

static void add_answer(struct answers *a, uint32_t txnr, const char *text)
{
    uint32_t len = (uint32_t)strlen(text);

    a->len += relp_write_header(a->bytes + a->len, txnr, RELP_COMMAND_RSP, len);
    add(a, text, len);
    add(a, "\n", 1);
    a->until = txnr;
}

/* "open" is answered with these. */
static const char *const offers[] = {
    "200 OK\nrelp_version=0\nrelp_software=peerlogd," PACKAGE_VERSION "\ncommands=syslog",
    "200 OK\nrelp_version=1\nrelp_software=peerlogd," PACKAGE_VERSION "\ncommands=syslog",
};

static const char *refusal(const struct relp_stream *stream)
{
    switch (stream->why) {
    case RELP_WHY_NOT_OPEN:
        return "500 the session is not open";
    case RELP_WHY_REOPEN:
        return "500 the session is open already";
    default:
        return "500 this command is not offered";
    }
}

/* What the transaction TXNR is answered with. */
static const char *answer_of(const struct relp_stream *stream, uint32_t txnr, bool is_first)
{
    if (txnr == stream->whole && stream->end == RELP_END_CLOSE)
        return "";
    if (txnr == stream->whole && stream->end == RELP_END_REFUSED)
        return refusal(stream);
    return is_first ? offers[stream->version] : "200 OK";
}

static bool owes_answers(const struct relp_stream *stream, const struct relp_owed *owed)
{
    return stream->whole != 0 && stream->whole != owed->answered;
}

/* As many of the owed answers as ROOM has place for. */
static void gather(struct answers *a, const struct relp_owed *owed, size_t room)
{
    const struct relp_stream *stream = a->stream;
    uint32_t answered = owed->answered;

    a->len = 0;
    a->until = answered;
    while (stream->whole != 0 && answered != stream->whole && a->len + ANSWER_BYTES <= room) {
        uint32_t txnr = answered != 0 ? relp_txnr_after(answered) : stream->first;
        add_answer(a, txnr, answer_of(stream, txnr, answered == 0));
        answered = txnr;
    }
    a->is_last = a->ends && !owed->is_over && (stream->whole == 0 || answered == stream->whole) &&
                 a->len + sizeof server_close <= room;
    if (a->is_last)
        add(a, server_close, sizeof server_close - 1);
}

/* These answers went out. */
static void settle(struct relp_owed *owed)
{
    owed->answered = owed->sending;
    owed->is_over = owed->is_over || owed->is_last;
    atomic_signal_fence(memory_order_seq_cst); /* and only then nothing is on its way any more */
    owed->is_sending = 0;
}

/* How many bytes were written so far is noted. Returns: 0 or negative errno. */
static int note_written(const struct connections *table, uint32_t slot, struct relp_owed *owed)
{
    uint64_t written = owed->written;
    int error = 0;

    if (!owed->is_counted || PEERLOG_CHECKS)
        error = net_written(table->conns[slot].fd, &written);
    assert(!owed->is_counted || error < 0 || (uint32_t)written == owed->written);
    owed->written = (uint32_t)written;
    return error;
}

/* Send them, and be sure to know whether they went out. Returns: 0 or negative errno. */
static int send_answers(struct connections *table, uint32_t slot, const struct answers *a)
{
    const struct transport_kind *transport = transport_of(table, slot);
    struct relp_owed *owed = owed_of(table, slot);
    int error = note_written(table, slot, owed);

    if (error < 0)
        return error;
    owed->sending = a->until;
    owed->is_last = a->is_last;
    atomic_signal_fence(memory_order_seq_cst); /* that is noted before it is said to be true, */
    owed->is_sending = 1;
    atomic_signal_fence(memory_order_seq_cst); /* and that before it is sent */
    error = transport->write(table, slot, a->bytes, a->len);
    if (error < 0) {
        owed->is_sending = 0;
        return error;
    }
    settle(owed);
    atomic_signal_fence(memory_order_seq_cst); /* until then it is what was written before */
    if (transport->committed == NULL) { /* then nobody else writes, and bytes are the wire's */
        owed->written += (uint32_t)a->len;
        owed->is_counted = 1;
    }
    return 0;
}

/* Does the session end when all is answered, by the client's wish or by ours? */
static bool ends(const struct connections *table, uint32_t slot)
{
    return stream_of(table, slot)->end != RELP_END_NONE ||
           table->ledger->slots[slot].flags & SLOT_LEAVING;
}

static bool relp_owes(const struct connections *table, uint32_t slot)
{
    const struct relp_owed *owed = owed_of(table, slot);

    return owes_answers(stream_of(table, slot), owed) || (ends(table, slot) && !owed->is_over);
}

/* Returns: 0 when nothing is owed any more, or negative errno. */
static int answer_all(struct connections *table, uint32_t slot)
{
    const struct transport_kind *transport = transport_of(table, slot);
    struct answers answers;
    int error = transport->committed != NULL ? transport->committed(table, slot) : 0;

    answers.stream = stream_of(table, slot);
    answers.ends = ends(table, slot);
    while (error == 0 && relp_owes(table, slot)) {
        size_t room = transport->room(table, slot);
        gather(&answers, owed_of(table, slot), room < WRITE_BYTES ? room : WRITE_BYTES);
        error = answers.len > 0 ? send_answers(table, slot, &answers) : -EAGAIN;
    }
    return error;
}

static enum session_answers relp_committed(struct connections *table, uint32_t slot)
{
    int error = 0;

    if (table->conns[slot].fd < 0 || table->conns[slot].by_reset)
        return ANSWERS_OUT; /* nobody is there to hear them */
    if (relp_owes(table, slot))
        error = answer_all(table, slot);
    if (error == -EAGAIN)
        return ANSWERS_WAIT;
    return error == 0 && owed_of(table, slot)->is_over ? ANSWERS_LAST : ANSWERS_OUT;
}

/* --- taken over --- */

static void relp_inherit(struct connections *table, uint32_t slot)
{
    struct relp_owed *owed = owed_of(table, slot);
    uint64_t written = 0;

    owed->is_counted = 0;
    if (owed->answered > RELP_MAX_TXNR || owed->sending > RELP_MAX_TXNR)
        *owed = (struct relp_owed){.answered = stream_of(table, slot)->whole};
    if (!owed->is_sending)
        return;
    if (net_written(table->conns[slot].fd, &written) == 0 && (uint32_t)written != owed->written)
        settle(owed);
    owed->is_sending = 0;
}

const struct session_kind session_relp = {
    .name = "relp",
    .open = relp_open,
    .next = relp_session_frame,
    .carry = relp_carry,
    .fault = relp_fault,
    .committed = relp_committed,
    .owes = relp_owes,
    .inherit = relp_inherit,
};
