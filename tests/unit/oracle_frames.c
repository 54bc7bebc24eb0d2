/* SPDX-License-Identifier: MIT
 *
 * Oracle: where messages end. For each frame the bytes up to the next flush are looked at,
 * from its first one; if they do not decide, the flush does what it does, or more bytes are
 * looked at, and at last the end of the stream decides. Nothing is remembered in between.
 */
#include "config.h"

#include <string.h>

#include "unit/oracle.h"

/* What comes behind the bytes that can be seen. */
enum behind { BEHIND_MORE, BEHIND_FLUSH, BEHIND_END };

enum follows { FOLLOWS_NOTHING, FOLLOWS_LF, FOLLOWS_NUL, FOLLOWS_COUNT, FOLLOWS_FLUSH };

/* The stream on its way through the rules. */
struct reading {
    const unsigned char *bytes;
    size_t len;
    size_t at;       /* the first byte of the current frame */
    size_t upto;     /* what can be seen ends here, */
    enum behind behind; /* and then comes this */
    size_t used;     /* flushes up to here have done what they do */
    const struct intake_rules *rules;
    struct records *records;
    struct account *account;
    uint8_t before;  /* 1 + the priority of the last message */
    enum follows after; /* what the frame follows */
    bool lf, nul, cr, counts; /* ends that were shown */
    bool too_long;   /* the last count was one too long */
    size_t count;    /* of the counted frame before, or at hand; */
    size_t joined;   /* the same with the digit before it, */
    unsigned char last; /* and the last byte of that frame */
    size_t given;    /* bytes of the counted frame at hand that a flush gave out */
    bool counting;   /* a counted frame is at hand */
};

/* One message: where its text stands, and what is to be said of it. */
struct message {
    size_t from;
    size_t len;
    unsigned flags;
    size_t have, want;
};

/* How a text ends: LEN bytes of it, then SKIP bytes of terminator. */
struct end {
    bool found;
    bool stop; /* not decided: wait for more */
    size_t len, skip;
    unsigned flags;
    bool strip;
    enum follows next;
    bool lf, nul, cr;
};

static size_t max_of(const struct reading *r) { return r->rules->framer.max_message_bytes; }
static uint8_t framing_of(const struct reading *r) { return r->rules->framer.framing; }
static bool is_auto(const struct reading *r) { return framing_of(r) == FRAMING_AUTO; }
static bool has_counts(const struct reading *r)
{
    return is_auto(r) || framing_of(r) == FRAMING_OCTET_COUNTING;
}
static bool has_lines(const struct reading *r) { return is_auto(r) || framing_of(r) == FRAMING_LF; }
static bool has_flushes(const struct reading *r) { return has_counts(r) || has_lines(r); }
static bool nothing_shown(const struct reading *r)
{
    return !r->lf && !r->nul && !r->cr && !r->counts;
}
static bool is_open(const struct reading *r, enum form form)
{
    return form == FORM_OPEN && r->behind == BEHIND_MORE;
}
static const unsigned char *place(const struct reading *r, size_t i)
{
    return r->bytes + r->at + i;
}
static const unsigned char *stop_of(const struct reading *r) { return r->bytes + r->upto; }
static enum form pri_at(const struct reading *r, size_t i)
{
    return oracle_form_pri(place(r, i), stop_of(r));
}

/* --- records --- */

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
            int facility = rules->mode == PRIORITY_MODE_FULL ? value / 8 : rules->priority / 8;
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
static size_t cut_at(const unsigned char *text, size_t limit)
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
        size_t piece = cut_at(r->bytes + m->from + done, max);
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

static void emit_message(struct reading *r, const struct message *m)
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
        size_t keep = cut_at(r->bytes + m->from, max);
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
static size_t stripped(const struct reading *r, const struct end *e)
{
    if (!e->strip || e->len == 0)
        return e->len;
    if (e->skip > 0 && place(r, e->len)[0] == '\n')
        return e->len - (place(r, e->len - 1)[0] == '\r');
    return e->len - trailing_line_end(place(r, 0), e->len);
}

/* --- counted frames --- */

static bool ends_in_a_character(const unsigned char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char lead = text[len - back];
        size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        bool inside = lead >= 0xc2 && lead <= 0xf4 && n > back;
        for (size_t i = len - back + 1; i < len; i++)
            inside = inside && text[i] >= 0x80 && text[i] <= 0xbf;
        if (inside)
            return true;
    }
    return false;
}

