/* SPDX-License-Identifier: MIT
 *
 * Records: what may stand in a header, what is done with what was opened, and how the state
 * moves. Alerts are those that RFC 8446, section 6.2, and RFC 5246, section 7.2.2, want.
 */
#include "config.h"

#include "tls/tls_record.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <string.h>

#include "peerlog/limits.h"
#include "tls/private.h"

/* It is kept for each connection, and its bytes go from one version of us to the next. */
static_assert(sizeof(struct tls_half) == 104, "no hidden padding");
static_assert(sizeof(struct tls_state) == 224, "no hidden padding");

#define ALERT_BYTES 2u
#define ALERT_WARNING 1u
#define ALERT_FATAL 2u

/* A KeyUpdate: its type, the length of what follows, and whether the peer wants one, too. */
#define KEY_UPDATE_BYTES 5u
static const unsigned char key_update[KEY_UPDATE_BYTES] = {SSL3_MT_KEY_UPDATE, 0, 0, 1, 0};
#define KEY_UPDATE_FIXED_BYTES (KEY_UPDATE_BYTES - 1)

/* The shortest limit that a peer may have asked for (RFC 6066, section 4). */
#define LEAST_MAX_TEXT_BYTES 512u

/* In struct tls_state.end: it has none. */
#define GOES_ON TLS_NEEDS_MORE

/* --- the state --- */

static bool end_is_valid(const struct tls_state *state)
{
    return state->end == GOES_ON ? state->alert == 0
                                 : state->end >= TLS_CLOSED && state->end <= TLS_BROKEN;
}

bool tls_state_is_valid(const struct tls_state *state)
{
    unsigned flags = TLS_SAID_END | (state->version == TLS_VERSION_1_3 ? TLS_OWES_UPDATE : 0u);
    unsigned message = state->version == TLS_VERSION_1_3 ? KEY_UPDATE_FIXED_BYTES : 0;

    return tls_suite_find(state->version, state->suite) != NULL && end_is_valid(state) &&
           (state->flags & ~flags) == 0 && state->message_bytes <= message &&
           state->barren <= PEERLOG_TLS_MAX_BARREN &&
           state->max_text_bytes >= LEAST_MAX_TEXT_BYTES &&
           state->max_text_bytes <= TLS_MAX_TEXT_BYTES;
}

void tls_state_wipe(struct tls_state *state)
{
    OPENSSL_cleanse(state, sizeof *state);
    memset(state, 0, sizeof *state); /* cleansing does not promise zeros */
}

const char *tls_state_version(const struct tls_state *state)
{
    if (tls_suite_find(state->version, state->suite) == NULL)
        return "";
    return state->version == TLS_VERSION_1_3 ? "TLSv1.3" : "TLSv1.2";
}

const char *tls_state_cipher(const struct tls_state *state)
{
    const struct tls_suite *suite = tls_suite_find(state->version, state->suite);

    return suite != NULL ? suite->name : "";
}

const char *tls_alert_name(uint8_t alert)
{
    return SSL_alert_desc_string_long(alert);
}

/* --- opening --- */

/* One call of tls_open(). */
struct opening {
    struct tls_tools *tools;
    const struct tls_suite *suite;
    struct tls_state *state;
    struct tls_batch *batch;
};

/* What a record leads to: on with the next one, or what tls_open() returns. */
enum step { STEP_ON = -1 };

static int end_with(struct opening *o, enum tls_result end, unsigned alert)
{
    o->state->end = (uint8_t)end;
    o->state->alert = (uint8_t)alert;
    return (int)end;
}

static int break_off(struct opening *o, unsigned alert)
{
    return end_with(o, TLS_BROKEN, alert);
}

/* A record that costs us something and brings nothing: some are normal. */
static int bear(struct opening *o, unsigned weight)
{
    if (o->state->barren + weight > PEERLOG_TLS_MAX_BARREN)
        return break_off(o, SSL_AD_UNEXPECTED_MESSAGE);
    o->state->barren = (uint16_t)(o->state->barren + weight);
    return STEP_ON;
}

static int take_text(struct opening *o, size_t len)
{
    if (len == 0)
        return bear(o, 1);
    size_t relief = 1 + len / PEERLOG_TLS_RELIEF_BYTES;
    o->state->barren -= (uint16_t)(relief < o->state->barren ? relief : o->state->barren);
    o->batch->opened += len;
    return STEP_ON;
}

/* An alert has a record of its own. In TLS 1.3 its level says nothing (section 6). */
static int take_alert(struct opening *o, const unsigned char *text, size_t len)
{
    bool is_1_3 = o->suite->version == TLS_VERSION_1_3;

    if (len != ALERT_BYTES)
        return break_off(o, SSL_AD_UNEXPECTED_MESSAGE);
    unsigned level = text[0], alert = text[1];
    if (!is_1_3 && level != ALERT_WARNING && level != ALERT_FATAL)
        return break_off(o, SSL_AD_ILLEGAL_PARAMETER);
    bool warns = is_1_3 ? alert == SSL_AD_USER_CANCELLED : level == ALERT_WARNING;
    if (alert == SSL_AD_CLOSE_NOTIFY && (is_1_3 || warns))
        return end_with(o, TLS_CLOSED, alert);
    return warns ? bear(o, 1) : end_with(o, TLS_ALERTED, alert);
}

