/* SPDX-License-Identifier: MIT
 *
 * The check of single values. A refusal names the value as it stands in the file,
 * made safe, and what is wanted instead.
 */
#include "config.h"

#include "daemon/settings/value.h"

#include <stdio.h>
#include <string.h>

#include "daemon/settings/settings.h"
#include "daemon/settings/dialect.h"
#include "daemon/settings/suggest.h"

/* Room for what is wanted: at most a list of all facilities. */
#define WANTED_BYTES 512u

/* Room for a value: a quoted text in its quotation marks. */
#define SHOWN_BYTES (FAULT_QUOTE_BYTES + 2)

/* The least integer of more than SETTINGS_MAX_DIGITS digits. */
#define HUGE_NUMBER 1000000000000000LL

/* A number with a fraction as such, also where there is none. */
static void real_show(double real, char dst[SHOWN_BYTES])
{
    (void)snprintf(dst, SHOWN_BYTES, "%.15g", real);
    if (strpbrk(dst, ".en") == NULL)
        (void)snprintf(dst, SHOWN_BYTES, "%.1f", real);
}

/* The value as the file has it, safe to print. Returns: DST. */
static const char *value_show(const struct setting_value *value, char dst[SHOWN_BYTES])
{
    char quoted[FAULT_QUOTE_BYTES];

    switch (value->type) {
    case VALUE_INTEGER:
        if (value->number >= HUGE_NUMBER || value->number <= -HUGE_NUMBER)
            (void)snprintf(dst, SHOWN_BYTES, "a number of more than %u digits",
                           SETTINGS_MAX_DIGITS);
        else
            (void)snprintf(dst, SHOWN_BYTES, "%lld", value->number);
        break;
    case VALUE_REAL:
        real_show(value->real, dst);
        break;
    case VALUE_SWITCH:
        (void)snprintf(dst, SHOWN_BYTES, "%s", value->number != 0 ? "true" : "false");
        break;
    case VALUE_TEXT:
        (void)fault_quote(quoted, value->text, strlen(value->text));
        (void)snprintf(dst, SHOWN_BYTES, "\"%s\"", quoted);
        break;
    case VALUE_GROUP:
        (void)snprintf(dst, SHOWN_BYTES, "{ ... }");
        break;
    case VALUE_LIST:
        (void)snprintf(dst, SHOWN_BYTES, "( ... )");
        break;
    }
    return dst;
}

static const char *type_name(enum value_type type)
{
    static const char *const names[] = {
        [VALUE_INTEGER] = "an integer",
        [VALUE_REAL] = "a number with a fraction",
        [VALUE_SWITCH] = "a switch",
        [VALUE_TEXT] = "a text",
        [VALUE_GROUP] = "a group",
        [VALUE_LIST] = "a list",
    };
    return names[type];
}

/* "auto", "lf" or "close" */
static void words_show(const struct setting_words *words, char dst[WANTED_BYTES])
{
    size_t n = 0;

    for (unsigned i = 0; i < words->count; i++) {
        const char *separator = i == 0 ? "" : i + 1 < words->count ? ", " : " or ";
        int r = snprintf(dst + n, WANTED_BYTES - n, "%s\"%s\"", separator, words->name(i));
        if (r < 0 || (size_t)r >= WANTED_BYTES - n)
            return;
        n += (size_t)r;
    }
}

/* What the rule wants, in words. */
static const char *rule_show(const struct setting_rule *rule, char dst[WANTED_BYTES])
{
    switch (rule->kind) {
    case SETTING_NUMBER:
        (void)snprintf(dst, WANTED_BYTES, "an integer from %u to %u%s%s", rule->min, rule->max,
                       rule->unit != NULL ? " " : "", rule->unit != NULL ? rule->unit : "");
        return dst;
    case SETTING_WORD:
        words_show(rule->words, dst);
        return dst;
    case SETTING_SWITCH:
        return "true or false, without quotation marks";
    case SETTING_TAG:
        return "a text such as \"peerlogd\"";
    case SETTING_MODE:
        return "octal digits in quotation marks, such as \"0640\"";
    case SETTING_PATH:
        return "a text such as \"/dev/log\"";
    case SETTING_ADDRESS:
        return "a numeric address in quotation marks, such as \"127.0.0.1\" or \"::\"";
    case SETTING_TEXTS:
        return "a list of texts, [ \"one\", \"another\" ]";
    case SETTING_RANGES:
        return "a list such as [ \"192.0.2.0/24\", \"2001:db8::1\" ]";
    case SETTING_GROUP:
        return "a group, { name = value; ... }";
    case SETTING_GROUPS:
        break;
    }
    return "a list of groups, ( { name = value; ... }, ... )";
}

