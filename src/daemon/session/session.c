/* SPDX-License-Identifier: MIT
 *
 * Sessions: the preface first, then the kind.
 */
#include "config.h"

#include "daemon/session/session.h"

#include <string.h>

static const struct session_kind *const kinds[SESSIONS] = {
    [SESSION_SYSLOG] = &session_syslog,
    [SESSION_RELP] = &session_relp,
    [SESSION_FOREIGN] = &session_foreign,
    [SESSION_AUTO] = &session_syslog, /* nothing of it is framed, so none is asked for answers */
};

uint8_t session_wanted(const struct listener_settings *listener)
{
    static const uint8_t wanted[] = {
        [LISTENER_AUTO] = SESSION_AUTO,
        [LISTENER_SYSLOG] = SESSION_SYSLOG,
        [LISTENER_RELP] = SESSION_RELP,
    };

    return listener != NULL ? wanted[listener->session] : SESSION_SYSLOG;
}

const struct session_kind *session_of(const struct stream *stream)
{
    return kinds[stream->session];
}

const char *session_name(unsigned id)
{
    return id == SESSION_AUTO ? "auto" : id < SESSIONS ? kinds[id]->name : "?";
}

enum session_answers session_committed(struct connections *table, uint32_t slot)
{
    const struct session_kind *kind = session_of(&table->ledger->slots[slot].stream);

    return kind->committed != NULL ? kind->committed(table, slot) : ANSWERS_OUT;
}

bool session_owes(const struct connections *table, uint32_t slot)
{
    const struct session_kind *kind = session_of(&table->ledger->slots[slot].stream);

    return kind->owes != NULL && kind->owes(table, slot);
}

void session_inherit(struct connections *table, uint32_t slot)
{
    const struct stream *stream = &table->ledger->slots[slot].stream;

    /* A stream is checked when all segments are known: its ledger may be damaged. */
    if (stream->session < SESSIONS && session_of(stream)->inherit != NULL)
        session_of(stream)->inherit(table, slot);
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

/* What begins like RELP is RELP; nothing else keeps waiting. Answers: is it known? */
static bool decide(struct stream *stream, const unsigned char *bytes, size_t len, bool more)
{
    if (stream->session != SESSION_AUTO)
        return true;
    enum relp_guess guess = relp_guess(bytes, len);
    if (guess == RELP_GUESS_UNDECIDED && more)
        return false;
    stream->session = guess == RELP_GUESS_OPEN ? SESSION_RELP : SESSION_SYSLOG;
    return true;
}

/* Look at the first bytes of a stream for another protocol. Answers: is it known? */
static bool detect(struct session_view *view, struct stream *stream, const unsigned char *bytes,
                   size_t len, bool more)
{
    view->protocol = PROTOCOL_NONE;
    if (stream->detected || len == 0 || stream->session != SESSION_SYSLOG)
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
    const bool more = !input->at_end && !input->flush;
    size_t skip = 0;

    ret_header->len = 0;
    if (has_header(stream, input)) {
        enum session_opening opening = read_header(stream, input, ret_header);
        if (opening != SESSION_OPEN)
            return opening;
        skip = ret_header->len;
    }
    if (!decide(stream, input->bytes + skip, input->len - skip, more) ||
        !detect(view, stream, input->bytes + skip, input->len - skip, more))
        return SESSION_WAITS;
    view->kind = session_of(stream);
    view->stream = stream;
    view->rules = input->rules;
    view->kind->open(view, input->bytes + skip, input->len - skip, input->at_end);
    if (input->flush && view->kind == &session_syslog)
        framer_flush(&view->framer);
    return SESSION_OPEN;
}
