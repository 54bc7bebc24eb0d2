/* SPDX-License-Identifier: MIT
 *
 * First bytes of other protocols: TLS (RFC 8446, section 5.1), HTTP (RFC 9112), SSH (RFC
 * 4253, section 4.2), RELP.
 */
#include "config.h"

#include "peerlog/stranger.h"

#include <stdbool.h>
#include <string.h>

#include "peerlog/count.h"

struct beginning {
    const char *text;
    enum stranger stranger;
};

static const struct beginning beginnings[] = {
    {"GET /", STRANGER_HTTP},     {"HEAD /", STRANGER_HTTP},    {"POST /", STRANGER_HTTP},
    {"PUT /", STRANGER_HTTP},     {"DELETE /", STRANGER_HTTP},  {"OPTIONS /", STRANGER_HTTP},
    {"OPTIONS *", STRANGER_HTTP}, {"CONNECT ", STRANGER_HTTP},  {"PRI * HTTP/2", STRANGER_HTTP},
    {"SSH-2.0-", STRANGER_SSH},   {"SSH-1.99-", STRANGER_SSH},  {"1 open ", STRANGER_RELP},
};

/* A handshake record of SSL 3.0 to TLS 1.3 that begins with a ClientHello. */
static bool is_client_hello(const unsigned char *bytes, size_t len)
{
    return len >= 6 && bytes[0] == 0x16 && bytes[1] == 0x03 && bytes[2] <= 0x04 && bytes[5] == 0x01;
}

enum stranger stranger_recognise(const unsigned char *bytes, size_t len)
{
    if (is_client_hello(bytes, len))
        return STRANGER_TLS;
    for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
        size_t n = strlen(beginnings[i].text);
        if (len >= n && bytes[0] == (unsigned char)beginnings[i].text[0] &&
            memcmp(bytes, beginnings[i].text, n) == 0)
            return beginnings[i].stranger;
    }
    return STRANGER_NONE;
}

const char *stranger_describe(enum stranger stranger)
{
    switch (stranger) {
    case STRANGER_TLS:
        return "a TLS ClientHello; this port takes plain text, so the client must be set to TCP "
               "without TLS";
    case STRANGER_HTTP:
        return "an HTTP request; this port takes log messages, not web requests";
    case STRANGER_SSH:
        return "an SSH greeting; this port takes log messages, not logins";
    case STRANGER_RELP:
        return "a RELP open; this port takes plain syslog over TCP, so the client must be set to "
               "that (in rsyslog: omfwd instead of omrelp)";
    default:
        return "nothing unusual";
    }
}
