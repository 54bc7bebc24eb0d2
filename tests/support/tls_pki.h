/* SPDX-License-Identifier: MIT
 *
 * Certificates for tests: made when they are wanted, written where OpenSSL reads them. What
 * cannot be made ends the program.
 */
#ifndef PEERLOG_TESTS_TLS_PKI_H
#define PEERLOG_TESTS_TLS_PKI_H

#include <openssl/x509.h>
#include <stdbool.h>

#define PKI_DAY_S 86400L

/* What is to be in a certificate; what is left out is NULL, false or 0. */
struct pki_wish {
    const char *subject;        /* its common name */
    const char *names;          /* "DNS:a.example,IP:192.0.2.1" */
    const char *usage;          /* "clientAuth" */
    const char *key_usage;      /* "digitalSignature" */
    const struct pki *issuer;   /* NULL: itself */
    int rsa_bits;               /* 0: a key on P-256 */
    bool is_ca;
    long begins_s;              /* from now; 0: a day ago */
    long ends_s;                /* from now; 0: in a year */
};

struct pki {
    X509 *certificate;
    EVP_PKEY *key;
    char file[128];     /* the certificate, and those of its issuers but for the last */
    char key_file[128];
};

/* Make one and write both files. It stays until pki_done(). */
struct pki pki_make(const struct pki_wish *wish);

/* Give it back, and remove its files. */
void pki_done(struct pki *pki);

/* Write TEXT to a new file, whose name goes to PATH. */
void pki_write_text(char path[128], const char *text);

#endif
