/* SPDX-License-Identifier: MIT
 *
 * The output's settings, compared field by field: padding does not count.
 */
#include "config.h"

#include "daemon/settings/output_settings.h"

#include <string.h>

/* Answers: is this the same broker, and said the same way? */
static bool brokers_equal(const struct output_settings *a, const struct output_settings *b)
{
    return strcmp(a->urls, b->urls) == 0 && strcmp(a->stream, b->stream) == 0 &&
           strcmp(a->subject, b->subject) == 0 && strcmp(a->credentials, b->credentials) == 0 &&
           a->tls == b->tls && strcmp(a->tls_ca, b->tls_ca) == 0 &&
           strcmp(a->tls_certificate, b->tls_certificate) == 0 &&
           strcmp(a->tls_key, b->tls_key) == 0 && a->pack == b->pack &&
           a->in_flight == b->in_flight &&
           memcmp(&a->create_stream, &b->create_stream, sizeof a->create_stream) == 0 &&
           strcmp(a->topic, b->topic) == 0 && strcmp(a->property_lines, b->property_lines) == 0;
}

bool output_settings_equal(const struct output_settings *a, const struct output_settings *b)
{
    return a->type == b->type && strcmp(a->path, b->path) == 0 && a->format == b->format &&
           a->sync == b->sync && a->mode == b->mode && a->directory_mode == b->directory_mode &&
           a->max_bytes == b->max_bytes && a->keep == b->keep &&
           a->label.facility == b->label.facility && a->label.severity == b->label.severity &&
           a->label.show_peer == b->label.show_peer && strcmp(a->label.tag, b->label.tag) == 0 &&
           brokers_equal(a, b);
}
