/* SPDX-License-Identifier: MIT
 *
 * The table of settings, one line of facts each, and how a value gets to its place.
 * In each group the output comes before what inherits from it.
 */
#include "config.h"

#include "daemon/settings/table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "daemon/settings/settings.h"
#include "peerlog/count.h"
#include "peerlog/priority.h"

/* Where the default output goes. */
#define SYSLOG_PATH "/dev/log"

/* The destination of a setting: a member of its group's structure. */
#define PLACE(structure, member) \
    .offset = offsetof(struct structure, member), .size = sizeof(((struct structure *)0)->member)

static const char *const framing_names[] = {
    [FRAMING_AUTO] = "auto",
    [FRAMING_LF] = "lf",
    [FRAMING_NUL] = "nul",
    [FRAMING_OCTET_COUNTING] = "octet-counting",
    [FRAMING_CLOSE] = "close",
};

static const char *const multiline_names[] = {
    [MULTILINE_NONE] = "none",
    [MULTILINE_INDENTED] = "indented",
    [MULTILINE_NO_PRIORITY] = "no-priority",
};

static const char *const session_names[] = {
    [LISTENER_AUTO] = "auto",
    [LISTENER_SYSLOG] = "syslog",
    [LISTENER_RELP] = "relp",
};

static const char *const announce_names[] = {
    [ANNOUNCE_NONE] = "none",
    [ANNOUNCE_ENDS] = "ends",
    [ANNOUNCE_ALL] = "all",
};

static const char *const oversize_names[] = {
    [OVERSIZE_SPLIT] = "split",
    [OVERSIZE_TRUNCATE] = "truncate",
    [OVERSIZE_DISCARD] = "discard",
};

static const char *const priority_mode_names[] = {
    [PRIORITY_MODE_SEVERITY] = "severity",
    [PRIORITY_MODE_FULL] = "full",
    [PRIORITY_MODE_IGNORE] = "ignore",
};

static const struct output_words output_words[OUTPUT_TYPES] = {
    [OUTPUT_SYSLOG] = {"syslog", SYSLOG_PATH, NULL, "syslog (", ")"},
    [OUTPUT_JOURNAL] = {"journal", "/run/systemd/journal/socket", NULL, "journal (native)", NULL},
    [OUTPUT_STDOUT] = {"stdout", "", NULL, "standard output", NULL},
    [OUTPUT_AUTO] = {"auto", SYSLOG_PATH, NULL, "", NULL}, /* it is one of the others */
    [OUTPUT_FILE] = {"file", "/var/log/peerlog/messages.log", NULL, "file (", ")"},
    [OUTPUT_NATS] = {"nats", "", "nats", "NATS (stream ", ")"},
    [OUTPUT_KAFKA] = {"kafka", "", "kafka", "Kafka (topic ", ")"},
};

static const char *const format_names[] = {
    [OUTPUT_FORMAT_TEXT] = "text",
    [OUTPUT_FORMAT_JSON] = "json",
    [OUTPUT_FORMAT_EXPORT] = "export",
};

static const char *const sync_names[] = {
    [OUTPUT_SYNC_NEVER] = "never",
    [OUTPUT_SYNC_SECOND] = "second",
    [OUTPUT_SYNC_ROUND] = "round",
};

static const char *const tls_mode_names[] = {
    [TLS_OFF] = "off",
    [TLS_REQUIRED] = "required",
    [TLS_AUTO] = "auto",
};

/* By the numbers of enum tls_client_certificate. */
static const char *const client_certificate_names[] = {"none", "optional", "required"};

static const char *const tls_version_names[] = {
    [TLS_MIN_1_2] = "1.2",
    [TLS_MIN_1_3] = "1.3",
};

static const char *framing_name(unsigned number) { return framing_names[number]; }
static const char *multiline_name(unsigned number) { return multiline_names[number]; }
static const char *session_name(unsigned number) { return session_names[number]; }
static const char *announce_name(unsigned number) { return announce_names[number]; }
static const char *oversize_name(unsigned number) { return oversize_names[number]; }
static const char *priority_mode_name(unsigned number) { return priority_mode_names[number]; }
static const char *output_name(unsigned number) { return output_words[number].name; }
static const char *format_name(unsigned number) { return format_names[number]; }
static const char *sync_name(unsigned number) { return sync_names[number]; }