/* Where a counted frame ends of which LEFT bytes are to come, if its count may not fit. */
static bool find_misfit(struct reading *r, size_t left, struct end *e)
{
    size_t avail = r->upto - r->at;

    if (r->too_long && left > 1 && avail >= left - 1) {
        enum form form = avail == left - 1
                             ? FORM_OPEN
                             : oracle_form_header(place(r, left - 1), stop_of(r));
        if (is_open(r, form)) {
            e->stop = true;
            return true;
        }
        if (form == FORM_YES || avail == left - 1) {
            *e = (struct end){.found = true, .len = left - 1, .strip = true,
                              .flags = FRAME_MISFIT};
            return true;
        }
        r->too_long = false;
    }
    if (avail < left || !r->rules->framer.flushes || !ends_in_a_character(place(r, 0), left))
        return false;
    if (avail == left) {
        e->stop = r->behind == BEHIND_MORE;
        return e->stop;
    }
    if (place(r, left)[0] < 0x80 || place(r, left)[0] > 0xbf)
        return false;
    *e = (struct end){.found = true, .len = left, .flags = FRAME_MISFIT};
    return true;
}

/* Where it ends by its count. */
static struct end find_counted(const struct reading *r, size_t left)
{
    size_t avail = r->upto - r->at;

    if (avail >= left)
        return (struct end){.found = true, .len = left, .strip = true};
    if (r->behind == BEHIND_END)
        return (struct end){.found = true, .len = avail, .flags = FRAME_INCOMPLETE};
    if (r->behind == BEHIND_FLUSH && avail > 0)
        return (struct end){.found = true, .len = avail, .flags = FRAME_UNFINISHED};
    return (struct end){.stop = true};
}

/* The rest of a counted frame. Returns: false while it is not decided. */
static bool read_counted(struct reading *r)
{
    size_t left = r->count - r->given, max = max_of(r);
    bool drops = r->rules->framer.oversize != OVERSIZE_SPLIT;
    bool dropped = drops && left > max + 3 && r->upto - r->at > max;
    struct end e = {0};

    if (dropped || !find_misfit(r, left, &e))
        e = find_counted(r, left);
    if (!dropped && drops && e.found && stripped(r, &e) > max)
        e = find_counted(r, left);
    if (e.stop)
        return false;
    struct message m = {
        .from = r->at, .len = stripped(r, &e), .flags = e.flags,
        .have = r->given + e.len, .want = r->count,
    };
    if (r->given > 0)
        m.flags |= FRAME_CONTINUED;
    r->account->terminator += e.len - m.len;
    r->at += e.len;
    if (e.flags & FRAME_UNFINISHED) {
        r->given += e.len;
    } else {
        r->counting = false;
        r->given = 0;
        r->after = FOLLOWS_COUNT;
        r->last = e.len > 0 ? r->bytes[r->at - 1] : 0;
        r->joined = e.len > 0 ? r->joined : 0;
    }
    emit_message(r, &m);
    return true;
}

/* Behind HEADER bytes a counted frame of COUNT bytes begins. */
static bool begin_counted(struct reading *r, size_t header, size_t count, size_t joined)
{
    r->account->count += header;
    r->at += header;
    r->count = count;
    r->joined = joined;
    r->given = 0;
    r->counts = r->counting = true;
    return true;
}

/* --- the ends of texts --- */

static struct end end_at_lf(size_t i)
{
    return (struct end){.found = true, .len = i, .skip = 1, .strip = true, .next = FOLLOWS_LF};
}

static struct end end_at_nul(size_t i)
{
    return (struct end){
        .found = true, .len = i, .skip = 1, .strip = true, .next = FOLLOWS_NUL, .nul = true,
    };
}

static struct end end_at_cr(size_t i)
{
    return (struct end){.found = true, .len = i, .skip = 1, .cr = true};
}

static struct end undecided(void) { return (struct end){.stop = true}; }

/* No end was seen. */
static struct end end_late(const struct reading *r)
{
    size_t avail = r->upto - r->at;

    if (r->behind == BEHIND_END)
        return (struct end){
            .found = true, .len = avail, .strip = true,
            .flags = framing_of(r) == FRAMING_CLOSE ? 0 : FRAME_UNTERMINATED,
        };
    if (r->behind == BEHIND_FLUSH)
        return (struct end){
            .found = true, .len = avail, .flags = FRAME_UNFINISHED, .next = FOLLOWS_FLUSH,
        };
    return undecided();
}

