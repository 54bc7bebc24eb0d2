#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a TLS receiver that requires a client's certificate refuses a client without
# one in the handshake, by an alert. imtcp of rsyslog 8.2302, 8.2504 and 8.2610 with the driver
# gtls lets the handshake succeed, in TLS 1.2 as well, checks the certificate behind it, and ends
# the connection without any alert; at the client, what it wrote until then looks sent. With
# the driver ossl TLS 1.2 is refused in the handshake, and TLS 1.3, in which a client is done before
# the server has seen its certificate, by an alert that must be read after the handshake.
#
# It matters to a sender: a successful handshake and successful writes mean nothing before the
# first answer. It should read before it trusts, also when a write has failed: the alert that says
# why may lie unread. From gtls nothing but a look at the receiver's log tells.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    command -v openssl >/dev/null || cannot "there is no openssl"
    fetch bookworm rsyslog-gnutls=8.2302.0-1+deb12u2 rsyslog-openssl=8.2302.0-1+deb12u2
    fetch trixie rsyslog-gnutls=8.2504.0-1+deb13u2 rsyslog-openssl=8.2504.0-1+deb13u2
    fetch sid rsyslog-gnutls=8.2610.0-1 rsyslog-openssl=8.2610.0-1
}

# How far a client without a certificate comes, and what it is told.
connect() { # TLSv1_2|TLSv1_3
    python3 - "$1" <<'END'
import socket, ssl, sys

context = ssl.create_default_context(cafile="server.crt")
context.check_hostname = False
context.minimum_version = context.maximum_version = ssl.TLSVersion[sys.argv[1]]
stage = "handshake"
try:
    wire = context.wrap_socket(socket.create_connection(("127.0.0.1", 6514), 20),
                               suppress_ragged_eofs=False)
    stage = "after"
    try:
        wire.send(b"<13>x: hello\n")
    except OSError:
        pass
    told = wire.recv(1) or "close_notify"
except (ssl.SSLEOFError, ConnectionError):
    told = "no alert"
except ssl.SSLError as error:
    told = error.reason.partition("ALERT_")[2].lower()
print(f"{stage}: {told}")
END
}

# Start imtcp with a driver, and compare what clients without a certificate see.
refuses() { # SUITE DRIVER WITH-1.2 WITH-1.3
    cat >rsyslog.conf <<END
global(defaultNetstreamDriverCAFile="/tmp/server.crt"
       defaultNetstreamDriverCertFile="/tmp/server.crt"
       defaultNetstreamDriverKeyFile="/tmp/server.key")
module(load="imtcp" streamDriver.name="$2" streamDriver.mode="1"
       streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="6514")
action(type="omfile" file="/tmp/stored")
END
    launch "$1" /usr/sbin/rsyslogd -n -i /tmp/rsyslog.pid -f /tmp/rsyslog.conf >"$1.log" 2>&1
    until_true listening 6514
    expect "$1: $2, TLS 1.2" "$3" "$(connect TLSv1_2)"
    expect "$1: $2, TLS 1.3" "$4" "$(connect TLSv1_3)"
    kill $!
    wait $! || true
}

look() {
    local suite
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=localhost -keyout server.key -out server.crt 2>openssl.log
    for suite in bookworm trixie sid; do
        refuses $suite gtls "after: no alert" "after: no alert"
        refuses $suite ossl "handshake: handshake_failure" "after: certificate_required"
    done
}

finding
