/* SPDX-License-Identifier: MIT
 *
 * Header: what stands between the PRI and the text of a message (RFC 3164, section 4.1;
 * RFC 5424, section 6.2). Host, user and time come from the caller, so the same input makes
 * the same header.
 */
#ifndef PEERLOG_CLIENT_HEADER_H
#define PEERLOG_CLIENT_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "client/options.h"
#include "peerlog/limits.h"

/* A host of 255, a tag of 48, an id of 128 and a MSGID of 32 bytes fit, as RFC 5424 has them. */
#define HEADER_BYTES (PEERLOG_CLIENT_STRUCTURED_BYTES + 576u)
#define HEADER_HOST_BYTES 256u

struct header {
    const struct options *options;
    const char *tag;               /* NULL: none */
    char host[HEADER_HOST_BYTES];  /* as the form wants it */
    struct timespec stamp;         /* the time in the text */
    size_t len;                    /* of the text; the same for every time */
    char text[HEADER_BYTES];
};

/*
 * Answers: can TEXT stand for one field of a header: printable ASCII without a space (RFC 5424,
 * section 6)? The empty one cannot.
 */
bool header_is_word(const char *text);

/*
 * Prepare headers as OPTIONS ask for them, on HOST, run by USER, whose name is
 * the tag where a tag is needed and none was given.
 * Owns: nothing; OPTIONS and USER must outlive the header.
 */
void header_init(struct header *h, const struct options *options, const char *host,
                 const char *user);

/* Bring the text to the time NOW, in the local time zone. Cheap when NOW is unchanged. */
void header_stamp(struct header *h, const struct timespec *now);

#endif
