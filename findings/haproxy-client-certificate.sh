#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: what HAProxy says in its PROXY protocol header of a client's certificate
# (proxy-v2-options ssl,cert-cn) is so: a verify field of zero means that there was one and that
# it was good, as the protocol's specification has it, and a common name is one that was checked.
# With "verify optional", verify is zero for a client without any certificate as well, and with
# "crt-ignore-err all", which lets the others in, the header has the common name of a
# certificate that nobody has signed. Both options do what their manual says; so 2.6 and 3.0.
#
# It matters to the server behind: the name may be believed only if verify is zero, and verify
# only if the client's flags have 0x02 or 0x04, "it presented a certificate".
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    command -v openssl >/dev/null || cannot "there is no openssl"
    fetch bookworm haproxy=2.6.12-1+deb12u4
    fetch trixie haproxy=3.0.11-1+deb13u5
}

# A key, and a certificate of the common name NAME which CA or, without, nobody has signed.
certificate() { # NAME [CA]
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -addext keyUsage=digitalSignature,keyCertSign -subj "/CN=$1" -keyout "$1.key" \
        -out "$1.crt" 2>openssl.log
    if [ $# -gt 1 ]; then
        openssl x509 -in "$1.crt" -signkey "$1.key" -x509toreq 2>>openssl.log |
            openssl x509 -req -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 2 -out "$1.crt" \
                2>>openssl.log
    fi
    cat "$1.crt" "$1.key" >"$1.pem"
}

# What HAProxy tells the server behind it of a client with that certificate, or with none.
header() { # [CERTIFICATE]
    python3 - "$@" <<'END'
import socket, ssl, struct, sys, threading

def client():
    context = ssl.create_default_context(cafile="authority.crt")
    context.check_hostname = False
    for certificate in sys.argv[1:]:
        context.load_cert_chain(certificate)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", 6514))) as connection:
        connection.recv(1)

def fields(data):
    while data:
        kind, length = struct.unpack("!BH", data[:3])
        yield kind, data[3:3 + length]
        data = data[3 + length:]

server = socket.create_server(("127.0.0.1", 5140))
threading.Thread(target=client).start()
connection, _ = server.accept()
start = connection.recv(16, socket.MSG_WAITALL)
rest = connection.recv(struct.unpack("!H", start[14:])[0], socket.MSG_WAITALL)
told = dict(fields(rest[12:]))[0x20]  # PP2_TYPE_SSL, after two IPv4 addresses and ports
name = dict(fields(told[5:])).get(0x22, b"none")  # PP2_SUBTYPE_SSL_CN
verify, = struct.unpack("!I", told[1:5])
print(f"verify {verify}, flags {told[0]:#x}, name {name.decode()}")
END
}

look() {
    local suite verify='ca-file /tmp/authority.crt verify optional crt-ignore-err all'
    certificate authority
    certificate good authority
    certificate stranger
    cat >haproxy.cfg <<END
defaults
    mode tcp
    timeout connect 10s
    timeout client 10s
    timeout server 10s
listen tls
    bind 127.0.0.1:6514 ssl crt /tmp/good.pem $verify
    server behind 127.0.0.1:5140 send-proxy-v2 proxy-v2-options ssl,cert-cn
END
    for suite in bookworm trixie; do
        launch $suite /usr/sbin/haproxy -f /tmp/haproxy.cfg >$suite.log 2>&1
        until_true listening 6514
        expect "$suite: signed by the ca-file" "verify 0, flags 0x7, name good" "$(header good.pem)"
        expect "$suite: no certificate" "verify 0, flags 0x1, name none" "$(header)"
        expect "$suite: signed by nobody we know" "verify 18, flags 0x7, name stranger" \
            "$(header stranger.pem)"
        kill $!
        wait $! || true
    done
}

finding
