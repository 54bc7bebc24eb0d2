/* SPDX-License-Identifier: MIT
 *
 * A session whose first bytes tell what it is. RELP begins with "1 open "; no other byte than 1
 * keeps anything waiting. From then on the stream is of that kind.
 */
#include "config.h"

#include "daemon/session/session.h"

static void auto_open(struct session_view *view, const unsigned char *bytes, size_t len,
                      bool at_end)
{
    enum relp_guess guess = relp_guess(bytes, len);

    if (guess == RELP_GUESS_UNDECIDED && !at_end) {
        relp_session_begin(&view->relp, &view->stream->relp, &view->rules, bytes, len, at_end);
        return;
    }
    view->stream->session = guess == RELP_GUESS_OPEN ? SESSION_RELP : SESSION_SYSLOG;
    view->kind = session_of(view->stream);
    view->kind->open(view, bytes, len, at_end);
}

static enum framer_result auto_next(struct session_view *view, struct frame *ret_frame)
{
    (void)view, (void)ret_frame; /* too few bytes to tell */
    return FRAMER_NEED_MORE;
}

static size_t auto_carry(const struct session_view *view, const unsigned char **ret_from)
{
    *ret_from = view->relp.at;
    return (size_t)(view->relp.end - view->relp.at);
}

const struct session_kind session_auto = {
    .name = "auto",
    .open = auto_open,
    .next = auto_next,
    .carry = auto_carry,
};
