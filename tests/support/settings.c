/* SPDX-License-Identifier: MIT
 *
 * Settings that tests read, and their promises. One that is broken ends the program, which a
 * test runner and a fuzzer understand alike.
 */
#include "config.h"

#include "support/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/settings/text.h"
#include "peerlog/escape.h"

/*
 * Asked by LeakSanitizer: libconfig 1.5 loses the text at hand in an error of syntax.
 * What we lose ourselves is still found.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

/* What is being read, to be shown when a promise breaks. */
static struct {
    const char *bytes;
    size_t len;
    const char *fault;
} specimen;

static void promise(bool kept, const char *what)
{
    if (kept)
        return;
    (void)fprintf(stderr, "broken promise: %s\n%s\nin these bytes:\n", what,
                  specimen.fault != NULL ? specimen.fault : "");
    (void)fwrite(specimen.bytes, 1, specimen.len, stderr);
    abort();
}

void heard_add(void *context, const char *fault)
{
    struct heard_faults *heard = context;
    size_t len = strlen(fault);
    char *text = realloc(heard->text, heard->len + len + 2);

    promise(text != NULL, "memory for the tests");
    memcpy(text + heard->len, fault, len);
    heard->len += len;
    text[heard->len++] = '\n';
    text[heard->len] = '\0';
    heard->text = text;
    heard->count++;
}

void heard_done(struct heard_faults *heard)
{
    free(heard->text);
    *heard = (struct heard_faults){0};
}

struct settings *read_good(const char *text)
{
    struct heard_faults heard = {0};
    struct settings *settings = NULL;

    if (settings_parse("good", text, strlen(text), heard_add, &heard, &settings) != 0 ||
        heard.count > 0) {
        (void)fprintf(stderr, "%s\nwas refused: %s\n", text,
                      heard.text != NULL ? heard.text : "without a word");
        abort();
    }
    return settings;
}

char *load_file(const char *directory, const char *name, size_t *ret_len)
{
    char path[4096];
    char *text = NULL;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    if (settings_read_file(path, false, &text, ret_len) < 0) {
        (void)fprintf(stderr, "can not read %s\n", path);
        abort();
    }
    return text;
}

const char *source_directory(void)
{
    const char *directory = getenv("PEERLOG_SOURCE");

    return directory != NULL ? directory : ".";
}

/* What must be true of every fault. */
struct judge {
    unsigned line;
    size_t count;
};

static void judge_fault(void *context, const char *fault)
{
    struct judge *judge = context;
    size_t len = strlen(fault);
    char *end = NULL;

    specimen.fault = fault;
    promise(escape_clean_bytes((const unsigned char *)fault, len, ESCAPE_LF) == len,
            "a fault is safe text");
    promise(strncmp(fault, "name:", 5) == 0, "a fault begins with the name of the file");
    unsigned long line = strtoul(fault + 5, &end, 10);
    promise(end > fault + 5 && strncmp(end, ": ", 2) == 0, "a fault has a line");
    promise(line >= 1 && line >= judge->line, "faults are in the order of the file");
    judge->line = (unsigned)line;
    judge->count++;
}

static bool label_is_sound(const struct label_settings *label)
{
    size_t len = strnlen(label->tag, sizeof label->tag);

    return label->facility <= FACILITY_MAX && label->severity <= SEVERITY_DEBUG && len > 0 &&
           len < sizeof label->tag;
}

static void judge_listener(const struct listener_settings *listener)
{
    promise(listener->address.family == PEER_IPV4 || listener->address.family == PEER_IPV6,
            "a listener has an address");
    promise(listener->framing <= FRAMING_CLOSE, "a framing is known");
    promise(label_is_sound(&listener->label), "a listener's label is sound");
    promise(listener->proxy_protocol || listener->proxy_from.count == 0,
            "nobody sends PROXY headers that are not expected");
    promise(listener->allow.count <= PEERLOG_MAX_RANGES &&
                listener->deny.count <= PEERLOG_MAX_RANGES &&
                listener->proxy_from.count <= PEERLOG_MAX_RANGES,
            "lists are bounded");
}

static void judge_settings(const struct settings *s)
{
    promise(s->listeners_count >= 1 && s->listeners_count <= PEERLOG_MAX_LISTENERS,
            "there are listeners");
    for (size_t i = 0; i < s->listeners_count; i++)
        judge_listener(&s->listeners[i]);
    promise(s->buffer_size >= PEERLOG_MIN_MESSAGE_BYTES &&
                s->buffer_size <= PEERLOG_MAX_MESSAGE_BYTES,
            "buffer_size is in range");
    promise(s->workers <= PEERLOG_MAX_WORKERS, "workers is in range");
    promise(s->oversize <= OVERSIZE_DISCARD, "oversize is known");
    promise(s->priority <= PRIORITY_MODE_IGNORE, "priority is known");
    promise(s->highest_severity <= SEVERITY_DEBUG && s->log_level <= SEVERITY_DEBUG,
            "severities are known");
    promise(s->output.type < OUTPUT_TYPES, "the output's type is known");
    promise(strnlen(s->output.path, sizeof s->output.path) < sizeof s->output.path,
            "a path has an end");
    promise(s->output.path[0] == (s->output.type == OUTPUT_STDOUT ? '\0' : '/'),
            "a socket's path is absolute");
    promise(label_is_sound(&s->output.label), "the output's label is sound");
    promise(s->limits.connections >= 1 && s->limits.connections <= PEERLOG_MAX_CONNECTIONS &&
                s->limits.connections_per_peer <= PEERLOG_MAX_CONNECTIONS &&
                s->limits.messages_per_second <= PEERLOG_MAX_MESSAGES_PER_SECOND &&
                s->limits.messages_per_second_per_peer <= PEERLOG_MAX_MESSAGES_PER_SECOND &&
                s->limits.idle_timeout_s <= PEERLOG_MAX_IDLE_TIMEOUT_S,
            "limits are in range");
}

void settings_keep_promises(const char *bytes, size_t len)
{
    struct judge judge = {0};
    struct settings *settings = NULL;
    /* Exactly as long as the text: a sanitizer sees each byte read too far. */
    char *copy = malloc(len > 0 ? len : 1);

    specimen.bytes = bytes;
    specimen.len = len;
    specimen.fault = NULL;
    promise(copy != NULL, "memory for the tests");
    if (len > 0)
        memcpy(copy, bytes, len);
    int r = settings_parse("name", copy, len, judge_fault, &judge, &settings);
    promise(r == 0 || r == -EINVAL, "there are settings or faults");
    promise((r == 0) == (judge.count == 0), "there are not both settings and faults");
    promise((r == 0) == (settings != NULL), "settings are only given if they are good");
    promise(judge.count <= PEERLOG_MAX_FAULTS + 1, "faults are bounded");
    if (settings != NULL)
        judge_settings(settings);
    (void)settings_free(settings);
    free(copy);
}
