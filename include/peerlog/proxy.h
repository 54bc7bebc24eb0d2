/* SPDX-License-Identifier: MIT
 *
 * The PROXY header, versions 1 and 2, that a load balancer sends before the first byte of a
 * client (the specification is haproxy's proxy-protocol.txt). It may come in any pieces:
 * what is behind its address is read as it comes and not kept, however long it is; of the
 * extensions three texts are, and a checksum is checked. Pure functions; any thread.
 */
#ifndef PEERLOG_PROXY_H
#define PEERLOG_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peerlog/peer.h"

enum proxy_result {
    PROXY_NEED_MORE, /* the header goes on, or it may become one */
    PROXY_PEER,      /* it names the peer */
    PROXY_NO_PEER,   /* it names none that we could: unknown, unspecified, UDP, a local socket */
    PROXY_LOCAL,     /* the balancer speaks for itself, as in a health check */
    PROXY_ABSENT,    /* no header begins here */
    PROXY_FAULTY,    /* one begins, and something is wrong with it */
};

/* What is wrong. */
enum proxy_fault {
    PROXY_FAULT_NONE,
    PROXY_FAULT_TRUNCATED,
    PROXY_FAULT_LONG_LINE,
    PROXY_FAULT_LINE_END,
    PROXY_FAULT_PROTOCOL,
    PROXY_FAULT_WORDS,
    PROXY_FAULT_ADDRESS,
    PROXY_FAULT_PORT,
    PROXY_FAULT_VERSION,
    PROXY_FAULT_COMMAND,
    PROXY_FAULT_FAMILY,
    PROXY_FAULT_LENGTH,
    PROXY_FAULT_EXTENSION,
    PROXY_FAULT_CHECKSUM,
    PROXY_FAULTS,
};

/* The texts that are kept of extensions. */
enum proxy_text_kind {
    PROXY_AUTHORITY,   /* the name that the client asked for */
    PROXY_UNIQUE_ID,   /* the balancer's, of the connection */
    PROXY_CLIENT_NAME, /* CN of the client's certificate, if the balancer verified that */
    PROXY_TEXTS,
};

#define PROXY_AUTHORITY_BYTES 255u
#define PROXY_UNIQUE_ID_BYTES 128u
#define PROXY_CLIENT_NAME_BYTES 128u

/* UTF-8 without control characters; as long as the limits above. No NUL ends it. */
struct proxy_text {
    uint8_t len; /* 0: there is none */
    char bytes[PROXY_AUTHORITY_BYTES];
};

/* What a header says. */
struct proxy_header {
    struct peer peer;                     /* with PROXY_PEER */
    struct proxy_text texts[PROXY_TEXTS]; /* by enum proxy_text_kind */
    uint8_t cut;                          /* a bit for each text that is longer than is kept */
    uint8_t unfit;                        /* a bit for each that came, but is no such UTF-8 */
    uint8_t fault;                        /* enum proxy_fault, with PROXY_FAULTY */
};

/* Where the reading stands: 16 bytes of plain data, all zero before the first. */
struct proxy_state {
    uint32_t crc;       /* of the header so far, its own checksum taken as zero */
    uint32_t given_crc; /* what the header says it is */
    uint16_t left;      /* bytes of the header still to come */
    uint16_t skip;      /* of these, those that are next and are not looked at */
    uint16_t inner;     /* of LEFT, those of the extension about TLS, which has its own in it */
    uint8_t answer;     /* enum proxy_result of a header whose address was read; else 0 */
    uint8_t has_crc;    /* given_crc is there */
};

/* What proxy_read() wants to see once more is shorter than this. */
#define PROXY_CARRY_BYTES 260u

/*
 * Read the header at the start of a stream, or go on with it: BYTES follow those that were
 * used up before. *HEADER is all zero at first, and is filled as things are found, so it is
 * the same one until the answer is there. AT_END: the stream ends behind BYTES.
 * Returns: the answer, with *ret_used bytes used up. What is left is the client's, and on
 *          PROXY_NEED_MORE it must come again, in front of what follows. With
 *          PROXY_ABSENT, also of an empty stream, and with PROXY_FAULTY *ret_used
 *          is untouched and *STATE of no more use.
 */
enum proxy_result proxy_read(struct proxy_state *state, const unsigned char *bytes, size_t len,
                             bool at_end, struct proxy_header *header, size_t *ret_used);

/* Answers: can proxy_read() go on from this state, wherever it comes from? */
bool proxy_state_valid(const struct proxy_state *state);

/* What is wrong, to stand behind "its PROXY header is faulty: ". */
const char *proxy_describe(enum proxy_fault fault);

/* proxy_parse() refuses a longer header. */
#define PROXY_MAX_BYTES 2048u

/*
 * Read a header that is shown as a whole, as far as it has come.
 * On PROXY_PEER, PROXY_NO_PEER and PROXY_LOCAL *ret_len is its length; on PROXY_PEER
 * *ret_peer is the client's address and port. Otherwise both are untouched.
 */
enum proxy_result proxy_parse(const unsigned char *bytes, size_t len, struct peer *ret_peer,
                              size_t *ret_len);

#endif