static bool holds_lf(const struct reading *r, size_t len)
{
    for (size_t i = 0; i < len && r->at + i < r->upto; i++)
        if (place(r, i)[0] == '\n')
            return true;
    return false;
}

/* Lines, NUL and nothing else. */
static struct end find_plain(const struct reading *r, size_t from)
{
    for (size_t i = from; r->at + i < r->upto; i++) {
        unsigned char byte = place(r, i)[0];
        if (framing_of(r) == FRAMING_CLOSE)
            continue;
        if (byte == '\n' && framing_of(r) != FRAMING_NUL)
            return end_at_lf(i);
        if (byte == '\0' && (is_auto(r) || framing_of(r) == FRAMING_NUL))
            return end_at_nul(i);
    }
    return end_late(r);
}

/* Does a line with a PRI begin at I, behind the CR of LF CR or not? */
static enum form line_at(const struct reading *r, size_t i)
{
    if (r->at + i < r->upto && place(r, i)[0] == '\r')
        i++;
    return pri_at(r, i);
}

/* Is there an end at I that streams may have that have shown no LF? */
static enum form unproven_at(const struct reading *r, size_t i, bool to_nul, struct end *e)
{
    const unsigned char *at = place(r, i);

    if (*at == '\n') {
        *e = end_at_lf(i);
        return to_nul ? line_at(r, i + 1) : FORM_YES;
    }
    if (*at == '\0' && is_auto(r)) {
        *e = end_at_nul(i);
        return FORM_YES;
    }
    if (*at == '\r') {
        *e = end_at_cr(i);
        return r->cr ? FORM_YES : pri_at(r, i + 1);
    }
    if (!is_auto(r) || !nothing_shown(r))
        return FORM_NO;
    *e = (struct end){.found = true, .len = i};
    if (*at == '<' && i > 0)
        return oracle_form_dated(at, stop_of(r));
    if (*at == '}') {
        e->len++;
        return oracle_form_text(at, stop_of(r), "}{\"version\"");
    }
    e->skip = strlen("__LOG4JS__");
    return oracle_form_text(at, stop_of(r), "__LOG4JS__");
}

static struct end find_unproven(const struct reading *r, size_t from)
{
    struct end e;

    for (size_t i = from; r->at + i < r->upto; i++) {
        enum form form = unproven_at(r, i, false, &e);
        if (form == FORM_YES)
            return e;
        if (is_open(r, form))
            return undecided();
    }
    if (r->behind == BEHIND_FLUSH && r->bytes[r->upto - 1] == '\r')
        return end_at_cr(r->upto - r->at - 1);
    return end_late(r);
}

/* Joined lines: the last of them that fits ends a message that would be too long. */
static struct end end_at_joint(const struct reading *r, struct end e)
{
    size_t max = max_of(r);

    if (e.stop ? r->upto - r->at <= max + 3 : stripped(r, &e) <= max)
        return e;
    for (size_t i = max + 1; i > 0; i--) {
        if (place(r, i - 1)[0] == '\n') {
            e = end_at_lf(i - 1);
            e.next = FOLLOWS_FLUSH;
            e.lf = true;
            return e;
        }
    }
    return e;
}

static enum form joined_at(const struct reading *r, size_t i, bool has_head)
{
    if (r->at + i == r->upto)
        return FORM_OPEN;
    unsigned char byte = place(r, i)[0];
    if (r->rules->framer.multiline == MULTILINE_INDENTED)
        return byte == ' ' || byte == '\t' ? FORM_YES : FORM_NO;
    if (byte == '\n' || byte == '\0' || !has_head)
        return FORM_NO;
    enum form line = line_at(r, i);
    return line == FORM_YES ? FORM_NO : line == FORM_NO ? FORM_YES : FORM_OPEN;
}

static struct end find_joined(const struct reading *r, bool has_head)
{
    for (size_t i = 0; r->at + i < r->upto; i++) {
        unsigned char byte = place(r, i)[0];
        if (byte == '\0' && is_auto(r))
            return end_at_joint(r, end_at_nul(i));
        if (byte != '\n')
            continue;
        if (i > max_of(r))
            return end_at_joint(r, end_at_lf(i));
        enum form form = joined_at(r, i + 1, has_head);
        if (is_open(r, form) && r->upto > r->used)
            return undecided();
        if (form != FORM_YES)
            return end_at_joint(r, end_at_lf(i));
    }
    return end_at_joint(r, end_late(r));
}

