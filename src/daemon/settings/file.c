/* SPDX-License-Identifier: MIT
 *
 * The reader of the settings file: libconfig makes a tree of the text, and this file walks it along
 * the table. What is wrong with the text as such is syntax.c's; no other file knows libconfig.
 *
 * The walk follows the table and not the file, because listeners inherit from the
 * output wherever it stands; the faults are put in the file's order at the end.
 *
 * libconfig 1.5 does not look at what its own malloc() returns, and later versions
 * abort: only our own allocations can fail with -ENOMEM.
 */
#include "config.h"

#include "daemon/settings/file.h"

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/settings/dialect.h"
#include "daemon/settings/faults.h"
#include "daemon/settings/finish.h"
#include "daemon/settings/origins.h"
#include "daemon/settings/suggest.h"
#include "daemon/settings/syntax.h"
#include "daemon/settings/table.h"
#include "daemon/settings/text.h"
#include "daemon/settings/value.h"

/* Room for the longest full name; a name from the file is shortened before. */
#define PATH_BYTES 256u

struct reader {
    config_t config;       /* the file */
    struct faults faults;
    struct settings *settings;
    bool is_open;          /* a group is not closed where it should be */
    bool whole;            /* the tree holds the whole file: no error of syntax cut it short */
    char path[PATH_BYTES]; /* full name of the group or list at hand */
    uint64_t refused;      /* bit I: of the group read last, rule I met a fault */
    size_t listener; /* whose settings are read, or ORIGIN_NO_LISTENER */
    unsigned listener_lines[PEERLOG_MAX_LISTENERS];
};

/* Append to the full name. Returns: the length before, for path_cut(). */
static size_t path_add(struct reader *reader, const char *name)
{
    size_t len = strlen(reader->path);

    (void)snprintf(reader->path + len, sizeof reader->path - len, "%s%s", len > 0 ? "." : "",
                   name);
    return len;
}

static size_t path_add_index(struct reader *reader, int i)
{
    size_t len = strlen(reader->path);

    (void)snprintf(reader->path + len, sizeof reader->path - len, "[%d]", i);
    return len;
}

static void path_cut(struct reader *reader, size_t len)
{
    reader->path[len] = '\0';
}

/* A value without libconfig. Answers: has it a value, or did the syntax end it? */
static bool value_take(const config_setting_t *setting, struct setting_value *ret_value)
{
    *ret_value = (struct setting_value){.line = config_setting_source_line(setting)};
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        ret_value->type = VALUE_INTEGER;
        ret_value->number = config_setting_get_int64(setting);
        return true;
    case CONFIG_TYPE_FLOAT:
        ret_value->type = VALUE_REAL;
        ret_value->real = config_setting_get_float(setting);
        return true;
    case CONFIG_TYPE_BOOL:
        ret_value->type = VALUE_SWITCH;
        ret_value->number = config_setting_get_bool(setting);
        return true;
    case CONFIG_TYPE_STRING:
        ret_value->type = VALUE_TEXT;
        ret_value->text = config_setting_get_string(setting);
        return ret_value->text != NULL;
    case CONFIG_TYPE_GROUP:
        ret_value->type = VALUE_GROUP;
        return true;
    case CONFIG_TYPE_ARRAY:
    case CONFIG_TYPE_LIST:
        ret_value->type = VALUE_LIST;
        return true;
    default:
        return false;
    }
}

/* The group that has a setting of this name, or NULL. */
static const struct setting_group *group_with(const char *name)
{
    const struct setting_group *table = settings_table();

    for (size_t i = 0; i < table->count; i++)
        if (table->rules[i].group != NULL && setting_find(table->rules[i].group, name) != NULL)
            return table->rules[i].group;
    return setting_find(table, name) != NULL ? table : NULL;
}