static const char *tls_mode_name(unsigned number) { return tls_mode_names[number]; }
static const char *client_certificate_name(unsigned number)
{
    return client_certificate_names[number];
}
static const char *tls_version_name(unsigned number) { return tls_version_names[number]; }

static const struct setting_words tls_modes = {COUNT_OF(tls_mode_names), tls_mode_name, NULL};
static const struct setting_words client_certificates = {COUNT_OF(client_certificate_names),
                                                         client_certificate_name, NULL};
static const struct setting_words tls_versions = {COUNT_OF(tls_version_names), tls_version_name,
                                                  NULL};
static const struct setting_words framings = {COUNT_OF(framing_names), framing_name, NULL};
static const struct setting_words multilines = {COUNT_OF(multiline_names), multiline_name, NULL};
static const struct setting_words announces = {COUNT_OF(announce_names), announce_name, NULL};
static const struct setting_words sessions = {COUNT_OF(session_names), session_name, NULL};
static const struct setting_words oversizes = {COUNT_OF(oversize_names), oversize_name, NULL};
static const struct setting_words priority_modes = {COUNT_OF(priority_mode_names),
                                                    priority_mode_name, NULL};
static const struct setting_words outputs = {OUTPUT_TYPES, output_name, NULL};
static const struct setting_words formats = {COUNT_OF(format_names), format_name, NULL};
static const struct setting_words syncs = {COUNT_OF(sync_names), sync_name, NULL};
static const struct setting_words severities = {SEVERITY_DEBUG + 1, severity_name,
                                                severity_from_name};
static const struct setting_words facilities = {FACILITY_MAX + 1, facility_name,
                                                facility_from_name};

static const struct setting_rule listener_rules[] = {
    {"address", SETTING_ADDRESS, .initial_text = PEERLOG_DEFAULT_ADDRESS,
     PLACE(listener_settings, address)},
    {"port", SETTING_NUMBER, .max = UINT16_MAX, .initial = PEERLOG_DEFAULT_PORT,
     PLACE(listener_settings, address.port)},
    {"framing", SETTING_WORD, .words = &framings, .initial = FRAMING_AUTO,
     PLACE(listener_settings, framing)},
    {"multiline", SETTING_WORD, .words = &multilines, .initial = MULTILINE_NONE,
     PLACE(listener_settings, multiline)},
    {"flush_timeout", SETTING_NUMBER, .max = PEERLOG_MAX_FLUSH_TIMEOUT_S,
     .initial = PEERLOG_DEFAULT_FLUSH_TIMEOUT_S, .unit = "seconds",
     PLACE(listener_settings, flush_timeout_s)},
    {"session", SETTING_WORD, .words = &sessions, .initial = LISTENER_AUTO,
     PLACE(listener_settings, session)},
    {"announce", SETTING_WORD, .words = &announces, .initial = ANNOUNCE_NONE,
     PLACE(listener_settings, announce)},
    {"silent_after", SETTING_NUMBER, .max = PEERLOG_MAX_SILENT_AFTER_S, .unit = "seconds",
     PLACE(listener_settings, silent_after_s)},
    {"facility", SETTING_WORD, .words = &facilities, .initial = FACILITY_DAEMON,
     .inherited = true, PLACE(listener_settings, label.facility)},
    {"severity", SETTING_WORD, .words = &severities, .initial = SEVERITY_INFO,
     .inherited = true, PLACE(listener_settings, label.severity)},
    {"tag", SETTING_TAG, .initial_text = "peerlogd", .inherited = true,
     PLACE(listener_settings, label.tag)},
    {"show_peer", SETTING_SWITCH, .initial = true, .inherited = true,
     PLACE(listener_settings, label.show_peer)},
    {"allow_kern", SETTING_SWITCH, .initial = false, PLACE(listener_settings, allow_kern)},
    {"allow", SETTING_RANGES, PLACE(listener_settings, allow)},
    {"deny", SETTING_RANGES, PLACE(listener_settings, deny)},
    {"proxy_protocol", SETTING_SWITCH, .initial = false,
     PLACE(listener_settings, proxy_protocol)},
    {"proxy_from", SETTING_RANGES, PLACE(listener_settings, proxy_from)},
    {"tls", SETTING_WORD, .words = &tls_modes, .initial = TLS_OFF,
     PLACE(listener_settings, tls_mode)},
    {"certificate", SETTING_PATH, .initial_text = "", PLACE(listener_settings, certificate)},
    {"key", SETTING_PATH, .initial_text = "", PLACE(listener_settings, key)},
    {"client_ca", SETTING_PATH, .initial_text = "", PLACE(listener_settings, client_ca)},
    {"client_certificate", SETTING_WORD, .words = &client_certificates,
     PLACE(listener_settings, client_certificate)},
    {"client_names", SETTING_TEXTS, PLACE(listener_settings, client_names)},
    {"tls_min", SETTING_WORD, .words = &tls_versions, .initial = TLS_MIN_1_2,
     PLACE(listener_settings, tls_min)},
    {"tls_ciphers", SETTING_TEXTS, PLACE(listener_settings, tls_ciphers)},
    {"survive", SETTING_SWITCH, .initial = true, PLACE(listener_settings, survive)},
};
static const struct setting_group listener_group = {"listeners", listener_rules,
                                                    COUNT_OF(listener_rules), FINISH_LISTENER};