/* What came is lines. Nothing of it waits for a NUL any more. */
static struct end find_text(struct reading *r, size_t from, bool has_head);

static struct end take_as_lines(struct reading *r, bool has_head)
{
    r->lf = true;
    return find_text(r, 0, has_head);
}

/* And the flush, if there was one, has done with that what it does. */
static struct end flush_lines(struct reading *r, bool has_head)
{
    if (r->behind == BEHIND_FLUSH) {
        r->used = r->upto;
        r->behind = BEHIND_MORE;
    }
    return take_as_lines(r, has_head);
}

/* The first message of a stream: up to a NUL, if it is that of a client that ends with it. */
static struct end find_first(struct reading *r)
{
    size_t window = max_of(r) + 4, avail = r->upto - r->at;
    struct end e;

    for (size_t i = 0; i < window && i < avail; i++) {
        enum form form = unproven_at(r, i, true, &e);
        if (form == FORM_YES && e.nul)
            return e;
        if (form == FORM_YES)
            return holds_lf(r, i + 1) ? take_as_lines(r, true) : e;
        if (is_open(r, form))
            return undecided();
    }
    if (avail >= window)
        return holds_lf(r, window) ? take_as_lines(r, true) : find_text(r, window, true);
    if (r->behind == BEHIND_MORE)
        return undecided();
    return holds_lf(r, avail) ? flush_lines(r, true) : find_unproven(r, avail);
}

/* A message of a client that ends with NUL. */
static struct end find_nul(struct reading *r)
{
    size_t avail = r->upto - r->at;

    for (size_t i = 0; i < avail; i++) {
        if (place(r, i)[0] == '\0')
            return end_at_nul(i);
        if (place(r, i)[0] != '\n')
            continue;
        enum form form = line_at(r, i + 1);
        if (form == FORM_YES)
            return i <= max_of(r) + 3 ? take_as_lines(r, true) : end_at_lf(i);
        if (is_open(r, form))
            return undecided();
    }
    if (r->behind == BEHIND_FLUSH && avail <= max_of(r) + 3 && holds_lf(r, avail))
        return flush_lines(r, true);
    return end_late(r);
}

static struct end find_text(struct reading *r, size_t from, bool has_head)
{
    if (!has_lines(r))
        return find_plain(r, 0);
    if (r->rules->framer.multiline != MULTILINE_NONE)
        return find_joined(r, has_head);
    return r->lf ? find_plain(r, 0) : find_unproven(r, from);
}

/* Where a message of which more than its first piece is dropped ends. */
static struct end find_dropped(const struct reading *r, size_t from, bool to_nul)
{
    for (size_t i = from; r->at + i < r->upto; i++) {
        unsigned char byte = place(r, i)[0];
        if (byte == '\0' && is_auto(r))
            return end_at_nul(i);
        if (to_nul && byte == '<' && place(r, i - 1)[0] == '\n')
            return (struct end){.found = true, .len = i, .strip = true, .next = FOLLOWS_LF};
        if (!to_nul && byte == '\n')
            return end_at_lf(i);
        if (!to_nul && byte == '\r' && r->cr && !r->lf && has_lines(r))
            return end_at_cr(i);
    }
    return end_late(r);
}

/* The text is given out, with CONTINUED or not, and the next frame begins behind it. */
static void give_text(struct reading *r, const struct end *e, unsigned flags)
{
    struct message m = {.from = r->at, .len = stripped(r, e), .flags = e->flags | flags};

    if (m.flags & FRAME_MISFIT) {
        m.have = r->count + e->len;
        m.want = r->count;
    }
    if (e->skip > 1)
        r->account->mark += e->skip;
    else
        r->account->terminator += e->skip;
    r->account->terminator += e->len - m.len;
    r->at += e->len + e->skip;
    r->after = e->next;
    r->lf |= e->lf;
    r->nul |= e->nul;
    r->cr |= e->cr;
    emit_message(r, &m);
}

/* --- text where a count should be --- */

