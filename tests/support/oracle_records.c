/* SPDX-License-Identifier: MIT
 *
 * Oracle: from messages to records. See oracle.h.
 */
#include "config.h"

#include <string.h>

#include "support/oracle_parts.h"

/* A piece of the message, or all of it, becomes a record. */
static void emit(struct reading *r, const struct message *m, struct record record, size_t from,
                 size_t len)
{
    struct heard h = {.frame_offset = from, .frame_bytes = len};
    const struct record_rules *rules = &r->rules->record;
    size_t skip = 0;

    record.flags |= m->flags;
    if (record.part <= 1) {
        size_t spaces = 0;
        int value = -1;
        while (spaces < len && r->bytes[from + spaces] == ' ')
            spaces++;
        size_t pri = oracle_pri(r->bytes + from + spaces, len - spaces, &value);
        bool indented = len > 0 && strchr(" \t", r->bytes[from]) != NULL && r->bytes[from] != 0;
        if (pri > 0 && value >= 0 && rules->mode != PRIORITY_MODE_IGNORE) {
            bool full = rules->mode == PRIORITY_MODE_FULL && (value >= 8 || rules->allow_kern);
            int facility = full ? value / 8 : rules->priority / 8;
            int severity = value % 8;
            if (severity < rules->highest_severity)
                severity = rules->highest_severity;
            r->before = (uint8_t)(facility * 8 + severity + 1);
            record.flags &= ~(unsigned)FRAME_CONTINUED;
            skip = spaces + pri;
        } else if (r->before > 0 && indented && !(record.flags & FRAME_CONTINUED)) {
            record.flags |= RECORD_INDENTED;
        } else if (r->before == 0 || !(record.flags & FRAME_CONTINUED)) {
            r->before = (uint8_t)(rules->priority + 1);
        }
    }
    record.text = r->bytes + from + skip;
    record.len = (uint32_t)(len - skip);
    record.sequence = r->records->count + 1;
    record.priority = (uint8_t)(r->before - 1);
    if (m->flags & (FRAME_INCOMPLETE | FRAME_MISFIT)) {
        record.have_bytes = (uint32_t)m->have;
        record.want_bytes = (uint32_t)m->want;
    }
    records_add(r->records, &record, &h);
    r->account->text += len;
}

/* Where a message that goes on behind LIMIT bytes is cut: not inside a character. */
size_t oracle_cut(const unsigned char *text, size_t limit)
{
    for (size_t back = 1; back <= 3; back++) {
        unsigned char lead = text[limit - back];
        size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        bool inside = lead >= 0xc2 && lead <= 0xf4 && n > back;
        for (size_t i = limit - back + 1; i <= limit; i++)
            inside = inside && text[i] >= 0x80 && text[i] <= 0xbf;
        if (inside)
            return limit - back;
    }
    return limit;
}

static void emit_pieces(struct reading *r, const struct message *m)
{
    size_t max = max_of(r), done = 0;
    struct record record = {.flags = FRAME_SPLIT};
    struct message open = {.flags = m->flags & FRAME_CONTINUED};
    struct message last = *m;

    last.flags &= ~(unsigned)FRAME_CONTINUED;
    while (m->len - done > max) {
        size_t piece = oracle_cut(r->bytes + m->from + done, max);
        record.part++;
        emit(r, &open, record, m->from + done, piece);
        open.flags = 0;
        done += piece;
    }
    record.part++;
    record.flags |= FRAME_LAST;
    emit(r, &last, record, m->from + done, m->len - done);
}

static void emit_notice(struct reading *r, const struct message *m)
{
    bool counted = m->flags & (FRAME_INCOMPLETE | FRAME_MISFIT);
    struct record record = {
        .flags = m->flags | FRAME_TRUNCATED,
        .cut_bytes = m->len,
        .sequence = r->records->count + 1,
        .have_bytes = counted ? (uint32_t)m->have : 0,
        .want_bytes = counted ? (uint32_t)m->want : 0,
    };
    records_add(r->records, &record, &(struct heard){.discarded = true});
    r->account->cut += m->len;
}

void oracle_emit(struct reading *r, const struct message *m)
{
    size_t max = max_of(r);
    struct record whole = {0};

    if (m->len == 0)
        return;
    if (m->len <= max) {
        emit(r, m, whole, m->from, m->len);
    } else if (r->rules->framer.oversize == OVERSIZE_SPLIT) {
        emit_pieces(r, m);
    } else if (r->rules->framer.oversize == OVERSIZE_DISCARD) {
        emit_notice(r, m);
    } else {
        size_t keep = oracle_cut(r->bytes + m->from, max);
        whole.flags = FRAME_TRUNCATED;
        whole.cut_bytes = m->len - keep;
        r->account->cut += m->len - keep;
        emit(r, m, whole, m->from, keep);
    }
}

/* The bytes of "CR LF" or "LF" at the end of LEN bytes of text. */
static size_t trailing_line_end(const unsigned char *text, size_t len)
{
    if (len == 0 || text[len - 1] != '\n')
        return 0;
    return len > 1 && text[len - 2] == '\r' ? 2 : 1;
}

/* The length of a text without the line end that goes. */
size_t oracle_stripped(const struct reading *r, const struct end *e)
{
    if (!e->strip || e->len == 0)
        return e->len;
    if (e->skip > 0 && place(r, e->len)[0] == '\n')
        return e->len - (place(r, e->len - 1)[0] == '\r');
    return e->len - trailing_line_end(place(r, 0), e->len);
}
