/* SPDX-License-Identifier: MIT
 *
 * Composer: from text to framed messages in the outbox. Here a line gets its header,
 * its count or its terminator, and is cut when it is too long. Plain lines that end
 * with LF need nothing of that and pass in blocks. A copy of each message may go to
 * standard error (--stderr).
 *
 * What the framing cannot carry inside a message ends it: an LF in an argument with lf
 * framing, a NUL with nul framing. Each part then is a message with a header.
 */
#ifndef PEERLOG_CLIENT_COMPOSER_H
#define PEERLOG_CLIENT_COMPOSER_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "client/header.h"
#include "client/options.h"
#include "client/outbox.h"

/* A PRI as it stands on the wire, "<13>". */
struct composer_pri {
    char text[8];
    size_t len; /* 0: none */
};

struct composer {
    const struct options *options;
    struct outbox *outbox;
    struct header header;
    bool is_plain;          /* nothing is added to lines, so they pass in blocks */
    struct composer_pri usual;   /* of a header; with octet counting alone, for texts without one */
    struct composer_pri carried; /* of the text at hand: its prefix, or that of its first piece */
    size_t max_text_bytes;  /* of one message, without its header but with its PRI */
    uint64_t cut;           /* pieces that do not end where their line ended */
    uint64_t breaks;        /* messages ended by what the framing cannot carry */
};

/*
 * Prepare to compose as OPTIONS say into OUTBOX, on HOST for USER (see header_init()).
 * Returns: 0, or -EMSGSIZE when --size leaves no room for text behind a header.
 * Owns:    nothing; all of it must outlive the composer.
 */
int composer_init(struct composer *c, const struct options *options, struct outbox *outbox,
                  const char *host, const char *user);

/* The least size that --size can ask for, with this header. Holds after composer_init(). */
size_t composer_least_bytes(const struct composer *c);

/* The time that goes into the headers from now on. */
void composer_stamp(struct composer *c, const struct timespec *now);

/*
 * Compose one argument of any content, empty included unless that is to be skipped, or has
 * nothing but an added PRI.
 * Returns: 0, or -ENOMEM.
 */
int composer_add_text(struct composer *c, const unsigned char *text, size_t len);

/*
 * Compose the whole lines in BYTES, of which the first SCANNED are known to hold no LF.
 * What follows the last LF is left, as far as it can be the start of one message.
 * Returns: 0 with *ret_taken set to the bytes used, or -ENOMEM.
 */
int composer_add_lines(struct composer *c, const unsigned char *bytes, size_t len, size_t scanned,
                       size_t *ret_taken);

/*
 * Compose what was left behind the last LF when the input ended: it is a message too.
 * Returns: 0, or -ENOMEM.
 */
int composer_add_rest(struct composer *c, const unsigned char *bytes, size_t len);

#endif
