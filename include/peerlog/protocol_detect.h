/* SPDX-License-Identifier: MIT
 *
 * Protocol detection: clients that speak something else than log messages to a port for
 * them, recognised by the first bytes they send. Only what can hardly be a log message is
 * recognised, since what is named may be refused. Pure functions; any thread.
 */
#ifndef PEERLOG_PROTOCOL_DETECT_H
#define PEERLOG_PROTOCOL_DETECT_H

#include <stdbool.h>
#include <stddef.h>

enum protocol {
    PROTOCOL_NONE,      /* log messages, as far as one can see */
    PROTOCOL_UNDECIDED, /* it may become one of those below; at the end of a stream: none */
    PROTOCOL_TLS,
    PROTOCOL_HTTP,
    PROTOCOL_SSH,
    PROTOCOL_RELP,
    PROTOCOL_PROXY,     /* a PROXY header, version 1 or 2 */
    PROTOCOL_BEATS,     /* lumberjack, versions 1 and 2 */
    PROTOCOL_GZIP,
    PROTOCOL_ZLIB,
    PROTOCOL_ZLIB_MESSAGES, /* rsyslog's single ones, with counts; others may be plain */
    PROTOCOL_UTF16,     /* with a byte order mark */
    PROTOCOL_JAVA,      /* serialised objects */
    PROTOCOL_LOG4CPLUS, /* the events of its SocketAppender */
    PROTOCOL_PICKLE,    /* the records of Python's SocketHandler */
    PROTOCOL_MQTT,
    PROTOCOL_AMQP,
    PROTOCOL_REDIS,
    PROTOCOLS,
};

/* Nothing is undecided behind so many bytes, and no byte behind them changes the answer. */
#define PROTOCOL_DETECT_BYTES 256u

/*
 * Which protocol begins a stream with these bytes? Another answer than PROTOCOL_UNDECIDED
 * stands however much more comes. Undecided bytes hold no complete message of more than
 * four bytes ("AMQP", "2W"), so that waiting for more of them delays nobody's words.
 */
enum protocol protocol_detect(const unsigned char *bytes, size_t len);

/*
 * What to tell an administrator: what it is and what helps, to stand behind "sent":
 * "a TLS ClientHello; this port takes plain text, ...".
 */
const char *protocol_describe(enum protocol protocol);

/* Answers: is nothing that follows on such a connection text for a log? */
bool protocol_has_no_text(enum protocol protocol);

/*
 * What such a client understands as a refusal, to be sent before its connection is ended: the
 * fatal alert of TLS, a response of HTTP.
 * Returns: *RET_LEN bytes, or NULL when there is none (*RET_LEN is untouched).
 */
const unsigned char *protocol_refusal(enum protocol protocol, size_t *ret_len);

#endif
