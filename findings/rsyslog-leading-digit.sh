#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a receiver of lines stores a line that begins with a date. imtcp and imptcp
# of rsyslog 8.2302, 8.2504 and 8.2610 take a leading digit for the start of an octet-counted
# frame: "2026-11-22 hello" is the count 2026, and the line, and all that follows it on this
# connection up to 2,026 bytes, is one frame. If the connection ends before, all of it is
# dropped, and only the receiver's own log has a word on it. It is the default
# (supportOctetCountedFraming="on"), and RFC 6587 does not say how to tell the two framings apart.
#
# It matters to everything that sends text as it is, `nc` for one, with a number at the start of
# a line: not just this line is gone, but good ones behind it.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    fetch bookworm rsyslog=8.2302.0-1+deb12u2
    fetch trixie rsyslog=8.2504.0-1+deb13u2
    fetch sid rsyslog=8.2610.0-1
}

# Send four lines, the second of which begins with a date, and wait until the receiver ends, too;
# then a line on a connection of its own, so that there is something to wait for.
send_lines() {
    python3 - <<'END'
import socket

for text in b"<13>one\n2026-11-22 two\n<13>three\n<13>four\n", b"<13>last\n":
    wire = socket.create_connection(("127.0.0.1", 5140), 20)
    wire.sendall(text)
    wire.shutdown(socket.SHUT_WR)
    assert wire.recv(1) == b""
END
}

stored_last() {
    grep -q '^<13>last' stored
}

stores() { # SUITE MODULE COUNTED LINES
    cat >rsyslog.conf <<END
module(load="$2")
input(type="$2" address="127.0.0.1" port="5140" supportOctetCountedFraming="$3")
template(name="text" type="string" string="%rawmsg%\n")
action(type="omfile" file="/tmp/stored" template="text")
END
    : >stored
    launch "$1" /usr/sbin/rsyslogd -n -i /tmp/rsyslog.pid -f /tmp/rsyslog.conf >"$1.log" 2>&1
    until_true listening 5140
    send_lines
    until_true stored_last
    expect "$1: $2, counted frames $3" "$4" "$(paste -sd , stored)"
    kill $!
    wait $! || true
}

look() {
    local suite module
    for suite in bookworm trixie sid; do
        for module in imtcp imptcp; do
            stores $suite $module on "<13>one,<13>last"
            stores $suite $module off "<13>one,2026-11-22 two,<13>three,<13>four,<13>last"
        done
    done
}

finding