static const struct setting_rule stream_rules[] = {
    {"replicas", SETTING_NUMBER, .max = PEERLOG_MAX_REPLICAS, PLACE(stream_settings, replicas)},
    {"max_messages", SETTING_NUMBER, .max = PEERLOG_MAX_STREAM_MESSAGES, .unit = "messages",
     PLACE(stream_settings, max_messages)},
    {"max_age", SETTING_NUMBER, .max = PEERLOG_MAX_STREAM_AGE_S, .unit = "seconds",
     PLACE(stream_settings, max_age_s)},
    {"duplicate_window", SETTING_NUMBER, .min = 1, .max = PEERLOG_MAX_STREAM_AGE_S,
     .initial = PEERLOG_DEFAULT_DUPLICATE_WINDOW_S, .unit = "seconds",
     PLACE(stream_settings, duplicate_window_s)},
};
static const struct setting_group stream_group = {"create_stream", stream_rules,
                                                  COUNT_OF(stream_rules), FINISH_NOTHING};

static const struct setting_rule output_rules[] = {
    {"type", SETTING_WORD, .words = &outputs, .initial = OUTPUT_AUTO,
     PLACE(output_settings, type)},
    {"path", SETTING_PATH, .initial_text = SYSLOG_PATH, PLACE(output_settings, path)},
    {"format", SETTING_WORD, .words = &formats, .initial = OUTPUT_FORMAT_TEXT,
     PLACE(output_settings, format)},
    {"sync", SETTING_WORD, .words = &syncs, .initial = OUTPUT_SYNC_NEVER,
     PLACE(output_settings, sync)},
    {"mode", SETTING_MODE, .initial = 0640, PLACE(output_settings, mode)},
    {"directory_mode", SETTING_MODE, .initial = 0750, PLACE(output_settings, directory_mode)},
    {"max_bytes", SETTING_NUMBER, .max = PEERLOG_MAX_FILE_BYTES, .unit = "bytes",
     PLACE(output_settings, max_bytes)},
    {"keep", SETTING_NUMBER, .min = 1, .max = PEERLOG_MAX_KEPT_FILES,
     .initial = PEERLOG_DEFAULT_KEPT_FILES, .unit = "files", PLACE(output_settings, keep)},
    {"servers", SETTING_TEXTS, PLACE(output_settings, servers)},
    {"stream", SETTING_TAG, .initial_text = "LOGS", PLACE(output_settings, stream)},
    {"subject", SETTING_TAG, .initial_text = "logs.%{listener}.%{address}",
     PLACE(output_settings, subject)},
    {"credentials", SETTING_PATH, .initial_text = "", PLACE(output_settings, credentials)},
    {"tls", SETTING_SWITCH, .initial = false, PLACE(output_settings, tls)},
    {"tls_ca", SETTING_PATH, .initial_text = "", PLACE(output_settings, tls_ca)},
    {"tls_certificate", SETTING_PATH, .initial_text = "", PLACE(output_settings, tls_certificate)},
    {"tls_key", SETTING_PATH, .initial_text = "", PLACE(output_settings, tls_key)},
    {"pack", SETTING_NUMBER, .min = 1, .max = PEERLOG_MAX_PACK, .initial = 1, .unit = "records",
     PLACE(output_settings, pack)},
    {"in_flight", SETTING_NUMBER, .min = 1, .max = PEERLOG_MAX_IN_FLIGHT, .initial = 1,
     .unit = "messages", PLACE(output_settings, in_flight)},
    {"create_stream", SETTING_GROUP, .group = &stream_group,
     PLACE(output_settings, create_stream)},
    {"brokers", SETTING_TEXTS, PLACE(output_settings, brokers)},
    {"topic", SETTING_TAG, .initial_text = "logs", PLACE(output_settings, topic)},
    {"properties", SETTING_TEXTS, PLACE(output_settings, properties)},
    {"facility", SETTING_WORD, .words = &facilities, .initial = FACILITY_DAEMON,
     PLACE(output_settings, label.facility)},
    {"severity", SETTING_WORD, .words = &severities, .initial = SEVERITY_INFO,
     PLACE(output_settings, label.severity)},
    {"tag", SETTING_TAG, .initial_text = "peerlogd", PLACE(output_settings, label.tag)},
    {"show_peer", SETTING_SWITCH, .initial = true, PLACE(output_settings, label.show_peer)},
};
static const struct setting_group output_group = {"output", output_rules, COUNT_OF(output_rules),
                                                  FINISH_OUTPUT};

