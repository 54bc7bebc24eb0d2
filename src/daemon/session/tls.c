/* SPDX-License-Identifier: MIT
 *
 * The TLS transport, once it is established: a struct tls_state in the ledger, and the wire's bytes
 * in the inbox. Opening them is a pure function of both, so that the next process goes on as if
 * nothing had happened. What comes before is in tls_shake.c.
 */
#include "config.h"

#include "daemon/session/tls.h"

#include <errno.h>
#include <sys/socket.h>

#include "os/net.h"

/* The longest record of ours. */
#define ANSWER_BYTES (TLS_MAX_TEXT_BYTES + TLS_SEAL_BYTES)

static int tls_equip(void **tools)
{
    struct tls_tools *made = NULL;
    int error = *tools == NULL ? tls_tools_new(&made) : 0;

    if (made != NULL)
        *tools = made;
    return error;
}

static void free_tools(void *tools)
{
    (void)tls_tools_free(tools);
}

struct tls_tools *tls_tools_of(struct connections *table, uint32_t slot)
{
    void **tools = &table->tools[atomic_load(&table->conns[slot].owner) - 1];

    return tls_equip(tools) == 0 ? *tools : NULL;
}

/* --- reading --- */

static bool tls_is_established(const struct connections *table, uint32_t slot)
{
    return tls_state_is_valid(&tls_slot_of(table, slot)->state);
}

/* In the middle of its handshake it does not: that is OpenSSL's. */
static bool tls_survives(const struct connections *table, uint32_t slot)
{
    return tls_is_established(table, slot) || !tls_slot_of(table, slot)->begun;
}

static bool auto_survives(const struct connections *table, uint32_t slot)
{
    (void)table, (void)slot; /* nothing but a whole header was taken out of its socket */
    return true;
}

static enum opened tls_open_wire(struct transport_opening *o)
{
    struct tls_slot *tls = (struct tls_slot *)(void *)o->state;
    struct tls_tools *tools = *o->tools;
    struct tls_batch batch = {
        .wire = o->wire, .wire_bytes = o->wire_bytes, .text = o->text, .room = o->room,
    };

    o->taken = o->opened = 0;
    if (!tls_state_is_valid(&tls->state) || tools == NULL)
        return OPENED_BROKEN;
    enum tls_result result = tls_open(tools, &tls->state, &batch);
    o->taken = batch.taken;
    o->opened = batch.opened;
    switch (result) {
    case TLS_NEEDS_MORE:
    case TLS_NEEDS_ROOM: /* there is slack for a whole record, so this is not to be had */
        return OPENED_SO_FAR;
    case TLS_CLOSED:
        return OPENED_END;
    default:
        return OPENED_BROKEN;
    }
}

/* What came behind a handshake may be all that ever comes, if only to be refused. */
static bool tls_pending(const struct connections *table, uint32_t slot)
{
    return tls_is_established(table, slot) &&
           tls_slot_of(table, slot)->wire_bytes >= TLS_HEADER_BYTES;
}

/* --- writing --- */

/* Send a sealed record, and be sure to know whether it went out. AFTER: the state behind it. */
static int send_record(struct connections *table, uint32_t slot, enum reply reply,
                       const struct tls_state *after, const unsigned char *record, size_t len)
{
    struct tls_slot *tls = tls_slot_of(table, slot);
    int fd = table->conns[slot].fd;
    uint64_t written = 0;

    if (net_send_room(fd) < len)
        return -EAGAIN; /* a part of it would not do */
    int error = net_written(fd, &written);
    if (error < 0)
        return error;
    tls->written = written;
    tls->reply = (uint8_t)reply;
    atomic_signal_fence(memory_order_seq_cst); /* that is noted before it is sent */
    error = net_send_whole(fd, record, len);
    if (error == 0)
        tls->state = *after;
    tls->reply = REPLY_NONE;
    return error;
}

/*
 * A KeyUpdate is answered before any other record of ours.
 * Returns: 0; -EAGAIN: it waits for room, or for memory; or another negative errno.
 */
static int send_update(struct connections *table, uint32_t slot)
{
    struct tls_state after = tls_slot_of(table, slot)->state;
    unsigned char record[TLS_SMALL_BYTES];
    int error = 0;

    if (after.flags & TLS_OWES_UPDATE) {
        struct tls_tools *tools = tls_tools_of(table, slot);
        size_t len = tools != NULL ? tls_seal_update(tools, &after, record) : 0;
        error = tools == NULL ? -EAGAIN
                : len > 0     ? send_record(table, slot, REPLY_UPDATE, &after, record, len)
                              : -EPIPE;
    }
    tls_state_wipe(&after);
    return error;
}

