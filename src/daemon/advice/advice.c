/* SPDX-License-Identifier: MIT
 *
 * journald takes a limited number of messages of one unit in a time, and drops the others
 * without a word to their sender. Its levels hide records likewise. Neither can be
 * seen on the socket, so whoever checks the settings is told before.
 */
#include "config.h"

#include "daemon/advice/advice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/ledger/capacity.h"
#include "daemon/settings/target.h"
#include "daemon/advice/journald_conf.h"
#include "os/service_manager.h"
#include "os/net.h"
#include "peerlog/count.h"

#define WARNING_BYTES 400u
#define VALUE_BYTES 64u

/* An interval of one microsecond is as good as none. */
#define HARMLESS_INTERVAL_US 1u

static const char *const units[] = {"peerlogd.service", "peerlogd-activated.service"};

/* --- the system --- */

/* Does this socket belong to journald? */
static bool is_journald(const struct output_settings *output)
{
    static const char home[] = "/run/systemd/journal/";
    struct output_target target;
    char *path;

    output_target_choose(output, &target);
    if (target.type == OUTPUT_STDOUT || target.type == OUTPUT_FILE)
        return false;
    path = realpath(target.path, NULL);
    bool is = strncmp(path != NULL ? path : target.path, home, sizeof home - 1) == 0;
    free(path);
    return is;
}

/* A level of journald.conf, as a name or a number; everything unless one is set. */
static enum severity look_up_level(const char *root, const char *key)
{
    char value[VALUE_BYTES];
    int level;

    if (!journald_conf(root, key, value, sizeof value) || *value == '\0')
        return SEVERITY_DEBUG;
    if (value[0] >= '0' && value[0] <= '7' && value[1] == '\0')
        return (enum severity)(value[0] - '0');
    level = severity_from_name(value);
    return level >= 0 ? (enum severity)level : SEVERITY_DEBUG;
}

/* Is this setting a zero, whatever its unit? */
static bool is_zero(const char *root, const char *key)
{
    char value[VALUE_BYTES];

    return journald_conf(root, key, value, sizeof value) && value[0] == '0' &&
           strpbrk(value, "123456789") == NULL;
}

void advice_look_at_journal(const char *root, const struct settings *settings,
                              struct surroundings *ret_around)
{
    char forwards[VALUE_BYTES] = "";

    *ret_around = (struct surroundings){.journald = is_journald(&settings->output),
                                        .store = SEVERITY_DEBUG,
                                        .forward = SEVERITY_DEBUG};
    if (!ret_around->journald)
        return;
    ret_around->store = look_up_level(root, "MaxLevelStore");
    (void)journald_conf(root, "ForwardToSyslog", forwards, sizeof forwards);
    if (strcmp(forwards, "no") != 0)
        ret_around->forward = look_up_level(root, "MaxLevelSyslog");
    ret_around->journald_unlimited =
        is_zero(root, "RateLimitIntervalSec") || is_zero(root, "RateLimitBurst");
    for (size_t i = 0; i < COUNT_OF(units) && ret_around->unit == NULL; i++)
        if (unit_properties_rate(units[i], &ret_around->rate) == 0)
            ret_around->unit = units[i];
}

const char *advice_find_unit(void)
{
    struct unit_rate rate;

    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (unit_properties_rate(units[i], &rate) == 0)
            return units[i];
    return NULL;
}

void advice_look_at_descriptors(struct surroundings *ret_around)
{
    struct rlimit limit;

    ret_around->parked = service_manager_stores();
    ret_around->descriptors = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : UINT64_MAX;
}

/* --- the judgement --- */

enum severity advice_least_severity(const struct settings *settings)
{
    unsigned least = SEVERITY_EMERG;

    if (settings->priority != PRIORITY_MODE_IGNORE)
        return SEVERITY_DEBUG; /* each peer decides for itself */
    for (size_t i = 0; i < settings->listeners_count; i++)
        if (settings->listeners[i].label.severity > least)
            least = settings->listeners[i].label.severity;
    return (enum severity)(least > settings->highest_severity ? least
                                                              : settings->highest_severity);
}

void advice_judge_severities(const struct settings *settings, warning_fn *warn, void *context)
{
    char address[PEER_TEXT_BYTES], text[WARNING_BYTES];

    for (size_t i = 0; i < settings->listeners_count; i++) {
        const struct listener_settings *listener = &settings->listeners[i];
        if (listener->label.severity >= settings->highest_severity)
            continue;
        (void)peer_format(&listener->address, address);
        (void)snprintf(text, sizeof text,
                       "the severity of messages from listener %s is %s, but highest_severity "
                       "lowers them to %s; set highest_severity = \"%s\" to let it be",
                       address, severity_name(listener->label.severity),
                       severity_name(settings->highest_severity),
                       severity_name(listener->label.severity));
        warn(context, text);
    }
}