static struct end find_stray(const struct reading *r, bool *ret_at_count)
{
    *ret_at_count = false;
    for (size_t i = 0; r->at + i < r->upto; i++) {
        unsigned char byte = place(r, i)[0];
        if (byte == '\n')
            return end_at_lf(i);
        if (byte == '\0' && is_auto(r))
            return end_at_nul(i);
        if (i == 0 || byte < '0' || byte > '9' ||
            (place(r, i - 1)[0] >= '0' && place(r, i - 1)[0] <= '9'))
            continue;
        enum form form = oracle_form_header(place(r, i), stop_of(r));
        if (is_open(r, form) && i <= max_of(r) + 3)
            return undecided();
        if (form == FORM_YES) {
            *ret_at_count = true;
            return (struct end){.found = true, .len = i};
        }
    }
    return end_late(r);
}

static bool read_stray(struct reading *r)
{
    size_t spaces = 0, max = max_of(r), avail = r->upto - r->at;
    bool at_count;
    struct end e = find_stray(r, &at_count);

    if (e.stop ? avail > max + 3 : stripped(r, &e) > max) {
        e = (struct end){
            .found = true, .len = cut_at(place(r, 0), max), .flags = FRAME_MISFIT,
            .next = FOLLOWS_COUNT,
        };
        give_text(r, &e, FRAME_CONTINUED);
        r->last = 0;
        r->joined = 0;
        return true;
    }
    if (e.stop)
        return false;
    while (spaces < e.len && place(r, spaces)[0] == ' ')
        spaces++;
    bool misfit = e.len > 0 && (at_count || pri_at(r, spaces) != FORM_YES);
    if (misfit)
        e.flags |= FRAME_MISFIT | FRAME_CONTINUED;
    if (e.next == FOLLOWS_FLUSH)
        e.next = FOLLOWS_COUNT;
    if (at_count && r->joined > 0 && r->joined == r->count + e.len + 1)
        r->too_long = true;
    give_text(r, &e, 0);
    r->last = 0;
    r->joined = 0;
    return true;
}

/* --- opening a frame --- */

static bool read_text(struct reading *r)
{
    size_t max = max_of(r);
    bool to_nul = is_auto(r) && !r->lf &&
                  (r->after == FOLLOWS_NUL || (nothing_shown(r) && r->rules->framer.flushes));
    enum form pri = pri_at(r, 0);

    if (r->after == FOLLOWS_COUNT && has_counts(r))
        return read_stray(r);
    if ((to_nul || r->after == FOLLOWS_FLUSH) && is_open(r, pri))
        return false;
    bool continued = r->after == FOLLOWS_FLUSH && pri != FORM_YES;
    bool first = nothing_shown(r);
    to_nul = to_nul && pri == FORM_YES;
    struct end e = !to_nul ? find_text(r, 0, continued || pri == FORM_YES)
                           : first ? find_first(r) : find_nul(r);
    bool long_one = e.stop ? r->upto - r->at > max + 3 : stripped(r, &e) > max;
    if (long_one && r->rules->framer.oversize != OVERSIZE_SPLIT) {
        /* What was searched for an end without success is not searched again. */
        size_t from = e.stop || e.len > max + 4 ? max + 4 : e.len;
        bool still_to_nul = to_nul && !first;
        if (has_lines(r) && !(r->lf && !to_nul && r->rules->framer.multiline == MULTILINE_NONE))
            e = find_dropped(r, from, still_to_nul);
    }
    if (e.stop)
        return false;
    give_text(r, &e, continued ? FRAME_CONTINUED : 0);
    return true;
}

/* "DIGITS SP" without a PRI, and no end was shown: is it a count all the same? */
static enum form guess(const struct reading *r, size_t header, size_t count)
{
    size_t want = header + count, avail = r->upto - r->at, next, len;

    if (count == 0 || count > max_of(r))
        return FORM_NO;
    for (size_t i = 0; i < want && i < avail; i++)
        if (place(r, i)[0] == '\n' || place(r, i)[0] == '\0')
            return FORM_NO;
    if (avail < want)
        return r->behind == BEHIND_MORE ? FORM_OPEN : FORM_NO;
    if (avail == want)
        return r->behind == BEHIND_MORE ? FORM_OPEN : FORM_YES;
    enum form form = oracle_form_count(place(r, want), stop_of(r), &next, &len);
    return form == FORM_OPEN && r->behind != BEHIND_MORE ? FORM_NO : form;
}

