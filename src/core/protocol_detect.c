/* SPDX-License-Identifier: MIT
 *
 * First bytes of other protocols, as a table of shapes: TLS (RFC 8446, section 5.1), HTTP
 * (RFC 9112, section 3; RFC 9113, section 3.4), SSH (RFC 4253, section 4.2), gzip (RFC 1952),
 * zlib (RFC 1950), MQTT, AMQP, and what loggers send in forms of their own.
 */
#include "config.h"

#include "peerlog/protocol_detect.h"

#include "peerlog/count.h"
#include "peerlog/proxy.h"

/* How bytes compare with a shape. */
enum match {
    MATCH_NO,
    MATCH_MAYBE, /* as far as they go */
    MATCH_YES,
};

/* LEN bytes, each of them between the one of LOW and the one of HIGH. */
struct pattern {
    const char *low, *high;
    size_t len;
};

/* A head; any number of bytes from RUN_FROM to RUN_TO; a tail. */
struct shape {
    enum protocol protocol;
    struct pattern head;
    unsigned char run_from, run_to; /* 0: no run */
    struct pattern tail;
};

/* Both are equally long, or an array of a negative size says so. */
#define BETWEEN(low, high) \
    {low, high, sizeof(low) - 1 + 0 * sizeof(char[sizeof(low) == sizeof(high) ? 1 : -1])}
#define EXACTLY(text) BETWEEN(text, text)

#define BYTES(protocol, low, high) {protocol, BETWEEN(low, high), 0, 0, {"", "", 0}}
#define REQUEST(method) \
    {PROTOCOL_HTTP, BETWEEN(method " !", method " ~"), '!', '~', \
     BETWEEN(" HTTP/0.0\r\n", " HTTP/9.9\r\n")}
#define GREETING(start) {PROTOCOL_SSH, EXACTLY(start), ' ', '~', EXACTLY("\r\n")}

static const struct shape shapes[] = {
    /* a handshake record of SSL 3.0 to TLS 1.3 that begins with a ClientHello */
    BYTES(PROTOCOL_TLS, "\x16\x03\x00\x00\x00\x01", "\x16\x03\x04\x40\xff\x01"),
    /* whole lines: many a log line begins with the words of a request or a version */
    REQUEST("GET"), REQUEST("HEAD"), REQUEST("POST"), REQUEST("PUT"), REQUEST("DELETE"),
    REQUEST("OPTIONS"), REQUEST("PATCH"), REQUEST("CONNECT"), REQUEST("TRACE"), REQUEST("PRI"),
    GREETING("SSH-2.0-"), GREETING("SSH-1.99-"),
    {PROTOCOL_RELP, BETWEEN("1 open 0", "1 open 9"), '0', '9', EXACTLY(" relp_version=")},
    BYTES(PROTOCOL_PROXY, "\r\n\r\n\0\r\nQUIT\n", "\r\n\r\n\0\r\nQUIT\n"),
    /* a window of at most 65,535 events, and the first frame of data behind it */
    BYTES(PROTOCOL_BEATS, "1W\0\0\0\0001C", "1W\0\0\xff\xff""1D"),
    BYTES(PROTOCOL_BEATS, "2W\0\0\0\0002C", "2W\0\0\xff\xff""2D"),
    BYTES(PROTOCOL_BEATS, "2W\0\0\0\0002J", "2W\0\0\xff\xff""2J"),
    BYTES(PROTOCOL_GZIP, "\x1f\x8b\x08\x00", "\x1f\x8b\x08\x1f"),
    /* 78 5e alone is "x^", and 78 da may begin a character of UTF-8: then "<1" must follow,
     * or "<" and another digit, in the code that deflate has for short blocks */
    BYTES(PROTOCOL_ZLIB, "x\x01", "x\x01"),
    BYTES(PROTOCOL_ZLIB, "x\x9c", "x\x9c"),
    BYTES(PROTOCOL_ZLIB, "x^\xb2\x31", "x^\xb2\x31"),
    BYTES(PROTOCOL_ZLIB, "x^\xb2\xb1", "x^\xb2\xb1"),
    BYTES(PROTOCOL_ZLIB, "x\xda\x00", "x\xda\x7f"),
    BYTES(PROTOCOL_ZLIB, "x\xda\xc0", "x\xda\xff"),
    BYTES(PROTOCOL_ZLIB, "x\xda\xb2\x31", "x\xda\xb2\x31"),
    BYTES(PROTOCOL_ZLIB, "x\xda\xb2\xb1", "x\xda\xb2\xb1"),
    {PROTOCOL_ZLIB_MESSAGES, BETWEEN("1", "9"), '0', '9', EXACTLY(" zx\xda")},
    BYTES(PROTOCOL_UTF16, "\xff\xfe", "\xff\xfe"),
    BYTES(PROTOCOL_UTF16, "\xfe\xff", "\xfe\xff"),
    BYTES(PROTOCOL_JAVA, "\xac\xed\x00\x05", "\xac\xed\x00\x05"),
    /* a length; a version, the size of a character, the length of a name */
    BYTES(PROTOCOL_LOG4CPLUS, "\0\0\0\0\x01\x01\0\0", "\0\0\xff\xff\x03\x04\0\0"),
    /* a length; a dictionary by protocol 1, 2 and 3, 4 and 5 */
    BYTES(PROTOCOL_PICKLE, "\0\0\0\0}q\0", "\0\0\xff\xff}q\0"),
    BYTES(PROTOCOL_PICKLE, "\0\0\0\0\x80\x02}q\0", "\0\0\xff\xff\x80\x03}q\0"),
    BYTES(PROTOCOL_PICKLE, "\0\0\0\0\x80\x04\x95", "\0\0\xff\xff\x80\x05\x95"),
    /* CONNECT with a length of one or two bytes */
    BYTES(PROTOCOL_MQTT, "\x10\x00\x00\x04MQTT", "\x10\x7f\x00\x04MQTT"),
    BYTES(PROTOCOL_MQTT, "\x10\x80\x01\x00\x04MQTT", "\x10\xff\x7f\x00\x04MQTT"),
    BYTES(PROTOCOL_MQTT, "\x10\x00\x00\x06MQIsdp", "\x10\x7f\x00\x06MQIsdp"),
    BYTES(PROTOCOL_AMQP, "AMQP\x00\x00\x09\x00", "AMQP\x00\x00\x09\x01"),
    BYTES(PROTOCOL_AMQP, "AMQP\x00\x01\x00\x00", "AMQP\x03\x01\x00\x00"),
    BYTES(PROTOCOL_REDIS, "*1\r\n$1", "*9\r\n$9"),
};