static size_t tls_room(const struct connections *table, uint32_t slot)
{
    size_t room = net_send_room(table->conns[slot].fd);
    size_t most = tls_slot_of(table, slot)->state.max_text_bytes;

    room = room > TLS_SEAL_BYTES ? room - TLS_SEAL_BYTES : 0;
    return room < most ? room : most;
}

static int tls_write(struct connections *table, uint32_t slot, const void *bytes, size_t len)
{
    struct tls_tools *tools = tls_tools_of(table, slot);
    unsigned char record[ANSWER_BYTES];
    int error = tools != NULL ? send_update(table, slot) : -EAGAIN;

    if (error < 0)
        return error;
    struct tls_state after = tls_slot_of(table, slot)->state;
    size_t sealed = len <= after.max_text_bytes ? tls_seal(tools, &after, bytes, len, record) : 0;
    error = sealed > 0 ? send_record(table, slot, REPLY_RECORD, &after, record, sealed) : -EPIPE;
    tls_state_wipe(&after);
    return error;
}

/* What does not go out now goes before the next word. */
static int tls_committed(struct connections *table, uint32_t slot)
{
    return table->conns[slot].fd >= 0 ? send_update(table, slot) : 0;
}

/* The last word: close_notify, or the alert that belongs to a broken end. */
static void say_end(struct connections *table, uint32_t slot)
{
    struct tls_slot *tls = tls_slot_of(table, slot);
    unsigned char record[TLS_SMALL_BYTES];
    uint8_t alert = tls->state.end == TLS_BROKEN ? tls->state.alert : TLS_CLOSE_NOTIFY;

    if (!tls_state_is_valid(&tls->state) || tls_tools_of(table, slot) == NULL)
        return;
    size_t len = tls_seal_alert(tls_tools_of(table, slot), &tls->state, alert, record);
    if (len > 0)
        (void)send(table->conns[slot].fd, record, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Of one that is in its handshake there is no word to say. */
static void tls_say_goodbye(struct connections *table, uint32_t slot)
{
    say_end(table, slot);
}

static void tls_end(struct connections *table, uint32_t slot, enum transport_end how, bool parked)
{
    struct tls_slot *tls = tls_slot_of(table, slot);

    (void)tls_shake_free(table, slot);
    if (table->conns[slot].fd >= 0) {
        if (how == TRANSPORT_ENDS_WELL)
            say_end(table, slot);
        transport_plain.end(table, slot, how, parked);
    }
    tls_state_wipe(&tls->state);
    *tls = (struct tls_slot){.wire_bytes = 0};
}

static void tls_describe(const struct connections *table, uint32_t slot, const char **ret_version,
                         const char **ret_cipher)
{
    *ret_version = tls_state_version(&tls_slot_of(table, slot)->state);
    *ret_cipher = tls_state_cipher(&tls_slot_of(table, slot)->state);
}

/* Of an inherited connection: did the answer go out that was on its way? */
static bool tls_inherit(struct connections *table, uint32_t slot, void **tools)
{
    struct tls_slot *tls = tls_slot_of(table, slot);
    unsigned char record[TLS_SMALL_BYTES];
    uint64_t written = 0;

    if (tls->reply == REPLY_NONE)
        return true;
    if (*tools == NULL || net_written(table->conns[slot].fd, &written) < 0)
        return false;
    if (written > tls->written && tls->reply == REPLY_UPDATE)
        (void)tls_seal_update(*tools, &tls->state, record);
    else if (written > tls->written)
        tls->state.out.number++;
    tls->reply = REPLY_NONE;
    return true;
}

static enum received tls_receive(struct connections *table, uint32_t slot, void *dst, size_t room,
                                 size_t *ret_len)
{
    return transport_plain.receive(table, slot, dst, room, ret_len);
}

static const struct transport_kind transport_tls = {
    .name = "tls",
    .equip = tls_equip,
    .survives = tls_survives,
    .inherit = tls_inherit,
    .establish = tls_shake,
    .is_established = tls_is_established,
    .receive = tls_receive,
    .open = tls_open_wire,
    .room = tls_room,
    .write = tls_write,
    .committed = tls_committed,
    .pending = tls_pending,
    .describe = tls_describe,
    .say_goodbye = tls_say_goodbye,
    .end = tls_end,
};

static const struct transport_kind transport_auto = {
    .name = "auto",
    .survives = auto_survives,
    .establish = tls_shake,
    .receive = tls_receive,
    .end = tls_end,
};

extern const struct transport_module transport_module;
const struct transport_module transport_module = {
    .tls = &transport_tls, .automatic = &transport_auto, .tools_free = free_tools,
};