/* A name that the group does not have: what is it like, or where would it belong? */
static void refuse_name(struct reader *reader, const config_setting_t *setting,
                        const struct setting_group *group)
{
    const char *name = config_setting_name(setting);
    unsigned line = config_setting_source_line(setting);
    const struct setting_group *home = group_with(name);
    struct suggestion nearest = {.typed = name};
    char quoted[FAULT_QUOTE_BYTES];

    if (reader->is_open && group != settings_table() &&
        (home == settings_table() || strcmp(name, SETTINGS_END_NAME) == 0))
        return; /* it is there because of a missing brace */
    for (size_t i = 0; i < group->count; i++)
        suggestion_offer(&nearest, group->rules[i].name);
    size_t len = path_add(reader, fault_quote(quoted, name, strlen(name)));
    if (nearest.word != NULL)
        faults_add(&reader->faults, line, reader->path,
                   "there is no such setting; did you mean %s?", nearest.word);
    else if (home != NULL)
        faults_add(&reader->faults, line, reader->path,
                   "there is no such setting here; it belongs %s%s",
                   *home->name != '\0' ? "into " : "outside of any group", home->name);
    else
        faults_add(&reader->faults, line, reader->path,
                   "there is no such setting; peerlogd.conf(5) lists them");
    path_cut(reader, len);
}

static void refuse_unknown(struct reader *reader, const config_setting_t *setting,
                           const struct setting_group *group)
{
    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        if (setting_find(group, config_setting_name(member)) == NULL)
            refuse_name(reader, member, group);
    }
}

/* Where a value is kept; its kind tells what is there. */
static void *destination_of(const struct value_place *place)
{
    return (char *)place->base + place->rule->offset;
}

/* Keep a list of ranges. */
static int read_ranges(struct reader *reader, const struct value_place *place,
                       const config_setting_t *setting)
{
    int count = config_setting_length(setting);
    struct cidr_list *list = destination_of(place);
    struct setting_value value;

    if (count == 0)
        return 0;
    if (count > (int)PEERLOG_MAX_RANGES) {
        faults_add(&reader->faults, config_setting_source_line(setting), reader->path,
                   "has %d ranges; at most %u are allowed", count, PEERLOG_MAX_RANGES);
        return 0;
    }
    list->ranges = calloc((size_t)count, sizeof *list->ranges);
    if (list->ranges == NULL)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        if (!value_take(config_setting_get_elem(setting, (unsigned)i), &value))
            continue;
        size_t len = path_add_index(reader, i);
        if (value_read_range(place, &value, &list->ranges[list->count]))
            list->count++;
        path_cut(reader, len);
    }
    return 0;
}

