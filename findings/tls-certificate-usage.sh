#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a server's certificate that one TLS library's clients take is taken by those of
# the other, too. Each of these two refuses one that the other takes:
# - extendedKeyUsage with anyExtendedKeyUsage alone. OpenSSL 3.0.22 and 3.5.9 call it unsuitable,
#   although their manual, openssl-verification-options(1), says that it allows for all uses;
#   GnuTLS 3.7.9 and 3.8.9 take it. RFC 5280 leaves it to either (section 4.2.1.12).
# - keyUsage without digitalSignature, here with keyEncipherment alone. GnuTLS refuses it where the
#   server signs, with TLS 1.3 and with ECDHE in 1.2, as RFC 8446 has it (section 4.4.2.2), and
#   takes it for RSA key exchange; OpenSSL takes it for all of them.
#
# It matters to a new certificate that is tried with one client before the others meet it. With
# serverAuth in the one and digitalSignature in the other extension both libraries take it.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    command -v openssl >/dev/null || cannot "there is no openssl"
    fetch bookworm openssl=3.0.22-1~deb12u2 gnutls-bin=3.7.9-2+deb12u7
    fetch trixie openssl=3.5.9-1~deb13u1 gnutls-bin=3.8.9-3+deb13u4
}

# A certificate for localhost with that extension.
certify() { # EXTENSION
    printf '%s\n' subjectAltName=DNS:localhost "$1" >server.ext
    openssl x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial \
        -days 2 -extfile server.ext -out server.crt 2>>openssl.log
}

# What a client makes of the server's certificate: "taken", or why not.
verdict() { # SUITE LIBRARY
    local status=0
    case $2 in
    openssl)
        within "$1" openssl s_client -connect 127.0.0.1:6514 -CAfile /tmp/authority.crt \
            -verify_return_error -verify_hostname localhost >said 2>&1 || status=$?
        ;;
    gnutls)
        within "$1" gnutls-cli --x509cafile /tmp/authority.crt --verify-hostname localhost \
            --port 6514 127.0.0.1 >said 2>&1 || status=$?
        ;;
    esac
    [ $status -ne 0 ] || { echo taken; return; }
    sed -n 's/^Verification error: //p; s/^\*\*\* Fatal error: \(.*\)\.$/\1/p' said | head -n 1
}

# What the clients of both releases say to a certificate with that extension.
means() { # EXTENSION OPENSSL GNUTLS [OPTION-OF-SERVER...]
    local suite extension=$1 wanted=("$2" "$3")
    shift 3
    certify "$extension"
    launch bookworm /usr/bin/openssl s_server -www -accept 127.0.0.1:6514 "$@" \
        -cert /tmp/server.crt -key /tmp/server.key >server.log 2>&1
    until_true listening 6514
    echo "$extension" "$@"
    for suite in bookworm trixie; do
        expect "    $suite: openssl" "${wanted[0]}" "$(verdict $suite openssl)"
        expect "    $suite: gnutls" "${wanted[1]}" "$(verdict $suite gnutls)"
    done
    kill $!
    wait $! || true
}

look() {
    local purpose="unsuitable certificate purpose" certificate="Error in the certificate"
    local usage="Key usage violation in certificate has been detected"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority \
        -addext keyUsage=keyCertSign -keyout authority.key -out authority.crt 2>openssl.log
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key \
        -out server.csr 2>>openssl.log
    means extendedKeyUsage=serverAuth taken taken
    means extendedKeyUsage=anyExtendedKeyUsage "$purpose" taken
    means extendedKeyUsage=anyExtendedKeyUsage,serverAuth taken taken
    means extendedKeyUsage=clientAuth "$purpose" "$certificate"
    means keyUsage=digitalSignature taken taken
    means keyUsage=keyEncipherment taken "$usage"
    means keyUsage=keyEncipherment taken "$usage" -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
    means keyUsage=keyEncipherment taken taken -tls1_2 -cipher AES128-GCM-SHA256
}

finding