void value_refuse_type(const struct value_place *place, const struct setting_value *value)
{
    char shown[SHOWN_BYTES], wanted[WANTED_BYTES];

    faults_add(place->faults, value->line, place->path, "%s is %s; wanted: %s",
               value_show(value, shown), type_name(value->type), rule_show(place->rule, wanted));
}

/* A text was expected, and is one; it is wrong for the reason given. */
static void refuse_text(const struct value_place *place, const struct setting_value *value,
                        const char *reason)
{
    char shown[SHOWN_BYTES];

    faults_add(place->faults, value->line, place->path, "%s %s", value_show(value, shown),
               reason);
}

static void store_number(const struct value_place *place, const struct setting_value *value)
{
    const struct setting_rule *rule = place->rule;
    char shown[SHOWN_BYTES], wanted[WANTED_BYTES];

    if (value->number < (long long)rule->min || value->number > (long long)rule->max)
        faults_add(place->faults, value->line, place->path, "%s is out of range; wanted: %s",
                   value_show(value, shown), rule_show(rule, wanted));
    else
        setting_store_number(rule, place->base, (uint32_t)value->number);
}

static void store_word(const struct value_place *place, const struct setting_value *value)
{
    const struct setting_words *words = place->rule->words;
    struct suggestion nearest = {.typed = value->text};
    char shown[SHOWN_BYTES], wanted[WANTED_BYTES];

    int number = setting_word_number(words, value->text);
    if (number >= 0) {
        setting_store_number(place->rule, place->base, (uint32_t)number);
        return;
    }
    for (unsigned i = 0; i < words->count; i++)
        suggestion_offer(&nearest, words->name(i));
    (void)value_show(value, shown);
    (void)rule_show(place->rule, wanted);
    if (nearest.word != NULL)
        faults_add(place->faults, value->line, place->path,
                   "%s is not known; did you mean \"%s\"? wanted: %s", shown, nearest.word,
                   wanted);
    else
        faults_add(place->faults, value->line, place->path, "%s is not known; wanted: %s", shown,
                   wanted);
}

/* May this byte stand in a tag? What ends a tag in a syslog line may not. */
static bool is_tag_byte(char c)
{
    return c > ' ' && c < 0x7f && c != ':' && c != '[' && c != ']';
}

static void store_tag(const struct value_place *place, const struct setting_value *value)
{
    size_t len = strlen(value->text);
    bool may_be_empty = place->rule->initial_text[0] == '\0';

    if ((len == 0 && !may_be_empty) || len >= place->rule->size) {
        char shown[SHOWN_BYTES];
        faults_add(place->faults, value->line, place->path,
                   "%s has %zu characters; 1 to %zu are allowed", value_show(value, shown), len,
                   place->rule->size - 1);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_tag_byte(value->text[i])) {
            refuse_text(place, value,
                        "is no tag; wanted: printable ASCII without space, colon and brackets");
            return;
        }
    }
    setting_store_text(place->rule, place->base, value->text);
}

static void store_path(const struct value_place *place, const struct setting_value *value)
{
    size_t len = strlen(value->text);

    if (len == 0 && place->rule->initial_text[0] == '\0') {
        setting_store_text(place->rule, place->base, ""); /* none, as if it were not set */
    } else if (value->text[0] != '/') {
        refuse_text(place, value, "is no absolute path; it must begin with \"/\"");
    } else if (len >= place->rule->size) {
        char shown[SHOWN_BYTES];
        faults_add(place->faults, value->line, place->path,
                   "%s has %zu bytes; the path of a %s has at most %zu",
                   value_show(value, shown), len,
                   place->rule->size == SETTINGS_PATH_BYTES ? "socket" : "file",
                   place->rule->size - 1);
    } else {
        setting_store_text(place->rule, place->base, value->text);
    }
}

/* Permissions: what has more than the nine bits would change what a file is. */
static void store_mode(const struct value_place *place, const struct setting_value *value)
{
    size_t len = strlen(value->text);
    uint32_t mode = 0;

    if (len == 0 || len > 4 || value->text[strspn(value->text, "01234567")] != '\0' ||
        (len == 4 && value->text[0] != '0')) {
        refuse_text(place, value, "is no mode; wanted: octal digits such as \"0640\"");
        return;
    }
    for (size_t i = 0; i < len; i++)
        mode = mode * 8 + (uint32_t)(value->text[i] - '0');
    setting_store_number(place->rule, place->base, mode);
}

