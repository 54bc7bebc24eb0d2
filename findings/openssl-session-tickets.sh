#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a TLS client that has written all and closes its socket has handed over what
# it wrote, as with TCP. With TLS 1.3 a server of OpenSSL sends two session
# tickets behind the handshake. A client that only writes never reads them, and Linux answers
# close() on a socket with unread bytes by a reset: what still waits in the client's buffer is
# thrown away, here 2.9 of 3 MB. No call at the client fails. Without tickets (-num_tickets 0;
# SSL_CTX_set_num_tickets) the same client loses nothing. So 3.0.22 and 3.5.9.
#
# It matters to each receiver for clients that only write, as those of logs: the server's default
# makes them lose their last bytes whenever it is slow to read.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

BYTES=3000000

get() {
    fetch bookworm openssl=3.0.22-1~deb12u2
    fetch trixie openssl=3.5.9-1~deb13u1
}

# Write BYTES to a server that is stopped meanwhile, close, and let the server go on.
write_all() { # PROCESS
    python3 - "$1" $BYTES <<'END'
import os, select, signal, socket, ssl, sys

context = ssl.create_default_context(cafile="server.crt")
context.check_hostname = False
plain = socket.create_connection(("127.0.0.1", 6514), 20)
plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * int(sys.argv[2]))
wire = context.wrap_socket(plain)
wire.send(b"x")
select.select([wire], [], [], 2)  # until the tickets are there, if there are any
os.kill(int(sys.argv[1]), signal.SIGSTOP)
wire.sendall(bytes(int(sys.argv[2]) - 1))
wire.close()
os.kill(int(sys.argv[1]), signal.SIGCONT)
END
}

# How much s_server prints of what is written.
printed_with() { # SUITE TICKETS
    launch "$1" /usr/bin/openssl s_server -quiet -naccept 1 -accept 127.0.0.1:6514 \
        -cert /tmp/server.crt -key /tmp/server.key -num_tickets "$2" >printed 2>"$1.log" <&9
    until_true listening 6514
    write_all $!
    timeout 20 tail --pid=$! -f /dev/null
    stat -c %s printed
}

look() {
    local suite without with
    mkfifo silent
    exec 9<>silent # s_server ends with its input
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=localhost -keyout server.key -out server.crt 2>openssl.log
    for suite in bookworm trixie; do
        without=$(printed_with $suite 0)
        expect "$suite: without tickets, bytes" $BYTES "$without"
        with=$(printed_with $suite 2)
        echo "$suite: with two tickets, as is the default, $with bytes"
        expect "$suite: some are lost" yes "$([ "$with" -lt $BYTES ] && echo yes || echo no)"
    done
}

finding