static const struct setting_rule limit_rules[] = {
    {"connections", SETTING_NUMBER, .min = 1, .max = PEERLOG_MAX_CONNECTIONS,
     .initial = PEERLOG_DEFAULT_CONNECTIONS, PLACE(limit_settings, connections)},
    {"connections_per_peer", SETTING_NUMBER, .max = PEERLOG_MAX_CONNECTIONS,
     PLACE(limit_settings, connections_per_peer)},
    {"messages_per_second", SETTING_NUMBER, .max = PEERLOG_MAX_MESSAGES_PER_SECOND,
     PLACE(limit_settings, messages_per_second)},
    {"messages_per_second_per_peer", SETTING_NUMBER, .max = PEERLOG_MAX_MESSAGES_PER_SECOND,
     PLACE(limit_settings, messages_per_second_per_peer)},
    {"idle_timeout", SETTING_NUMBER, .max = PEERLOG_MAX_IDLE_TIMEOUT_S, .unit = "seconds",
     PLACE(limit_settings, idle_timeout_s)},
    {"handshake_timeout", SETTING_NUMBER, .min = 1, .max = PEERLOG_MAX_HANDSHAKE_TIMEOUT_S,
     .initial = PEERLOG_DEFAULT_HANDSHAKE_TIMEOUT_S, .unit = "seconds",
     PLACE(limit_settings, handshake_timeout_s)},
    {"keepalive", SETTING_NUMBER, .max = PEERLOG_MAX_KEEPALIVE_S,
     .initial = PEERLOG_DEFAULT_KEEPALIVE_S, .unit = "seconds",
     PLACE(limit_settings, keepalive_s)},
    {"write_timeout", SETTING_NUMBER, .min = 1, .max = PEERLOG_MAX_WRITE_TIMEOUT_S,
     .initial = PEERLOG_DEFAULT_WRITE_TIMEOUT_S, .unit = "seconds",
     PLACE(limit_settings, write_timeout_s)},
};
static const struct setting_group limit_group = {"limits", limit_rules, COUNT_OF(limit_rules),
                                                 FINISH_NOTHING};

static const struct setting_rule admin_rules[] = {
    {"enabled", SETTING_SWITCH, .initial = true, PLACE(admin_settings, enabled)},
    {"path", SETTING_PATH, .initial_text = "", PLACE(admin_settings, path)},
    {"group", SETTING_TAG, .initial_text = "", PLACE(admin_settings, group)},
};
static const struct setting_group admin_group = {"admin", admin_rules, COUNT_OF(admin_rules),
                                                 FINISH_NOTHING};

static const struct setting_rule metrics_rules[] = {
    {"address", SETTING_ADDRESS, .initial_text = PEERLOG_DEFAULT_ADDRESS,
     PLACE(metrics_settings, address)},
    {"port", SETTING_NUMBER, .max = UINT16_MAX, .initial = 0,
     PLACE(metrics_settings, address.port)},
    {"allow", SETTING_RANGES, PLACE(metrics_settings, allow)},
    {"deny", SETTING_RANGES, PLACE(metrics_settings, deny)},
};
static const struct setting_group metrics_group = {"metrics", metrics_rules,
                                                   COUNT_OF(metrics_rules), FINISH_NOTHING};

