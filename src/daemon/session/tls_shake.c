/* SPDX-License-Identifier: MIT
 *
 * Before a TLS connection stands: a PROXY header in clear, the first look at who speaks what, and
 * the handshake. It is OpenSSL's, and ends with the process.
 */
#include "config.h"

#include "daemon/session/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/session/preface.h"
#include "os/log.h"
#include "os/net.h"
#include "tls/suite.h"
#include "tls/tls_handshake.h"

/* Read at most this much of a client that is shaking hands, in bytes. */
#define SHAKE_BYTES 16384u

/* Looking at first bytes takes so many of them at a time. */
#define HEADER_BYTES 4096u

/* A handshake that goes on. */
struct shake {
    struct tls_handshake *handshake;
    uint64_t received; /* bytes of the socket that belong to it */
};

void tls_shake_free(struct connections *table, uint32_t slot)
{
    struct shake *shake = table->establishing[slot];

    if (shake != NULL) {
        (void)tls_handshake_free(shake->handshake);
        free(shake);
    }
    table->establishing[slot] = NULL;
}

/* Refuse a peer, and count it. */
static enum established refuse(struct connections *table, uint32_t slot,
                               const struct establishing *with, enum admission_verdict why)
{
    table->conns[slot].by_reset = 1;
    preface_refuse(with->preface, &table->ledger->slots[slot].peer, why, with->counters);
    return ESTABLISH_FAILED;
}

/* Read LEN bytes that were looked at before, once more into BYTES, and all at once. */
static bool consume(struct connections *table, uint32_t slot, unsigned char *bytes, size_t len)
{
    if (recv(table->conns[slot].fd, bytes, len, MSG_DONTWAIT) != (ssize_t)len)
        return false;
    table->ledger->slots[slot].stream.received += len;
    return true;
}

/* A whole PROXY header in clear. Returns: ESTABLISHED when its peer may come in. */
static enum established take_header(struct connections *table, uint32_t slot,
                                    const struct establishing *with, unsigned char *bytes,
                                    const struct preface_header *header)
{
    struct slot *data = &table->ledger->slots[slot];

    if (preface_judge(with->preface, with->snapshot, data, header, with->counters) !=
            VERDICT_PASSED ||
        !consume(table, slot, bytes, header->len)) {
        table->conns[slot].by_reset = 1;
        return ESTABLISH_FAILED;
    }
    preface_keep_details(table->ledger, slot, header);
    data->stream.awaits_proxy = 0;
    return ESTABLISHED;
}

/* The same of one that is longer than what was looked at: LEN bytes, which are all there. */
static enum established take_long_header(struct connections *table, uint32_t slot,
                                         const struct establishing *with, size_t len)
{
    unsigned char *bytes = malloc(len);
    struct preface_header header;
    enum established state = ESTABLISH_FAILED;

    if (bytes != NULL &&
        recv(table->conns[slot].fd, bytes, len, MSG_DONTWAIT | MSG_PEEK) == (ssize_t)len &&
        preface_parse(bytes, len, &header))
        state = take_header(table, slot, with, bytes, &header);
    else
        table->conns[slot].by_reset = 1;
    free(bytes);
    return state;
}

/*
 * The PROXY header in clear, which begins with these bytes. It is taken as a whole, so that it is
 * there as a whole for the next process, should this one die.
 */
static enum established read_header(struct connections *table, uint32_t slot,
                                    const struct establishing *with, unsigned char *bytes,
                                    size_t len)
{
    int fd = table->conns[slot].fd;
    struct preface_header header;

    if (preface_parse(bytes, len, &header))
        return take_header(table, slot, with, bytes, &header);
    /* The second version says early how long it is; the first one is short, and looked at anew. */
    size_t wanted = header.state.left > 0 ? header.len + header.state.left : len + 1;
    if (header.state.left > 0 && net_unread(fd) >= wanted)
        return take_long_header(table, slot, with, wanted);
    if (with->ended) { /* inside of it */
        preface_read(&(const struct stream){.received = 0}, bytes, len, true, &header);
        return take_header(table, slot, with, bytes, &header);
    }
    net_wait_for_bytes(fd, (uint32_t)wanted);
    return ESTABLISHES;
}

