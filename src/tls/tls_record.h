/* SPDX-License-Identifier: MIT
 *
 * The record layer of an established TLS connection, as plain data: what another process
 * needs to go on where this one stopped (RFC 8446, section 5; RFC 5246, section 6, with the
 * ciphers of RFC 5288 and RFC 7905). The ciphers are OpenSSL's; ours are the framing, the
 * nonces and the counters. No socket, no clock; any thread, as long as one at a time uses the
 * same tools and the same state.
 *
 * Opening is a pure function of the state before and the wire's bytes: however these are cut
 * into calls, text, state and result are the same. It never writes into the wire's bytes, so
 * whoever keeps the state before and the bytes can have the text again, after a death too:
 *
 *   1. keep the state before, and where the bytes will lie; receive behind an incomplete record;
 *   2. open them with a copy of the state, into a buffer that need not outlive the process;
 *   3. deliver the text; 4. keep the state after, and the incomplete record, in one step.
 *
 * (Opening in place would save no copy, since a cipher reads here and writes there anyway; it
 * would tear holes between the texts of records, and leave nothing that could be opened again.)
 *
 * Sealing is a pure function too. So keep the state after it, and what it wrote, before a byte of
 * that is sent: then a successor seals nothing else with the same number.
 */
#ifndef PEERLOG_TLS_RECORD_H
#define PEERLOG_TLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_HEADER_BYTES 5u

/* The text of a record, and the most that a record has on the wire. */
#define TLS_MAX_TEXT_BYTES 16384u
#define TLS_MAX_RECORD_BYTES (TLS_HEADER_BYTES + TLS_MAX_TEXT_BYTES + 256u)

/* With this much room for text, tls_open() always gets on. */
#define TLS_ROOM_BYTES (TLS_MAX_TEXT_BYTES + 256u)

/* A sealed record is longer than its text by this at most. */
#define TLS_SEAL_BYTES (TLS_HEADER_BYTES + 8u + 16u)

/* Room for a sealed alert or KeyUpdate. */
#define TLS_SMALL_BYTES (TLS_SEAL_BYTES + 8u)

#define TLS_CLOSE_NOTIFY 0u

/* One direction. */
struct tls_half {
    uint8_t secret[48]; /* TLS 1.3: the traffic secret, from which the next one comes */
    uint8_t key[32];
    uint8_t iv[12];     /* the fixed part of the nonce */
    uint8_t reserved[4];
    uint64_t number;    /* of the next record */
};

/* How a call of tls_open(), or a connection, ended. */
enum tls_result {
    TLS_NEEDS_MORE, /* what is left is no whole record */
    TLS_NEEDS_ROOM, /* the next record may have more text than there is room for */
    TLS_CLOSED,     /* close_notify; what stands behind it does not count */
    TLS_ALERTED,    /* the peer gave up with state->alert */
    TLS_BROKEN,     /* malformed or not authentic; state->alert is to be sent */
};

/* What is to be remembered of the other direction. */
enum tls_flags {
    TLS_OWES_UPDATE = 1, /* tls_seal_update() is due, before any other text is sealed */
    TLS_SAID_END = 2,    /* an alert was sealed: nothing else may be */
};

/* An established connection. All zero is none. */
struct tls_state {
    uint16_t version;        /* TLS_VERSION_1_2, TLS_VERSION_1_3 */
    uint16_t suite;          /* IANA's number */
    uint16_t max_text_bytes; /* the longest text that the peer takes in a record of ours */
    uint16_t barren;         /* records without text, weighed; text makes up for them */
    uint8_t end;             /* an enum tls_result; TLS_NEEDS_MORE while it goes on */
    uint8_t alert;           /* that belongs to this end */
    uint8_t flags;           /* enum tls_flags */
    uint8_t message_bytes;   /* that are here of a KeyUpdate */
    uint8_t reserved[4];
    struct tls_half in;
    struct tls_half out;
};

/* Ciphers and a key schedule, set up once for each thread. */
struct tls_tools;

/*
 * Returns: 0; -ENOMEM; -ENOTSUP: OpenSSL was built, or is set up, without one of the ciphers.
 * Owns:    the caller, until tls_tools_free(), which takes NULL and returns it.
 */
int tls_tools_new(struct tls_tools **ret_tools);
struct tls_tools *tls_tools_free(struct tls_tools *tools);

/*
 * May this state be used? Any bytes may be asked about; those that pass do no harm, though they
 * need not open anything.
 */
bool tls_state_is_valid(const struct tls_state *state);

/* Overwrite the secrets, in a way that no compiler leaves out; the state is none then. */
void tls_state_wipe(struct tls_state *state);

/* Returns: "TLSv1.3"; "TLS_AES_128_GCM_SHA256"; or "" when it is not valid. */
const char *tls_state_version(const struct tls_state *state);
const char *tls_state_cipher(const struct tls_state *state);

/* Returns: what an alert is called, "bad record mac". */
const char *tls_alert_name(uint8_t alert);

/* What one call of tls_open() works on. */
struct tls_batch {
    const unsigned char *wire; /* never written */
    size_t wire_bytes;
    unsigned char *text;       /* where texts go, without a gap; apart from the wire's bytes */
    size_t room;
    size_t taken;              /* set: bytes of whole records that were opened */
    size_t opened;             /* set: bytes of their text */
    uint32_t records;          /* set: how many */
    uint32_t updates;          /* set: how many of these were a KeyUpdate */
};

/*
 * Open records, up to the first that is not whole, has no room, or ends the connection.
 * What stands before that one is good: it is in *batch, and the state has moved on behind it.
 * A state that has an end keeps it: then nothing is opened and the same is said again.
 * Behind batch->opened, text may have been overwritten.
 * Returns: see there. A state that is not valid is TLS_BROKEN.
 */
enum tls_result tls_open(struct tls_tools *tools, struct tls_state *state,
                         struct tls_batch *batch);

/*
 * Seal one record of LEN bytes, at least one and at most state->max_text_bytes. After some
 * millions of records TLS_OWES_UPDATE is set, because a key wears out.
 * DST has room for LEN + TLS_SEAL_BYTES, and does not overlap.
 * Returns: the length of the record; 0 when there is to be none: TLS_SAID_END, a LEN that is
 *          not allowed, a state that is not valid. Then the state has not changed.
 */
size_t tls_seal(struct tls_tools *tools, struct tls_state *state, const unsigned char *text,
                size_t len, unsigned char *dst);

/* The same for an alert: TLS_CLOSE_NOTIFY, or the one of a TLS_BROKEN. */
size_t tls_seal_alert(struct tls_tools *tools, struct tls_state *state, uint8_t alert,
                      unsigned char dst[TLS_SMALL_BYTES]);

/* The same for a KeyUpdate that asks for none; what follows is sealed by the next key. */
size_t tls_seal_update(struct tls_tools *tools, struct tls_state *state,
                       unsigned char dst[TLS_SMALL_BYTES]);

#endif
