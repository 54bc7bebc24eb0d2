#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a receiver of RELP that cannot store all of a message answers it with 500, or
# ends the session. imrelp of rsyslog 8.2302, 8.2504 and 8.2610 answers 200 OK, also to a message
# of a million bytes, and stores the first 8,096. Its own log tells of it, the sender is not told.
# These are the defaults of two settings that are documented, maxDataSize and oversizeMode.
#
# It matters to a sender that takes 200 OK for a receipt: it says that the message was received,
# not that it was kept whole. Who sends long messages has to know the limit of the other side.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    fetch bookworm rsyslog-relp=8.2302.0-1+deb12u2
    fetch trixie rsyslog-relp=8.2504.0-1+deb13u2
    fetch sid rsyslog-relp=8.2610.0-1
}

# Send a message of that length, and one behind it. Prints the two answers.
send_message() { # LENGTH
    python3 - "$1" <<'END'
import socket, sys

length = int(sys.argv[1])
wire = socket.create_connection(("127.0.0.1", 5140), 20)
offers = b"relp_version=0\nrelp_software=finding\ncommands=syslog"
text = b"<13>x: ".ljust(length, b"a")
wire.sendall(b"1 open %d %s\n" % (len(offers), offers))
wire.sendall(b"2 syslog %d %s\n3 syslog 9 <13>x: ok\n" % (length, text))
got = b""
while b"\n3 rsp 6 " not in got or not got.endswith(b" OK\n"):
    part = wire.recv(65536)
    if not part:
        break
    got += part
print(", ".join(line.decode() for line in got.split(b"\n") if line[:6] in (b"2 rsp ", b"3 rsp ")))
END
}

stored_both() {
    [ "$(grep -c . stored)" = 2 ]
}

look() {
    local suite length
    cat >rsyslog.conf <<'END'
module(load="imrelp")
input(type="imrelp" address="127.0.0.1" port="5140")
template(name="text" type="string" string="%rawmsg%\n")
action(type="omfile" file="/tmp/stored" template="text")
END
    for suite in bookworm trixie sid; do
        for length in 20000 1000000; do
            : >stored
            launch $suite /usr/sbin/rsyslogd -n -i /tmp/rsyslog.pid -f /tmp/rsyslog.conf \
                >$suite.log 2>&1
            until_true listening 5140
            expect "$suite: answers to $length bytes, and 9" "2 rsp 6 200 OK, 3 rsp 6 200 OK" \
                "$(send_message $length)"
            until_true stored_both
            expect "$suite: stored" "8096 bytes,9 bytes" \
                "$(awk '{ print length($0) " bytes" }' stored | paste -sd ,)"
            kill $!
            wait $! || true
        done
    done
}

finding