/* Behind a counted frame that ended with a digit: the count with that digit in front. */
static size_t join(const struct reading *r, size_t count, size_t header)
{
    size_t joined = r->last - (size_t)'0';

    if (r->last < '0' || r->last > '9')
        return 0;
    for (size_t i = 1; i < header; i++)
        joined *= 10;
    return joined + count <= 16777216 ? joined + count : 0;
}

static bool read_next_count(struct reading *r, size_t header, size_t count)
{
    size_t joined = join(r, count, header);
    enum form pri = pri_at(r, header);
    int value;

    if (joined > 0 && count <= 5 && is_open(r, pri))
        return false;
    if (joined > 0 && count <= 5 && pri == FORM_YES) {
        size_t len = oracle_pri(place(r, header), r->upto - r->at - header, &value);
        if (count <= len && joined > len) {
            r->too_long = true;
            return begin_counted(r, header, joined, 0);
        }
    }
    return begin_counted(r, header, count, joined);
}

/* Skip byte order marks, and a CR that belongs to the LF before. Returns: false to wait. */
static bool skip_prelude(struct reading *r)
{
    while (r->at < r->upto) {
        enum form mark = oracle_form_text(place(r, 0), stop_of(r), "\xef\xbb\xbf");
        enum form cr = FORM_NO;
        if (place(r, 0)[0] == '\r' && r->after == FOLLOWS_LF && has_lines(r))
            cr = pri_at(r, 1);
        if (is_open(r, mark) || is_open(r, cr))
            return false;
        if (mark != FORM_YES && cr != FORM_YES)
            return true;
        r->at += mark == FORM_YES ? 3 : 1;
        if (mark == FORM_YES)
            r->account->mark += 3;
        else
            r->account->terminator++;
    }
    return true;
}

/* The next frame, by what can be seen. Returns: false while it is not decided. */
static bool read_frame(struct reading *r)
{
    size_t count = 0, header = 0;

    if (r->counting)
        return read_counted(r);
    if (r->after == FOLLOWS_LF && (!is_auto(r) || place(r, 0)[0] != '\0'))
        r->lf = true;
    if (!skip_prelude(r))
        return false;
    if (r->at == r->upto)
        return true;
    enum form form = has_counts(r) ? oracle_form_count(place(r, 0), stop_of(r), &count, &header)
                                   : FORM_NO;
    if (is_open(r, form))
        return false;
    if (form != FORM_YES)
        return read_text(r);
    if (r->after == FOLLOWS_COUNT)
        return read_next_count(r, header, count);
    if (!is_auto(r))
        return begin_counted(r, header, count, 0);
    form = pri_at(r, header);
    if (form == FORM_NO && nothing_shown(r))
        form = guess(r, header, count);
    if (is_open(r, form))
        return false;
    return form == FORM_YES ? begin_counted(r, header, count, 0) : read_text(r);
}

/* Look at the bytes up to UPTO, and then at what comes behind them. */
static bool try_frame(struct reading *r, size_t upto, enum behind behind)
{
    r->upto = upto;
    r->behind = BEHIND_MORE;
    if (r->at < upto && read_frame(r))
        return true;
    r->behind = behind;
    return r->at < upto && (behind == BEHIND_END || upto > r->used) && read_frame(r);
}

/* Look at more and more bytes until a frame is decided. */
static void next_frame(struct reading *r, struct span stream)
{
    for (size_t i = 0; i < stream.flush_count; i++)
        if (stream.flushes[i] > r->at && has_flushes(r) &&
            try_frame(r, stream.flushes[i], BEHIND_FLUSH))
            return;
    (void)try_frame(r, stream.len, BEHIND_END); /* the end decides everything */
}

void oracle_records(struct span stream, const struct intake_rules *rules,
                    struct records *ret_records, struct account *ret_account)
{
    struct reading r = {
        .bytes = stream.data, .len = stream.len, .rules = rules,
        .records = ret_records, .account = ret_account,
    };

    *ret_records = (struct records){0};
    *ret_account = (struct account){0};
    while (r.at < r.len)
        next_frame(&r, stream);
    require(ret_account->text + ret_account->cut + ret_account->terminator + ret_account->count +
                    ret_account->mark ==
                stream.len,
            "the oracle accounts for every byte");
}
