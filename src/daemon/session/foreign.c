/* SPDX-License-Identifier: MIT
 *
 * The session of another protocol: what is there becomes one record, so that the log shows what
 * came, and the rest is dropped. Its connection is ended.
 */
#include "config.h"

#include "daemon/session/session.h"

/* Nothing of it is waited for. */
static void foreign_open(struct session_view *view, const unsigned char *bytes, size_t len,
                         bool at_end)
{
    (void)at_end; /* it is the end in any case */
    view->glimpsed = view->stream->sequence > 0;
    framer_begin(&view->framer, &view->stream->framer, &view->rules, bytes, len, true);
}

static enum framer_result foreign_next(struct session_view *view, struct frame *ret_frame)
{
    if (view->glimpsed) {
        view->framer.keep = 0;
        return FRAMER_NEED_MORE;
    }
    view->glimpsed = true;
    return framer_next(&view->framer, ret_frame);
}

static size_t foreign_carry(const struct session_view *view, const unsigned char **ret_from)
{
    *ret_from = view->framer.at;
    return view->framer.keep;
}

const struct session_kind session_foreign = {
    .name = "foreign",
    .open = foreign_open,
    .next = foreign_next,
    .carry = foreign_carry,
};
