#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: systemd-journald's native protocol separates entries by an empty line, so a
# datagram may hold many of them, and a journald that takes the datagram stores them all. Up to
# version 252 that is so. Since 257 (first seen there; 253 to 256 were not tried) it stores the
# first entry and drops the others: send() returns the full length, and nothing is logged.
# The documentation of the protocol speaks of one entry a datagram, but never of the rest.
#
# It matters to whoever batches: what saved half of the CPU time loses 99 of 100 messages after
# an upgrade of the system, and no return value tells.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    fetch bookworm systemd=252.39-1~deb12u2
    fetch trixie systemd=257.13-1~deb13u1
}

# One datagram with a hundred entries, and then one with an entry that says it is the last.
send_entries() { # SOCKET
    python3 - "$1" <<'END'
import socket, sys
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect(sys.argv[1])
datagram = b"\n".join(b"MESSAGE=entry %d\nWHAT=many\n" % n for n in range(100))
print(sender.send(datagram) == len(datagram))
sender.send(b"MESSAGE=the end\nWHAT=end\n")
END
}

start_journald() { # SUITE
    local run=$WORK/$1/run
    furnish "$1"
    mkdir -p "$run/log/journal" "$run/systemd/journal"
    echo 0123456789abcdef0123456789abcdef >"$WORK/$1/etc/machine-id"
    within "$1" /usr/lib/systemd/systemd-journald >"$WORK/$1.log" 2>&1 &
    until_true accepts_datagrams "$run/systemd/journal/socket"
}

accepts_datagrams() { # SOCKET
    python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect(sys.argv[1])' "$1" 2>"$WORK/connect.log"
}

entries() { # SUITE WHAT
    within "$1" journalctl -q -o cat "WHAT=$2"
}

has_end() { # SUITE
    entries "$1" end | grep -q .
}

look() {
    local suite
    for suite in bookworm trixie; do
        start_journald "$suite"
        expect "$suite: send() took the whole datagram" True \
            "$(send_entries "$WORK/$suite/run/systemd/journal/socket")"
        until_true has_end "$suite"
    done
    expect "entries of 100 that 252 stored" 100 "$(entries bookworm many | wc -l)"
    expect "entries of 100 that 257 stored" 1 "$(entries trixie many | wc -l)"
}

finding