/* What is still to be looked at. */
struct cursor {
    const unsigned char *bytes;
    size_t len;
};

/* Does it begin like that? If so, it is passed. */
static enum match pass_pattern(struct cursor *c, const struct pattern *pattern)
{
    size_t len = pattern->len < c->len ? pattern->len : c->len;

    for (size_t i = 0; i < len; i++)
        if (c->bytes[i] < (unsigned char)pattern->low[i] ||
            c->bytes[i] > (unsigned char)pattern->high[i])
            return MATCH_NO;
    c->bytes += len;
    c->len -= len;
    return len == pattern->len ? MATCH_YES : MATCH_MAYBE;
}

static enum match match_shape(struct cursor c, const struct shape *shape)
{
    enum match match = pass_pattern(&c, &shape->head);

    if (match != MATCH_YES)
        return match;
    while (shape->run_to > 0 && c.len > 0 && *c.bytes >= shape->run_from &&
           *c.bytes <= shape->run_to) {
        c.bytes++;
        c.len--;
    }
    return pass_pattern(&c, &shape->tail);
}

/* A line that is a whole PROXY header of version 1, and not one that is only similar. */
static enum match match_proxy_line(struct cursor c)
{
    struct peer peer;
    size_t header;

    if (c.len > 0 && *c.bytes != 'P')
        return MATCH_NO;
    switch (proxy_parse(c.bytes, c.len, &peer, &header)) {
    case PROXY_PEER:
    case PROXY_NO_PEER:
        return MATCH_YES;
    case PROXY_NEED_MORE:
        return MATCH_MAYBE;
    default:
        return MATCH_NO;
    }
}

enum protocol protocol_detect(const unsigned char *bytes, size_t len)
{
    struct cursor c = {bytes, len < PROTOCOL_DETECT_BYTES ? len : PROTOCOL_DETECT_BYTES};
    enum match match = match_proxy_line(c);
    bool undecided = match == MATCH_MAYBE;