static int take_key_update(struct opening *o, unsigned wants_one)
{
    struct tls_state *state = o->state;

    if (wants_one > 1)
        return break_off(o, SSL_AD_ILLEGAL_PARAMETER);
    if (!tls_schedule_update(o->tools->schedule, o->suite, &state->in) ||
        !tls_protect_key(o->tools->opening[o->suite->cipher], &state->in))
        return break_off(o, SSL_AD_INTERNAL_ERROR);
    state->message_bytes = 0;
    if (wants_one == 1 && (state->flags & TLS_SAID_END) == 0)
        state->flags |= TLS_OWES_UPDATE; /* one answers all that were asked for until then */
    o->batch->updates++;
    return bear(o, PEERLOG_TLS_UPDATE_WEIGHT);
}

/*
 * The only message that a client may send behind the handshake is KeyUpdate. It may come in
 * pieces, but nothing may stand between them, nor behind it in its record (section 5.1).
 */
static int take_message(struct opening *o, const unsigned char *text, size_t len)
{
    uint8_t *have = &o->state->message_bytes;

    if (o->suite->version == TLS_VERSION_1_2)
        return break_off(o, len > 0 && text[0] == SSL3_MT_CLIENT_HELLO ? SSL_AD_NO_RENEGOTIATION
                                                                       : SSL_AD_UNEXPECTED_MESSAGE);
    if (len == 0)
        return break_off(o, SSL_AD_UNEXPECTED_MESSAGE);
    for (; len > 0 && *have < KEY_UPDATE_FIXED_BYTES; text++, len--, ++*have)
        if (*text != key_update[*have])
            return break_off(o, *have == 0 ? SSL_AD_UNEXPECTED_MESSAGE : SSL_AD_DECODE_ERROR);
    if (len == 0)
        return bear(o, 1);
    return len == 1 ? take_key_update(o, *text) : break_off(o, SSL_AD_UNEXPECTED_MESSAGE);
}

/* TYPE and LEN are those of the record without padding. */
static int take_content(struct opening *o, unsigned type, const unsigned char *text, size_t len)
{
    if (len > TLS_MAX_TEXT_BYTES)
        return break_off(o, SSL_AD_RECORD_OVERFLOW);
    if (o->state->message_bytes > 0 && type != TLS_TYPE_HANDSHAKE)
        return break_off(o, SSL_AD_UNEXPECTED_MESSAGE);
    switch (type) {
    case TLS_TYPE_DATA:
        return take_text(o, len);
    case TLS_TYPE_ALERT:
        return take_alert(o, text, len);
    case TLS_TYPE_HANDSHAKE:
        return take_message(o, text, len);
    default:
        return break_off(o, SSL_AD_UNEXPECTED_MESSAGE);
    }
}

/*
 * TLS 1.3, too, writes the version of TLS 1.2 into its records. A longer body than in TLS 1.3 is
 * allowed in TLS 1.2 before it is opened, but no cipher of ours needs that.
 * Returns: what is wrong with a header as an alert, or -1.
 */
static int header_fault(const struct tls_suite *suite, const unsigned char *record)
{
    size_t body = tls_record_body(record);
    bool is_1_3 = suite->version == TLS_VERSION_1_3;

    if (record[1] != TLS_VERSION_1_2 >> 8 || record[2] != (TLS_VERSION_1_2 & 0xff))
        return SSL_AD_PROTOCOL_VERSION;
    if (is_1_3 ? record[0] != TLS_TYPE_DATA
               : record[0] < TLS_TYPE_ALERT || record[0] > TLS_TYPE_DATA)
        return SSL_AD_UNEXPECTED_MESSAGE;
    if (body > TLS_MAX_RECORD_BYTES - TLS_HEADER_BYTES)
        return SSL_AD_RECORD_OVERFLOW;
    if (body < tls_protect_bytes(suite) + is_1_3)
        return SSL_AD_BAD_RECORD_MAC;
    return -1;
}

static int open_whole(struct opening *o, const unsigned char *record)
{
    EVP_CIPHER_CTX *cipher = o->tools->opening[o->suite->cipher];
    unsigned char *text = o->batch->text + o->batch->opened;
    size_t len = tls_record_body(record) - tls_protect_bytes(o->suite);
    unsigned type = record[0];

    if (o->state->in.number == UINT64_MAX)
        return break_off(o, SSL_AD_INTERNAL_ERROR); /* numbers never come again */
    if (!tls_protect_open(cipher, o->suite, &o->state->in, record, text))
        return break_off(o, SSL_AD_BAD_RECORD_MAC);
    o->state->in.number++;
    if (o->suite->version == TLS_VERSION_1_3) {
        while (len > 0 && text[len - 1] == 0)
            len--;
        if (len == 0)
            return break_off(o, SSL_AD_UNEXPECTED_MESSAGE); /* nothing but padding */
        type = text[--len];
    }
    return take_content(o, type, text, len);
}

