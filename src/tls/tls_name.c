/* SPDX-License-Identifier: MIT
 *
 * Names in certificates. All that is read here was written by a peer, or by somebody who
 * signs for peers; lengths are the certificate's, never those of a string.
 */
#include "config.h"

#include "tls/tls_name.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#include "peerlog/escape.h"

/* A name in the domain name system (RFC 1035, section 2.3.4, without the last dot). */
#define MAX_HOST_BYTES 253u
#define MAX_LABEL_BYTES 63u

/* The rest of a subject that goes on like this is nobody's wish to read. */
#define MAX_SUBJECT_READ 4096

/* --- patterns --- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
}

/* How long is the label that NAME begins with? */
static size_t label_bytes(const char *name, size_t len)
{
    size_t n = 0;

    while (n < len && is_letter(name[n]))
        n++;
    return n <= MAX_LABEL_BYTES ? n : 0;
}

static bool is_host(const char *name, size_t len)
{
    size_t at = 0;

    if (len > MAX_HOST_BYTES)
        return false;
    for (;;) {
        size_t n = label_bytes(name + at, len - at);
        at += n;
        if (n == 0 || at == len)
            return n > 0;
        if (name[at++] != '.')
            return false;
    }
}

/* Returns: the bytes of an address, 0 when TEXT is none. */
static size_t address_bytes(const char *text, unsigned char address[16])
{
    if (inet_pton(AF_INET, text, address) == 1)
        return 4;
    return inet_pton(AF_INET6, text, address) == 1 ? 16 : 0;
}

bool tls_name_is_pattern(const char *text)
{
    unsigned char address[16];
    size_t skip = strncmp(text, "*.", 2) == 0 ? 2 : 0;

    return address_bytes(text, address) > 0 || is_host(text + skip, strlen(text + skip));
}

bool tls_name_matches(const char *pattern, const char *name, size_t len)
{
    if (strncmp(pattern, "*.", 2) == 0) {
        size_t label = label_bytes(name, len);
        if (label == 0 || label == len || name[label] != '.')
            return false;
        pattern += 2;
        name += label + 1;
        len -= label + 1;
    }
    return len == strlen(pattern) && strncasecmp(pattern, name, len) == 0;
}

/* --- a certificate --- */

/* Make LEN bytes printable, as far as ROOM allows. */
static void put_printable(char *dst, size_t room, const void *text, size_t len)
{
    size_t taken = 0, n = escape_write(dst, room - 1, text, len, ESCAPE_LF, &taken);

    if (taken < len) {
        n = escape_write(dst, room - 4, text, len, ESCAPE_LF, &taken);
        memcpy(dst + n, "...", 3);
        n += 3;
    }
    dst[n] = '\0';
}

static void put_subject(X509 *certificate, char dst[TLS_SUBJECT_BYTES])
{
    /* UTF-8 may stay UTF-8. */
    unsigned long style = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *text = BIO_new(BIO_s_mem());
    char *bytes = NULL;

    dst[0] = '\0';
    if (text == NULL)
        return;
    if (X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, style) >= 0) {
        long len = BIO_get_mem_data(text, &bytes);
        if (len > 0)
            put_printable(dst, TLS_SUBJECT_BYTES, bytes,
                          (size_t)(len < MAX_SUBJECT_READ ? len : MAX_SUBJECT_READ));
    }
    BIO_free(text);
}

/* One name of a certificate: a host's, or an address. */
struct name {
    char text[INET6_ADDRSTRLEN]; /* of an address */
    const char *bytes;
    size_t len;
    bool is_address;
};

static bool read_name(const GENERAL_NAME *general, struct name *name)
{
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(general, &type);
    bool is_address = type == GEN_IPADD;

    if (type != GEN_DNS && type != GEN_IPADD)
        return false;
    name->bytes = (const char *)ASN1_STRING_get0_data(value);
    name->len = (size_t)ASN1_STRING_length(value);
    name->is_address = is_address;
    if (!is_address)
        return name->len > 0;
    if (name->len != 4 && name->len != 16)
        return false;
    return inet_ntop(name->len == 4 ? AF_INET : AF_INET6, name->bytes, name->text,
                     sizeof name->text) != NULL;
}

static bool allows(const char *pattern, const struct name *name)
{
    unsigned char address[16];
    size_t len = address_bytes(pattern, address);

    if (name->is_address)
        return len == name->len && memcmp(address, name->bytes, len) == 0;
    return len == 0 && tls_name_matches(pattern, name->bytes, name->len);
}

static bool is_among(const char *const *patterns, const struct name *name)
{
    for (; *patterns != NULL; patterns++)
        if (allows(*patterns, name))
            return true;
    return false;
}

static void put_name(const struct name *name, char dst[TLS_NAME_BYTES])
{
    if (name->is_address)
        put_printable(dst, TLS_NAME_BYTES, name->text, strlen(name->text));
    else
        put_printable(dst, TLS_NAME_BYTES, name->bytes, name->len);
}

bool tls_identity_of(X509 *certificate, const char *const *patterns,
                     struct tls_identity *ret_identity)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool any = patterns == NULL || *patterns == NULL, found = false;
    struct name name;

    memset(ret_identity, 0, sizeof *ret_identity);
    put_subject(certificate, ret_identity->subject);
    for (int i = 0; !found && names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        if (!read_name(sk_GENERAL_NAME_value(names, i), &name))
            continue;
        found = any || is_among(patterns, &name);
        if (found || ret_identity->name[0] == '\0')
            put_name(&name, ret_identity->name);
    }
    GENERAL_NAMES_free(names);
    return any || found;
}
