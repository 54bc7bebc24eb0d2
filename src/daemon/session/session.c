/* SPDX-License-Identifier: MIT
 *
 * Sessions: the preface first, then the kind.
 */
#include "config.h"

#include "daemon/session/session.h"

#include <string.h>

static const struct session_kind *const kinds[SESSIONS] = {
    [SESSION_SYSLOG] = &session_syslog,
    [SESSION_FOREIGN] = &session_foreign,
};

const struct session_kind *session_of(const struct stream *stream)
{
    return kinds[stream->session];
}

/* Answers: has a PROXY header begun, or is this its beginning? Silence needs none. */
static bool has_header(const struct stream *stream, const struct session_input *input)
{
    static const struct proxy_reading untouched;

    return stream->awaits_proxy &&
           (input->len > 0 || memcmp(&stream->proxy, &untouched, sizeof untouched) != 0);
}

/* Read the header, or go on with it; SESSION_OPEN: it is behind us. */
static enum session_opening read_header(struct stream *stream, const struct session_input *input,
                                        struct preface_header *ret_header)
{
    preface_read(stream, input->bytes, input->len, input->at_end, ret_header);
    if (ret_header->result == PROXY_NEED_MORE) {
        stream->proxy.state = ret_header->state;
        stream->proxy.peer = ret_header->says.peer;
        return SESSION_WAITS;
    }
    if (input->verdict == VERDICT_NONE)
        return SESSION_JUDGE;
    if (input->verdict == VERDICT_REFUSED)
        return SESSION_REFUSED;
    stream->awaits_proxy = 0;
    stream->framer = (struct framer_state){.count = 0};
    return SESSION_OPEN;
}

/* Look at the first bytes of a stream for another protocol. Answers: is it known? */
static bool detect(struct session_view *view, struct stream *stream, const unsigned char *bytes,
                   size_t len, bool more)
{
    view->protocol = PROTOCOL_NONE;
    if (stream->detected || len == 0)
        return true;
    enum protocol protocol = protocol_detect(bytes, len);
    if (protocol == PROTOCOL_UNDECIDED && more)
        return false;
    stream->detected = 1;
    if (protocol != PROTOCOL_UNDECIDED)
        view->protocol = protocol;
    if (protocol_has_no_text(protocol))
        stream->session = SESSION_FOREIGN;
    return true;
}

enum session_opening session_open(struct session_view *view, struct stream *stream,
                                  const struct session_input *input,
                                  struct preface_header *ret_header)
{
    size_t skip = 0;

    ret_header->len = 0;
    if (has_header(stream, input)) {
        enum session_opening opening = read_header(stream, input, ret_header);
        if (opening != SESSION_OPEN)
            return opening;
        skip = ret_header->len;
    }
    if (!detect(view, stream, input->bytes + skip, input->len - skip,
                !input->at_end && !input->flush))
        return SESSION_WAITS;
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
