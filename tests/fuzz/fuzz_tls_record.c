/* SPDX-License-Identifier: MIT
 *
 * Fuzz the record layer against OpenSSL. The first character chooses the suite, the second
 * how the wire is cut; the rest is a script of records (tls_script.h). They are sealed
 * with the keys by which a server speaks to OpenSSL's client, and both read them: that client,
 * and tls_open() with the same keys. Texts, ends and alerts are the same.
 */
#include "config.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/tls_script.h"
#include "support/tls_peer.h"

#define HEADER_BYTES 2u

/* OpenSSL ignores so many warnings in a row. */
#define OPENSSL_WARNINGS 4u


/* An RSA key would cost most of the time: of TLS 1.2, the suites with ECDSA. */
static const uint16_t suites[][2] = {
    {TLS_VERSION_1_3, 0x1301}, {TLS_VERSION_1_3, 0x1302}, {TLS_VERSION_1_3, 0x1303},
    {TLS_VERSION_1_2, 0xc02b}, {TLS_VERSION_1_2, 0xc02c}, {TLS_VERSION_1_2, 0xcca9},
};
#define SUITES (sizeof suites / sizeof suites[0])

static struct tls_context *context;
static SSL_CTX *clients[SUITES]; /* one for each suite */
static struct tls_tools *tools;

static const struct tls_suite *suite_at(size_t index)
{
    return tls_suite_find(suites[index][0], suites[index][1]);
}

static void begin(void)
{
    if (context != NULL)
        return;
    struct pki pki = pki_make(&(struct pki_wish){.subject = "server"});
    context = peer_context(&(struct tls_rules){.certificate = pki.file, .key = pki.key_file});
    pki_done(&pki);
    require(tls_tools_new(&tools) == 0, "tools");
    for (size_t i = 0; i < SUITES; i++)
        clients[i] = peer_client(&(struct peer_wish){.suite = suite_at(i)});
}

/* How a reader ended: the result, the alert that it sends or has heard, and the text. */
struct reading {
    enum tls_result result;
    int alert;
    struct bytes text;
};

/* Read the wire in parts of STEP bytes, with what is not whole carried along. */
static void read_by_us(struct tls_state *state, const struct bytes *wire, size_t step,
                       struct reading *reading)
{
    unsigned char *room = malloc(TLS_ROOM_BYTES);

    require(room != NULL, "memory for a test");
    for (size_t from = 0, to = 0; reading->result <= TLS_NEEDS_ROOM;) {
        unsigned char *part = exact_copy(wire->data + from, to - from);
        struct tls_batch batch = {
            .wire = part, .wire_bytes = to - from, .text = room, .room = TLS_ROOM_BYTES};
        reading->result = tls_open(tools, state, &batch);
        require(batch.taken <= to - from && batch.opened <= TLS_ROOM_BYTES, "within bounds");
        require(tls_state_is_valid(state), "a valid state stays one");
        bytes_add(&reading->text, room, batch.opened);
        free(part);
        from += batch.taken;
        if (reading->result == TLS_NEEDS_MORE && to == wire->len)
            break;
        if (reading->result == TLS_NEEDS_MORE)
            to = wire->len - to > step ? to + step : wire->len;
    }
    reading->alert = state->alert;
    free(room);
}

/* The alert that the client sent, as the server of the connection opens it. -1: none. */
static int alert_of(struct peer_end *peer, struct tls_state *server)
{
    unsigned char room[TLS_ROOM_BYTES];
    struct bytes wire = {0};
    struct tls_batch batch = {.text = room, .room = sizeof room};

    peer_flush(peer, &wire);
    batch.wire = wire.data;
    batch.wire_bytes = wire.len;
    enum tls_result result = tls_open(tools, server, &batch);
    bytes_done(&wire);
    return result == TLS_ALERTED ? server->alert : -1;
}

