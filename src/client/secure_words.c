/* SPDX-License-Identifier: MIT
 *
 * Secure words: see secure_words.h. Reasons of alerts are what the other side has sent.
 */
#include "config.h"

#include "client/secure_words.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "peerlog/count.h"

struct wording {
    int reason;
    const char *words;
};

static const char *find_words(const struct wording *wordings, size_t count, int reason)
{
    for (size_t i = 0; i < count; i++)
        if (wordings[i].reason == reason)
            return wordings[i].words;
    return NULL;
}

/* --- files --- */

/* One error of the queue. Returns: NULL when it says nothing to people. */
static const char *file_words(unsigned long error)
{
    int library = ERR_GET_LIB(error), reason = ERR_GET_REASON(error);

    if (ERR_SYSTEM_ERROR(error))
        return strerror(reason);
    if (library == ERR_LIB_OSSL_DECODER ||
        (library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE))
        return "it holds nothing of that kind in PEM form";
    if (library == ERR_LIB_PEM &&
        (reason == PEM_R_BAD_PASSWORD_READ || reason == PEM_R_PROBLEMS_GETTING_PASSWORD))
        return "its key has a passphrase; one without is needed";
    if (library == ERR_LIB_X509 &&
        (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH))
        return "this key does not belong to the certificate of --tls-cert";
    if (library == ERR_LIB_X509 && reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND)
        return "it holds no certificate in PEM form";
    return NULL;
}

const char *secure_file_words(void)
{
    unsigned long error, last = ERR_peek_last_error();
    const char *words = NULL;

    while (words == NULL && (error = ERR_get_error()) != 0)
        words = file_words(error);
    ERR_clear_error();
    if (words == NULL)
        words = ERR_reason_error_string(last);
    return words != NULL ? words : "it cannot be used";
}

/* --- certificates --- */

static const struct wording verdicts[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "its certificate, or one that signs it, has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "its certificate, or one that signs it, is not valid yet"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     "its certificate is signed by itself, and not trusted (--tls-ca)"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
     "its certificate is signed by somebody who is not trusted (--tls-ca)"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     "its certificate is signed by somebody who is not trusted (--tls-ca)"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
     "its certificate is signed by somebody who is not trusted (--tls-ca)"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "the signature of its certificate is wrong"},
    {X509_V_ERR_INVALID_PURPOSE, "its certificate is not meant for servers"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "the key of its certificate is too short"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "the key of the one who signs its certificate is too short"},
};

/* What is wrong with the other side's certificate. */
static void verdict_words(long verdict, const char *name, char *text, size_t room)
{
    const char *words = find_words(verdicts, COUNT_OF(verdicts), (int)verdict);

    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        (void)snprintf(text, room, "TLS: its certificate is not for \"%s\" (--tls-name)", name);
    else if (words != NULL)
        (void)snprintf(text, room, "TLS: %s", words);
    else
        (void)snprintf(text, room, "TLS: its certificate is no good: %s",
                       X509_verify_cert_error_string(verdict));
}

/* --- everything else --- */

static const struct wording reasons[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "it answers with something else; does this port take TLS?"},
    {SSL_R_HTTP_REQUEST, "it answers with something else; does this port take TLS?"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING,
     "it has closed the connection instead of an answer; does this port take TLS?"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it does not speak our versions of TLS, 1.2 and 1.3"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "it does not speak our versions of TLS, 1.2 and 1.3"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "it refuses us: there is no cipher in common, or it wants a certificate (--tls-cert)"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "it wants a certificate of ours (--tls-cert)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it does not trust the one who signs our certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it does not take our certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "it does not take our certificate: of its kind"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "it does not take our certificate: it was revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "it does not take our certificate: it has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "it does not take our certificate"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "it knows our certificate and does not let us in"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "it does not know the name that we ask for (--tls-name)"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "what came was changed on its way"},
};

void secure_failure_words(const SSL *ssl, const char *name, char *text, size_t room)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    const char *words = find_words(reasons, COUNT_OF(reasons), reason);

    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        verdict_words(SSL_get_verify_result(ssl), name, text, room);
    else if (words != NULL)
        (void)snprintf(text, room, "TLS: %s", words);
    else
        (void)snprintf(text, room, "TLS: %s", ERR_reason_error_string(error) != NULL
                                                  ? ERR_reason_error_string(error)
                                                  : "it has ended the connection without a reason");
}
