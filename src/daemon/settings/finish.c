/* SPDX-License-Identifier: MIT
 *
 * Groups are finished: the output's path, and a listener's certificates.
 */
#include "config.h"

#include "daemon/settings/finish.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/settings/certificates.h"
#include "os/module.h"
#include "peerlog/count.h"
#include "peerlog/path_template.h"
#include "peerlog/subject.h"
#include "tls/suite.h"
#include "tls/tls_context.h"

/* Note a fault of the setting NAME, or of the group when it is not set. */
static void refuse(const struct finish *f, const char *name, const char *words)
{
    unsigned line = f->line_of(f->context, name);
    char path[256];

    (void)snprintf(path, sizeof path, "%s.%s", f->path, name);
    faults_add(f->faults, line != 0 ? line : f->line, path, "%s", words);
}

/* Files have a template for their names. */
static void finish_files(const struct finish *f, const struct output_settings *output)
{
    char words[160], number[16]; /* of the oldest file */
    struct path_template template;
    struct path_fault fault;

    if (path_template_parse(output->path, &template, &fault) < 0) {
        (void)snprintf(words, sizeof words, "at character %zu: %s", fault.position, fault.reason);
        refuse(f, "path", words);
        return;
    }
    int room = NAME_MAX - snprintf(number, sizeof number, ".%u", (unsigned)output->keep);
    (void)snprintf(words, sizeof words,
                   "a name that may have %u bytes; with max_bytes, and %s behind it, at most %d",
                   (unsigned)template.name_bytes, number, room);
    if (output->max_bytes > 0 && (int)template.name_bytes > room)
        refuse(f, "path", words);
}

/* Its servers, as one text. */
static void join_servers(const struct finish *f, struct output_settings *output)
{
    size_t n = 0;

    for (size_t i = 0; i < output->servers.count; i++) {
        const char *server = output->servers.texts[i];
        size_t len = strlen(server);
        if (len == 0 || strpbrk(server, ", ") != NULL) {
            refuse(f, "servers", "has a text that is no server; wanted: \"nats://HOST:PORT\"");
            return;
        }
        if (n + len + 2 > sizeof output->urls) {
            refuse(f, "servers", "is too long; at most 1023 characters are allowed");
            return;
        }
        if (n > 0)
            output->urls[n++] = ',';
        memcpy(output->urls + n, server, len + 1);
        n += len;
    }
    if (n == 0)
        refuse(f, "servers", "is missing; wanted: such as [ \"nats://127.0.0.1:4222\" ]");
}

/* What the module says when it is not there. */
static void look_for_module(const struct finish *f, const char *module)
{
    char symbol[32], words[512];
    const char *why = NULL;

    (void)snprintf(symbol, sizeof symbol, "output_%s", module); /* always fits */
    if (module_symbol(module, symbol, &why) != NULL)
        return;
    (void)snprintf(words, sizeof words, "\"%s\" cannot be used: %s", module, why);
    refuse(f, "type", words);
}

/* Streams have servers, a name and a subject. */
static void finish_stream(const struct finish *f, struct output_settings *output)
{
    const char *fault = subject_fault(output->subject);
    const struct stream_settings *create = &output->create_stream;

    if (f->line_of(f->context, "format") == 0)
        output->format = OUTPUT_FORMAT_JSON;
    join_servers(f, output);
    if (fault != NULL)
        refuse(f, "subject", fault);
    if (strpbrk(output->stream, ".*>/\\") != NULL)
        refuse(f, "stream", "is no name of a stream; it has no \".\", \"*\", \">\" and slashes");
    if ((output->tls_certificate[0] == '\0') != (output->tls_key[0] == '\0'))
        refuse(f, "tls_key", "and tls_certificate go together; set both, or none");
    if (output->tls_ca[0] != '\0' && !output->tls)
        refuse(f, "tls_ca", "has no effect without tls = true");
    if (output->tls_certificate[0] != '\0' && !output->tls)
        refuse(f, "tls_certificate", "has no effect without tls = true");
    if (create->max_age_s > 0 && create->max_age_s < create->duplicate_window_s)
        refuse(f, "create_stream", "has a duplicate_window longer than its max_age");
    look_for_module(f, output_module(output->type));
}

/* What only brokers have. */
static void refuse_without_broker(const struct finish *f, const struct output_settings *output)
{
    const struct setting_group *group = setting_find(settings_table(), "output")->group;
    const struct {
        const char *name;
        bool is_wanted;
    } rows[] = {
        {"servers", output->servers.count > 0},
        {"stream", strcmp(output->stream, setting_find(group, "stream")->initial_text) != 0},
        {"subject", strcmp(output->subject, setting_find(group, "subject")->initial_text) != 0},
        {"credentials", output->credentials[0] != '\0'},
        {"tls", output->tls},
        {"tls_ca", output->tls_ca[0] != '\0'},
        {"tls_certificate", output->tls_certificate[0] != '\0'},
        {"tls_key", output->tls_key[0] != '\0'},
        {"pack", output->pack != 1},
        {"in_flight", output->in_flight != 1},
        {"create_stream", output->create_stream.replicas > 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].is_wanted && f->line_of(f->context, rows[i].name) != 0)
            refuse(f, rows[i].name, "has no effect on an output that is not of type \"nats\"");
}

