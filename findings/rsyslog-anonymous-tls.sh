#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: imtcp with streamDriver.authMode="anon", which asks clients for no certificate,
# speaks the same versions of TLS as with another mode, and the same with both drivers. With gtls
# it speaks TLS 1.2 at most: a client that wants 1.3 is refused without an alert, and the log says
# "No supported cipher suites have been found". In the mode "x509/certvalid" it speaks 1.3, and
# with ossl in both. gnutlsPriorityString="NORMAL" brings 1.3 back for "anon".
#
# It matters to a client that takes nothing below TLS 1.3: it can reach such a receiver only as
# long as that asks for certificates.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    command -v openssl >/dev/null || cannot "there is no openssl"
    fetch bookworm rsyslog-gnutls=8.2302.0-1+deb12u2 rsyslog-openssl=8.2302.0-1+deb12u2
    fetch trixie rsyslog-gnutls=8.2504.0-1+deb13u2 rsyslog-openssl=8.2504.0-1+deb13u2
    fetch sid rsyslog-gnutls=8.2610.0-1 rsyslog-openssl=8.2610.0-1
}

# The versions of two with which a client's handshake succeeds.
versions() {
    python3 - <<'END'
import socket, ssl

taken = []
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context = ssl.create_default_context(cafile="server.crt")
    context.check_hostname = False
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain("server.crt", "server.key")
    try:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", 6514), 20)) as wire:
            taken.append(wire.version())
    except OSError:
        pass
print(*taken)
END
}

speaks() { # SUITE DRIVER MODE VERSIONS [SETTING]
    cat >rsyslog.conf <<END
global(defaultNetstreamDriverCAFile="/tmp/server.crt"
       defaultNetstreamDriverCertFile="/tmp/server.crt"
       defaultNetstreamDriverKeyFile="/tmp/server.key")
module(load="imtcp" streamDriver.name="$2" streamDriver.mode="1"
       streamDriver.authMode="$3" ${5:-})
input(type="imtcp" address="127.0.0.1" port="6514")
action(type="omfile" file="/tmp/stored")
END
    launch "$1" /usr/sbin/rsyslogd -n -i /tmp/rsyslog.pid -f /tmp/rsyslog.conf >"$1.log" 2>&1
    until_true listening 6514
    expect "$1: $2, $3${5:+, NORMAL}" "$4" "$(versions)"
    kill $!
    wait $! || true
}

look() {
    local suite
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=localhost -keyout server.key -out server.crt 2>openssl.log
    for suite in bookworm trixie sid; do
        speaks $suite gtls x509/certvalid "TLSv1.2 TLSv1.3"
        speaks $suite gtls anon "TLSv1.2"
        speaks $suite gtls anon "TLSv1.2 TLSv1.3" 'gnutlsPriorityString="NORMAL"'
        speaks $suite ossl anon "TLSv1.2 TLSv1.3"
    done
}

finding
