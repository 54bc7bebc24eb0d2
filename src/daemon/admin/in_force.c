/* SPDX-License-Identifier: MIT
 *
 * The settings in force, in the order of their table, and where each comes from. Main's thread
 * makes the list, because the settings are main's.
 */
#include "config.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admin/private.h"
#include "daemon/settings/origins.h"
#include "daemon/settings/table.h"
#include "peerlog/count.h"

/* Room for "listeners[63].client_certificate", and for a file's name and a line. */
#define NAME_BYTES 96u
#define FROM_BYTES (SETTINGS_FILE_BYTES + 32u)

/* What is being listed. */
struct listing {
    const struct settings *settings;
    const char *file;
    json_t *list;
    char prefix[NAME_BYTES]; /* "", "limits.", "listeners[2]." */
    size_t listener;         /* or ORIGIN_NO_LISTENER */
    bool waits;              /* the file has others, for after a restart */
};

/* --- values --- */

static unsigned number_at(const void *place, size_t size)
{
    uint8_t byte;
    uint16_t word;
    uint32_t number;

    if (size == sizeof byte)
        return memcpy(&byte, place, sizeof byte), byte;
    if (size == sizeof word)
        return memcpy(&word, place, sizeof word), word;
    memcpy(&number, place, sizeof number);
    return number;
}

static json_t *mode_of(unsigned mode)
{
    char text[16];

    (void)snprintf(text, sizeof text, "0%03o", mode);
    return json_string(text);
}

static json_t *address_of(const struct peer *peer)
{
    char text[PEER_TEXT_BYTES];

    (void)peer_format_address(peer, text);
    return json_string(text);
}

static json_t *ranges_of(const struct cidr_list *list)
{
    json_t *all = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const struct cidr *range = &list->ranges[i];
        struct peer peer = {.family = range->family};
        char address[PEER_TEXT_BYTES], text[PEER_TEXT_BYTES + 8];
        memcpy(peer.address, range->address, sizeof peer.address);
        (void)peer_format_address(&peer, address);
        (void)snprintf(text, sizeof text, "%s/%u", address, (unsigned)range->bits);
        (void)json_array_append_new(all, json_string(text));
    }
    return all;
}

/* A server's name may have a password in it: "nats://USER:PASSWORD@HOST". */
static json_t *text_without_secret(const char *text)
{
    const char *begin = strstr(text, "://"), *end = strrchr(text, '@');

    if (end == NULL)
        return json_string(text);
    return json_sprintf("%.*s***%s", begin != NULL && begin < end ? (int)(begin + 3 - text) : 0,
                        text, end);
}

/* A property may be a secret itself: "sasl.password=SECRET". */
static json_t *property_without_secret(const char *text)
{
    static const char *const secrets[] = {"password", "secret", ".pem", "oauthbearer.config"};
    size_t len = strcspn(text, "=");

    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        if (memmem(text, len, secrets[i], strlen(secrets[i])) != NULL)
            return json_sprintf("%.*s=***", (int)len, text);
    return json_string(text);
}

static json_t *texts_of(const struct setting_rule *rule, const struct text_list *list)
{
    bool are_properties = strcmp(rule->name, "properties") == 0;
    json_t *all = json_array();

    for (size_t i = 0; i < list->count; i++)
        (void)json_array_append_new(all, are_properties ? property_without_secret(list->texts[i])
                                                        : text_without_secret(list->texts[i]));
    return all;
}

static json_t *value_of(const struct setting_rule *rule, const void *base)
{
    const void *place = (const char *)base + rule->offset;

    switch (rule->kind) {
    case SETTING_NUMBER:
        return json_integer(number_at(place, rule->size));
    case SETTING_SWITCH:
        return json_boolean(number_at(place, sizeof(bool)) != 0);
    case SETTING_WORD:
        return json_string(rule->words->name(number_at(place, rule->size)));
    case SETTING_TAG:
    case SETTING_PATH:
        return json_string(place);
    case SETTING_MODE:
        return mode_of(number_at(place, rule->size));
    case SETTING_ADDRESS:
        return address_of(place);
    case SETTING_TEXTS:
        return texts_of(rule, place);
    case SETTING_RANGES:
        return ranges_of(place);
    case SETTING_GROUP:
    case SETTING_GROUPS:
        break;
    }
    return NULL;
}