/* What only files can promise is said to be none without them; and a socket's path is shorter. */
static void finish_socket(const struct finish *f, const struct output_settings *output)
{
    const struct {
        const char *name;
        bool is_wanted;
    } rows[] = {
        {"format", output->format != OUTPUT_FORMAT_TEXT && output_module(output->type) == NULL},
        {"sync", output->sync != OUTPUT_SYNC_NEVER},
        {"max_bytes", output->max_bytes != 0},
    };
    char words[80];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].is_wanted && f->line_of(f->context, rows[i].name) != 0)
            refuse(f, rows[i].name, "has no effect on an output that is not of type \"file\"");
    (void)snprintf(words, sizeof words, "has %zu bytes; the path of a socket has at most %u",
                   strlen(output->path), SETTINGS_PATH_BYTES - 1);
    if (strlen(output->path) >= SETTINGS_PATH_BYTES)
        refuse(f, "path", words);
}

/*
 * The output is known: the default listener takes its label, and its path becomes the
 * default of its type, or is judged if it is set.
 */
static int finish_output(const struct finish *f)
{
    struct output_settings *output = f->base;
    const char *usual = output_default_path(output->type);
    char words[2 * SETTINGS_FILE_BYTES + 80];

    f->settings->listeners[0].label = output->label;
    if (output->type != OUTPUT_FILE)
        finish_socket(f, output);
    if (output->type == OUTPUT_NATS)
        finish_stream(f, output);
    else
        refuse_without_broker(f, output);
    if (f->line_of(f->context, "path") == 0) {
        (void)snprintf(output->path, sizeof output->path, "%s", usual);
        return 0;
    }
    if (*usual == '\0')
        refuse(f, "path", output->type == OUTPUT_NATS
                              ? "has no effect on an output of type \"nats\"; leave it out"
                              : "has no effect on an output of type \"stdout\"; leave it out");
    if (output->type == OUTPUT_FILE)
        finish_files(f, output);
    if (strcmp(output->path, usual) == 0)
        return 0;
    for (unsigned type = 0; type < OUTPUT_TYPES && *usual != '\0'; type++) {
        if (strcmp(output->path, output_default_path(type)) != 0)
            continue;
        (void)snprintf(words, sizeof words,
                       "\"%s\" is the socket of another type; did you mean \"%s\"?", output->path,
                       usual);
        refuse(f, "path", words);
        break;
    }
    return 0;
}

/* Read certificate and key, and all that is asked of a client's. */
static int make_context(const struct finish *f, struct listener_settings *listener)
{
    struct tls_fault fault;
    const char *why = NULL;
    const struct tls_context_functions *tls = certificates_functions(&why);
    const struct tls_rules rules = {
        .certificate = listener->certificate, .key = listener->key,
        .client_ca = listener->client_ca[0] != '\0' ? listener->client_ca : NULL,
        .client_certificate = (enum tls_client_certificate)listener->client_certificate,
        .client_names = (const char *const *)listener->client_names.texts,
        .ciphers = (const char *const *)listener->tls_ciphers.texts,
        .min_version = listener->tls_min == TLS_MIN_1_3 ? TLS_VERSION_1_3 : TLS_VERSION_1_2,
    };

    if (tls == NULL) {
        char words[512];
        (void)snprintf(words, sizeof words, "the module of TLS cannot be loaded: %s", why);
        refuse(f, "tls", words);
        return 0;
    }
    int error = tls->make(&rules, &listener->tls, &fault);
    if (error != -EINVAL)
        return error;
    refuse(f, fault.setting, fault.words);
    return 0;
}

/* What only TLS knows is of no use without it, unless it is what it would be anyway. */
static void refuse_without_tls(const struct finish *f)
{
    const struct listener_settings *l = f->base;
    const struct {
        const char *name;
        bool is_set;
    } settings[] = {
        {"certificate", l->certificate[0] != '\0'}, {"key", l->key[0] != '\0'},
        {"client_ca", l->client_ca[0] != '\0'},
        {"client_certificate", l->client_certificate != 0},
        {"client_names", l->client_names.count > 0}, {"tls_min", l->tls_min != TLS_MIN_1_2},
        {"tls_ciphers", l->tls_ciphers.count > 0},
    };

    for (size_t i = 0; i < COUNT_OF(settings); i++)
        if (settings[i].is_set)
            refuse(f, settings[i].name, "has no effect without tls = \"required\" or \"auto\"");
}

static int finish_tls(const struct finish *f)
{
    struct listener_settings *listener = f->base;

    if (listener->tls_mode == TLS_OFF) {
        if (!f->is_refused(f->context, "tls"))
            refuse_without_tls(f);
        return 0;
    }
    if (listener->certificate[0] == '\0' || listener->key[0] == '\0') {
        const char *missing = listener->certificate[0] == '\0' ? "certificate" : "key";
        refuse(f, missing, "is missing; TLS needs the files of a certificate and of its key");
        return 0;
    }
    if (listener->client_certificate != 0 && listener->client_ca[0] == '\0') {
        refuse(f, "client_ca", "is missing; it says whose certificates of clients are good");
        return 0;
    }
    return make_context(f, listener);
}

static int finish_listener(const struct finish *f)
{
    struct listener_settings *listener = f->base;

    listener->allow_empty = f->line_of(f->context, "allow") != 0 && listener->allow.count == 0;
    if (listener->proxy_from.count > 0 && !listener->proxy_protocol &&
        !f->is_refused(f->context, "proxy_protocol"))
        refuse(f, "proxy_from", "has no effect without proxy_protocol = true; set that too");
    return finish_tls(f);
}

int finish_group(enum setting_finish kind, const struct finish *f)
{
    switch (kind) {
    case FINISH_OUTPUT:
        return finish_output(f);
    case FINISH_LISTENER:
        return finish_listener(f);
    default:
        return 0;
    }
}
