/* SPDX-License-Identifier: MIT
 *
 * What a listener shows to its peers and asks of them: certificate, key, versions, suites, and
 * whose certificates it takes. Built once from files and then constant, but for a count of its
 * users: handshakes that are going on keep the context that they began with.
 */
#ifndef PEERLOG_TLS_CONTEXT_H
#define PEERLOG_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_WORDS_BYTES 320u

enum tls_client_certificate {
    TLS_CLIENT_NONE,     /* is not asked for */
    TLS_CLIENT_OPTIONAL, /* may be left out; one that is shown has to be good */
    TLS_CLIENT_REQUIRED,
};

/* A listener's settings; lists of strings end with NULL, and may be NULL. */
struct tls_rules {
    const char *certificate; /* file in PEM: the certificate, then those that sign it */
    const char *key;         /* file in PEM, without a passphrase */
    const char *client_ca;   /* file in PEM; NULL when no certificate is asked for */
    enum tls_client_certificate client_certificate;
    const char *const *client_names; /* tls_name_is_pattern(); none: any name */
    const char *const *ciphers;      /* IANA's names; none: all that we speak */
    uint16_t min_version;            /* TLS_VERSION_1_2, TLS_VERSION_1_3 */
};

/* Why there is no context. */
struct tls_fault {
    const char *setting; /* "certificate", "key", "client_ca", "client_names", "tls_ciphers" */
    char words[TLS_WORDS_BYTES]; /* printable, one line */
};

struct tls_context;

/*
 * Read the files and check them against each other: the key belongs to the certificate, each
 * further certificate signs the one before it. Dates are not looked at: see tls_context_facts().
 * Returns: 0; -EINVAL with *ret_fault set; -ENOMEM.
 * Owns:    the caller, until tls_context_release(). Blocks: reads files.
 */
int tls_context_new(const struct tls_rules *rules, struct tls_context **ret_context,
                    struct tls_fault *ret_fault);

/*
 * One more user, one fewer; the last one frees it.
 * Returns: the context; NULL. Threads: any. Blocks: never.
 */
struct tls_context *tls_context_keep(struct tls_context *context);
struct tls_context *tls_context_release(struct tls_context *context);

/* These functions for a caller that has them out of a module: see os/module.h. */
struct tls_facts;
struct tls_context_functions {
    int (*make)(const struct tls_rules *rules, struct tls_context **ret_context,
                struct tls_fault *ret_fault);
    struct tls_context *(*release)(struct tls_context *context);
    void (*facts)(const struct tls_context *context, struct tls_facts *ret_facts);
    bool (*is_for)(const struct tls_context *context, const char *host);
};

extern const struct tls_context_functions tls_context_functions;

/* What --check wants to know of a context's own certificate. */
struct tls_facts {
    int64_t begins; /* seconds since 1970: the latest beginning in the chain */
    int64_t ends;   /* and the earliest end */
    int rsa_bits;   /* 0: the key is of another kind */
    bool serves;    /* its extended key usage, if it has one, allows it to be a server's */
    bool signs;     /* its key usage, if it has one, allows what all our suites do */
};

#define TLS_LEAST_RSA_BITS 2048

void tls_context_facts(const struct tls_context *context, struct tls_facts *ret_facts);

/* Answers: is the certificate for this host, by name or address? */
bool tls_context_is_for(const struct tls_context *context, const char *host);

#endif