/* What may have been meant by a text that is no numeric address. */
static const char *address_hint(const char *text)
{
    const char *colon = strchr(text, ':');

    if (*text == '\0' || strcmp(text, "*") == 0)
        return "is no address; every one of this machine is \"::\", of IPv4 alone \"0.0.0.0\"";
    if (*text == '[')
        return "has brackets; write the address without them, and its port in port";
    if (strchr(text, '/') != NULL)
        return "is a range; a listener has one address, see also allow";
    if (strchr(text, '%') != NULL)
        return "names an interface; write its number, as in \"fe80::1%2\"";
    if (colon != NULL && strchr(colon + 1, ':') == NULL)
        return "has a port; write it apart, in port";
    return "is not numeric, and names are not looked up; "
           "wanted: an address such as \"127.0.0.1\" or \"::\"";
}

static bool is_link_local(const struct peer *address)
{
    return address->family == PEER_IPV6 && address->address[0] == 0xfe &&
           (address->address[1] & 0xc0) == 0x80;
}

static void store_address(const struct value_place *place, const struct setting_value *value)
{
    struct peer address;

    if (peer_parse(value->text, 0, &address) < 0)
        refuse_text(place, value, address_hint(value->text));
    else if (is_link_local(&address) && address.scope == 0)
        refuse_text(place, value,
                    "is link-local; add the number of its interface, as in \"fe80::1%2\"");
    else
        setting_store_address(place->rule, place->base, &address);
}

void value_store(const struct value_place *place, const struct setting_value *value)
{
    enum setting_kind kind = place->rule->kind;

    if (kind == SETTING_NUMBER && value->type == VALUE_INTEGER)
        store_number(place, value);
    else if (kind == SETTING_SWITCH && value->type == VALUE_SWITCH)
        setting_store_number(place->rule, place->base, (uint32_t)value->number);
    else if (kind == SETTING_WORD && value->type == VALUE_TEXT)
        store_word(place, value);
    else if (kind == SETTING_TAG && value->type == VALUE_TEXT)
        store_tag(place, value);
    else if (kind == SETTING_PATH && value->type == VALUE_TEXT)
        store_path(place, value);
    else if (kind == SETTING_MODE && value->type == VALUE_TEXT)
        store_mode(place, value);
    else if (kind == SETTING_ADDRESS && value->type == VALUE_TEXT)
        store_address(place, value);
    else
        value_refuse_type(place, value);
}

/*
 * A range whose address has bits behind its prefix: write what it should be to DST.
 * Answers: is it one?
 */
static bool range_rounded(const char *text, char dst[PEER_TEXT_BYTES + 4])
{
    char address[PEER_TEXT_BYTES], rounded[PEER_TEXT_BYTES];
    struct cidr range;
    unsigned bits = 0;
    int end = 0;
    size_t len = strcspn(text, "/");

    if (text[len] != '/' || len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (sscanf(text + len, "/%3u%n", &bits, &end) != 1 || text[len + (size_t)end] != '\0' ||
        cidr_parse(address, &range) < 0 || bits > range.bits)
        return false;
    struct peer first = {.family = range.family};
    for (unsigned i = 0; i < bits; i++)
        first.address[i / 8] |= (unsigned char)(range.address[i / 8] & (0x80u >> i % 8));
    (void)peer_format_address(&first, rounded);
    (void)snprintf(dst, PEER_TEXT_BYTES + 4, "%s/%u", rounded, bits);
    return true;
}

bool value_read_range(const struct value_place *place, const struct setting_value *value,
                      struct cidr *ret_range)
{
    char shown[SHOWN_BYTES], rounded[PEER_TEXT_BYTES + 4];

    (void)value_show(value, shown);
    if (value->type != VALUE_TEXT)
        faults_add(place->faults, value->line, place->path,
                   "%s is %s; wanted: a text such as \"192.0.2.0/24\"", shown,
                   type_name(value->type));
    else if (cidr_parse(value->text, ret_range) == 0)
        return true;
    else if (range_rounded(value->text, rounded))
        faults_add(place->faults, value->line, place->path,
                   "%s has bits behind its prefix; did you mean \"%s\"?", shown, rounded);
    else
        refuse_text(place, value, "is no range of addresses; wanted: an address, alone or with "
                                  "its prefix, such as \"192.0.2.0/24\" or \"2001:db8::1\"");
    return false;
}
