/* SPDX-License-Identifier: MIT
 *
 * Oracle: what the beginning of a message looks like. Each form is a list of all its
 * shapes, letter by letter, and nothing is clever.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "support/oracle.h"

#define LONGEST_SHAPE 64u

/* In a shape: # is a digit, A and a are letters, _ is a space or a digit. */
static bool fits(char shape, unsigned char byte)
{
    bool digit = strchr("0123456789", byte) != NULL && byte != 0;

    if (shape == '#')
        return digit;
    if (shape == '_')
        return digit || byte == ' ';
    if (shape == 'A')
        return byte >= 'A' && byte <= 'Z';
    if (shape == 'a')
        return byte >= 'a' && byte <= 'z';
    return byte == (unsigned char)shape;
}

static enum form form_of(const unsigned char *from, const unsigned char *to, const char *shape)
{
    for (; *shape != '\0'; shape++, from++) {
        if (from >= to)
            return FORM_OPEN;
        if (!fits(*shape, *from))
            return FORM_NO;
    }
    return FORM_YES;
}

enum form oracle_form_text(const unsigned char *from, const unsigned char *to, const char *text)
{
    for (; *text != '\0'; text++, from++) {
        if (from >= to)
            return FORM_OPEN;
        if (*from != (unsigned char)*text)
            return FORM_NO;
    }
    return FORM_YES;
}

static enum form better(enum form a, enum form b)
{
    if (a == FORM_YES || b == FORM_YES)
        return FORM_YES;
    return a == FORM_OPEN || b == FORM_OPEN ? FORM_OPEN : FORM_NO;
}

/* BEFORE, a PRI of any length, BEHIND. */
static enum form form_around_pri(const unsigned char *from, const unsigned char *to,
                                 const char *before, const char *behind)
{
    static const char *const pris[] = {"<#>", "<##>", "<###>"};
    enum form form = FORM_NO;

    for (size_t i = 0; i < 3; i++) {
        char shape[LONGEST_SHAPE];
        (void)snprintf(shape, sizeof shape, "%s%s%s", before, pris[i], behind); /* it fits */
        form = better(form, form_of(from, to, shape));
    }
    return form;
}

enum form oracle_form_pri(const unsigned char *from, const unsigned char *to)
{
    return form_around_pri(from, to, "", "");
}

enum form oracle_form_dated(const unsigned char *from, const unsigned char *to)
{
    return better(form_around_pri(from, to, "", "Aaa _# ##:##:## "),
                  form_around_pri(from, to, "", "1 ####-##-##T"));
}

enum form oracle_form_count(const unsigned char *from, const unsigned char *to,
                            size_t *ret_count, size_t *ret_len)
{
    enum form form = FORM_NO;

    for (int digits = 1; digits <= 10; digits++) {
        char shape[LONGEST_SHAPE];
        (void)snprintf(shape, sizeof shape, "%.*s ", digits, "##########"); /* it fits */
        enum form one = form_of(from, to, shape);
        if (one == FORM_YES) {
            uint64_t count = 0;
            for (int i = 0; i < digits; i++)
                count = count * 10 + (uint64_t)(from[i] - '0');
            if (count > 16777216)
                return FORM_NO;
            *ret_count = (size_t)count;
            *ret_len = (size_t)digits + 1;
        }
        form = better(form, one);
    }
    return form;
}

enum form oracle_form_header(const unsigned char *from, const unsigned char *to)
{
    size_t count, len;
    enum form form = oracle_form_count(from, to, &count, &len);

    return form == FORM_YES ? oracle_form_pri(from + len, to) : form;
}
