/* SPDX-License-Identifier: MIT
 *
 * Structured: the values that become MSGID and STRUCTURED-DATA (RFC 5424, sections 6.2.7 and
 * 6.3), by the rules of logger(1) where those keep to the standard.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "client/header.h"
#include "client/values.h"
#include "peerlog/count.h"
#include "peerlog/limits.h"

bool value_msgid(struct parse *p, const char *value)
{
    if (!header_is_word(value) || strlen(value) > PEERLOG_CLIENT_MAX_NAME_BYTES)
        return value_refuse(p, "%s: \"%s\" is no MSGID; it is 1 to %u printable ASCII characters "
                            "without spaces", p->source, value, PEERLOG_CLIENT_MAX_NAME_BYTES);
    p->options->msgid = value;
    return true;
}

/* --- names --- */

/* SD-NAME: LEN printable ASCII characters that end neither name nor element. */
static bool is_name(const char *text, size_t len)
{
    if (len == 0 || len > PEERLOG_CLIENT_MAX_NAME_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr("=]\"", text[i]) != NULL)
            return false;
    return true;
}

/* A private enterprise number: digits, in groups between dots. */
static bool is_enterprise(const char *text)
{
    do {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || (text[digits] != '.' && text[digits] != '\0'))
            return false;
        text += digits;
    } while (*text++ == '.');
    return true;
}

/* NAME@ENTERPRISE, or one of the names that the standard has given away. */
static bool is_element_id(const char *text)
{
    static const char *const reserved[] = {"timeQuality", "origin", "meta"};
    const char *at = strchr(text, '@');

    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (strcmp(text, reserved[i]) == 0)
            return true;
    return at != NULL && at != text && is_name(text, strlen(text)) && strchr(text, '[') == NULL &&
           is_enterprise(at + 1);
}

/* --- elements --- */

/* Put TEXT behind what is there. */
static bool append(struct parse *p, const char *text)
{
    char *structured = p->options->structured;
    size_t len = strlen(structured), more = strlen(text);

    if (len + more >= PEERLOG_CLIENT_STRUCTURED_BYTES)
        return value_refuse(p, "%s: structured data can have %u bytes", p->source,
                            PEERLOG_CLIENT_STRUCTURED_BYTES - 1);
    memcpy(structured + len, text, more + 1);
    return true;
}

bool value_sd_id(struct parse *p, const char *value)
{
    if (!is_element_id(value))
        return value_refuse(p, "%s: \"%s\" is no id of an element; it is NAME@NUMBER of at most "
                            "%u characters, timeQuality, origin or meta", p->source, value,
                            PEERLOG_CLIENT_MAX_NAME_BYTES);
    for (uint32_t i = 0; i < p->element_count; i++)
        if (strcmp(p->elements[i], value) == 0)
            return value_refuse(p, "%s: \"%s\" is there already; an id stands once", p->source,
                                value);
    if (p->element_count == COUNT_OF(p->elements))
        return value_refuse(p, "%s: \"%s\" is too much; there can be %zu elements", p->source,
                            value, COUNT_OF(p->elements));
    p->elements[p->element_count++] = value;
    p->is_element_open = false;
    return true;
}

/* Behind the quote that opens a value: does it end in the one that closes it? */
static bool is_value(const char *text)
{
    for (; *text != '"'; text++) {
        if (*text == '\0' || *text == ']' || iscntrl((unsigned char)*text))
            return false;
        if (*text == '\\' && (*++text == '\0' || strchr("\"\\]", *text) == NULL))
            return false;
    }
    return text[1] == '\0';
}

bool value_sd_param(struct parse *p, const char *value)
{
    size_t name = strcspn(value, "=");

    if (p->element_count == 0)
        return value_refuse(p, "%s: %s has no element to stand in; --sd-id comes before it",
                            p->source, value);
    if (!is_name(value, name) || strncmp(value + name, "=\"", 2) != 0 ||
        !is_value(value + name + 2))
        return value_refuse(p, "%s: %s is not NAME=\"VALUE\"; in the value, \\ stands before \", "
                            "\\ and ], and there are no control characters", p->source, value);
    if (!p->is_element_open) {
        if (!append(p, "[") || !append(p, p->elements[p->element_count - 1]))
            return false;
        p->is_element_open = true;
    } else {
        p->options->structured[strlen(p->options->structured) - 1] = '\0'; /* open it again */
    }
    return append(p, " ") && append(p, value) && append(p, "]");
}
