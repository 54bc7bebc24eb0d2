/* SPDX-License-Identifier: MIT
 *
 * peerlogd: options, configuration, and then the server. A start that inherits
 * connections does not fail on a broken file: it goes on with the last good one, loudly.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "daemon/message_ids.h"
#include "daemon/options.h"
#include "daemon/output/kind.h"
#include "daemon/server/reload_request.h"
#include "daemon/settings/target.h"
#include "daemon/server/server.h"
#include "daemon/settings/file.h"
#include "daemon/settings/text.h"
#include "daemon/advice/advice.h"
#include "daemon/advice/certificates.h"
#include "daemon/advice/log_files.h"
#include "os/heap.h"
#include "os/log.h"
#include "os/signals.h"

/* What stays in a place is kept on purpose, which the analyzer of gcc takes for a leak. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 13
#pragma GCC diagnostic ignored "-Wanalyzer-fd-leak"
#endif

/*
 * Descriptors 0, 1 and 2 must be something, or a socket of ours would take their place.
 * Answers: was standard output open before?
 */
static bool occupy_standard_descriptors(void)
{
    bool has_stdout = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd); /* all three are there */
    return has_stdout;
}

static void say_fault(void *context, const char *fault)
{
    (void)context;
    log_say(SEVERITY_ERR, "%s", fault);
}

/* The file's text; none when the default file is missing. Returns: 0 or negative errno. */
static int read_file(const struct options *options, char **ret_text, size_t *ret_len)
{
    int error = settings_read_file(options->file, false, ret_text, ret_len);

    if (error == -ENOENT && !options->named) {
        log_say(SEVERITY_NOTICE, "%s does not exist: using the built-in defaults", options->file);
        *ret_text = NULL;
        *ret_len = 0;
        return 0;
    }
    if (error < 0)
        log_say(SEVERITY_ERR, "%s: cannot be read: %s", options->file,
                settings_describe_failure(error));
    return error;
}

static int parse_settings(const struct options *options, const char *text, size_t len,
                          struct settings **ret_settings)
{
    int (*parse)(const char *, const char *, size_t, settings_fault_fn *, void *,
                 struct settings **) = options->check ? settings_look : settings_parse;
    int error = text == NULL
                    ? settings_new_default(ret_settings)
                    : parse(options->file, text, len, say_fault, NULL, ret_settings);

    if (error == -ENOMEM)
        log_say(SEVERITY_ERR, "out of memory");
    return error;
}

static void say_warning(void *context, const char *warning)
{
    (void)context;
    log_say(SEVERITY_WARNING, "warning: %s", warning);
}

static void say_fact(void *context, const char *fact)
{
    (void)context;
    log_say(SEVERITY_INFO, "%s", fact);
}

static void warn_of_certificates(const struct settings *settings)
{
    char host[256] = "";
    struct certificate_setting around = {.now_s = (int64_t)time(NULL), .host = host};

    (void)gethostname(host, sizeof host - 1); /* without a name none is compared */
    advice_judge_certificates(settings, &around, say_warning, NULL);
}

/* What the server says of its settings when they come in force, and from time to time. */
static void advise(const struct settings *settings, bool news)
{
    if (news)
        advice_tell_certificates(settings, say_fact, NULL);
    warn_of_certificates(settings);
}

/* Good settings may be on a system that loses messages. */
static void warn_of_system(const struct settings *settings)
{
    struct surroundings around;
    const struct output_kind *kind = output_kind_of(settings->output.type);

    advice_look_at_journal("", settings, &around);
    advice_judge_journal(settings, &around, say_warning, NULL);
    if (settings->output.type == OUTPUT_FILE)
        advice_judge_files(settings, advice_find_unit(), say_warning, NULL);
    advice_look_at_descriptors(&around);
    advice_judge_descriptors(settings, &around, say_warning, NULL);
    if (kind->advise != NULL)
        kind->advise(&settings->output, say_warning, NULL);
}

/* A configuration could not be had: whose fault is it? */
static int status_of(int error)
{
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE ? EX_OSERR : EX_CONFIG;
}

static int check(const struct options *options)
{
    struct settings *settings = NULL;
    struct output_target target;
    char *text = NULL, log[TARGET_TEXT_BYTES];
    size_t len = 0;

    int error = read_file(options, &text, &len);
    if (error == 0)
        error = parse_settings(options, text, len, &settings);
    if (error == 0) {
        advice_judge_severities(settings, say_warning, NULL);
        advice_judge_access(settings, say_warning, NULL);
        advice_judge_log_socket(settings, say_warning, NULL);
        warn_of_certificates(settings);
        warn_of_system(settings);
    }
    free(text);
    if (error == 0) {
        output_target_choose(&settings->output, &target);
        (void)output_target_describe(&target, log);
    }
    (void)settings_free(settings);
    if (error < 0)
        return status_of(error);
    (void)printf("%s: good\nlog: %s\n", options->file, log);
    return fflush(stdout) != 0 ? EX_IOERR : EX_OK;
}

/* The configuration of the process before, out of its ledger. */
static int use_last_good(struct server_plan *plan, const struct options *options, char **text)
{
    const struct ledger *ledger = plan->inheritance->ledger;
    size_t len = 0;
    const char *kept = ledger != NULL ? ledger_config(ledger, &len) : NULL;

    if (kept == NULL)
        return -ENOENT;
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, kept, len);
    copy[len] = '\0';
    int error = settings_parse("the last good configuration", copy, len, say_fault, NULL,
                               &plan->settings);
    if (error < 0) {
        free(copy);
        return error;
    }
    free(*text);
    *text = copy;
    plan->config = copy;
    plan->config_bytes = len;
    plan->config_fault = "configuration file is broken, the last good one is in force";
    log_event(SEVERITY_ERR, MESSAGE_ID_LAST_GOOD_SETTINGS,
              "%s is broken; going on with the last good configuration, because connections "
              "were taken over", options->file);
    return 0;
}

static int serve(const struct options *options, bool has_stdout)
{
    struct inheritance inheritance;
    struct server_plan plan = {.file = options->file, .inheritance = &inheritance,
                               .advise = advise};
    char *text = NULL;
    size_t len = 0;

    if (inheritance_collect(&inheritance) < 0) {
        log_say(SEVERITY_ERR, "out of memory");
        return EX_OSERR;
    }
    int error = read_file(options, &text, &len);
    if (error == 0)
        error = parse_settings(options, text, len, &plan.settings);
    plan.config = text != NULL ? text : "";
    plan.config_bytes = len;
    if (error < 0 && error != -ENOMEM) {
        int other = use_last_good(&plan, options, &text);
        if (other == 0 || other == -ENOMEM)
            error = other; /* without memory the next start may have better luck */
    }
    int status = status_of(error);
    if (error == 0 && !has_stdout &&
        (output_kind_of(plan.settings->output.type)->traits & OUTPUT_IS_STDOUT)) {
        log_say(SEVERITY_ERR, "output.type is \"stdout\", but standard output is closed");
        plan.settings = settings_free(plan.settings);
        status = EX_IOERR;
    } else if (error == 0) {
        log_set_level(plan.settings->log_level);
        status = server_run(&plan);
    }
    inheritance_done(&inheritance);
    free(text);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;

    heap_map_tables();
    signals_ignore_writes();
    bool has_stdout = occupy_standard_descriptors();
    log_init("peerlogd");
    int status = options_parse(argc, argv, &options);
    if (status >= 0)
        return status;
    if (options.reload)
        return reload_request_send();
    return options.check ? check(&options) : serve(&options, has_stdout);
}
