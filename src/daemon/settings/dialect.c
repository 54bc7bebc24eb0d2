/* SPDX-License-Identifier: MIT
 *
 * A walk over the text in steps that are those of libconfig's own scanner: texts, comments,
 * names and numbers are told apart by the same rules, which no version has changed.
 */
#include "config.h"

#include "daemon/settings/dialect.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char end_setting[] = "\n" SETTINGS_END_NAME " = 1;\n";

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* One digit more than SETTINGS_MAX_DIGITS: too large for every setting. */
static const char huge_number[] = "9999999999999999";

static const char decimal_digits[] = "0123456789";
static const char hexadecimal_digits[] = "0123456789abcdefABCDEF";
static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*";

struct translation {
    const char *at;      /* what is to be read next; ends with a NUL */
    char *out;           /* where the copy goes on */
    char last;           /* the first byte of the last step that was no blank and no comment */
    char *comma;         /* in the copy: a comma behind a value, if that was the last step */
    const char *counted; /* up to here LINE has counted */
    unsigned line;
    struct faults *faults;
};

/*
 * The length of what is made of ONES alone. Neither this nor what follows calls strspn(3) or
 * strstr(3) for a long text: under sanitizers each call looks at all of it.
 */
static size_t span(const char *at, const char *ones)
{
    size_t n = 0;

    while (at[n] != '\0' && strchr(ones, at[n]) != NULL)
        n++;
    return n;
}

/* Take the next N bytes as they are. */
static void take(struct translation *t, size_t n)
{
    t->out = mempcpy(t->out, t->at, n);
    t->at += n;
}

/* The length of the comment at AT; 0 when there is none. */
static size_t comment_length(const char *at)
{
    size_t n = 2;

    if (*at == '#' || strncmp(at, "//", 2) == 0) {
        for (n = 1; at[n] != '\0' && at[n] != '\n'; n++)
            continue;
        return n;
    }
    if (strncmp(at, "/*", 2) != 0)
        return 0;
    while (at[n] != '\0' && (at[n] != '*' || at[n + 1] != '/'))
        n++;
    return at[n] != '\0' ? n + 2 : n;
}

/* The length of the text whose first quotation mark is at AT. */
static size_t quoted_length(const char *at)
{
    size_t n = 1;

    while (at[n] != '\0' && at[n] != '"')
        n += at[n] == '\\' && at[n + 1] != '\0' ? 2 : 1;
    return at[n] == '"' ? n + 1 : n;
}

static size_t name_length(const char *at)
{
    size_t n = span(at, letters);

    while (n > 0 && (isalnum((unsigned char)at[n]) || (at[n] != '\0' && strchr("-_*", at[n]))))
        n++;
    return n;
}

/* The length of the number with a fraction or an exponent at AT; 0 when it has neither. */
static size_t real_length(const char *at)
{
    size_t whole = span(at, decimal_digits), n = whole;

    if (at[n] == '.')
        n += 1 + span(at + n + 1, decimal_digits);
    if (at[n] == 'e' || at[n] == 'E') {
        size_t sign = at[n + 1] == '+' || at[n + 1] == '-';
        size_t digits = span(at + n + 1 + sign, decimal_digits);
        n += digits > 0 ? 1 + sign + digits : 0;
    }
    return n > whole ? n : 0;
}

/* The number that begins here, N digits, has so many zeros in front. */
static void refuse_zeros(struct translation *t, size_t n, size_t zeros)
{
    char found[FAULT_QUOTE_BYTES], wanted[FAULT_QUOTE_BYTES];

    for (; t->counted < t->at; t->counted++)
        t->line += *t->counted == '\n';
    faults_add(t->faults, t->line, "", "%s has a leading zero; write %s",
               fault_quote(found, t->at, n), fault_quote(wanted, t->at + zeros, n - zeros));
}

static void translate_integer(struct translation *t)
{
    bool hexadecimal = t->at[0] == '0' && (t->at[1] == 'x' || t->at[1] == 'X') &&
                       isxdigit((unsigned char)t->at[2]);
    size_t prefix = hexadecimal ? 2 : 0;
    size_t n = span(t->at + prefix, hexadecimal ? hexadecimal_digits : decimal_digits);
    size_t zeros = span(t->at + prefix, "0");

    zeros -= zeros == n; /* the last digit stays */
    if (zeros > 0 && !hexadecimal)
        refuse_zeros(t, n, zeros);
    if (n - zeros > SETTINGS_MAX_DIGITS) {
        t->out = mempcpy(t->out, huge_number, sizeof huge_number - 1);
        t->at += prefix + n;
    } else {
        take(t, prefix);
        t->at += zeros;
        take(t, n - zeros);
    }
    if (*t->at == 'L')
        take(t, t->at[1] == 'L' ? 2 : 1);
    else
        *t->out++ = 'L';
}

static void translate_number(struct translation *t)
{
    size_t real = real_length(t->at);

    if (real > 0)
        take(t, real);
    else
        translate_integer(t);
}

static void translate_comma(struct translation *t)
{
    char *comma = t->out;

    take(t, 1);
    if (strchr("[(,", t->last) != NULL)
        *comma = ';'; /* which no version takes there */
    else
        t->comma = comma;
}

static void translate_step(struct translation *t)
{
    size_t blanks = span(t->at, " \t\r\n\f");
    size_t aside = blanks > 0 ? blanks : comment_length(t->at);
    char c = *t->at;

    if (aside > 0) {
        take(t, aside);
        return;
    }
    if ((c == ']' || c == ')') && t->comma != NULL)
        *t->comma = ' ';
    t->comma = NULL;
    if (c == '"')
        take(t, quoted_length(t->at));
    else if (c == '.' || isdigit((unsigned char)c))
        translate_number(t);
    else if (c == ',')
        translate_comma(t);
    else if (name_length(t->at) > 0)
        take(t, name_length(t->at));
    else
        take(t, 1);
    t->last = c;
}

char *settings_translate(const char *text, size_t len, struct faults *faults)
{
    size_t mark = sizeof byte_order_mark - 1;
    struct translation t = {.last = '{', .line = 1, .faults = faults};

    if (len >= mark && memcmp(text, byte_order_mark, mark) == 0) {
        text += mark;
        len -= mark;
    }
    char *whole = malloc(len + 1);
    char *copy = malloc(2 * len + sizeof end_setting); /* an L for each digit at most */
    if (whole != NULL && copy != NULL) {
        *(char *)mempcpy(whole, text, len) = '\0';
        t.at = t.counted = whole;
        t.out = copy;
        while (*t.at != '\0')
            translate_step(&t);
        memcpy(t.out, end_setting, sizeof end_setting);
    } else {
        free(copy);
        copy = NULL;
    }
    free(whole);
    return copy;
}