/* Begin a handshake: the client's first record is here. */
static enum established begin_shake(struct connections *table, uint32_t slot,
                                    const struct establishing *with)
{
    struct slot *data = &table->ledger->slots[slot];
    const struct listener_settings *listener = snapshot_listener(with->snapshot, data->listener);
    struct shake *shake = calloc(1, sizeof *shake);

    table->establishing[slot] = shake;
    if (listener == NULL || listener->tls == NULL || shake == NULL ||
        tls_tools_of(table, slot) == NULL ||
        tls_handshake_new(listener->tls, &shake->handshake) < 0) {
        log_say(SEVERITY_ERR, "a TLS handshake cannot begin: %s",
                listener == NULL || listener->tls == NULL ? "its listener speaks no TLS any more"
                                                          : strerror(ENOMEM));
        table->conns[slot].by_reset = 1;
        return ESTABLISH_FAILED;
    }
    shake->received = data->stream.received;
    data->transport = TRANSPORT_TLS;
    tls_slot_of(table, slot)->begun = 1;
    return ESTABLISHED;
}

/* It is no client of TLS: where both may come, it is a plain one. */
static enum established give_in(struct connections *table, uint32_t slot)
{
    struct slot *data = &table->ledger->slots[slot];

    if (data->transport == TRANSPORT_TLS)
        return ESTABLISH_FAILED; /* it ended before it had said who it is */
    data->transport = TRANSPORT_PLAIN;
    net_wait_for_bytes(table->conns[slot].fd, 1);
    return ESTABLISHED;
}

/*
 * Look at the first bytes, without taking any: a PROXY header, and then the whole first record, or
 * text in clear. So a client that stalls costs no more than its connection.
 */
static enum established look(struct connections *table, uint32_t slot,
                             const struct establishing *with)
{
    const struct slot *data = &table->ledger->slots[slot];
    unsigned char bytes[HEADER_BYTES];
    int fd = table->conns[slot].fd;

    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return ESTABLISHES;
    if (n <= 0)
        return ESTABLISH_FAILED; /* it ended before it began */
    if (data->stream.awaits_proxy) {
        enum established header = read_header(table, slot, with, bytes, (size_t)n);
        return header == ESTABLISHED ? look(table, slot, with) : header;
    }
    if (bytes[0] != 0x16 || (n > 1 && bytes[1] != 0x03))
        return data->transport == TRANSPORT_TLS ? refuse(table, slot, with, REFUSED_PLAIN)
                                                : give_in(table, slot);
    uint32_t wanted = n < (ssize_t)TLS_HEADER_BYTES
                          ? TLS_HEADER_BYTES
                          : TLS_HEADER_BYTES + (uint32_t)(bytes[3] << 8 | bytes[4]);
    if (wanted > LEDGER_WIRE_BYTES)
        return refuse(table, slot, with, REFUSED_PLAIN);
    if (net_unread(fd) < wanted) {
        if (with->ended)
            return give_in(table, slot);
        net_wait_for_bytes(fd, wanted);
        return ESTABLISHES;
    }
    net_wait_for_bytes(fd, 1);
    return begin_shake(table, slot, with);
}

