#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect of logger --prio-prefix what its manual says: a line without a prefix is
# logged with the priority given with -p. It gets that of the line before, whatever that was: in
# logger 2.38.1 and 2.41.5 all lines behind a <0> are emergencies until one has a prefix again.
# <> is a prefix, too, and means level 0. What only looks like a prefix, <12x> or <999>, brings
# back the priority of -p.
#
# It matters to services whose output is piped through it: one <0>, and everything they say
# without a prefix afterwards is an emergency. And to a sender that means to be compatible,
# which has to choose between the manual and the program.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    fetch bookworm bsdutils=1:2.38.1-5+deb12u3
    fetch trixie bsdutils=1:2.41.5-0+deb13u1
}

# What arrives on port 5140 until its end, each line cut down to priority and text.
receive() {
    python3 -c 'import re, socket
connection, _ = socket.create_server(("127.0.0.1", 5140)).accept()
for line in connection.makefile():
    print(re.sub("^(<[0-9]+>).* T: ", r"\1 ", line), end="")'
}

as_sent() { # SUITE LINE...
    local suite=$1 receiver
    shift
    receive >received &
    receiver=$!
    until_true listening 5140
    printf '%s\n' "$@" | within "$suite" /usr/bin/logger --prio-prefix -p local0.notice -t T \
        --rfc3164 -T -n 127.0.0.1 -P 5140
    wait $receiver
    paste -sd , received
}

look() {
    local suite
    for suite in bookworm trixie; do
        expect "$suite: no prefix, as -p says" "<133> a" "$(as_sent $suite a)"
        expect "$suite: <11>, and no prefix" "<11> a,<11> b" "$(as_sent $suite '<11>a' b)"
        expect "$suite: <0>, and no prefix" "<128> a,<128> b" "$(as_sent $suite '<0>a' b)"
        expect "$suite: <>, and no prefix" "<128> a,<128> b" "$(as_sent $suite '<>a' b)"
        expect "$suite: <11>, <12x>" "<11> a,<133> <12x>b" "$(as_sent $suite '<11>a' '<12x>b')"
    done
}

finding
