/* SPDX-License-Identifier: MIT
 *
 * Composer: see composer.h. A line falls into parts (by what the framing cannot
 * carry), a part into pieces (by size), and each piece becomes one message.
 */
#include "config.h"

#include "client/composer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "peerlog/limits.h"
#include "peerlog/number.h"
#include "peerlog/priority.h"
#include "peerlog/utf8.h"

/* Digits and space of a count; a terminator is shorter. */
#define MAX_COUNT_BYTES (PEERLOG_MAX_COUNT_DIGITS + 1)

static void set_pri(struct composer_pri *pri, uint8_t priority)
{
    pri->len = (size_t)snprintf(pri->text, sizeof pri->text, "<%u>", (unsigned)priority);
}

size_t composer_least_bytes(const struct composer *c)
{
    /* A text may bring the longest PRI there is, and all its pieces get it. */
    bool varies = c->options->adds_pri || c->options->reads_prefixes;
    size_t pri = varies ? PEERLOG_MAX_PRI_DIGITS + 2 : c->usual.len;

    return c->header.len + pri + PEERLOG_CLIENT_MIN_TEXT_BYTES;
}

int composer_init(struct composer *c, const struct options *options, struct outbox *outbox,
                  const char *host, const char *user)
{
    static const struct timespec epoch = {0};
    size_t max = options_max_bytes(options);

    *c = (struct composer){
        .options = options,
        .outbox = outbox,
        .is_plain = options->framing == FRAMING_LF && options->header_form == HEADER_NONE &&
                    !options->skip_empty && options->max_bytes == 0 &&
                    !options->copies_to_stderr,
    };
    header_init(&c->header, options, host, user);
    header_stamp(&c->header, &epoch);
    if (options->adds_pri || options->header_form != HEADER_NONE)
        set_pri(&c->usual, options->priority);
    if (max < composer_least_bytes(c))
        return -EMSGSIZE;
    c->max_text_bytes = max - c->header.len;
    return 0;
}

void composer_stamp(struct composer *c, const struct timespec *now)
{
    header_stamp(&c->header, now);
}

/* --- priorities --- */

/*
 * A line may begin with a PRI that is meant for us (--prio-prefix); without a facility, that is
 * with the kernel's, it has that of the others. Returns: the bytes it takes.
 */
static size_t take_prefix(struct composer *c, const unsigned char *text, size_t len)
{
    uint8_t priority = c->options->priority;

    if (!c->options->reads_prefixes || c->carried.len > 0)
        return 0;
    size_t taken = priority_parse(text, len, &priority);
    if (priority_facility(priority) == 0)
        priority = priority_make(priority_facility(c->options->priority),
                                 priority_severity(priority));
    set_pri(&c->carried, priority);
    return taken;
}

/*
 * Octet counting alone needs a PRI to be recognised, unless the text brings its own, which
 * then is that of all its pieces. Returns: what stands before the piece that begins with TEXT.
 */
static const struct composer_pri *next_pri(const struct composer *c, const unsigned char *text,
                                           size_t len)
{
    static const struct composer_pri none = {.len = 0};
    uint8_t own;

    if (c->carried.len > 0)
        return &c->carried;
    return c->options->adds_pri && priority_parse(text, len, &own) > 0 ? &none : &c->usual;
}

/* The first piece of a text has gone, and begins with TEXT: what do the others get? */
static void carry_pri(struct composer *c, const unsigned char *text, size_t len)
{
    uint8_t own;

    if (!c->options->adds_pri || c->carried.len > 0)
        return;
    c->carried = c->usual;
    size_t own_len = priority_parse(text, len, &own);
    if (own_len > 0) {
        memcpy(c->carried.text, text, own_len);
        c->carried.len = own_len;
    }
}

/* The text is at its end: the next one has a priority of its own. */
static void drop_pri(struct composer *c)
{
    c->carried.len = 0;
}

/* --- messages --- */

/* What is sent, as a line; what standard error does not take is sent all the same. */
static void copy_to_stderr(const unsigned char *message, size_t len)
{
    static char lf = '\n';
    struct iovec line[2] = {{.iov_base = (void *)(uintptr_t)message, .iov_len = len},
                            {.iov_base = &lf, .iov_len = 1}};
    ssize_t written = writev(STDERR_FILENO, line, 2);

    (void)written;
}

/* One message: count, PRI, header, text, terminator. */
static int add_piece(struct composer *c, const unsigned char *text, size_t len)
{
    enum framing framing = c->options->framing;
    const struct composer_pri *pri = next_pri(c, text, len);
    size_t body_len = c->header.len + pri->len + len;
    unsigned char *place;

    int error = outbox_reserve(c->outbox, body_len + MAX_COUNT_BYTES, &place);
    if (error < 0)
        return error;
    unsigned char *at = place, *shown = place;
    if (framing == FRAMING_OCTET_COUNTING) {
        at += number_format((char *)at, body_len); /* it fits: max_text_bytes sees to that */
        *at++ = ' ';
        if (c->options->relp)
            shown = at; /* the count is between us and the session */
    }
    memcpy(at, pri->text, pri->len);
    at += pri->len;
    memcpy(at, c->header.text, c->header.len);
    at += c->header.len;
    memcpy(at, text, len);
    at += len;
    if (c->options->copies_to_stderr)
        copy_to_stderr(shown, (size_t)(at - shown));
    if (framing != FRAMING_OCTET_COUNTING)
        *at++ = framing == FRAMING_NUL ? '\0' : '\n';
    outbox_commit(c->outbox, (size_t)(at - place), 1);
    return 0;
}

