/* SPDX-License-Identifier: MIT
 *
 * Oracle: see oracle.h. Speed is no concern here; being obviously right is.
 */
#include "config.h"

#include "unit/oracle.h"

#include <stdio.h>
#include <string.h>

/* --- PRI --- */

size_t oracle_pri(const unsigned char *text, size_t len, int *ret_value)
{
    size_t digits = 0;
    int value = 0;

    if (len < 3 || text[0] != '<')
        return 0;
    while (1 + digits < len && text[1 + digits] >= '0' && text[1 + digits] <= '9' && digits < 4) {
        value = value * 10 + (text[1 + digits] - '0');
        digits++;
    }
    if (digits < 1 || digits > 3 || 1 + digits >= len || text[1 + digits] != '>')
        return 0;
    *ret_value = value <= 191 ? value : -1;
    return digits + 2;
}

/* --- UTF-8 and escapes --- */

/* POINT in N bytes of UTF-8, whether or not that is its proper length. */
static void encode(uint32_t point, size_t n, unsigned char *dst)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--) {
        dst[i] = (unsigned char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    dst[0] = (unsigned char)(marks[n] | point);
}

/* How many bytes POINT needs; 0 when it is no character. */
static size_t proper_length(uint32_t point)
{
    if (point < 0x80)
        return 1;
    if (point < 0x800)
        return 2;
    if (point >= 0xd800 && point <= 0xdfff)
        return 0;
    if (point < 0x10000)
        return 3;
    return point <= 0x10ffff ? 4 : 0;
}

size_t oracle_utf8(const unsigned char *text, size_t len, uint32_t *ret_point)
{
    static const unsigned char payload[] = {0, 0x7f, 0x1f, 0x0f, 0x07};

    for (size_t n = 1; n <= 4 && n <= len; n++) {
        unsigned char again[4];
        uint32_t point = text[0] & payload[n];
        for (size_t i = 1; i < n; i++)
            point = point << 6 | (text[i] & 0x3f);
        encode(point, n, again);
        if (memcmp(again, text, n) == 0 && proper_length(point) == n) {
            *ret_point = point;
            return n;
        }
    }
    return 0;
}

static bool may_stand(uint32_t point, enum escape_lf lf)
{
    if (point % 0x10000 >= 0xfffe || (point >= 0xfdd0 && point < 0xfdf0))
        return false;
    if (point == '\t')
        return true;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0))
        return false;
    switch (point) {
    case 0x2028: case 0x2029:
        return lf == KEEP_LF;
    case 0x202a: case 0x202b: case 0x202c: case 0x202d: case 0x202e:
    case 0x2066: case 0x2067: case 0x2068: case 0x2069:
        return false;
    default:
        return true;
    }
}

size_t oracle_escape(const unsigned char *text, size_t len, enum escape_lf lf,
                     struct bytes *out)
{
    uint32_t point = 0;
    size_t n = oracle_utf8(text, len, &point);

    if (text[0] == '\n') {
        bytes_add_text(out, lf == KEEP_LF ? "\n" : "\\n");
        return 1;
    }
    if (n > 0 && may_stand(point, lf)) {
        bytes_add(out, text, n);
        return n;
    }
    if (n == 0)
        n = 1;
    for (size_t i = 0; i < n; i++) {
        char hex[5];
        (void)snprintf(hex, sizeof hex, "\\x%02x", text[i]); /* it fits */
        bytes_add_text(out, hex);
    }
    return n;
}

/* --- framing --- */

/* The stream on its way through the rules. */
struct reading {
    const unsigned char *bytes;
    size_t len;
    size_t at; /* the first byte of the current frame */
    const struct intake_rules *rules;
    struct records *records;
    struct account *account;
    uint8_t priority; /* of the current message */
    bool after_nul;   /* the frame before this one ended at a NUL */
};

/* One message: where its text stands, and what is to be said of it. */
struct message {
    size_t from;
    size_t len;
    unsigned flags;
    size_t have, want;
};