static void read_by_openssl(struct peer_end *peer, struct tls_state *server,
                            const struct bytes *wire, struct reading *reading)
{
    ERR_clear_error();
    int n = peer_read(peer, wire->data, wire->len, &reading->text);
    int error = SSL_get_error(peer->ssl, n);

    reading->alert = alert_of(peer, server);
    if (error == SSL_ERROR_WANT_READ)
        reading->result = TLS_NEEDS_MORE;
    else if (error == SSL_ERROR_ZERO_RETURN || (n == 0 && ERR_peek_error() == 0))
        reading->result = TLS_CLOSED;
    else if (ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET)
        reading->result = TLS_ALERTED;
    else
        reading->result = TLS_BROKEN;
    if (reading->result == TLS_ALERTED)
        reading->alert = ERR_GET_REASON(ERR_peek_error()) - SSL_AD_REASON_OFFSET;
    ERR_clear_error();
}

/*
 * Where OpenSSL is known to differ: it waits for whole messages, and for the body of a record whose
 * header is wrong; and it is less patient with warnings. In TLS 1.2 it minds type and length
 * in another order, and calls a body that is too short an error of its own. What it calls another
 * version in a record of TLS 1.3 is not the same in each of its own versions.
 */
static bool may_differ(const struct script *script, const struct reading *ours,
                       const struct reading *theirs)
{
    bool by_header =
        ours->alert == SSL_AD_RECORD_OVERFLOW || ours->alert == SSL_AD_UNEXPECTED_MESSAGE;

    if (script->has_messages || script->warnings > OPENSSL_WARNINGS)
        return true;
    if (script->suite->version == TLS_VERSION_1_2 && theirs->alert == SSL_AD_HANDSHAKE_FAILURE)
        return script->warnings > 0; /* no_renegotiation ends its connections */
    if (ours->result != TLS_BROKEN || ours->text.len != theirs->text.len)
        return false;
    if (theirs->result == TLS_NEEDS_MORE)
        return true;
    if (script->suite->version == TLS_VERSION_1_3)
        return ours->alert == SSL_AD_PROTOCOL_VERSION && theirs->result == TLS_BROKEN;
    return (by_header && theirs->result == TLS_BROKEN) ||
           (ours->alert == SSL_AD_BAD_RECORD_MAC && theirs->alert == SSL_AD_INTERNAL_ERROR);
}

static void compare(const struct script *script, const struct reading *ours,
                    const struct reading *theirs)
{
    size_t common = ours->text.len < theirs->text.len ? ours->text.len : theirs->text.len;

    require(common == 0 || memcmp(ours->text.data, theirs->text.data, common) == 0, "one text");
    if (may_differ(script, ours, theirs))
        return;
    if (ours->result != theirs->result || ours->text.len != theirs->text.len ||
        (ours->result == TLS_BROKEN && ours->alert != theirs->alert)) {
        (void)fprintf(stderr, "%s: we %d, alert %d, %zu bytes; OpenSSL %d, alert %d, %zu bytes\n",
                      script->suite->name, (int)ours->result, ours->alert, ours->text.len,
                      (int)theirs->result, theirs->alert, theirs->text.len);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading ours = {.result = TLS_NEEDS_MORE}, theirs = {.result = TLS_NEEDS_MORE};
    struct bytes wire = {0};
    struct tls_state server;
    struct peer_end peer;

    if (size < HEADER_BYTES)
        return 0;
    begin();
    size_t index = data[0] % SUITES;
    const struct tls_suite *suite = suite_at(index);
    peer_establish(&peer, &(struct peer_wish){.context = clients[index]}, context, &server);
    struct tls_state client = server;
    client.in = server.out;
    struct script script = {.data = data + HEADER_BYTES,
                            .size = size - HEADER_BYTES,
                            .suite = suite,
                            .half = client.in};
    bytes_add_text(&wire, ""); /* there are bytes, if none */
    while (script_step(&script, &wire))
        ;
    read_by_us(&client, &wire, 1 + data[1] * 64u, &ours);
    read_by_openssl(&peer, &server, &wire, &theirs);
    compare(&script, &ours, &theirs);
    bytes_done(&ours.text);
    bytes_done(&theirs.text);
    bytes_done(&wire);
    peer_done(&peer);
    return 0;
}