    if (match == MATCH_YES)
        return PROTOCOL_PROXY;
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        match = match_shape(c, &shapes[i]);
        if (match == MATCH_YES)
            return shapes[i].protocol;
        undecided = undecided || match == MATCH_MAYBE;
    }
    return undecided && len < PROTOCOL_DETECT_BYTES ? PROTOCOL_UNDECIDED : PROTOCOL_NONE;
}

/* What is known about each; indexed by enum protocol. */
struct knowledge {
    const char *description;
    bool has_no_text;
};

static const struct knowledge known[PROTOCOLS] = {
    [PROTOCOL_NONE] = {"nothing unusual", false},
    [PROTOCOL_UNDECIDED] = {"too little to tell what it is", false},
    [PROTOCOL_TLS] = {"a TLS ClientHello; this port takes plain text, so the client must be set "
                      "to TCP without TLS", true},
    [PROTOCOL_HTTP] = {"an HTTP request; this port takes log messages, not web requests, so the "
                       "client must be set to syslog over TCP, or to another port", true},
    [PROTOCOL_SSH] = {"an SSH greeting; this port takes log messages, not logins", true},
    [PROTOCOL_RELP] = {"a RELP open; this listener has session = \"syslog\", so set that to \"auto\" or "
                       "\"relp\", or the client to syslog over TCP", true},
    [PROTOCOL_PROXY] = {"a PROXY header; this listener does not expect one, so set "
                        "proxy_protocol = true for it, or let the balancer send none (in HAProxy: "
                        "remove send-proxy)", false},
    [PROTOCOL_BEATS] = {"frames of Beats (lumberjack); this port takes plain syslog over TCP, so "
                        "a Logstash between the two must receive them, or another sender must "
                        "read the same files", true},
    [PROTOCOL_GZIP] = {"a gzip stream; this port takes plain text, so compression must be "
                       "switched off at the sender", true},
    [PROTOCOL_ZLIB] = {"a zlib stream; this port takes plain text, so compression must be "
                       "switched off at the sender (in rsyslog: compression.mode=\"none\")", true},
    [PROTOCOL_ZLIB_MESSAGES] = {"messages that rsyslog has compressed; this port takes plain text, "
                                "so rsyslog needs compression.mode=\"none\"", false},
    [PROTOCOL_UTF16] = {"text in UTF-16; this port takes UTF-8, so the sender must be set to that "
                        "(in .NET: new UTF8Encoding(false))", false},
    [PROTOCOL_JAVA] = {"serialised Java objects (log4j's SocketAppender); this port takes text, so "
                       "the client needs a SyslogAppender, or a layout of text that ends each "
                       "message with a line feed", true},
    [PROTOCOL_LOG4CPLUS] = {"events of log4cplus's SocketAppender; this port takes text, so the "
                            "client needs a SysLogAppender with udp=false", true},
    [PROTOCOL_PICKLE] = {"pickled records of Python's SocketHandler; this port takes text, so the "
                         "client needs a SysLogHandler with socktype=socket.SOCK_STREAM", true},
    [PROTOCOL_MQTT] = {"an MQTT CONNECT; this port takes log messages and is no broker", true},
    [PROTOCOL_AMQP] = {"an AMQP header; this port takes log messages and is no broker", true},
    [PROTOCOL_REDIS] = {"a Redis command; this port takes log messages and is no database", true},
};

const char *protocol_describe(enum protocol protocol)
{
    return known[protocol].description;
}

bool protocol_has_no_text(enum protocol protocol)
{
    return known[protocol].has_no_text;
}

/* A fatal alert: handshake_failure (RFC 8446, section 6), readable for every version. */
static const unsigned char tls_alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28};

static const char http_response[] = "HTTP/1.1 400 Bad Request\r\n"
                                    "Content-Type: text/plain\r\n"
                                    "Content-Length: 52\r\n"
                                    "Connection: close\r\n"
                                    "\r\n"
                                    "This port takes log messages, it is no HTTP server.\n";

const unsigned char *protocol_refusal(enum protocol protocol, size_t *ret_len)
{
    switch (protocol) {
    case PROTOCOL_TLS:
        *ret_len = sizeof tls_alert;
        return tls_alert;
    case PROTOCOL_HTTP:
        *ret_len = sizeof http_response - 1;
        return (const unsigned char *)http_response;
    default:
        return NULL;
    }
}