static int open_next(struct opening *o)
{
    struct tls_batch *batch = o->batch;
    const unsigned char *record = batch->wire + batch->taken;
    size_t left = batch->wire_bytes - batch->taken;

    if (left < TLS_HEADER_BYTES)
        return TLS_NEEDS_MORE;
    int fault = header_fault(o->suite, record);
    if (fault >= 0)
        return break_off(o, (unsigned)fault);
    size_t body = tls_record_body(record);
    if (left - TLS_HEADER_BYTES < body)
        return TLS_NEEDS_MORE;
    if (batch->room - batch->opened < body - tls_protect_bytes(o->suite))
        return TLS_NEEDS_ROOM;
    int step = open_whole(o, record);
    if (step != TLS_BROKEN) {
        batch->taken += TLS_HEADER_BYTES + body;
        batch->records++;
    }
    return step;
}

enum tls_result tls_open(struct tls_tools *tools, struct tls_state *state,
                         struct tls_batch *batch)
{
    const struct tls_suite *suite = tls_suite_find(state->version, state->suite);
    struct opening o = {tools, suite, state, batch};
    int step = STEP_ON;

    batch->taken = batch->opened = 0;
    batch->records = batch->updates = 0;
    if (!tls_state_is_valid(state))
        step = break_off(&o, SSL_AD_INTERNAL_ERROR);
    else if (state->end != GOES_ON)
        step = state->end;
    else if (batch->wire_bytes < TLS_HEADER_BYTES)
        step = TLS_NEEDS_MORE; /* a cipher need not be made ready for that */
    else if (!tls_protect_key(tools->opening[suite->cipher], &state->in))
        step = break_off(&o, SSL_AD_INTERNAL_ERROR);
    while (step == STEP_ON)
        step = open_next(&o);
    return (enum tls_result)step;
}

/* --- sealing --- */

/* What is to become a record. */
struct content {
    unsigned type;
    const unsigned char *text;
    size_t len;
};

static void put_header(unsigned char *dst, unsigned type, size_t body)
{
    dst[0] = (unsigned char)type;
    dst[1] = TLS_VERSION_1_2 >> 8;
    dst[2] = TLS_VERSION_1_2 & 0xff;
    dst[3] = (unsigned char)(body >> 8);
    dst[4] = (unsigned char)body;
}

static size_t seal(struct tls_tools *tools, struct tls_state *state,
                   const struct content *content, unsigned char *dst)
{
    const struct tls_suite *suite = tls_suite_find(state->version, state->suite);

    if (!tls_state_is_valid(state) || (state->flags & TLS_SAID_END) != 0 || content->len == 0 ||
        content->len > state->max_text_bytes || state->out.number == UINT64_MAX)
        return 0;
    size_t hidden = suite->version == TLS_VERSION_1_3; /* the type */
    size_t body = content->len + hidden + tls_protect_bytes(suite);
    put_header(dst, content->type, body);
    if (!tls_protect_key(tools->sealing[suite->cipher], &state->out) ||
        !tls_protect_seal(tools->sealing[suite->cipher], suite, &state->out, content->text, dst))
        return 0;
    state->out.number++;
    return TLS_HEADER_BYTES + body;
}

size_t tls_seal(struct tls_tools *tools, struct tls_state *state, const unsigned char *text,
                size_t len, unsigned char *dst)
{
    size_t n = seal(tools, state, &(struct content){TLS_TYPE_DATA, text, len}, dst);

    if (n > 0 && state->version == TLS_VERSION_1_3 &&
        state->out.number >= PEERLOG_TLS_KEY_RECORDS)
        state->flags |= TLS_OWES_UPDATE;
    return n;
}

size_t tls_seal_alert(struct tls_tools *tools, struct tls_state *state, uint8_t alert,
                      unsigned char dst[TLS_SMALL_BYTES])
{
    bool warns = alert == SSL_AD_CLOSE_NOTIFY || alert == SSL_AD_USER_CANCELLED;
    unsigned char text[ALERT_BYTES] = {warns ? ALERT_WARNING : ALERT_FATAL, alert};
    size_t n = seal(tools, state, &(struct content){TLS_TYPE_ALERT, text, sizeof text}, dst);

    if (n > 0)
        state->flags = TLS_SAID_END; /* and nothing is owed any more */
    return n;
}

size_t tls_seal_update(struct tls_tools *tools, struct tls_state *state,
                       unsigned char dst[TLS_SMALL_BYTES])
{
    const struct content content = {TLS_TYPE_HANDSHAKE, key_update, sizeof key_update};
    const struct tls_suite *suite = tls_suite_find(state->version, state->suite);
    struct tls_state next = *state;
    size_t n = 0;

    if (state->version == TLS_VERSION_1_3)
        n = seal(tools, &next, &content, dst);
    if (n > 0 && tls_schedule_update(tools->schedule, suite, &next.out)) {
        next.flags &= (uint8_t)~TLS_OWES_UPDATE;
        *state = next;
    } else {
        n = 0;
    }
    OPENSSL_cleanse(&next, sizeof next);
    return n;
}
