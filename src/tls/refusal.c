/* SPDX-License-Identifier: MIT
 *
 * Refusals in words. What OpenSSL calls "peer did not return a certificate" is for a person who
 * wants to know which setting, at which end, makes the connection come about.
 */
#include "config.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "peerlog/count.h"
#include "tls/private.h"

/* What is said of a reason; %s is OpenSSL's own word for it, where that helps. */
struct words {
    int reason;
    const char *text;
};

/* What the client told us, or what its first bytes were. */
static const struct words reasons[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     "client sent no certificate; the listener requires one"},
    {SSL_R_NO_SHARED_CIPHER,
     "client and listener have no cipher suite in common; see tls_ciphers, the certificate's kind "
     "of key, and whether its key usage has digitalSignature"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
     "client takes no signature that the listener's certificate can make; try another kind of key"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
     "client takes no signature that the listener's certificate can make; try another kind of key"},
    {SSL_R_UNSUPPORTED_PROTOCOL,
     "client speaks no version of TLS that the listener does; see tls_min"},
    {SSL_R_VERSION_TOO_LOW, "client speaks no version of TLS that the listener does; see tls_min"},
    {SSL_R_WRONG_VERSION_NUMBER, "client does not speak TLS; use another port for plain text"},
    {SSL_R_HTTP_REQUEST, "client speaks HTTP; this port is for log messages over TLS"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
     "client does not trust who signed the listener's certificate; give the client that CA"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
     "client does not accept the listener's certificate; the client knows why"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
     "client does not accept the listener's certificate; is it for the name that the client "
     "connects to, and valid already?"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
     "client says that the listener's certificate has expired; renew it, or set the client's "
     "clock"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
     "client cannot use the listener's kind of certificate"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
     "client speaks no version of TLS that the listener does; see tls_min"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "client found nothing in common with the listener, or wants something else of it"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
     "client says that the listener's certificate is revoked; it needs another one"},
    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR,
     "client gave up for a reason of its own; syslog-ng does so when the listener's certificate is "
     "not for the name that it connects to"},
    {SSL_R_TLSV1_ALERT_USER_CANCELLED, "client gave up"},
};

/* What is wrong with the client's certificate. */
static const struct words verdicts[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "has expired; renew it"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "is not valid yet; is a clock wrong?"},
    {X509_V_ERR_HOSTNAME_MISMATCH, "has no name that client_names allows"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     "is signed by itself, and is not in client_ca; add it, or have it signed by that CA"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "is signed by a CA that is not in client_ca"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     "is signed by somebody who is not in client_ca; add that CA, or send the certificates "
     "between as well"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
     "is signed by somebody who is not in client_ca; add that CA, or send the certificates "
     "between as well"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "is signed by somebody who is not in client_ca"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE,
     "is not signed by the CA of that name in client_ca; is there an older one with this name?"},
    {X509_V_ERR_INVALID_PURPOSE, "is not for clients; its extended key usage lacks clientAuth"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "has a key that is too small; 2048 bits of RSA are the least"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "is signed by a CA with a key that is too small"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "is signed with a hash that is too weak, like SHA-1"},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, "has too many certificates between itself and its CA"},
};

static const char *find(const struct words *table, size_t count, int reason)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].reason == reason)
            return table[i].text;
    return NULL;
}

/* "client's certificate CN=web for web.example has expired; renew it" */
static void verdict_words(const SSL *ssl, const struct tls_identity *identity, char *dst,
                          size_t room)
{
    long verdict = SSL_get_verify_result(ssl);
    const char *text = find(verdicts, COUNT_OF(verdicts), (int)verdict);

    (void)snprintf(dst, room, "client's certificate %s%s%s %s%s", identity->subject,
                   identity->name[0] != '\0' ? " for " : "", identity->name,
                   text != NULL ? "" : "is not good: ",
                   text != NULL ? text : X509_verify_cert_error_string(verdict));
}

/* Answers: of suites that say how to show who one is, does the client offer only "not at all"? */
static bool is_anonymous(const SSL *ssl)
{
    const STACK_OF(SSL_CIPHER) *offered = SSL_get_client_ciphers(ssl);
    int count = offered != NULL ? sk_SSL_CIPHER_num(offered) : 0;
    bool found = false;

    for (int i = 0; i < count; i++) {
        int how = SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(offered, i));
        if (how != NID_auth_null && how != NID_auth_any) /* as all of TLS 1.3 */
            return false;
        found = found || how == NID_auth_null;
    }
    return found;
}

void tls_refusal_words(const SSL *ssl, const struct tls_identity *identity, char *dst, size_t room)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    const char *text = find(reasons, COUNT_OF(reasons), reason);
    const char *plain = error != 0 ? ERR_reason_error_string(error) : NULL;

    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        verdict_words(ssl, identity, dst, room);
    else if (reason == SSL_R_NO_SHARED_CIPHER && is_anonymous(ssl))
        (void)snprintf(dst, room, "%s",
                       "client wants to see no certificate, and then anybody could be in between; "
                       "give it one and a CA (omrelp: tls.myCert, tls.myPrivKey, tls.caCert)");
    else if (text != NULL)
        (void)snprintf(dst, room, "%s", text);
    else
        (void)snprintf(dst, room, "handshake failed: %s",
                       plain != NULL ? plain : "OpenSSL does not say why");
}