/* A piece of the message, or all of it, becomes a record. */
static void emit(struct reading *r, const struct message *m, struct record record, size_t from,
                 size_t len)
{
    struct heard h = {.frame_offset = from, .frame_bytes = len};
    const struct record_rules *rules = &r->rules->record;
    size_t skip = 0;

    if (record.part <= 1) {
        size_t spaces = 0;
        int value = -1;
        while (spaces < len && r->bytes[from + spaces] == ' ')
            spaces++;
        size_t pri = oracle_pri(r->bytes + from + spaces, len - spaces, &value);
        r->priority = rules->priority;
        if (pri > 0 && value >= 0 && rules->mode != PRIORITY_MODE_IGNORE) {
            bool full = rules->mode == PRIORITY_MODE_FULL && (value >= 8 || rules->allow_kern);
            int facility = full ? value / 8 : rules->priority / 8;
            int severity = value % 8;
            if (severity < rules->highest_severity)
                severity = rules->highest_severity;
            r->priority = (uint8_t)(facility * 8 + severity);
            skip = spaces + pri;
        }
    }
    record.text = r->bytes + from + skip;
    record.len = (uint32_t)(len - skip);
    record.flags |= m->flags;
    record.sequence = r->records->count + 1;
    record.priority = r->priority;
    if (m->flags & FRAME_INCOMPLETE) {
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
    size_t max = r->rules->framer.max_message_bytes, done = 0;
    struct record record = {.flags = FRAME_SPLIT};
    struct message open = {0};

    while (m->len - done > max) {
        size_t piece = cut_at(r->bytes + m->from + done, max);
        record.part++;
        emit(r, &open, record, m->from + done, piece);
        done += piece;
    }
    record.part++;
    record.flags |= FRAME_LAST;
    emit(r, m, record, m->from + done, m->len - done);
}

static void emit_notice(struct reading *r, const struct message *m)
{
    struct record record = {
        .flags = m->flags | FRAME_TRUNCATED,
        .cut_bytes = m->len,
        .sequence = r->records->count + 1,
        .have_bytes = m->flags & FRAME_INCOMPLETE ? (uint32_t)m->have : 0,
        .want_bytes = m->flags & FRAME_INCOMPLETE ? (uint32_t)m->want : 0,
    };
    records_add(r->records, &record, &(struct heard){.discarded = true});
    r->account->cut += m->len;
}

static void emit_message(struct reading *r, const struct message *m)
{
    size_t max = r->rules->framer.max_message_bytes;
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

/* The length of "DIGITS SP" at the start of a counted frame; 0 when it is text. */
static size_t count_length(const struct reading *r, size_t *ret_count)
{
    const unsigned char *text = r->bytes + r->at;
    size_t len = r->len - r->at, digits = 0;
    uint64_t count = 0;
    int pri = 0;

    while (digits < len && text[digits] >= '0' && text[digits] <= '9')
        digits++;
    if (digits < 1 || digits > 10 || digits == len || text[digits] != ' ')
        return 0;
    for (size_t i = 0; i < digits; i++)
        count = count * 10 + (uint64_t)(text[i] - '0');
    if (count > 16777216)
        return 0;
    if (r->rules->framer.framing == FRAMING_AUTO &&
        oracle_pri(text + digits + 1, len - digits - 1, &pri) == 0)
        return 0;
    *ret_count = (size_t)count;
    return digits + 1;
}

/* The bytes of "CR LF" or "LF" at the end of LEN bytes of text. */
static size_t trailing_line_end(const unsigned char *text, size_t len)
{
    if (len == 0 || text[len - 1] != '\n')
        return 0;
    return len > 1 && text[len - 2] == '\r' ? 2 : 1;
}

static void read_counted(struct reading *r, size_t header, size_t count)
{
    size_t from = r->at + header;
    size_t have = count < r->len - from ? count : r->len - from;
    struct message m = {.from = from, .len = have, .have = have, .want = count};

    if (have == count)
        m.len -= trailing_line_end(r->bytes + from, have);
    else
        m.flags = FRAME_INCOMPLETE;
    r->account->count += header;
    r->account->terminator += have - m.len;
    r->after_nul = false;
    r->at = from + have;
    emit_message(r, &m);
}

/* Is BYTE a terminator of this frame? */
static bool ends(const struct reading *r, bool to_nul, unsigned char byte)
{
    switch (r->rules->framer.framing) {
    case FRAMING_CLOSE:
        return false;
    case FRAMING_NUL:
        return byte == '\0';
    case FRAMING_AUTO:
        return byte == '\0' || (byte == '\n' && !to_nul);
    default:
        return byte == '\n';
    }
}

static void read_text(struct reading *r)
{
    int pri = 0;
    bool to_nul = r->rules->framer.framing == FRAMING_AUTO && r->after_nul &&
                  oracle_pri(r->bytes + r->at, r->len - r->at, &pri) > 0;
    size_t stop = r->at;

    while (stop < r->len && !ends(r, to_nul, r->bytes[stop]))
        stop++;
    bool terminated = stop < r->len;
    struct message m = {.from = r->at, .len = stop - r->at};
    if (terminated && r->bytes[stop] == '\n')
        m.len -= m.len > 0 && r->bytes[stop - 1] == '\r';
    else
        m.len -= trailing_line_end(r->bytes + r->at, m.len);
    if (!terminated && r->rules->framer.framing != FRAMING_CLOSE)
        m.flags = FRAME_UNTERMINATED;
    r->account->terminator += stop - r->at - m.len + terminated;
    r->after_nul = terminated && r->bytes[stop] == '\0';
    r->at = stop + terminated;
    emit_message(r, &m);
}

void oracle_records(struct span stream, const struct intake_rules *rules,
                    struct records *ret_records, struct account *ret_account)
{
    uint8_t framing = rules->framer.framing;
    struct reading r = {
        .bytes = stream.data, .len = stream.len, .rules = rules,
        .records = ret_records, .account = ret_account,
    };

    *ret_records = (struct records){0};
    *ret_account = (struct account){0};
    while (r.at < r.len) {
        size_t count = 0, header = 0;
        if (framing == FRAMING_AUTO || framing == FRAMING_OCTET_COUNTING)
            header = count_length(&r, &count);
        if (header > 0)
            read_counted(&r, header, count);
        else
            read_text(&r);
    }
    require(ret_account->text + ret_account->cut + ret_account->terminator + ret_account->count ==
                stream.len,
            "the oracle accounts for every byte");
}
