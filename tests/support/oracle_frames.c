/* SPDX-License-Identifier: MIT
 *
 * Oracle: where messages end. For each frame the bytes up to the next flush are looked at,
 * from its first one; if they do not decide, the flush does what it does, or more bytes are
 * looked at, and at last the end of the stream decides. Nothing is remembered in between.
 */
#include "config.h"

#include <string.h>

#include "support/oracle_parts.h"

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
    if (!dropped && drops && e.found && oracle_stripped(r, &e) > max)
        e = find_counted(r, left);
    if (e.stop)
        return false;
    struct message m = {
        .from = r->at, .len = oracle_stripped(r, &e), .flags = e.flags,
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
    oracle_emit(r, &m);
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

/* The text is given out, with CONTINUED or not, and the next frame begins behind it. */
static void give_text(struct reading *r, const struct end *e, unsigned flags)
{
    struct message m = {.from = r->at, .len = oracle_stripped(r, e), .flags = e->flags | flags};

    if (m.flags & FRAME_MISFIT) {
        m.have = r->count + e->len;
        m.want = e->too_long ? m.have + 1 : r->count;
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
    oracle_emit(r, &m);
}

/* --- text where a count should be --- */

static struct end find_stray(const struct reading *r, bool *ret_at_count)
{
    *ret_at_count = false;
    for (size_t i = 0; r->at + i < r->upto; i++) {
        unsigned char byte = place(r, i)[0];
        if (byte == '\n')
            return oracle_end_at_lf(i);
        if (byte == '\0' && is_auto(r))
            return oracle_end_at_nul(i);
        if (i == 0 || byte < '0' || byte > '9' ||
            (place(r, i - 1)[0] >= '0' && place(r, i - 1)[0] <= '9'))
            continue;
        enum form form = oracle_form_header(place(r, i), stop_of(r));
        if (is_open(r, form) && i <= max_of(r) + 3)
            return (struct end){.stop = true};
        if (form == FORM_YES) {
            *ret_at_count = true;
            return (struct end){.found = true, .len = i};
        }
    }
    return oracle_end_late(r);
}

static bool read_stray(struct reading *r)
{
    size_t spaces = 0, max = max_of(r), avail = r->upto - r->at;
    bool at_count;
    struct end e = find_stray(r, &at_count);

    if (e.stop ? avail > max + 3 : oracle_stripped(r, &e) > max) {
        e = (struct end){
            .found = true, .len = oracle_cut(place(r, 0), max), .flags = FRAME_MISFIT,
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
        r->too_long = e.too_long = true;
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
    struct end e = !to_nul ? oracle_find_text(r, 0, continued || pri == FORM_YES)
                           : first ? oracle_find_first(r) : oracle_find_nul(r);
    bool long_one = e.stop ? r->upto - r->at > max + 3 : oracle_stripped(r, &e) > max;
    if (long_one && r->rules->framer.oversize != OVERSIZE_SPLIT) {
        /* What was searched for an end without success is not searched again. */
        size_t from = e.stop || e.len > max + 4 ? max + 4 : e.len;
        bool still_to_nul = to_nul && !first;
        if (has_lines(r) && !(r->lf && !to_nul && r->rules->framer.multiline == MULTILINE_NONE))
            e = oracle_find_dropped(r, from, still_to_nul);
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
