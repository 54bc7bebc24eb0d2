/* SPDX-License-Identifier: MIT
 *
 * The link to NATS: a connection whose stream is known to be there, and to be what the promise
 * needs. Only the publisher's own thread uses it; every call may block for seconds.
 */
#ifndef PEERLOG_DAEMON_OUTPUT_NATS_LINK_H
#define PEERLOG_DAEMON_OUTPUT_NATS_LINK_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/output/publisher.h"

struct nats_link {
    natsConnection *connection;
    natsSubscription *answers;
    char inbox[64]; /* answers come to "INBOX.ATTEMPT.NUMBER" */
};

/* What is known of the stream. */
struct nats_stream {
    int64_t replicas;
    int64_t duplicate_window_s;
    bool was_made;      /* by us, just now */
    const char *danger; /* how it may lose messages, for people; NULL: it does not */
};

/* What a server said of one message. */
struct nats_answer {
    uint32_t attempt, number;
    int error; /* 0: it is stored; -ECANCELED: the one that it named is not the last; -EBUSY: it is
                  taken for one that is on its way; or another negative errno */
    char words[PUBLISHER_WORDS_BYTES]; /* of an error */
};

/*
 * Connect, and find or make the stream. LONGEST: bytes that a message may have.
 * Returns: 0; -ECONNREFUSED, -EACCES; -ENOENT when there is no such stream; -EMSGSIZE when it does
 *          not take messages of this length; or other negative errno. WORDS says more.
 * Owns:    release a link that was opened with nats_link_close().
 */
int nats_link_open(struct nats_link *link, const struct output_settings *settings, size_t longest,
                   struct nats_stream *ret_stream, char words[PUBLISHER_WORDS_BYTES]);
void nats_link_close(struct nats_link *link);

/*
 * Ask for another leader of the stream, if it has room for messages and replicas.
 * Returns: 0 when it will be so; -ENOSPC when it is full; or negative errno.
 */
int nats_link_step_down(struct nats_link *link, const char *stream);

/* A message of a load. */
struct nats_message {
    const struct load *load;
    uint32_t attempt, number; /* its answer will name both */
    uint64_t instance;        /* of the ledger */
    bool is_chained;          /* it is stored right behind the one before it, or not at all */
};

/* Returns: 0 or negative errno. */
int nats_link_send(struct nats_link *link, const struct nats_message *to_send);

/*
 * Wait for an answer, at most TIMEOUT_MS milliseconds.
 * Returns: 0, -EAGAIN when none came, or -ENOTCONN.
 */
int nats_link_answer(struct nats_link *link, int64_t timeout_ms, struct nats_answer *ret_answer);

#endif