/* Send what the handshake has to say. Answers: did all of it go out? */
static bool send_unsent(struct connections *table, uint32_t slot)
{
    struct shake *shake = table->establishing[slot];
    const unsigned char *bytes;
    size_t len;

    while ((len = tls_handshake_unsent(shake->handshake, &bytes)) > 0) {
        ssize_t n = send(table->conns[slot].fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false; /* a broken connection tells so when it is read */
        if (n > 0)
            tls_handshake_sent(shake->handshake, (size_t)n);
    }
    return true;
}

/* The handshake is done: from here on the connection outlives the process. */
static enum established take_secrets(struct connections *table, uint32_t slot,
                                     const unsigned char *rest, size_t rest_bytes)
{
    struct shake *shake = table->establishing[slot];
    struct slot *data = &table->ledger->slots[slot];
    struct tls_slot *tls = tls_slot_of(table, slot);
    struct peer_details *details = &table->ledger->details[slot];
    struct tls_identity identity;
    struct tls_state state;

    if (rest_bytes > LEDGER_WIRE_BYTES ||
        tls_handshake_take(shake->handshake, &state, &identity) < 0) {
        table->conns[slot].by_reset = 1;
        return ESTABLISH_FAILED;
    }
    if (identity.subject[0] != '\0' || identity.name[0] != '\0') {
        static_assert(sizeof details->tls_subject == sizeof identity.subject &&
                      sizeof details->tls_name == sizeof identity.name, "the same room");
        memcpy(details->tls_subject, identity.subject, sizeof identity.subject);
        memcpy(details->tls_name, identity.name, sizeof identity.name);
        data->flags |= SLOT_DETAILED;
    }
    memcpy(ledger_tail(table->ledger, slot), rest, rest_bytes);
    *tls = (struct tls_slot){.wire_bytes = (uint32_t)rest_bytes, .state = state};
    tls_state_wipe(&state);
    data->stream.received = shake->received;
    tls_shake_free(table, slot);
    net_acknowledge_now(table->conns[slot].fd);
    return ESTABLISHED;
}

/* Say why a handshake failed. Its alert has gone out. */
static enum established give_up(struct connections *table, uint32_t slot,
                                const struct establishing *with)
{
    const struct shake *shake = table->establishing[slot];

    counter_add(with->counters, COUNTER_TLS_FAILED, 1);
    preface_refuse_because(with->preface, &table->ledger->slots[slot].peer, REFUSED_HANDSHAKE,
                           tls_handshake_words(shake->handshake), with->counters);
    return ESTABLISH_FAILED;
}

/* Count a handshake that is done, by what it came to. Returns: STATE. */
static enum established count_shaken(const struct connections *table, uint32_t slot,
                                     const struct establishing *with, enum established state)
{
    const struct tls_state *tls = &tls_slot_of(table, slot)->state;

    counter_add(with->counters, state != ESTABLISHED ? COUNTER_TLS_FAILED
                                : tls->version == TLS_VERSION_1_3 ? COUNTER_TLS_13
                                                                  : COUNTER_TLS_12, 1);
    return state;
}

/* It has gone, and if it has seen our certificate, that may be why. */
static enum established give_way(const struct connections *table, uint32_t slot,
                                 const struct establishing *with)
{
    const struct slot *data = &table->ledger->slots[slot];
    const struct shake *shake = table->establishing[slot];

    counter_add(with->counters, COUNTER_TLS_FAILED, 1);
    if (shake->received > data->stream.received)
        preface_tell(with->preface, &data->peer, NEWS_WORDLESS,
                     "it left in the handshake of TLS and said nothing; node, for one, does so "
                     "when it does not accept the listener's certificate");
    return ESTABLISH_FAILED;
}

/* One step of a handshake that has begun. */
static enum established shake_hands(struct connections *table, uint32_t slot,
                                    struct establishing *with)
{
    struct shake *shake = table->establishing[slot];
    unsigned char bytes[SHAKE_BYTES];
    size_t used = 0;

    if (!send_unsent(table, slot))
        return ESTABLISHES_WRITES;
    if (with->signatures == 0)
        return ESTABLISHES; /* there are others; it is told of again */
    ssize_t n = recv(table->conns[slot].fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return ESTABLISHES;
    if (n <= 0)
        return give_way(table, slot, with);
    with->signatures--;
    enum tls_progress progress = tls_handshake_feed(shake->handshake, bytes, (size_t)n, &used);
    shake->received += (uint64_t)n;
    bool sent = send_unsent(table, slot);
    if (progress == TLS_REFUSED)
        return give_up(table, slot, with);
    if (progress == TLS_SHAKEN && sent)
        return count_shaken(table, slot, with,
                            take_secrets(table, slot, bytes + used, (size_t)n - used));
    if (progress == TLS_SHAKEN) { /* its last words do not fit: it reads nothing, so it can go */
        table->conns[slot].by_reset = 1;
        return ESTABLISH_FAILED;
    }
    return sent ? ESTABLISHES : ESTABLISHES_WRITES;
}

enum established tls_shake(struct connections *table, uint32_t slot,
                                      struct establishing *with)
{
    enum established state = ESTABLISHED;

    if (table->ledger->slots[slot].transport == TRANSPORT_TLS &&
        tls_state_is_valid(&tls_slot_of(table, slot)->state))
        return ESTABLISHED;
    if (table->establishing[slot] == NULL)
        state = look(table, slot, with);
    if (state == ESTABLISHED && table->establishing[slot] != NULL)
        state = shake_hands(table, slot, with);
    if (state == ESTABLISH_FAILED)
        tls_shake_free(table, slot);
    return state;
}
