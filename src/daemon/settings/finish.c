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
#include <unistd.h>

#include "daemon/settings/broker.h"
#include "daemon/settings/certificates.h"
#include "peerlog/count.h"
#include "peerlog/path_template.h"
#include "tls/suite.h"
#include "tls/tls_context.h"

void finish_refuse(const struct finish *f, const char *name, const char *words)
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
        finish_refuse(f, "path", words);
        return;
    }
    int room = NAME_MAX - snprintf(number, sizeof number, ".%u", (unsigned)output->keep);
    (void)snprintf(words, sizeof words,
                   "a name that may have %u bytes; with max_bytes, and %s behind it, at most %d",
                   (unsigned)template.name_bytes, number, room);
    if (output->max_bytes > 0 && (int)template.name_bytes > room)
        finish_refuse(f, "path", words);
}

/* What only files can promise is said to be none without them; and a socket's path is shorter. */
static void finish_socket(const struct finish *f, const struct output_settings *output)
{
    const bool is_broker = output_words_of(output->type)->module != NULL;
    const struct {
        const char *name;
        bool is_wanted;
    } rows[] = {
        {"format", output->format != OUTPUT_FORMAT_TEXT && !is_broker},
        {"sync", output->sync != OUTPUT_SYNC_NEVER},
        {"max_bytes", output->max_bytes != 0},
    };
    char words[80];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].is_wanted && f->line_of(f->context, rows[i].name) != 0)
            finish_refuse(f, rows[i].name,
                          "has no effect on an output that is not of type \"file\"");
    (void)snprintf(words, sizeof words, "has %zu bytes; the path of a socket has at most %u",
                   strlen(output->path), SETTINGS_PATH_BYTES - 1);
    if (strlen(output->path) >= SETTINGS_PATH_BYTES)
        finish_refuse(f, "path", words);
}

/*
 * The output is known: the default listener takes its label, and its path becomes the
 * default of its type, or is judged if it is set.
 */
static int finish_output(const struct finish *f)
{
    struct output_settings *output = f->base;
    const char *usual = output_words_of(output->type)->path;
    char words[2 * SETTINGS_FILE_BYTES + 80];

    f->settings->listeners[0].label = output->label;
    if (output->type != OUTPUT_FILE)
        finish_socket(f, output);
    broker_finish(f, output);
    if (f->line_of(f->context, "path") == 0) {
        (void)snprintf(output->path, sizeof output->path, "%s", usual);
        return 0;
    }
    if (*usual == '\0') {
        const struct setting_group *group = setting_find(settings_table(), "output")->group;
        (void)snprintf(words, sizeof words, "has no effect on an output of type \"%s\"; "
                       "leave it out", setting_find(group, "type")->words->name(output->type));
        finish_refuse(f, "path", words);
    }
    if (output->type == OUTPUT_FILE)
        finish_files(f, output);
    if (strcmp(output->path, usual) == 0)
        return 0;
    for (unsigned type = 0; type < OUTPUT_TYPES && *usual != '\0'; type++) {
        if (strcmp(output->path, output_words_of(type)->path) != 0)
            continue;
        (void)snprintf(words, sizeof words,
                       "\"%s\" is the socket of another type; did you mean \"%s\"?", output->path,
                       usual);
        finish_refuse(f, "path", words);
        break;
    }
    return 0;
}

/* Is one of these files a credential that systemd shows to the service, and not to us? */
static bool is_hidden(const struct listener_settings *listener)
{
    static const char folder[] = "/run/credentials/";
    const char *const files[] = {listener->certificate, listener->key, listener->client_ca};

    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (strncmp(files[i], folder, sizeof folder - 1) == 0 && access(files[i], R_OK) < 0 &&
            errno == EACCES)
            return true;
    return false;
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
        finish_refuse(f, "tls", words);
        return 0;
    }
    int error = tls->make(&rules, &listener->tls, &fault);
    if (error != -EINVAL)
        return error;
    if (!f->faults->spares_hidden || !is_hidden(listener))
        finish_refuse(f, fault.setting, fault.words);
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
            finish_refuse(f, settings[i].name,
                          "has no effect without tls = \"required\" or \"auto\"");
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
        finish_refuse(f, missing,
                      "is missing; TLS needs the files of a certificate and of its key");
        return 0;
    }
    if (listener->client_certificate != 0 && listener->client_ca[0] == '\0') {
        finish_refuse(f, "client_ca", "is missing; it says whose certificates of clients are good");
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
        finish_refuse(f, "proxy_from", "has no effect without proxy_protocol = true; set that too");
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
