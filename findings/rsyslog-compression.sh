#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: omfwd with compression.mode="none" compresses nothing, and "single"
# compresses each message inside of the framing that the action has, lines by default. But
# "none" beside a ziplevel compresses as "single" does (the manual: "no compression is used"), and
# both leave the framing for it: a message that gets smaller is sent as an octet-counted frame
# whose text begins with z, one that does not is a line as ever, on the same connection. With
# "stream:always" the connection is one zlib stream of lines, whose first four bytes are valid
# UTF-8, since the text begins with <13>. Seen in 8.2302, 8.2504 and 8.2610 alike.
#
# It matters to a receiver: lines and counted frames alternate without a notice, and "not UTF-8"
# is no test for compression on a connection's first bytes.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

SUITES=(bookworm trixie sid)

get() {
    fetch bookworm rsyslog=8.2302.0-1+deb12u2
    fetch trixie rsyslog=8.2504.0-1+deb13u2
    fetch sid rsyslog=8.2610.0-1
}

# Hand over a long and a short message, and say in what form they come.
forms() {
    python3 - <<'END'
import re, socket, time, zlib

server = socket.create_server(("127.0.0.1", 5140))
server.settimeout(20)
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for _ in range(400):
    try:
        log.connect("in.sock")
        break
    except OSError:
        time.sleep(0.05)
log.send(b"<13>long: " + b"hello " * 12)
log.send(b"<13>short: bye")
wire, _ = server.accept()
wire.settimeout(20)
got = b""
stream = zlib.decompressobj()
while b"bye" not in got and (got[:1] != b"x" or b"bye" not in stream.copy().decompress(got)):
    got += wire.recv(65536)
if got[:1] == b"x":
    print("zlib stream,", got[:4].hex(" "), "valid" if got[:4].decode("utf-8", "ignore").encode()
          == got[:4] else "not valid")
else:
    forms = []
    while got:
        frame = re.match(rb"([0-9]+) z", got)
        forms.append("counted z" if frame else "line")
        got = got[frame.end() - 1 + int(frame[1]):] if frame else got.partition(b"\n")[2]
    print(", ".join(forms))
END
}

sends() { # SUITE MODE FORMS
    cat >rsyslog.conf <<END
module(load="imuxsock" syssock.use="off")
input(type="imuxsock" socket="/tmp/in.sock")
template(name="text" type="string" string="<%pri%>%msg%")
action(type="omfwd" target="127.0.0.1" port="5140" protocol="tcp" template="text"
       ziplevel="9" compression.mode="$2")
END
    rm -f in.sock
    launch "$1" /usr/sbin/rsyslogd -n -i /tmp/rsyslog.pid -f /tmp/rsyslog.conf >"$1.log" 2>&1
    expect "$1: $2 sends" "$3" "$(forms)"
    kill $!
    wait $! || true
}

look() {
    local suite
    for suite in "${SUITES[@]}"; do
        sends "$suite" single "counted z, line"
        sends "$suite" none "counted z, line"
        sends "$suite" stream:always "zlib stream, 78 da b2 31 valid"
    done
}

finding
