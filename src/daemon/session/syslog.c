/* SPDX-License-Identifier: MIT
 *
 * The syslog session: messages one after the other (RFC 6587, and what else is sent over TCP),
 * without answers. The end of the connection is the receipt.
 */
#include "config.h"

#include "daemon/session/session.h"

static void syslog_open(struct session_view *view, const unsigned char *bytes, size_t len,
                        bool at_end)
{
    framer_begin(&view->framer, &view->stream->framer, &view->rules, bytes, len, at_end);
}

static enum framer_result syslog_next(struct session_view *view, struct frame *ret_frame)
{
    return framer_next(&view->framer, ret_frame);
}

static size_t syslog_carry(const struct session_view *view, const unsigned char **ret_from)
{
    *ret_from = view->framer.at;
    return view->framer.keep;
}

const struct session_kind session_syslog = {
    .name = "syslog",
    .open = syslog_open,
    .next = syslog_next,
    .carry = syslog_carry,
};
