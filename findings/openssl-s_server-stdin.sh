#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: `openssl s_server -quiet` in the background of a script prints what clients
# send until they end. With its standard input at its end, which is what a shell gives to each
# program in the background of a script, it ends each connection behind the handshake, by a
# close_notify, and discards what the client has sent: the client sees a success and a clean end.
# s_client has -ign_eof against that, and implies it by -quiet; s_server takes that option and
# does the same. So 3.0.22 and 3.5.9; with an input that stays open they print all.
#
# It matters to tests of TLS senders: a receiver of one line loses everything, and the sender,
# which was told nothing wrong, looks guilty. Give it an input: `sleep 60 | openssl s_server`.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    fetch bookworm openssl=3.0.22-1~deb12u2
    fetch trixie openssl=3.5.9-1~deb13u1
}

# Send five lines, 20 ms apart, and say how the server has ended: within a second, if at all.
send_lines() {
    python3 - <<'END'
import socket, ssl, time

context = ssl.create_default_context(cafile="server.crt")
context.check_hostname = False
wire = context.wrap_socket(socket.create_connection(("127.0.0.1", 6514), 20),
                           suppress_ragged_eofs=False)
for _ in range(5):
    wire.send(b"hello\n")
    time.sleep(0.02)
wire.settimeout(1)
try:
    print("clean end" if wire.recv(1) == b"" else "data")
except TimeoutError:
    print("open")
except OSError as error:
    print(error)
END
}

# Start s_server with what is the function's own input, and send it something.
serve() { # SUITE END LINES [OPTION]...
    local suite=$1 end=$2 lines=$3
    shift 3
    launch "$suite" /usr/bin/openssl s_server -quiet -accept 127.0.0.1:6514 -cert /tmp/server.crt \
        -key /tmp/server.key "$@" >printed 2>"$suite.log"
    until_true listening 6514
    expect "$suite: the client sees" "$end" "$(send_lines)"
    expect "$suite: lines of five that are printed" "$lines" "$(grep -c hello printed || true)"
    kill $!
    wait $! || true
}

look() {
    local suite
    mkfifo silent
    exec 9<>silent
    for suite in bookworm trixie; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj /CN=localhost -keyout server.key -out server.crt 2>openssl.log
        echo "-- input at its end"
        serve $suite "clean end" 0 </dev/null
        serve $suite "clean end" 0 -ign_eof </dev/null
        echo "-- input open"
        serve $suite open 5 <&9
    done
}

finding
