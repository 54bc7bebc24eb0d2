/* SPDX-License-Identifier: MIT
 *
 * Values: what stands behind an option, judged and put in its place. Private to options.c,
 * values.c, values_tls.c and structured.c.
 */
#ifndef PEERLOG_CLIENT_VALUES_H
#define PEERLOG_CLIENT_VALUES_H

#include <stdbool.h>

#include "client/options.h"

/* What parsing carries from option to option. */
struct parse {
    struct options *options;
    char *problem;              /* OPTIONS_PROBLEM_BYTES long */
    enum options_result result; /* OPTIONS_RUN, or what -h and -V ask for */
    char source[32];            /* of the value at hand: "--port" or "PEERLOG_PORT" */
    bool has_priority;
    bool has_window;
    const char *elements[PEERLOG_CLIENT_MAX_ELEMENTS]; /* ids of structured data; the last is */
    uint32_t element_count;                            /*   the one at hand */
    bool is_element_open;                              /* it has a parameter */
};

/*
 * Judge VALUE (NULL when an optional one is absent) and store it in p->options.
 * Returns: false, with the reason in p->problem and nothing stored.
 */
typedef bool (*value_fn)(struct parse *p, const char *value);

bool value_server(struct parse *p, const char *value);
bool value_port(struct parse *p, const char *value);
bool value_tls(struct parse *p, const char *value);
bool value_tls_ca(struct parse *p, const char *value);
bool value_tls_cert(struct parse *p, const char *value);
bool value_tls_key(struct parse *p, const char *value);
bool value_tls_name(struct parse *p, const char *value);
bool value_tls_insecure(struct parse *p, const char *value);
bool value_file(struct parse *p, const char *value);
bool value_size(struct parse *p, const char *value);
bool value_priority(struct parse *p, const char *value);
bool value_tag(struct parse *p, const char *value);
bool value_id(struct parse *p, const char *value);
bool value_rfc5424(struct parse *p, const char *value);
bool value_msgid(struct parse *p, const char *value);
bool value_sd_id(struct parse *p, const char *value);
bool value_sd_param(struct parse *p, const char *value);
bool value_framing(struct parse *p, const char *value);
bool value_window(struct parse *p, const char *value);
bool value_timeout(struct parse *p, const char *value);
bool value_retry(struct parse *p, const char *value);
bool value_progress(struct parse *p, const char *value);

/* Note what is wrong, as by printf(3). Always false, for a value_fn to return. */
bool value_refuse(struct parse *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