/* Can only this machine itself connect there? */
static bool is_loopback(const struct peer *address)
{
    static const unsigned char one[16] = {[15] = 1};

    return address->family == PEER_IPV4 ? address->address[0] == 127
                                        : memcmp(address->address, one, sizeof one) == 0;
}

void advice_judge_access(const struct settings *settings, warning_fn *warn, void *context)
{
    char address[PEER_TEXT_BYTES], text[WARNING_BYTES];

    for (size_t i = 0; i < settings->listeners_count; i++) {
        const struct listener_settings *listener = &settings->listeners[i];
        if (!listener->allow_empty || is_loopback(&listener->address))
            continue;
        (void)peer_format(&listener->address, address);
        (void)snprintf(text, sizeof text,
                       "allow = [ ] of listener %s is empty, which lets everyone in%s", address,
                       listener->deny.count > 0 ? " whom deny does not name" : "");
        warn(context, text);
    }
}

void advice_judge_log_socket(const struct settings *settings, warning_fn *warn, void *context)
{
    struct output_target target;
    char text[WARNING_BYTES];

    output_target_choose(&settings->output, &target);
    if (target.type != OUTPUT_SYSLOG && target.type != OUTPUT_JOURNAL)
        return;
    const char *words = net_describe_log_socket(target.path, target.type == OUTPUT_SYSLOG);
    if (words == NULL)
        return;
    (void)snprintf(text, sizeof text, "%s %s", target.path, words);
    warn(context, text);
}

static void judge_rate(const struct surroundings *around, warning_fn *warn, void *context)
{
    static const char remedy[] = "set LogRateLimitIntervalSec=1us and LogRateLimitBurst=1000000 "
                                 "in the unit (systemd ignores an interval of 0)";
    char text[WARNING_BYTES];
    uint64_t us = around->rate.interval_us;

    if (us == 0) {
        if (around->journald_unlimited)
            return;
        (void)snprintf(text, sizeof text,
                       "%s sets no rate limit, so journald's own holds, by default 10000 messages "
                       "in 30 s, or a few times that where much of the disk is free, and more are "
                       "lost; %s", around->unit, remedy);
    } else if (us > HARMLESS_INTERVAL_US) {
        (void)snprintf(text, sizeof text,
                       "%s has a rate limit of %" PRIu32 " messages in %g s, and journald "
                       "loses what is more; %s",
                       around->unit, around->rate.burst, (double)us / 1e6, remedy);
    } else {
        return;
    }
    warn(context, text);
}

void advice_judge_journal(const struct settings *settings, const struct surroundings *around,
                            warning_fn *warn, void *context)
{
    enum severity least = advice_least_severity(settings);
    char text[WARNING_BYTES];

    if (!around->journald)
        return;
    if (around->unit != NULL)
        judge_rate(around, warn, context);
    if (around->store < least) {
        (void)snprintf(text, sizeof text,
                       "journald.conf has MaxLevelStore=%s, so the journal does not keep messages "
                       "of less severity, down to %s; set MaxLevelStore=%s there",
                       severity_name(around->store), severity_name(least), severity_name(least));
        warn(context, text);
    }
    if (around->forward < least) {
        (void)snprintf(text, sizeof text,
                       "journald.conf has MaxLevelSyslog=%s, so a syslog daemon behind the journal "
                       "does not get messages of less severity, down to %s; set "
                       "MaxLevelSyslog=%s there",
                       severity_name(around->forward), severity_name(least),
                       severity_name(least));
        warn(context, text);
    }
}

void advice_judge_descriptors(const struct settings *settings,
                                const struct surroundings *around, warning_fn *warn,
                                void *context)
{
    uint32_t wanted = settings->limits.connections;
    const struct capacity_wish wish = {
        .connections = wanted, .files = settings_open_files(settings), .parked = around->parked,
    };
    uint32_t usable = capacity_usable(around->descriptors, &wish);
    char text[WARNING_BYTES];

    if (usable == wanted)
        return;
    (void)snprintf(text, sizeof text,
                   "limits.connections = %" PRIu32 " needs more than the %" PRIu64
                   " open files this process may have; %" PRIu32 " could be accepted: raise "
                   "LimitNOFILE of the unit, or \"ulimit -Hn\"",
                   wanted, around->descriptors, usable);
    warn(context, text);
}
