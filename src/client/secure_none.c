/* SPDX-License-Identifier: MIT
 *
 * Secure, without OpenSSL: there is no context, so nothing else is ever called.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "client/secure.h"

int secure_context_new(const struct options *options, struct secure_context **ret_context,
                       char problem[SECURE_PROBLEM_BYTES])
{
    (void)options;
    (void)ret_context;
    (void)snprintf(problem, SECURE_PROBLEM_BYTES,
                   "--tls: this peerlog was built without TLS; it needs OpenSSL 3 and its "
                   "development files when it is configured, and no --without-tls"); /* it fits */
    return -ENOTSUP;
}

void secure_context_free(struct secure_context *context)
{
    assert(context == NULL);
    (void)context;
}

int secure_new(struct secure_context *context, int fd, struct secure **ret_secure)
{
    (void)context;
    (void)fd;
    (void)ret_secure;
    return -ENOTSUP;
}

void secure_free(struct secure *s)
{
    (void)s;
}

int secure_shake_hands(struct secure *s)
{
    (void)s;
    return -ENOTSUP;
}

ssize_t secure_send(struct secure *s, const unsigned char *bytes, size_t len)
{
    (void)s;
    (void)bytes;
    (void)len;
    return -ENOTSUP;
}

ssize_t secure_receive(struct secure *s, unsigned char *bytes, size_t len, bool *ret_end)
{
    (void)s;
    (void)bytes;
    (void)len;
    (void)ret_end;
    return -ENOTSUP;
}

int secure_finish(struct secure *s)
{
    (void)s;
    return -ENOTSUP;
}

short secure_events(const struct secure *s, bool output)
{
    (void)s;
    (void)output;
    return 0;
}

bool secure_reads_on_output(const struct secure *s)
{
    (void)s;
    return false;
}

const char *secure_problem(const struct secure *s)
{
    (void)s;
    return "";
}

const char *secure_describe(const struct secure *s, char *text, size_t room)
{
    (void)s;
    (void)room;
    *text = '\0';
    return text;
}
