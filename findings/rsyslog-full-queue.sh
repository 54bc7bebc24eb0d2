#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: when rsyslog's main queue is full, imtcp and imptcp read no more until there is
# room, and TCP makes the sender wait. The manual says of queue.timeoutEnqueue, after which a full
# queue discards a message, that delayable inputs like imtcp "have already been pushed back at this
# stage". They have: each message waits, then it is discarded, and the next one is read. It is
# slow, and loses as well, after 2,000 ms if nothing is set, and rsyslog's own log has no word
# of it. So 8.2302, 8.2504 and 8.2610.
#
# It matters to whoever relies on action.resumeRetryCount="-1", which keeps what is in the queue
# as long as the other side is away: what does not fit into the queue is lost all the same.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    fetch bookworm rsyslog=8.2302.0-1+deb12u2
    fetch trixie rsyslog=8.2504.0-1+deb13u2
    fetch sid rsyslog=8.2610.0-1
}

# Send 102 messages to rsyslog before anything listens where it sends them, and one when all that
# it has kept has come. Prints what came, and whether the sender was made to wait.
send_messages() {
    python3 - <<'END'
import socket, time

def send(*numbers):
    wire = socket.create_connection(("127.0.0.1", 5140), 60)
    wire.sendall(b"".join(b"<13>number %d\n" % number for number in numbers))
    wire.shutdown(socket.SHUT_WR)
    assert wire.recv(1) == b""  # it has read all that was sent

def receive(last):
    while not came or came[-1] != last:
        word, _, number = file.readline().partition(b"number ")
        if number:
            came.append(int(number))

start = time.monotonic()
send(*range(1, 103))
waited = time.monotonic() - start
server = socket.create_server(("127.0.0.1", 5141))
server.settimeout(40)
file = server.accept()[0].makefile("rb")
came = []
receive(100)
send(1000)
receive(1000)
print(f"{len(came)} came, {came[0]} to {came[-2]} and {came[-1]},",
      "waited" if waited > 3 else "did not wait")
END
}

# A queue as small as is supported. As it is set up, each message above 70 would wait for a second.
keeps() { # SUITE MODULE
    cat >rsyslog.conf <<END
main_queue(queue.size="100" queue.lightDelayMark="100")
module(load="$2")
input(type="$2" address="127.0.0.1" port="5140")
template(name="text" type="string" string="%rawmsg%\n")
action(type="omfwd" target="127.0.0.1" port="5141" protocol="tcp" template="text"
       action.resumeRetryCount="-1" action.resumeInterval="1")
END
    launch "$1" /usr/sbin/rsyslogd -n -i /tmp/rsyslog.pid -f /tmp/rsyslog.conf >"$1.log" 2>&1
    until_true listening 5140
    expect "$1: $2, of 1 to 102, and 1000" "101 came, 1 to 100 and 1000, waited" "$(send_messages)"
    expect "$1: lines on it in its log" 0 "$(grep -ciE 'discard|full|lost|drop' "$1.log" || true)"
    kill $!
    wait $! || true
}

look() {
    local suite module
    for suite in bookworm trixie sid; do
        for module in imtcp imptcp; do
            keeps $suite $module
        done
    done
}

finding