static const struct setting_rule file_rules[] = {
    {"output", SETTING_GROUP, .group = &output_group, PLACE(settings, output)},
    {"listeners", SETTING_GROUPS, .group = &listener_group, PLACE(settings, listeners)},
    {"buffer_size", SETTING_NUMBER, .min = PEERLOG_MIN_MESSAGE_BYTES,
     .max = PEERLOG_MAX_MESSAGE_BYTES, .initial = PEERLOG_DEFAULT_MESSAGE_BYTES,
     .unit = "bytes", PLACE(settings, buffer_size)},
    {"oversize", SETTING_WORD, .words = &oversizes, .initial = OVERSIZE_SPLIT,
     PLACE(settings, oversize)},
    {"workers", SETTING_NUMBER, .max = PEERLOG_MAX_WORKERS, PLACE(settings, workers)},
    {"priority", SETTING_WORD, .words = &priority_modes, .initial = PRIORITY_MODE_SEVERITY,
     PLACE(settings, priority)},
    {"highest_severity", SETTING_WORD, .words = &severities, .initial = SEVERITY_CRIT,
     PLACE(settings, highest_severity)},
    {"log_level", SETTING_WORD, .words = &severities, .initial = SEVERITY_INFO,
     PLACE(settings, log_level)},
    {"limits", SETTING_GROUP, .group = &limit_group, PLACE(settings, limits)},
    {"admin", SETTING_GROUP, .group = &admin_group, PLACE(settings, admin)},
    {"metrics", SETTING_GROUP, .group = &metrics_group, PLACE(settings, metrics)},
};
static const struct setting_group file_group = {"", file_rules, COUNT_OF(file_rules),
                                                FINISH_NOTHING};

const struct setting_group *settings_table(void)
{
    return &file_group;
}

const struct setting_rule *setting_find(const struct setting_group *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->rules[i].name, name) == 0)
            return &group->rules[i];
    return NULL;
}

int setting_word_number(const struct setting_words *words, const char *name)
{
    for (unsigned i = 0; i < words->count; i++)
        if (strcasecmp(words->name(i), name) == 0)
            return (int)i;
    return words->number != NULL ? words->number(name) : -EINVAL;
}

void setting_store_number(const struct setting_rule *rule, void *base, uint32_t number)
{
    unsigned char *place = (unsigned char *)base + rule->offset;
    uint8_t byte = (uint8_t)number;
    uint16_t word = (uint16_t)number;
    bool on = number != 0;

    if (rule->kind == SETTING_SWITCH)
        memcpy(place, &on, sizeof on);
    else if (rule->size == sizeof byte)
        memcpy(place, &byte, sizeof byte);
    else if (rule->size == sizeof word)
        memcpy(place, &word, sizeof word);
    else
        memcpy(place, &number, sizeof number);
}

void setting_store_text(const struct setting_rule *rule, void *base, const char *text)
{
    char *place = (char *)base + rule->offset;
    size_t len = strlen(text);

    assert(len < rule->size);
    memset(place, 0, rule->size);
    memcpy(place, text, len);
}

void setting_store_address(const struct setting_rule *rule, void *base,
                           const struct peer *address)
{
    unsigned char *place = (unsigned char *)base + rule->offset;
    struct peer stored;

    memcpy(&stored, place, sizeof stored);
    uint16_t port = stored.port;
    stored = *address;
    stored.port = port;
    memcpy(place, &stored, sizeof stored);
}

/* The default of one setting; peer_parse() is sure of the table's own address. */
static void rule_init(const struct setting_rule *rule, void *base)
{
    struct peer address = {0};

    switch (rule->kind) {
    case SETTING_NUMBER:
    case SETTING_SWITCH:
    case SETTING_WORD:
    case SETTING_MODE:
        setting_store_number(rule, base, rule->initial);
        break;
    case SETTING_TAG:
    case SETTING_PATH:
        setting_store_text(rule, base, rule->initial_text);
        break;
    case SETTING_ADDRESS:
        (void)peer_parse(rule->initial_text, 0, &address);
        setting_store_address(rule, base, &address);
        break;
    case SETTING_GROUP:
    case SETTING_GROUPS: /* the first of them */
        setting_group_init(rule->group, (char *)base + rule->offset);
        break;
    case SETTING_TEXTS:
    case SETTING_RANGES:
        break;
    }
}

void setting_group_init(const struct setting_group *group, void *base)
{
    for (size_t i = 0; i < group->count; i++)
        rule_init(&group->rules[i], base);
}

const struct output_words *output_words_of(unsigned type)
{
    return &output_words[type];
}
