/* SPDX-License-Identifier: MIT
 *
 * Sessions: the preface first, then the kind.
 */
#include "config.h"

#include "daemon/session/session.h"

static const struct session_kind *const kinds[SESSIONS] = {
    [SESSION_SYSLOG] = &session_syslog,
};

const struct session_kind *session_of(const struct stream *stream)
{
    return kinds[stream->session];
}

enum session_opening session_open(struct session_view *view, struct stream *stream,
                                  const struct session_input *input,
                                  struct preface_header *ret_header)
{
    size_t skip = 0;

    if (stream->awaits_proxy && input->len > 0) {
        if (!preface_parse(input->bytes, input->len, ret_header))
            return SESSION_WAITS;
        if (input->verdict == VERDICT_NONE)
            return SESSION_JUDGE;
        if (input->verdict == VERDICT_REFUSED)
            return SESSION_REFUSED;
        stream->awaits_proxy = 0;
        skip = ret_header->len;
    }
    view->kind = session_of(stream);
    view->stream = stream;
    view->rules = input->rules;
    view->kind->open(view, input->bytes + skip, input->len - skip, input->at_end);
    if (input->flush)
        framer_flush(&view->framer);
    return SESSION_OPEN;
}

size_t session_carry(const struct session_view *view, const unsigned char **ret_from)
{
    *ret_from = view->framer.at;
    return view->framer.keep;
}
