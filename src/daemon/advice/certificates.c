/* SPDX-License-Identifier: MIT
 *
 * Certificates: one question for each thing that makes clients stay away, or lets others listen.
 */
#include "config.h"

#include "daemon/advice/certificates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/settings/certificates.h"
#include "tls/tls_context.h"

#define DAY_S 86400
#define SOON_DAYS 30
#define DATE_BYTES 40u
#define TEXT_BYTES 640u

/* What is being judged, and who is told. */
struct judge {
    const struct listener_settings *listener;
    const struct certificate_setting *around;
    const struct tls_context_functions *tls;
    warning_fn *warn;
    void *context;
};

/* What can be asked of its certificate; NULL: it has none, and the module is not to be loaded. */
static const struct tls_context_functions *functions_of(const struct listener_settings *listener)
{
    const char *why = NULL;

    return listener->tls != NULL ? certificates_functions(&why) : NULL;
}

/* The day of a moment, as everybody writes it who wants to be understood everywhere. */
static const char *date_of(int64_t when_s, char text[DATE_BYTES])
{
    time_t when = (time_t)when_s;
    struct tm tm;

    if (gmtime_r(&when, &tm) == NULL || strftime(text, DATE_BYTES, "%Y-%m-%d", &tm) == 0)
        (void)snprintf(text, DATE_BYTES, "some day");
    return text;
}

static void judge_dates(const struct judge *j, const struct tls_facts *facts)
{
    int64_t left_s = facts->ends - j->around->now_s;
    char date[DATE_BYTES], text[TEXT_BYTES];

    if (facts->begins > j->around->now_s)
        (void)snprintf(text, sizeof text, "%s is not valid before %s, and until then clients "
                       "refuse it; is a clock wrong?", j->listener->certificate,
                       date_of(facts->begins, date));
    else if (left_s <= 0)
        (void)snprintf(text, sizeof text, "%s has expired on %s, and clients refuse it; renew it, "
                       "and reload", j->listener->certificate, date_of(facts->ends, date));
    else if (left_s < SOON_DAYS * (int64_t)DAY_S)
        (void)snprintf(text, sizeof text, "%s expires on %s, in %" PRId64 " days; renew it, and "
                       "reload", j->listener->certificate, date_of(facts->ends, date),
                       left_s / DAY_S);
    else
        return;
    j->warn(j->context, text);
}

static void judge_key(const struct judge *j, const struct tls_facts *facts)
{
    char text[TEXT_BYTES];
    struct stat st;

    if (facts->rsa_bits != 0 && facts->rsa_bits < TLS_LEAST_RSA_BITS) {
        (void)snprintf(text, sizeof text, "%s has %d bits of RSA, and many clients refuse fewer "
                       "than %d; make a new key", j->listener->key, facts->rsa_bits,
                       TLS_LEAST_RSA_BITS);
        j->warn(j->context, text);
    }
    if (stat(j->listener->key, &st) == 0 && (st.st_mode & S_IROTH)) {
        (void)snprintf(text, sizeof text, "%s can be read by everybody on this machine; "
                       "\"chmod o= %s\" mends that", j->listener->key, j->listener->key);
        j->warn(j->context, text);
    }
}

static void judge_purpose(const struct judge *j, const struct tls_facts *facts)
{
    char text[TEXT_BYTES];

    if (!facts->serves) {
        (void)snprintf(text, sizeof text, "%s is not for servers, and clients refuse it: its "
                       "extended key usage lacks serverAuth; have one issued that has it",
                       j->listener->certificate);
        j->warn(j->context, text);
    }
    if (!facts->signs) {
        (void)snprintf(text, sizeof text, "%s is not for signing, which a server does in each "
                       "handshake, and some clients refuse it: its key usage lacks "
                       "digitalSignature; have one issued that has it", j->listener->certificate);
        j->warn(j->context, text);
    }
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* By which name clients come is known when they are on this machine, or when it has a full one. */
static void judge_name(const struct judge *j)
{
    const struct tls_context *own = j->listener->tls;
    char address[PEER_TEXT_BYTES], text[TEXT_BYTES];
    bool named = strchr(j->around->host, '.') != NULL;

    address[peer_format_address(&j->listener->address, address)] = '\0';
    if (!named && !is_loopback(address))
        return;
    if (j->tls->is_for(own, address) || (named && j->tls->is_for(own, j->around->host)) ||
        (is_loopback(address) && j->tls->is_for(own, "localhost")))
        return;
    (void)snprintf(text, sizeof text, "%s is neither for %s nor for %s; clients that come by such "
                   "a name refuse it", j->listener->certificate,
                   named ? j->around->host : "localhost", address);
    j->warn(j->context, text);
}

/* One that is hidden from us: see settings_look(). */
static void judge_hidden(const struct judge *j)
{
    char text[TEXT_BYTES];

    if (j->listener->tls_mode == TLS_OFF)
        return;
    (void)snprintf(text, sizeof text, "%s, or what belongs to it, cannot be looked at from here, "
                   "because systemd shows it to the service alone; the service itself looks at a "
                   "reload", j->listener->certificate);
    j->warn(j->context, text);
}

void advice_judge_certificates(const struct settings *settings,
                               const struct certificate_setting *around, warning_fn *warn,
                               void *context)
{
    for (size_t i = 0; i < settings->listeners_count; i++) {
        const struct listener_settings *listener = &settings->listeners[i];
        const struct judge j = {listener, around, functions_of(listener), warn, context};
        struct tls_facts facts;
        if (j.tls == NULL) {
            judge_hidden(&j);
            continue;
        }
        j.tls->facts(j.listener->tls, &facts);
        judge_dates(&j, &facts);
        judge_key(&j, &facts);
        judge_purpose(&j, &facts);
        judge_name(&j);
    }
}

void advice_tell_certificates(const struct settings *settings, warning_fn *tell, void *context)
{
    char address[PEER_TEXT_BYTES], date[DATE_BYTES], text[TEXT_BYTES];

    for (size_t i = 0; i < settings->listeners_count; i++) {
        const struct listener_settings *listener = &settings->listeners[i];
        const struct tls_context_functions *tls = functions_of(listener);
        struct tls_facts facts;
        if (tls == NULL)
            continue;
        tls->facts(listener->tls, &facts);
        (void)peer_format(&listener->address, address);
        (void)snprintf(text, sizeof text, "the certificate of listener %s is good until %s",
                       address, date_of(facts.ends, date));
        tell(context, text);
    }
}
