/* SPDX-License-Identifier: MIT
 *
 * Sessions: the preface first, then the kind.
 */
#include "config.h"

#include "daemon/session/session.h"

static const struct session_kind *const kinds[SESSIONS] = {
    [SESSION_SYSLOG] = &session_syslog,
    [SESSION_RELP] = &session_relp,
    [SESSION_AUTO] = &session_auto,
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
    const struct session_kind *kind = session_of(&table->ledger->slots[slot].stream);

    if (kind->inherit != NULL)
        kind->inherit(table, slot);
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
    return SESSION_OPEN;
}
