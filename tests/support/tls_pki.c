/* SPDX-License-Identifier: MIT
 *
 * Certificates for tests.
 */
#include "config.h"

#include "support/tls_pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/intake.h"

#define YEAR_S (365 * PKI_DAY_S)

static FILE *new_file(char path[128])
{
    (void)snprintf(path, 128, "%s/peerlog-test-XXXXXX", scratch_directory());
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    require(file != NULL, "a file for a certificate");
    return file;
}

void pki_write_text(char path[128], const char *text)
{
    FILE *file = new_file(path);

    require(fputs(text, file) >= 0 && fclose(file) == 0, "a file with text");
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;

    if (value == NULL)
        return;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    require(extension != NULL && X509_add_ext(certificate, extension, -1) == 1, "an extension");
    X509_EXTENSION_free(extension);
}

static void set_subject(X509 *certificate, const char *subject)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    require(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Test", -1,
                                       -1, 0) == 1 &&
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                           (const unsigned char *)subject, -1, -1, 0) == 1,
            "a subject");
}

static X509 *make_certificate(const struct pki_wish *wish, EVP_PKEY *key)
{
    static long serial;
    X509 *certificate = X509_new();
    X509 *issuer = wish->issuer != NULL ? wish->issuer->certificate : certificate;
    EVP_PKEY *signer = wish->issuer != NULL ? wish->issuer->key : key;
    long begins = wish->begins_s != 0 ? wish->begins_s : -PKI_DAY_S;

    require(certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(certificate), begins) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(certificate),
                                wish->ends_s != 0 ? wish->ends_s : YEAR_S) != NULL &&
                X509_set_pubkey(certificate, key) == 1,
            "a certificate");
    set_subject(certificate, wish->subject);
    require(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1, "an issuer");
    add_extension(certificate, issuer, NID_basic_constraints, wish->is_ca ? "CA:TRUE" : "CA:FALSE");
    add_extension(certificate, issuer, NID_subject_alt_name, wish->names);
    add_extension(certificate, issuer, NID_ext_key_usage, wish->usage);
    add_extension(certificate, issuer, NID_key_usage, wish->key_usage);
    require(X509_sign(certificate, signer, EVP_sha256()) > 0, "a signature");
    return certificate;
}

static void write_files(struct pki *pki, const struct pki *issuer)
{
    FILE *file = new_file(pki->file), *key_file = new_file(pki->key_file);

    require(PEM_write_X509(file, pki->certificate) == 1, "a certificate in a file");
    /* The rest of the chain, but for the one that signs itself. */
    if (issuer != NULL && X509_self_signed(issuer->certificate, 0) == 0)
        require(PEM_write_X509(file, issuer->certificate) == 1, "an issuer in a file");
    require(PEM_write_PrivateKey(key_file, pki->key, NULL, NULL, 0, NULL, NULL) == 1 &&
                fclose(file) == 0 && fclose(key_file) == 0,
            "a key in a file");
}

struct pki pki_make(const struct pki_wish *wish)
{
    struct pki pki;

    pki.key = wish->rsa_bits != 0 ? EVP_RSA_gen((unsigned)wish->rsa_bits) : EVP_EC_gen("P-256");
    require(pki.key != NULL, "a key");
    pki.certificate = make_certificate(wish, pki.key);
    write_files(&pki, wish->issuer);
    return pki;
}

void pki_done(struct pki *pki)
{
    (void)unlink(pki->file); /* a scratch folder may keep it */
    (void)unlink(pki->key_file);
    X509_free(pki->certificate);
    EVP_PKEY_free(pki->key);
}
