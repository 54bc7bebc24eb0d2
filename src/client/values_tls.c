/* SPDX-License-Identifier: MIT
 *
 * Values of TLS. On the command line each of them asks for TLS as well; what the environment
 * says counts where the command line says nothing, and while TLS is asked for.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "client/values.h"
#include "peerlog/count.h"

static bool is_asked(const struct parse *p)
{
    return p->source[0] == '-';
}

/* A name of any kind, into PLACE. */
static bool set_name(struct parse *p, const char **place, const char *value)
{
    if (!is_asked(p) && *place != NULL)
        return true;
    if (*value == '\0')
        return value_refuse(p, "%s: a name is needed", p->source);
    *place = value;
    if (is_asked(p))
        p->options->tls = true;
    return true;
}

/* Yes or no, of a variable; only yes changes anything. */
static bool set_flag(struct parse *p, bool *place, const char *value)
{
    static const char *const answers[] = {"no", "yes", "0", "1", "off", "on", "false", "true"};

    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        if (strcasecmp(value, answers[i]) == 0) {
            *place = *place || i % 2 == 1;
            return true;
        }
    }
    return value_refuse(p, "%s: \"%s\" is neither yes nor no", p->source, value);
}

bool value_tls(struct parse *p, const char *value)
{
    return set_flag(p, &p->options->tls, value);
}

bool value_tls_insecure(struct parse *p, const char *value)
{
    return set_flag(p, &p->options->tls_insecure, value);
}

bool value_tls_ca(struct parse *p, const char *value)
{
    return set_name(p, &p->options->tls_ca, value);
}

bool value_tls_cert(struct parse *p, const char *value)
{
    return set_name(p, &p->options->tls_cert, value);
}

bool value_tls_key(struct parse *p, const char *value)
{
    return set_name(p, &p->options->tls_key, value);
}

bool value_tls_name(struct parse *p, const char *value)
{
    return set_name(p, &p->options->tls_name, value);
}