/* Keep a list of texts; what was read of it so far is released with the settings. */
static int read_texts(struct reader *reader, const struct value_place *place,
                      const config_setting_t *setting)
{
    int count = config_setting_length(setting);
    struct text_list *list = destination_of(place);
    struct setting_value value;

    if (count == 0)
        return 0; /* as if it were not set */
    if (count > (int)PEERLOG_MAX_TEXTS) {
        faults_add(&reader->faults, config_setting_source_line(setting), reader->path,
                   "has %d texts; at most %u are allowed", count, PEERLOG_MAX_TEXTS);
        return 0;
    }
    list->texts = calloc((size_t)count + 1, sizeof *list->texts);
    if (list->texts == NULL)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        if (!value_take(config_setting_get_elem(setting, (unsigned)i), &value))
            continue;
        if (value.type != VALUE_TEXT) {
            value_refuse_type(place, &value);
            continue;
        }
        list->texts[list->count] = strdup(value.text);
        if (list->texts[list->count++] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int read_setting(struct reader *reader, const struct value_place *place,
                        config_setting_t *setting);

/* Read what a group sets into BASE, its structure. */
static int read_group(struct reader *reader, config_setting_t *setting,
                      const struct setting_group *group, void *base)
{
    uint64_t refused = 0;
    int r = 0;

    refuse_unknown(reader, setting, group);
    for (size_t i = 0; i < group->count && r == 0; i++) {
        const struct setting_rule *rule = &group->rules[i];
        config_setting_t *member = config_setting_get_member(setting, rule->name);
        if (member == NULL)
            continue;
        size_t count = reader->faults.count;
        size_t len = path_add(reader, rule->name);
        struct value_place place = {rule, base, reader->path, &reader->faults};
        r = read_setting(reader, &place, member);
        path_cut(reader, len);
        if (reader->faults.count > count)
            refused |= UINT64_C(1) << i;
        if (r == 0)
            r = origins_add(&reader->settings->origins, rule, reader->listener,
                            config_setting_source_line(member));
    }
    reader->refused = refused;
    return r;
}

/* Is the same port of the same address wanted twice? The kernel would refuse the second. */
static bool listeners_collide(const struct peer *a, const struct peer *b)
{
    static const unsigned char any[16];
    bool a_any = memcmp(a->address, any, sizeof any) == 0;
    bool b_any = memcmp(b->address, any, sizeof any) == 0;

    if (a->port != b->port || a->port == 0)
        return false;
    if ((a_any && a->family == PEER_IPV6) || (b_any && b->family == PEER_IPV6))
        return true; /* "::" serves both families */
    return a->family == b->family && (a_any || b_any || peer_equal(a, b));
}

/* Compare listener I with those before it whose address is known. */
static void check_collision(struct reader *reader, size_t i)
{
    const struct listener_settings *listeners = reader->settings->listeners;
    char mine[PEER_TEXT_BYTES], other[PEER_TEXT_BYTES];

    for (size_t k = 0; k < i; k++) {
        if (reader->listener_lines[k] == 0 ||
            !listeners_collide(&listeners[k].address, &listeners[i].address))
            continue;
        (void)peer_format(&listeners[i].address, mine);
        (void)peer_format(&listeners[k].address, other);
        faults_add(&reader->faults, reader->listener_lines[i], reader->path,
                   "%s is taken by listeners[%zu] of line %u, %s; give one of them another port",
                   mine, k, reader->listener_lines[k], other);
        return;
    }
}

static bool was_refused(const struct reader *reader, const struct setting_group *group,
                        const char *name)
{
    return (reader->refused >> (setting_find(group, name) - group->rules) & 1) != 0;
}

/* The group that finish_group() asks about. */
struct group_lines {
    const struct reader *reader;
    const struct setting_group *group;
    const config_setting_t *setting;
};

static unsigned line_of(void *context, const char *name)
{
    const struct group_lines *lines = context;
    const config_setting_t *member = config_setting_get_member(lines->setting, name);

    return member != NULL && !was_refused(lines->reader, lines->group, name)
               ? config_setting_source_line(member)
               : 0;
}

static bool is_refused(void *context, const char *name)
{
    const struct group_lines *lines = context;

    return was_refused(lines->reader, lines->group, name);
}

/* A group was read. Returns: 0, or -ENOMEM. */
static int finish(struct reader *reader, const config_setting_t *setting,
                  const struct setting_group *group, void *base)
{
    struct group_lines lines = {reader, group, setting};

    return finish_group(group->finish, &(struct finish){
        .settings = reader->settings, .base = base, .path = reader->path,
        .line = config_setting_source_line(setting), .faults = &reader->faults,
        .line_of = line_of, .is_refused = is_refused, .context = &lines,
    });
}

/* Read listener I, whose number is known to be in range. */
static int read_listener(struct reader *reader, const struct setting_group *group,
                         config_setting_t *setting, size_t i)
{
    struct listener_settings *listener = &reader->settings->listeners[i];

    setting_group_init(group, listener);
    listener->label = reader->settings->output.label;
    reader->listener = i;
    int r = read_group(reader, setting, group, listener);
    reader->listener = ORIGIN_NO_LISTENER;
    if (r < 0)
        return r;
    if (!was_refused(reader, group, "address") && !was_refused(reader, group, "port")) {
        reader->listener_lines[i] = config_setting_source_line(setting);
        check_collision(reader, i);
    }
    return finish(reader, setting, group, listener);
}

static int read_listeners(struct reader *reader, const struct value_place *place,
                          const config_setting_t *setting)
{
    int count = config_setting_length(setting), r = 0;
    struct setting_value value;

    if (count == 0 && reader->whole)
        faults_add(&reader->faults, config_setting_source_line(setting), reader->path,
                   "is empty; wanted: at least one listener, such as "
                   "( { address = \"127.0.0.1\"; port = 8888; } )");
    if (count > (int)PEERLOG_MAX_LISTENERS) {
        faults_add(&reader->faults, config_setting_source_line(setting), reader->path,
                   "has %d listeners; at most %u are allowed", count, PEERLOG_MAX_LISTENERS);
        count = (int)PEERLOG_MAX_LISTENERS;
    }
    for (int i = 0; i < count && r == 0; i++) {
        config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        size_t len = path_add_index(reader, i);
        if (config_setting_is_group(element)) {
            r = read_listener(reader, place->rule->group, element, (size_t)i);
        } else if (value_take(element, &value)) {
            struct setting_rule one = {.kind = SETTING_GROUP};
            struct value_place wanted = {&one, NULL, reader->path, &reader->faults};
            value_refuse_type(&wanted, &value);
        }
        path_cut(reader, len);
    }
    reader->settings->listeners_count = (size_t)count;
    return r;
}

static int read_setting(struct reader *reader, const struct value_place *place,
                        config_setting_t *setting)
{
    void *destination = destination_of(place);
    struct setting_value value;
    int r = 0;

    if (!value_take(setting, &value))
        return 0;
    switch (place->rule->kind) {
    case SETTING_GROUP:
        if (value.type != VALUE_GROUP)
            break;
        r = read_group(reader, setting, place->rule->group, destination);
        return r < 0 || reader->refused != 0 ? r : finish(reader, setting, place->rule->group,
                                                          destination);
    case SETTING_GROUPS:
        if (value.type != VALUE_LIST)
            break;
        return read_listeners(reader, place, setting);
    case SETTING_RANGES:
        if (value.type != VALUE_LIST)
            break;
        return read_ranges(reader, place, setting);
    case SETTING_TEXTS:
        if (value.type != VALUE_LIST)
            break;
        return read_texts(reader, place, setting);
    default:
        value_store(place, &value);
        return 0;
    }
    value_refuse_type(place, &value);
    return 0;
}

static unsigned count_lines(const char *text, size_t len)
{
    unsigned lines = 1;

    for (size_t i = 0; i + 1 < len; i++)
        lines += text[i] == '\n';
    return lines;
}

static int read_text(struct reader *reader, const char *text, size_t len)
{
    char *copy = settings_translate(text, len, &reader->faults);

    if (copy == NULL)
        return -ENOMEM;
    syntax_start(&reader->config);
    reader->whole = config_read_string(&reader->config, copy) == CONFIG_TRUE;
    reader->is_open = syntax_judge(&reader->config, reader->whole, count_lines(text, len),
                                   &reader->faults);
    int r = read_group(reader, config_root_setting(&reader->config), settings_table(),
                       reader->settings);
    config_destroy(&reader->config);
    free(copy);
    return r;
}

/* See settings_parse(); *READER has the name, and nothing else yet. */
static int parse(struct reader *reader, const char *text, size_t len, settings_fault_fn *fault,
                 void *context, struct settings **ret_settings)
{
    int r = settings_new_default(&reader->settings);

    if (r < 0)
        return r;
    reader->listener = ORIGIN_NO_LISTENER;
    if (settings_check_text(text, len, &reader->faults))
        r = read_text(reader, text, len);
    reader->settings->output.buffer_size = reader->settings->buffer_size;
    if (r == 0)
        r = faults_tell(&reader->faults, fault, context);
    faults_done(&reader->faults);
    if (r < 0) {
        (void)settings_free(reader->settings);
        return r;
    }
    *ret_settings = reader->settings;
    return 0;
}

int settings_parse(const char *name, const char *text, size_t len, settings_fault_fn *fault,
                   void *context, struct settings **ret_settings)
{
    struct reader reader = {.faults = {.name = name}};

    return parse(&reader, text, len, fault, context, ret_settings);
}

int settings_look(const char *name, const char *text, size_t len, settings_fault_fn *fault,
                  void *context, struct settings **ret_settings)
{
    struct reader reader = {.faults = {.name = name, .spares_hidden = true}};

    return parse(&reader, text, len, fault, context, ret_settings);
}