/* How much of TEXT fits into one message. */
static size_t text_room(const struct composer *c, const unsigned char *text, size_t len)
{
    return c->max_text_bytes - next_pri(c, text, len)->len;
}

/* Pieces from the front of TEXT, until the rest fits into one message. */
static int add_full_pieces(struct composer *c, const unsigned char *text, size_t len,
                           size_t *ret_taken)
{
    size_t at = 0;

    while (len - at > text_room(c, text + at, len - at)) {
        size_t piece = utf8_cut(text + at, text_room(c, text + at, len - at));
        int error = add_piece(c, text + at, piece);
        if (error < 0)
            return error;
        carry_pri(c, text + at, piece);
        at += piece;
        c->cut++;
    }
    *ret_taken = at;
    return 0;
}

static int add_part(struct composer *c, const unsigned char *text, size_t len)
{
    size_t taken = 0;

    /* An empty message is none, but a PRI added to it would make it one. */
    if (len == 0 && (c->options->skip_empty || c->options->adds_pri))
        return 0;
    int error = add_full_pieces(c, text, len, &taken);
    return error < 0 ? error : add_piece(c, text + taken, len - taken);
}

/* Parts from the front of TEXT, each up to a BREAKER, which the framing cannot carry. */
static int add_parts(struct composer *c, int breaker, const unsigned char *text, size_t len,
                     size_t *ret_taken)
{
    const unsigned char *end;
    size_t at = 0;

    while ((end = memchr(text + at, breaker, len - at)) != NULL) {
        size_t part = (size_t)(end - (text + at));
        int error = add_part(c, text + at, part);
        if (error < 0)
            return error;
        at += part + 1;
        c->breaks++;
    }
    *ret_taken = at;
    return 0;
}

static int add_line(struct composer *c, const unsigned char *text, size_t len)
{
    size_t prefix = take_prefix(c, text, len), taken = 0;
    int error = 0;

    text += prefix;
    len -= prefix;
    if (c->options->framing == FRAMING_NUL)
        error = add_parts(c, '\0', text, len, &taken);
    if (error == 0)
        error = add_part(c, text + taken, len - taken);
    drop_pri(c);
    return error;
}

int composer_add_text(struct composer *c, const unsigned char *text, size_t len)
{
    size_t taken = 0;
    int error = 0;

    if (c->options->framing == FRAMING_LF) {
        if (len > 0 && text[len - 1] == '\n')
            len--; /* this one is the terminator */
        error = add_parts(c, '\n', text, len, &taken);
    }
    if (error == 0)
        error = add_part(c, text + taken, len - taken);
    drop_pri(c);
    return error;
}

static uint64_t count_lines(const unsigned char *bytes, size_t len)
{
    uint64_t count = 0;

    for (const unsigned char *end = bytes + len;
         (bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL; bytes++)
        count++;
    return count;
}

/* Whole lines as one block. */
static int add_block(struct composer *c, const unsigned char *bytes, size_t len)
{
    unsigned char *place;

    int error = outbox_reserve(c->outbox, len, &place);
    if (error < 0)
        return error;
    memcpy(place, bytes, len);
    outbox_commit(c->outbox, len, count_lines(bytes, len));
    return 0;
}

/* What stands behind the last LF, as far as it cannot wait for the rest of its line. */
static int add_overflow(struct composer *c, const unsigned char *text, size_t len,
                        size_t *ret_taken)
{
    size_t parts = 0, pieces = 0;
    int error = 0;

    if (len <= c->max_text_bytes)
        return 0; /* it is not too long without a prefix either */
    size_t prefix = take_prefix(c, text, len);
    text += prefix;
    len -= prefix;
    if (c->options->framing == FRAMING_NUL)
        error = add_parts(c, '\0', text, len, &parts);
    if (error == 0)
        error = add_full_pieces(c, text + parts, len - parts, &pieces);
    if (error < 0)
        return error;
    *ret_taken = prefix + parts + pieces;
    return 0;
}

/* Lines that each want something of their own. */
static int add_each_line(struct composer *c, const unsigned char *bytes, size_t len,
                         size_t scanned, size_t *ret_taken)
{
    const unsigned char *lf;
    size_t at = 0;

    while ((lf = memchr(bytes + at + scanned, '\n', len - at - scanned)) != NULL) {
        size_t line = (size_t)(lf - (bytes + at));
        int error = add_line(c, bytes + at, line);
        if (error < 0)
            return error;
        at += line + 1;
        scanned = 0;
    }
    *ret_taken = at;
    return 0;
}

int composer_add_lines(struct composer *c, const unsigned char *bytes, size_t len, size_t scanned,
                       size_t *ret_taken)
{
    size_t lines = 0, more = 0;
    int error = 0;

    /* No line in so few bytes is too long; among more, each has to be measured. */
    if (c->is_plain && len <= c->max_text_bytes) {
        const unsigned char *lf = memrchr(bytes + scanned, '\n', len - scanned);
        lines = lf == NULL ? 0 : (size_t)(lf - bytes) + 1;
        if (lines > 0)
            error = add_block(c, bytes, lines);
    } else {
        error = add_each_line(c, bytes, len, scanned, &lines);
    }
    if (error == 0)
        error = add_overflow(c, bytes + lines, len - lines, &more);
    if (error < 0)
        return error;
    *ret_taken = lines + more;
    return 0;
}

int composer_add_rest(struct composer *c, const unsigned char *bytes, size_t len)
{
    return len > 0 ? add_line(c, bytes, len) : 0;
}
