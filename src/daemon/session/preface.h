/* SPDX-License-Identifier: MIT
 *
 * The preface: what the first bytes of a connection decide before any is framed. A PROXY header
 * names the true peer; a client that speaks another protocol is named in one friendly
 * line for each peer and hour.
 *
 * Reading a header is pure. What is made of it depends on the access lists of the moment, so it is
 * judged once, and the verdict is kept with the bytes.
 */
#ifndef PEERLOG_DAEMON_SESSION_PREFACE_H
#define PEERLOG_DAEMON_SESSION_PREFACE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/ledger/ledger.h"
#include "daemon/session/admission.h"
#include "daemon/settings/snapshot.h"
#include "peerlog/protocol_detect.h"
#include "peerlog/proxy.h"

/* A PROXY header, or what stands in its place. */
struct preface_header {
    enum proxy_result result;
    struct proxy_header says;   /* of its texts, those that were read this time */
    struct proxy_state state;   /* with PROXY_NEED_MORE: where the reading stands */
    size_t len;                 /* bytes that are used up; 0 when there is no header */
};

/*
 * Read it, or go on with it where STREAM stands, which does not change. AT_END: the stream
 * ends behind BYTES. Pure; any thread.
 */
void preface_read(const struct stream *stream, const unsigned char *bytes, size_t len, bool at_end,
                  struct preface_header *ret_header);

/* The same of one that has to be there as a whole. Returns: false when it is not whole yet. */
bool preface_parse(const unsigned char *bytes, size_t len, struct preface_header *ret_header);

/* Keep what it says of the peer of SLOT beyond the address. Threads: the slot's worker. */
void preface_keep_details(const struct ledger *ledger, uint32_t slot,
                          const struct preface_header *header);

struct announcer;
struct preface;

/* Returns: 0, or -ENOMEM.  Owns: release it with preface_free(). ADMISSION must outlive it. */
int preface_new(struct admission *admission, struct preface **ret_preface);
struct preface *preface_free(struct preface *preface);

/* Peers that headers name are announced by ANNOUNCER where their listener says so. At start. */
void preface_announce_by(struct preface *preface, struct announcer *announcer);

/*
 * Judge the header of the connection in SLOT. The peer that it names becomes the slot's, and that
 * is what the access lists are asked about; if it names none, that is the balancer. A refusal is
 * counted in COUNTERS, the worker's block.
 * Threads: any; the slot's worker.
 */
enum segment_verdict preface_judge(struct preface *preface, const struct snapshot *snapshot,
                                   struct slot *slot, const struct preface_header *header,
                                   _Atomic uint64_t *counters);

/* Refuse PEER, whose connection is to be closed: count it in COUNTERS, and say so. Threads: any. */
void preface_refuse(struct preface *preface, const struct peer *peer, enum admission_verdict why,
                    _Atomic uint64_t *counters);

/* The same with WORDS that are said once for a peer and hour. */
void preface_refuse_because(struct preface *preface, const struct peer *peer,
                            enum admission_verdict why, const char *words,
                            _Atomic uint64_t *counters);

/* What may be news of a peer, apart from refusals and protocols. */
enum preface_news {
    NEWS_CUT = 2000, /* its stream was cut where none ends */
    NEWS_ENDLESS,    /* its messages have no end */
    NEWS_IDLE,       /* it was silent for too long */
    NEWS_LOOP,       /* it brings back what we have logged */
    NEWS_MISFIT,     /* the count before a message does not fit it */
    NEWS_DEAF,       /* it reads no answers */
    NEWS_WORDLESS,   /* it left behind its handshake */
    NEWS_FAULT = 3000, /* what it sent has ended its session; and up, by number */
};

/* Answers: is WHAT, such as one of these, the first of its kind from PEER within the hour? */
bool preface_is_news(struct preface *preface, const struct peer *peer, int what);

/* Say WORDS of PEER, unless the same news was told of it within the hour. Threads: any. */
void preface_tell(struct preface *preface, const struct peer *peer, enum preface_news news,
                  const char *words);

/* Name the protocol of PEER, once for a peer and hour, if it is not ours. Threads: any. */
void preface_name(struct preface *preface, const struct peer *peer, enum protocol protocol);

/*
 * Say once for a peer, an hour and a number that it sent WHAT, which has ended its session.
 * Threads: any.
 */
void preface_report_fault(struct preface *preface, const struct peer *peer, unsigned number,
                          const char *what);

/* Say once for a peer and hour that it is reset because it reads no answers. Threads: any. */
void preface_report_deaf(struct preface *preface, const struct peer *peer);

#endif
