/* SPDX-License-Identifier: MIT
 *
 * Who a certificate is for: its subject as text, and the names beside it (subject alternative
 * names; RFC 5280, section 4.2.1.6), compared as RFC 5425, section 5.2, and RFC 6125 want it.
 * The common name is no name: it is shown and never compared. Any thread.
 */
#ifndef PEERLOG_TLS_NAME_H
#define PEERLOG_TLS_NAME_H

#include <openssl/x509.h>
#include <stdbool.h>

#define TLS_SUBJECT_BYTES 128u
#define TLS_NAME_BYTES 96u

/* A peer by its certificate. All zero: it has shown none. Printable; "..." ends what was cut. */
struct tls_identity {
    char subject[TLS_SUBJECT_BYTES]; /* "CN=web-1,O=Example", as RFC 2253 writes it */
    char name[TLS_NAME_BYTES];       /* the one that was allowed, or else its first */
};

/*
 * Answers: can this be in client_names? It is a host's name, an address, or "*." before a
 * name, which stands for exactly one label.
 */
bool tls_name_is_pattern(const char *text);

/* Answers: does PATTERN allow the LEN bytes of NAME? Case is ignored, and NUL is no letter. */
bool tls_name_matches(const char *pattern, const char *name, size_t len);

/*
 * Describe a certificate.
 * Returns: is one of its names among PATTERNS, which end with NULL? Without any, all are.
 */
bool tls_identity_of(X509 *certificate, const char *const *patterns,
                     struct tls_identity *ret_identity);

#endif