/* --- where they come from --- */

static json_t *from_of(const struct listing *l, const struct setting_rule *rule)
{
    unsigned line = origins_line(&l->settings->origins, rule, l->listener);

    if (l->waits)
        return json_string("an earlier configuration");
    if (line != 0)
        return json_sprintf("%s:%u", l->file, line);
    if (rule->inherited)
        return json_sprintf("output.%s", rule->name);
    return json_string("default");
}

static void list_group(struct listing *l, const struct setting_group *group, const void *base);

/* The settings of a group inside of another one; NAME is what its own begin with. */
static void list_inside(struct listing *l, const struct setting_rule *rule, const char *name,
                        const void *base)
{
    size_t len = strlen(l->prefix);
    bool waits = l->waits;

    (void)snprintf(l->prefix + len, sizeof l->prefix - len, "%s.", name); /* it fits */
    l->waits = waits || (len == 0 && origins_waits(&l->settings->origins, rule->name));
    list_group(l, rule->group, base);
    l->prefix[len] = '\0';
    l->waits = waits;
}

static void list_listeners(struct listing *l, const struct setting_rule *rule)
{
    char name[32];

    for (size_t i = 0; i < l->settings->listeners_count; i++) {
        (void)snprintf(name, sizeof name, "%s[%zu]", rule->name, i);
        l->listener = i;
        list_inside(l, rule, name, &l->settings->listeners[i]);
    }
    l->listener = ORIGIN_NO_LISTENER;
}

static void list_one(struct listing *l, const struct setting_rule *rule, const void *base)
{
    bool waits = l->waits;

    l->waits = waits ||
               (l->prefix[0] == '\0' && origins_waits(&l->settings->origins, rule->name));
    json_t *one = json_pack("{s:o, s:o, s:o}",
                            "name", json_sprintf("%s%s", l->prefix, rule->name),
                            "value", value_of(rule, base), "from", from_of(l, rule));
    if (one != NULL && l->waits)
        (void)json_object_set_new(one, "restart", json_true());
    (void)json_array_append_new(l->list, one);
    l->waits = waits;
}

static void list_group(struct listing *l, const struct setting_group *group, const void *base)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting_rule *rule = &group->rules[i];
        if (rule->kind == SETTING_GROUPS)
            list_listeners(l, rule);
        else if (rule->kind == SETTING_GROUP)
            list_inside(l, rule, rule->name, (const char *)base + rule->offset);
        else
            list_one(l, rule, base);
    }
}

/* Threads: main. */
static void take(struct errand *errand, const struct settings *settings, const char *file)
{
    struct listing listing = {
        .settings = settings, .file = file != NULL ? file : "", .listener = ORIGIN_NO_LISTENER,
        .list = json_array(),
    };

    list_group(&listing, settings_table(), settings);
    errand->taken = json_pack("{s:s*, s:o}", "file", file, "settings", listing.list);
}

/* Threads: main. */
static void drop(struct errand *errand)
{
    json_decref(errand->taken);
}

void answer_settings(struct admin *admin, const struct request *request, struct reply *reply)
{
    struct errand *errand = errand_new(admin, ERRAND_SETTINGS);

    (void)request;
    if (errand != NULL) {
        errand->take = take;
        errand->drop = drop;
        errand = errand_run(admin, errand);
    }
    if (errand == NULL) {
        reply_fault(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "peerlogd is busy; try again");
        return;
    }
    reply->status = MHD_HTTP_OK;
    reply->json = errand->taken;
    errand_free(errand);
}
